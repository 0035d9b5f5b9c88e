"""ONNX models: their protobuf, read without the library. Field numbers are those of onnx.proto."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import ExtractionError, Malformed
from .protobuf import Message, varints
from .weights import PIECE, Layer, Model, ModelExtractor, Tensor, grouped

_TYPES = {  # TensorProto.DataType: numpy's name, bits
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8),
    18: ("float8_e4m3fnuz", 8),
    19: ("float8_e5m2", 8),
    20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4_e2m1", 4),
    24: ("float8_e8m0fnu", 8),
}
_FLOATS, _INTEGERS, _LONGS, _DOUBLES, _UNSIGNED = 4, 5, 7, 10, 11  # where a TensorProto without raw data has its numbers


def _tensor(proto: Message, path: Path) -> Tensor:
    name, shape = proto.text(8), tuple(proto.numbers(1))
    dtype, bits = _TYPES.get(proto.number(2), ("", 0))
    if proto.all(13) or proto.number(14):
        where = next((entry.text(2) for entry in proto.messages(13) if entry.text(1) == "location"), "?")
        raise ExtractionError(path, f"its weights at {name} lie in another file, {where}")
    if not bits or proto.all(3):
        raise ExtractionError(path, f"its weights at {name} are no numbers, or of a type that is not known")
    if any(each < 0 for each in shape):
        raise Malformed(f"{name} has a shape that is none")
    raw = proto.data(9)
    data = _typed(proto, bits, math.prod(shape)) if raw is None else raw
    if len(data) != (math.prod(shape) * bits + 7) // 8:
        raise Malformed(f"{name} does not have as many bytes as it declares")
    return Tensor(name, shape, dtype, lambda: (bytes(data[at : at + PIECE]) for at in range(0, len(data), PIECE)))


def _typed(proto: Message, bits: int, count: int) -> bytes | memoryview:
    """The numbers of one of the typed fields, as the bytes that raw data would have."""
    for field in (_FLOATS, _DOUBLES):
        if values := proto.all(field):
            return b"".join(bytes(each) for each in values if not isinstance(each, int))
    size = (bits + 7) // 8
    for field in (_INTEGERS, _LONGS, _UNSIGNED):
        if proto.all(field):
            numbers = (n for value in proto.all(field) for n in ((value,) if isinstance(value, int) else varints(value)))
            mask = (1 << size * 8) - 1
            return b"".join((each & mask).to_bytes(size, "little") for each in numbers)
    if count:
        raise Malformed("a tensor has no numbers")
    return b""


def _end(proto: Message) -> dict[str, Any]:
    """An input or output, with its shape (null for a dimension that has a name, or nothing) and its type."""
    end: dict[str, Any] = {"name": proto.text(1)}
    kind = proto.message(2)
    tensor = kind.message(1) if kind else None
    if tensor is None:
        return end
    shape = tensor.message(2)
    if shape is not None:
        sizes = [each.number(1) for each in shape.messages(1)]
        end["shape"] = [size if size > 0 else None for size in sizes]
    if (dtype := _TYPES.get(tensor.number(1), ("", 0))[0]) != "":
        end["dtype"] = dtype
    return end


class Onnx(ModelExtractor):
    """Inputs, outputs and initializers; a layer is what their names have in common, its class the operator that takes them."""

    name = "onnx"
    version = "1"
    suffixes = (".onnx",)
    what = "an ONNX model"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # goes with the last part of it that is used
            model = Message(memoryview(mapped))
            graph = model.message(7)
            if graph is None or not model.number(1):
                raise Malformed("it has no graph")
            if graph.all(15):
                raise ExtractionError(path, "it has sparse weights, which are not read")
            tensors = [_tensor(each, path) for each in graph.messages(5)]
            names = {each.name for each in tensors}
            if len(names) < len(tensors):
                raise Malformed("two weights have one name")
            takers: dict[str, str] = {}
            for node in graph.messages(1):
                for taken in node.all(1):
                    takers.setdefault(bytes(taken).decode() if not isinstance(taken, int) else "", node.text(4))
            owners = {each.name: takers.get(each.name) for each in tensors}
            layers = []
            for name, members in grouped((each.name, each) for each in tensors):
                full = next(each for each in (f"{name}.{members[0].name}", f"{name}/{members[0].name}", name) if each in owners)
                layers.append(Layer(name, owners[full], tensors=tuple(members)))
            ends = [[_end(each) for each in graph.messages(number)] for number in (11, 12)]
            inputs = [each for each in ends[0] if each["name"] not in names]
            yield Model("onnx", layers, model.text(2) or None, model.text(3) or None, inputs, ends[1])


EXTRACTOR = Onnx()
