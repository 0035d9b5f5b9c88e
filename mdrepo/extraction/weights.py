"""What the extractors of models have in common: layers whose weights are read one at a time, and what is said of them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError, LayerWeights, Malformed

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    RuntimeError,  # also what h5py raises of its own, and nesting that is too deep
)
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight: its name inside the layer, its shape, its type in numpy's words, and how its bytes are read, in pieces."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Iterable[bytes]]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def digest(self) -> str:
        """SHA-256 of the bytes."""
        total = hashlib.sha256()
        for piece in self.read():
            total.update(piece)
        return total.hexdigest()

    def __getitem__(self, _: tuple[()]) -> Any:
        """The weight as a numpy array; raises ValueError for types that numpy does not know."""
        try:
            import numpy as np
        except ImportError:
            raise MissingExtra("numpy", "data") from None
        data = b"".join(self.read())
        if self.dtype == "bfloat16":  # the upper half of a float32
            return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(self.shape)
        try:
            return np.frombuffer(data, np.dtype(self.dtype)).reshape(self.shape)
        except TypeError:
            raise Malformed(f"numbers of the type {self.dtype} cannot be compared") from None


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with its weights; None where the format does not say what it is, whether it is trained, or how much of it."""

    name: str
    class_name: str | None = None
    trainable: bool | None = None
    tensors: tuple[Tensor, ...] = ()
    trained: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """What a model file says of itself; None where the format does not say it. `named`: its weights have names, not numbers."""

    format: str
    layers: Sequence[Layer]
    framework: str | None = None
    version: str | None = None
    inputs: Sequence[Mapping[str, Any]] | None = None
    outputs: Sequence[Mapping[str, Any]] | None = None
    named: bool = True


def _digest(tensors: Iterable[tuple[str, Tensor, str]]) -> str:
    """SHA-256 over the names, types, shapes and bytes of weights."""
    total = hashlib.sha256()
    for name, tensor, digest in tensors:
        total.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0{digest}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _layer(layer: Layer, named: bool, digests: Sequence[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": layer.name, **({"class_name": layer.class_name} if layer.class_name is not None else {})}
    if not layer.tensors:
        return entry
    names = [tensor.name for tensor in layer.tensors]
    return {
        **entry,
        **({"trainable": layer.trainable} if layer.trainable is not None else {}),
        "parameters": sum(tensor.size for tensor in layer.tensors),
        **({"tensors": names} if named else {}),
        "shapes": [list(tensor.shape) for tensor in layer.tensors],
        "dtypes": [tensor.dtype for tensor in layer.tensors],
        "digest": _digest(zip(names, layer.tensors, digests, strict=True)),
    }


def described(model: Model) -> dict[str, Any]:
    """The values of an extractor of models: `structure`, and the `digest` of all weights; every weight is read once."""
    layers: list[dict[str, Any]] = []
    whole: list[tuple[str, Tensor, str]] = []
    for layer in model.layers:
        digests = [tensor.digest() for tensor in layer.tensors]
        layers.append(_layer(layer, model.named, digests))
        whole += [(f"{layer.name}/{each.name}", each, digest) for each, digest in zip(layer.tensors, digests, strict=True)]
    parameters = {"total": sum(tensor.size for _, tensor, _ in whole)}
    with_weights = [layer for layer in model.layers if layer.tensors]
    if with_weights and all(layer.trained is not None for layer in with_weights):
        parameters["trainable"] = sum(layer.trained or 0 for layer in with_weights)
    said = {"framework": model.framework, "framework_version": model.version, "format": model.format}
    ends = {"inputs": model.inputs, "outputs": model.outputs}
    structure = {key: value for key, value in {**said, **ends}.items() if value is not None}
    return {"structure": {**structure, "layers": layers, "parameters": parameters}, "digest": _digest(whole)}


def grouped(tensors: Iterable[tuple[str, Tensor]], mark: str | None = None) -> list[tuple[str, list[Tensor]]]:
    """Weights by layer, as they come: `conv1.weight` is the `weight` of `conv1`; `mark` is a dot, or a slash in names without."""
    found: dict[str, list[Tensor]] = {}
    for name, tensor in tensors:
        layer, dot, last = name.rpartition(mark or ("." if "." in name else "/"))
        found.setdefault(layer or name, []).append(Tensor(last if dot and last else name, tensor.shape, tensor.dtype, tensor.read))
    return list(found.items())


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key to sort names by, in which layer 10 comes after layer 9."""
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name)]


def span(path: Path, start: int, length: int) -> Callable[[], Iterator[bytes]]:
    """Reads a part of a file, in pieces; raises Malformed where the file is too short."""

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            left = length
            while left:
                piece = file.read(min(left, PIECE))
                if not piece:
                    raise Malformed("the file is shorter than it says")
                left -= len(piece)
                yield piece

    return read


_SAID = (
    (UnicodeError, "it has a text that is not UTF-8"),
    (RecursionError, "it is nested too deeply"),
    ((OSError, EOFError, zlib.error), "it is damaged, or cut off"),
)


def _words(error: Exception) -> str:
    """What is wrong with a file, said without the words of Python and its libraries."""
    if isinstance(error, Malformed | zipfile.BadZipFile):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"its JSON is broken at line {error.lineno}, column {error.colno}"
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"it lacks {error.args[0].removeprefix('There is no item named ').removesuffix(' in the archive')}"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"it lacks {Path(error.filename).name}"
    return next((words for kind, words in _SAID if isinstance(error, kind)), "something in it is not what the format asks for")


class ModelExtractor(ABC):
    """What derives the structure and the digests of models of one format; `opened` reads it, `what` names it in messages."""

    kind = "model"
    what: str

    @abstractmethod
    def opened(self, path: Path) -> AbstractContextManager[Model]:
        """The model in a file or folder, while it is open."""

    @contextmanager
    def read(self, path: Path) -> Iterator[Model]:
        """As `opened`; raises ExtractionError for whatever is wrong with the file, also while it is open."""
        try:
            with self.opened(path) as model:
                yield model
        except BROKEN as error:
            raise ExtractionError(path, f"not {self.what}, or a broken one ({_words(error)[:300]})") from None

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Inputs, outputs, layers, parameters, and digests of the weights, for each layer and in all."""
        with self.read(path) as model:
            return described(model)

    def outputs(self, path: Path) -> Sequence[Mapping[str, Any]]:
        """The model's outputs alone, for which no weights are read."""
        with self.read(path) as model:
            return model.outputs or []

    @contextmanager
    def layers(self, path: Path) -> Iterator[dict[str, LayerWeights]]:
        """The layers that have weights, by name; the weights are read when they are asked for."""
        with self.read(path) as model:
            yield {
                layer.name: LayerWeights(layer.trainable, {tensor.name: tensor for tensor in layer.tensors})
                for layer in model.layers
                if layer.tensors
            }
