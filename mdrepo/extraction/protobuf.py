"""Protocol Buffers' wire format: the fields of a message, by number, without its schema."""

from __future__ import annotations

from collections.abc import Iterator

from . import Malformed

Value = int | memoryview


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it; raises ValueError."""
    value = shift = 0
    for place in range(at, min(at + 10, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise Malformed("a number has no end")


def varints(data: memoryview) -> Iterator[int]:
    """The numbers of a packed field."""
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise Malformed(f"a field has the unknown wire type {kind}")
        if length > len(data) - at:
            raise Malformed("a field is longer than what it is in")
        yield number, data[at : at + length]
        at += length


class Message:
    """A message: its fields by number, each with all its values in order; messages inside are read when they are asked for."""

    def __init__(self, data: Value) -> None:
        if isinstance(data, int):
            raise Malformed("a number stands where a message is expected")
        self._found: dict[int, list[Value]] = {}
        for number, value in _fields(data):
            self._found.setdefault(number, []).append(value)

    def all(self, number: int) -> list[Value]:
        return self._found.get(number, [])

    def messages(self, number: int) -> Iterator[Message]:
        return (Message(value) for value in self.all(number))

    def message(self, number: int) -> Message | None:
        found = self.all(number)
        return Message(found[-1]) if found else None

    def data(self, number: int) -> memoryview | None:
        found = self.all(number)
        if found and isinstance(found[-1], int):
            raise Malformed("a number stands where bytes are expected")
        return found[-1] if found else None  # type: ignore[return-value]

    def text(self, number: int) -> str:
        """A string; empty without one. Raises UnicodeDecodeError."""
        found = self.data(number)
        return "" if found is None else bytes(found).decode()

    def number(self, number: int, otherwise: int = 0) -> int:
        """A whole number, signed as int32 and int64 are."""
        found = self.all(number)
        if not found:
            return otherwise
        if not isinstance(found[-1], int):
            raise Malformed("bytes stand where a number is expected")
        return signed(found[-1])

    def numbers(self, number: int) -> list[int]:
        """Repeated whole numbers, packed or not."""
        found: list[int] = []
        for value in self.all(number):
            found += [value] if isinstance(value, int) else varints(value)
        return [signed(each) for each in found]

    def map(self, number: int) -> Iterator[tuple[str, Message]]:
        """The entries of a map from strings to messages, by name."""
        entries = {each.text(1): each for each in self.messages(number)}
        for name in sorted(entries):
            yield name, entries[name].message(2) or Message(memoryview(b""))


def signed(value: int) -> int:
    """A varint as the signed number that it stands for."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
