"""Keras 3 `.keras` files: a zip of config.json, metadata.json and model.weights.h5, read without Keras.

Weights are addressed as Keras' saving_lib writes them: `layers/<class in snake case>[_n]/vars/<i>`, in the order of the layers.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import ExtractionError, configurations, hdf5
from .weights import Layer, Model, ModelExtractor

_CONFIG_LIMIT = 64 << 20


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Mapping[str, Any]:
    info = archive.getinfo(name)
    if info.file_size > _CONFIG_LIMIT:
        raise ExtractionError(path, f"its {name} is larger than {_CONFIG_LIMIT >> 20} MiB")
    content = json.loads(archive.read(info))
    if not isinstance(content, dict):
        raise ExtractionError(path, f"its {name} is not an object")
    return content


@contextmanager
def contents(path: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Any]]:
    """A file's configuration, metadata, and open HDF5 file of weights; raises ExtractionError, and BROKEN for a broken file."""
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile() as copy:
        config, metadata = _member(archive, "config.json", path), _member(archive, "metadata.json", path)
        info = archive.getinfo("model.weights.h5")
        if info.file_size > max(hdf5.RATIO * info.compress_size, 1 << 20) or info.file_size > hdf5.LIMIT:
            raise ExtractionError(path, "its weights unpack to far more than the file has")
        with archive.open(info) as packed:
            shutil.copyfileobj(packed, copy)
        with hdf5.opened(copy) as weights:
            yield config, metadata, weights


class Keras(ModelExtractor):
    """Keras 3 models."""

    name = "keras"
    version = "3"
    suffixes = (".keras",)
    what = "a .keras file"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with contents(path) as (whole, metadata, weights):
            config = whole["config"]
            version = str(metadata.get("keras_version", "unknown"))
            configured = list(configurations.layers(config))
            owned, others = hdf5.divided(hdf5.tensors(weights, path), {each.group for each in configured})
            layers = [configurations.layer(each, owned.get(each.group, [])) for each in configured]
            taken = {each.name for each in layers}  # what the configuration does not speak of: layers of subclassed models
            layers += [Layer(f"{name}/vars" if name in taken else name, tensors=tuple(own)) for name, own in others.items()]
            ends = configurations.inputs(config, configured), configurations.outputs(config, configured)
            yield Model("keras", layers, "keras", version, *ends, named=False)


EXTRACTOR = Keras()
