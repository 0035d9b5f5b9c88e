"""Keras 3 `.keras` files: a zip of config.json, metadata.json and model.weights.h5, read without Keras.

Weights are addressed as Keras' saving_lib writes them: `layers/<class in snake case>[_n]/vars/<i>`, in the order of the layers.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError, LayerWeights

_MODELS = ("Functional", "Sequential", "Model")
_KEEPS_SHAPE = ("Activation", "Softmax", "ReLU", "LeakyReLU", "Dropout", "BatchNormalization", "LayerNormalization")
_CONFIG_LIMIT = 64 << 20
_WEIGHTS_LIMIT = 64 << 30
_RATIO_LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of the configuration, and the group in the HDF5 file that has its weights."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    build: Mapping[str, Any]
    group: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One weight: its name inside the layer, shape, type, and SHA-256 of its bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    digest: str

    @property
    def size(self) -> int:
        total = 1
        for dimension in self.shape:
            total *= dimension
        return total


def _snake_case(name: str) -> str:
    """Keras' naming.to_snake_case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _layers(config: Mapping[str, Any], prefix: str = "", group: str = "layers") -> Iterator[_Layer]:
    used: dict[str, int] = {}
    for raw in config.get("layers", ()):
        class_name = raw["class_name"]
        base = _snake_case(class_name)
        used[base] = used.get(base, -1) + 1
        where = f"{group}/{base}" + (f"_{used[base]}" if used[base] else "")
        name = prefix + raw["config"].get("name", raw.get("name", base))
        if class_name in _MODELS:
            yield from _layers(raw["config"], f"{name}/", f"{where}/layers")
        else:
            yield _Layer(name, class_name, raw["config"], raw.get("build_config") or {}, where)


