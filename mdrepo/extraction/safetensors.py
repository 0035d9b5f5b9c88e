"""safetensors files: a header in JSON, and behind it the bytes of the tensors; read without the library."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import Malformed
from .weights import Layer, Model, ModelExtractor, Tensor, grouped, natural, span

_HEADER_LIMIT = 100_000_000  # as the library has it
_TYPES = {  # the format's name: numpy's name, bits
    "BOOL": ("bool", 8),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "U16": ("uint16", 16),
    "I16": ("int16", 16),
    "U32": ("uint32", 32),
    "I32": ("int32", 32),
    "U64": ("uint64", 64),
    "I64": ("int64", 64),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F32": ("float32", 32),
    "F64": ("float64", 64),
    "C64": ("complex64", 64),
    "F4": ("float4_e2m1", 4),
    "F6_E2M3": ("float6_e2m3", 6),
    "F6_E3M2": ("float6_e3m2", 6),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
}
_FRAMEWORKS = {"pt": "pytorch", "tf": "tensorflow", "flax": "flax", "np": "numpy", "mlx": "mlx"}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a name is in its header twice")
    return found


def _tensors(header: dict[str, Any], path: Path, start: int, size: int) -> Iterator[tuple[str, Tensor]]:
    """The tensors by name; raises ValueError unless they fill the file without holes or overlaps, as the format has it."""
    at = 0
    for name, raw in sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0])):
        shape, (begin, end) = tuple(raw["shape"]), raw["data_offsets"]
        if not all(type(each) is int and each >= 0 for each in (*shape, begin, end)):
            raise Malformed(f"{name!r} has a shape or a place that is none")
        if raw["dtype"] not in _TYPES:
            raise Malformed(f"{name!r} has numbers of an unknown type, {raw['dtype']!r}")
        dtype, bits = _TYPES[raw["dtype"]]
        if begin != at or math.prod(shape) * bits != (end - begin) * 8:
            raise Malformed(f"{name!r} does not have as many bytes as it declares")
        at = end
        yield name, Tensor(name, shape, dtype, span(path, start + begin, end - begin))
    if at != size:
        raise Malformed(f"its tensors take {at} bytes, and it has {size}")


class Safetensors(ModelExtractor):
    """Tensors and what they are called; a layer is what the names have in common before the last dot."""

    name = "safetensors"
    version = "1"
    suffixes = (".safetensors",)
    what = "a safetensors file"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_HEADER_LIMIT, size - 8):
                raise Malformed(f"its header would have {length} bytes")
            header = json.loads(file.read(length), object_pairs_hook=_once)
        metadata = header.pop("__metadata__", {})
        found = sorted(_tensors(header, path, 8 + length, size - 8 - length), key=lambda item: natural(item[0]))
        layers = [Layer(name, tensors=tuple(tensors)) for name, tensors in grouped(found)]
        yield Model("safetensors", layers, _FRAMEWORKS.get(str(metadata.get("format"))))


EXTRACTOR = Safetensors()
