"""HDF5 files of Keras: whole models in the legacy format (Keras 1 to 3), and weights alone (legacy, or Keras 3 `.weights.h5`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import ExtractionError, configurations, hdf5
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
    """The weights of a group, called and ordered as its `weight_names` say."""
    found = {tensor.name: tensor for tensor in hdf5.tensors(group, path)}
    return [found[name.strip("/")] for name in _texts(group.attrs, "weight_names") if "seed_generator" not in name]


def _short(tensor: Tensor) -> Tensor:
    """A weight under the last part of its name: `dense/kernel:0` is the `kernel`."""
    return Tensor(tensor.name.rpartition("/")[2].removesuffix(":0"), tensor.shape, tensor.dtype, tensor.read)


def _configured(configured: Sequence[configurations.Configured], groups: Mapping[str, list[Tensor]]) -> list[Layer]:
    """The layers of a configuration; a model inside has one group, in which the weights' names say whose they are."""
    found: dict[str, list[Tensor]] = {}
    inside: dict[str, dict[str, str]] = {}
    for each in configured:
        outer, slash, _ = each.name.partition("/")
        if slash:
            inside.setdefault(outer, {})[each.name.rpartition("/")[2]] = each.name
        else:
            found[each.name] = [_short(tensor) for tensor in groups.get(each.name, [])]
    for outer, names in inside.items():
        for tensor in groups.get(outer, []):
            owner = next(names[part] for part in reversed(tensor.name.split("/")[:-1]) if part in names)
            found.setdefault(owner, []).append(_short(tensor))
    return [configurations.layer(each, found.get(each.name, [])) for each in configured]


def _numbered(group: Any, path: Path, name: str = "") -> Iterator[Layer]:
    """The layers of a file of weights of Keras 3: groups with `vars`."""
    own = hdf5.child(group, "vars", path)
    if own is not None and (found := tuple(hdf5.tensors(own, path, "vars/"))):
        yield Layer(name or "vars", tensors=found)
    for key in sorted(group):
        part = hdf5.child(group, key, path)
        if key not in ("vars", "optimizer") and hasattr(part, "keys"):
            yield from _numbered(part, path, name if key == "layers" else f"{name}/{key}".strip("/"))


class H5(ModelExtractor):
    """Keras models in the legacy format, and weights alone."""

    name = "h5"
    version = "1"
    suffixes = (".h5", ".hdf5")
    what = "an HDF5 file of Keras"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with path.open("rb") as file, hdf5.opened(file) as content:
            root = hdf5.child(content, "model_weights", path)
            root = content if root is None else root
            version = _text(content.attrs, "keras_version") or _text(root.attrs, "keras_version")
            text = _text(content.attrs, "model_config")
            names = _texts(root.attrs, "layer_names")
            groups = {name: _legacy(root[name], path) for name in names if hdf5.child(root, name, path) is not None}
            if text is not None:
                config = json.loads(text)["config"]
                config = {"layers": config} if isinstance(config, list) else config  # Sequential in Keras before 2.2.3
                found = list(configurations.layers(config))
                ends = configurations.inputs(config, found), configurations.outputs(config, found)
                yield Model("h5", _configured(found, groups), "keras", version, *ends)
            elif groups:
                layers = [Layer(name, tensors=tuple(tensors)) for name, tensors in groups.items()]
                yield Model("h5", layers, "keras", version)
            elif layers := list(_numbered(root, path)):
                yield Model("h5", layers, "keras", version, named=False)
            else:
                raise ExtractionError(path, f"not {self.what}: it has no layers with weights")


EXTRACTOR = H5()