def _datasets(group: Any, path: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The weights below an HDF5 group, in the order of their names; links are refused, they may lead to other files."""
    import h5py

    for name in sorted(group, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key)):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ExtractionError(path, f"its weights have a link at {group.name}/{name}, which may lead to another file")
        child = group[name]
        if isinstance(child, h5py.Group):
            yield from _datasets(child, path, f"{prefix}{name}/")
            continue
        if child.external or child.is_virtual:
            raise ExtractionError(path, f"its weights at {child.name} lie in another file")
        if child.dtype.hasobject:
            raise ExtractionError(path, f"its weights at {child.name} are no numbers")
        if child.nbytes > _WEIGHTS_LIMIT or child.nbytes > _RATIO_LIMIT * max(child.id.get_storage_size(), 1):
            raise ExtractionError(path, f"its weights at {child.name} declare far more bytes than the file has")
        if "seed_generator" not in prefix + name:
            yield prefix + name, child


def _tensors(group: Any, path: Path) -> Iterator[_Tensor]:
    for name, found in _datasets(group, path):
        hashed = hashlib.sha256(found[()].tobytes()).hexdigest()
        yield _Tensor(name, tuple(found.shape), str(found.dtype), hashed)


def _digest(tensors: list[tuple[str, _Tensor]]) -> str:
    """SHA-256 over the names, types, shapes and bytes of weights."""
    total = hashlib.sha256()
    for name, tensor in tensors:
        total.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0{tensor.digest}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _trainable(layer: _Layer, tensors: list[_Tensor]) -> int:
    """How many of a layer's parameters training changes."""
    if not layer.config.get("trainable", True) or layer.class_name == "Normalization":
        return 0
    if layer.class_name == "BatchNormalization":
        learned = bool(layer.config.get("scale", True)) + bool(layer.config.get("center", True))
        return sum(tensor.size for tensor in tensors[:learned])
    return sum(tensor.size for tensor in tensors)


def _output_shape(layer: _Layer) -> list[int | None] | None:
    before = layer.build.get("input_shape")
    if layer.class_name == "Dense":
        return [*(before[:-1] if before else [None]), layer.config["units"]]
    return before if layer.class_name in _KEEPS_SHAPE else None


def _ends(config: Mapping[str, Any], layers: list[_Layer], key: str) -> list[_Layer]:
    """The layers at the model's inputs or outputs."""
    named = config.get(key)
    if named is None:
        return layers[:1] if key == "input_layers" else layers[-1:]
    if named and isinstance(named[0], str):
        named = [named]
    wanted = [each[0] for each in named]
    return [layer for layer in layers if layer.name in wanted]


def _described(config: Mapping[str, Any], metadata: Mapping[str, Any], weights: Any, path: Path) -> dict[str, Any]:
    layers = list(_layers(config))
    described: list[dict[str, Any]] = []
    named: list[tuple[str, _Tensor]] = []
    total = trainable = 0
    for layer in layers:
        group = weights.get(layer.group)
        tensors = [*_tensors(group, path)] if group is not None else []
        entry: dict[str, Any] = {"name": layer.name, "class_name": layer.class_name}
        if tensors:
            named += [(f"{layer.name}/{tensor.name}", tensor) for tensor in tensors]
            total += sum(tensor.size for tensor in tensors)
            trainable += _trainable(layer, tensors)
            entry |= {
                "trainable": bool(layer.config.get("trainable", True)),
                "parameters": sum(tensor.size for tensor in tensors),
                "shapes": [list(tensor.shape) for tensor in tensors],
                "digest": _digest([(tensor.name, tensor) for tensor in tensors]),
            }
        described.append(entry)
    inputs = []
    for layer in _ends(config, layers, "input_layers"):
        shape = layer.config.get("batch_shape") or layer.build.get("input_shape") or config.get("build_input_shape")
        inputs.append({"name": layer.name, **({"shape": shape} if shape else {})})
    outputs = []
    for layer in _ends(config, layers, "output_layers"):
        shape = _output_shape(layer)
        outputs.append({"name": layer.name, **({"shape": shape} if shape else {})})
    structure = {
        "framework": "keras",
        "framework_version": str(metadata.get("keras_version", "unknown")),
        "format": "keras",
        "inputs": inputs,
        "outputs": outputs,
        "layers": described,
        "parameters": {"total": total, "trainable": trainable},
    }
    return {"structure": structure, "digest": _digest(named)}


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Mapping[str, Any]:
    info = archive.getinfo(name)
    if info.file_size > _CONFIG_LIMIT:
        raise ExtractionError(path, f"its {name} is larger than {_CONFIG_LIMIT >> 20} MiB")
    content = json.loads(archive.read(info))
    if not isinstance(content, dict):
        raise ExtractionError(path, f"its {name} is not an object")
    return content


class Keras:
    """Inputs, outputs, layers, parameters, and digests of the weights, for each layer and in all."""

    name = "keras"
    kind = "model"
    version = "1"
    suffixes = (".keras",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        with _opened(path) as (config, metadata, weights):
            return _described(config["config"], metadata, weights, path)

    @contextmanager
    def layers(self, path: Path) -> Iterator[dict[str, LayerWeights]]:
        """The layers that have weights, by name; the weights are read when they are asked for."""
        with _opened(path) as (config, _, weights):
            found = {}
            for layer in _layers(config["config"]):
                group = weights.get(layer.group)
                datasets = dict(_datasets(group, path)) if group is not None else {}
                if datasets:
                    found[layer.name] = LayerWeights(bool(layer.config.get("trainable", True)), datasets)
            yield found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Any]]:
    """A file's configuration, its metadata and its HDF5 file; raises ExtractionError, also for what goes wrong while it is open."""
    try:
        import h5py
    except ImportError:
        raise MissingExtra("h5py", "data") from None
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile() as copy:
            config = _member(archive, "config.json", path)
            metadata = _member(archive, "metadata.json", path)
            info = archive.getinfo("model.weights.h5")
            if info.file_size > max(_RATIO_LIMIT * info.compress_size, 1 << 20) or info.file_size > _WEIGHTS_LIMIT:
                raise ExtractionError(path, "its weights unpack to far more than the file has")
            with archive.open(info) as packed:
                shutil.copyfileobj(packed, copy)
            with h5py.File(copy, "r") as weights:
                yield config, metadata, weights
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, OSError) as error:
        raise ExtractionError(path, f"not a .keras file, or a broken one ({error})") from None


EXTRACTOR = Keras()
