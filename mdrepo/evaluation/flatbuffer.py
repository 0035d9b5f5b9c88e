"""What a TFLite file may hold: the built-in operators, and tensors of the size of their bytes.

Flatbuffers are read without a library, by FlatBuffers' internals document; field numbers are those of TensorFlow Lite's schema.fbs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from ..extraction import ExtractionError
from .savedmodels import Named

_LIMIT = 4 << 30
_VALUES = 1 << 28
_CUSTOM = 32  # BuiltinOperator.CUSTOM
_BYTES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}
"""TensorType: bytes of a value; without strings, resources, variants and what is packed."""


class _Table:
    """A table: its fields by number, in the bytes of a file. Raises ValueError where it leads out of them."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data, self.at = data, at
        self.fields = at - self.number("<i", at)
        self.size = self.number("<H", self.fields)

    def number(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self.data):
            raise ValueError("a table lies outside of the file")
        found: int = struct.unpack_from(form, self.data, at)[0]
        return found

    def place(self, field: int) -> int | None:
        where = 4 + 2 * field
        offset = self.number("<H", self.fields + where) if where < self.size else 0
        return self.at + offset if offset else None

    def scalar(self, field: int, form: str) -> int:
        place = self.place(field)
        return 0 if place is None else self.number(form, place)

    def vector(self, field: int) -> tuple[int, int]:
        """Where a vector's items are, and how many."""
        place = self.place(field)
        if place is None:
            return 0, 0
        start = place + self.number("<I", place)
        count = self.number("<I", start)
        if count > len(self.data):
            raise ValueError("a vector is longer than the file")
        return start + 4, count

    def tables(self, field: int) -> Iterator[_Table]:
        start, count = self.vector(field)
        for at in range(start, start + 4 * count, 4):
            yield _Table(self.data, at + self.number("<I", at))

    def content(self, field: int) -> bytes:
        start, count = self.vector(field)
        return bytes(self.data[start : start + count])

    def numbers(self, field: int) -> list[int]:
        start, count = self.vector(field)
        return [self.number("<i", start + 4 * place) for place in range(min(count, 64))]


def scan(path: Path, trusted: Collection[str]) -> None:
    """Refuse a TFLite file for an operator or a size. Raises Named, ExtractionError, ValueError, OSError."""
    size = path.stat().st_size
    if size > _LIMIT:
        raise ExtractionError(path, f"it is larger than {_LIMIT >> 30} GiB")
    with path.open("rb") as file:
        data = memoryview(file.read())
    if size < 16 or bytes(data[4:8]) != b"TFL3":
        raise ExtractionError(path, "it is no TFLite file: it does not say TFL3")
    model = _Table(data, struct.unpack_from("<I", data)[0])
    for code in model.tables(1):
        custom = code.content(1).decode("utf-8", "replace")
        if (custom or _CUSTOM in (code.scalar(0, "<b"), code.scalar(3, "<i"))) and custom not in trusted:
            raise Named(f"it has the custom operator {custom!r}", custom)
    buffers = list(model.tables(4))
    for buffer in buffers:
        if buffer.scalar(1, "<Q") + buffer.scalar(2, "<Q") > size:
            raise ExtractionError(path, "a buffer lies outside of the file")
    for graph in model.tables(2):
        for tensor in graph.tables(0):
            _tensor(path, tensor, buffers)


def _tensor(path: Path, tensor: _Table, buffers: list[_Table]) -> None:
    shape, kind, at = tensor.numbers(0), tensor.scalar(1, "<b"), tensor.scalar(2, "<I")
    count = math.prod(max(each, 1) for each in shape)
    if count > _VALUES:
        raise ExtractionError(path, f"a tensor declares the shape {shape}, far larger than any example")
    buffer = buffers[at] if at < len(buffers) else None
    held = max(buffer.vector(0)[1], buffer.scalar(2, "<Q")) if buffer is not None else 0
    sparse = tensor.place(6) is not None
    if held and kind in _BYTES and not sparse and held != count * _BYTES[kind]:
        raise ExtractionError(path, f"a tensor of shape {shape} has {held:,} bytes")
