"""HDF5 files of Keras: whole models in the legacy format (Keras 1 to 3), and weights alone (legacy, or Keras 3 `.weights.h5`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from . import ExtractionError, configurations, hdf5
from .configurations import Configured
from .weights import Layer, Model, ModelExtractor, Tensor


def _texts(attributes: Any, name: str) -> list[str]:
    """An attribute that is a list of names; Keras cuts long ones into NAME0, NAME1, ..."""
    parts = [attributes[name]] if name in attributes else []
    while f"{name}{len(parts)}" in attributes:
        parts.append(attributes[f"{name}{len(parts)}"])
    return [each.decode() if isinstance(each, bytes) else str(each) for part in parts for each in part]


def _text(attributes: Any, name: str) -> str | None:
    found = attributes.get(name)
    return found.decode() if isinstance(found, bytes) else found if isinstance(found, str) else None


def _legacy(group: Any, path: Path) -> list[Tensor]:
    """The weights of a group, ordered as its `weight_names` say; behind them those that are not named there."""
    found = {tensor.name: tensor for tensor in hdf5.tensors(group, path)}
    names = [name.strip("/") for name in _texts(group.attrs, "weight_names") if "seed_generator" not in name]
    if lacking := [name for name in names if name not in found]:
        raise ExtractionError(path, f"it lacks the weights {lacking[0]} that it names")
    return [*(found.pop(name) for name in names), *found.values()]


def _short(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Weights under the last part of their names (`dense/kernel:0` is the `kernel`), or what sets them apart if that is one."""
    names = [tensor.name.removesuffix(":0") for tensor in tensors]
    short = [name.rpartition("/")[2] for name in names]
    if len(set(short)) < len(short):
        parts = [name.split("/") for name in names]
        shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False)))
        short = ["/".join(each[shared:]) for each in parts]
    return [replace(tensor, name=name) for tensor, name in zip(tensors, short, strict=True)]


def _renamed(configured: Sequence[Configured], groups: Mapping[str, list[Tensor]]) -> list[Configured]:
    """The layers under the names of their groups: a class of one's own may not say its name in the configuration."""
    nameless = [each for each in configured if not each.named and "/" not in each.name]
    free = [name for name in groups if name not in {each.name.partition("/")[0] for each in configured if each.named}]
    names = dict(zip((each.name for each in nameless), free, strict=True)) if len(nameless) == len(free) else {}
    return [replace(each, name=names.get(each.name, each.name)) for each in configured]


def _owner(tensor: Tensor, inside: Sequence[Configured]) -> str | None:
    """Which layer of a model inside has a weight: Keras 3 names the whole way, Keras 2 the layer alone."""
    parts = tensor.name.split("/")[:-1]
    if whole := [each.name for each in inside if f"/{each.name}/" in f"/{tensor.name}"]:
        return max(whole, key=len)
    for part in reversed(parts):
        if found := [each.name for each in inside if each.name.rpartition("/")[2] == part]:
            return found[0] if len(found) == 1 else None
    return None


def _configured(configured: Sequence[Configured], groups: Mapping[str, list[Tensor]]) -> list[Layer]:
    """The layers of a configuration, and of the weights that are none of theirs; a model inside has one group for all of its."""
    found: dict[str, list[Tensor]] = {}
    names = {each.name for each in configured}
    for group, tensors in groups.items():
        inside = [each for each in configured if each.name.startswith(f"{group}/")]
        for tensor in tensors:
            owner = group if group in names else _owner(tensor, inside)
            found.setdefault(owner or group, []).append(tensor)
    layers = [configurations.layer(each, _short(found.pop(each.name, []))) for each in configured]
    return [*layers, *(Layer(name, tensors=tuple(tensors)) for name, tensors in found.items() if tensors)]


def _groups(root: Any, path: Path) -> dict[str, list[Tensor]]:
    """The weights by group: of layers, in their order, and what stands beside them, such as weights of the model itself."""
    import h5py

    names = _texts(root.attrs, "layer_names")
    found = {name: _legacy(root[name], path) for name in names if hdf5.child(root, name, path) is not None}
    for name in sorted(set(root) - {name.partition("/")[0] for name in names} if names else ()):
        beside = hdf5.child(root, name, path)
        if isinstance(beside, h5py.Group) and not name.startswith("optimizer") and (tensors := _legacy(beside, path)):
            found[name] = tensors
    return found


class H5(ModelExtractor):
    """Keras models in the legacy format, and weights alone."""

    name = "h5"
    version = "2"
    suffixes = (".h5", ".hdf5")
    what = "an HDF5 file of Keras"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with path.open("rb") as file, hdf5.opened(file) as content:
            root = hdf5.child(content, "model_weights", path)
            root = content if root is None else root
            version = _text(content.attrs, "keras_version") or _text(root.attrs, "keras_version")
            text = _text(content.attrs, "model_config")
            groups = _groups(root, path)
            if text is not None:
                config = json.loads(text)["config"]
                config = {"layers": config} if isinstance(config, list) else config  # Sequential in Keras before 2.2.3
                found = list(configurations.layers(config))
                ends = configurations.inputs(config, found), configurations.outputs(config, found)
                yield Model("h5", _configured(_renamed(found, groups), groups), "keras", version, *ends)
            elif groups:
                layers = [Layer(name, tensors=tuple(tensors)) for name, tensors in groups.items()]
                yield Model("h5", layers, "keras", version)
            elif numbered := hdf5.divided(hdf5.tensors(root, path), ())[1]:
                layers = [Layer(name, tensors=tuple(tensors)) for name, tensors in numbered.items()]
                yield Model("h5", layers, "keras", version, named=False)
            else:
                raise ExtractionError(path, f"not {self.what}: it has no layers with weights")


EXTRACTOR = H5()
