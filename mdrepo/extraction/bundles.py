"""TensorFlow's checkpoints (tensor bundles): an index, which is a table of LevelDB's format, and files of bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from . import Malformed
from .protobuf import Message, varint
from .weights import Tensor, span

_MAGIC = 0xDB4775248B80FB57
_KEY_LIMIT = 4096
_INDEX_LIMIT = 256 << 20
_TYPES = {  # tensorflow.DataType: numpy's name, bytes
    1: ("float32", 4),
    2: ("float64", 8),
    3: ("int32", 4),
    4: ("uint8", 1),
    5: ("int16", 2),
    6: ("int8", 1),
    8: ("complex64", 8),
    9: ("int64", 8),
    10: ("bool", 1),
    14: ("bfloat16", 2),
    17: ("uint16", 2),
    18: ("complex128", 16),
    19: ("float16", 2),
    22: ("uint32", 4),
    23: ("uint64", 8),
    24: ("float8_e5m2", 1),
    25: ("float8_e4m3fn", 1),
}


def dtype(number: int) -> str | None:
    """The name of one of TensorFlow's types; None where it is not one of numbers."""
    return _TYPES[number][0] if number in _TYPES else None


def shape(proto: Message | None) -> list[int] | None:
    """The sizes in a TensorShapeProto, -1 where any goes; None where even the rank is unknown."""
    return None if proto is None or proto.number(3) else [each.number(1) for each in proto.messages(2)]


def _block(table: memoryview, at: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """The entries of a block; a key is what it shares with the one before, and the rest."""
    if size < 4 or at + size >= len(table):
        raise Malformed("its index has a block that lies outside of it")
    if table[at + size]:
        raise Malformed("its index is compressed, which TensorFlow never does")
    block = table[at : at + size]
    restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 * (restarts + 1)
    place, key = 0, b""
    while place < end:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        length, place = varint(block, place)
        if shared > len(key) or shared + own > _KEY_LIMIT or place + own + length > end:
            raise Malformed("its index has an entry that is none")
        key = key[:shared] + bytes(block[place : place + own])
        place += own
        yield key, block[place : place + length]
        place += length


def _table(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    table = memoryview(data)
    if len(table) < 48 or int.from_bytes(table[-8:], "little") != _MAGIC:
        raise Malformed("its index is none")
    footer = table[-48:-8]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)
    start, at = varint(footer, at)
    size, at = varint(footer, at)
    for _, handle in _block(table, start, size):
        begin, at = varint(handle, 0)
        length, at = varint(handle, at)
        yield from _block(table, begin, length)


class Bundle:
    """A checkpoint: its tensors by key, and the graph of the objects that they belong to."""

    def __init__(self, folder: Path, name: str) -> None:
        index = folder / f"{name}.index"
        if index.stat().st_size > _INDEX_LIMIT:
            raise Malformed(f"its index is larger than {_INDEX_LIMIT >> 20} MiB")
        self.entries = {key.decode(): Message(value) for key, value in _table(index.read_bytes())}
        header = self.entries.pop("")
        if header.number(2):
            raise Malformed("its numbers are in big-endian order")
        shards = header.number(1)
        self.files = [folder / f"{name}.data-{shard:05d}-of-{shards:05d}" for shard in range(min(shards, 100_000))]

    def tensor(self, key: str, name: str) -> Tensor | None:
        """A tensor of numbers under a name; None where there is none. Raises ValueError, OSError."""
        entry = self.entries.get(key)
        found = _TYPES.get(entry.number(1)) if entry else None
        if entry is None or found is None:
            return None
        if entry.all(7):
            raise Malformed(f"{key} is in slices")
        sizes = tuple(shape(entry.message(2)) or ())
        path, start, length = self._place(entry)
        if any(size < 0 for size in sizes) or math.prod(sizes) * found[1] != length:
            raise Malformed(f"{key} does not have as many bytes as it declares")
        return Tensor(name, sizes, found[0], span(path, start, length))

    def _place(self, entry: Message) -> tuple[Path, int, int]:
        path, start, length = self.files[entry.number(3)], entry.number(4), entry.number(5)
        if start < 0 or length < 0 or start + length > path.stat().st_size:
            raise Malformed("a tensor lies outside of its file")
        return path, start, length

    def graph(self) -> list[Message]:
        """The objects (TrackableObjectGraph), in the order of their numbers; none where the checkpoint has no graph."""
        entry = self.entries.get("_CHECKPOINTABLE_OBJECT_GRAPH")
        if entry is None:
            return []
        path, start, length = self._place(entry)
        data = memoryview(b"".join(span(path, start, length)()))
        size, at = varint(data, 0)  # a tensor of one string: its length, a checksum, its bytes
        return list(Message(data[at + 4 : at + 4 + size]).messages(1))
