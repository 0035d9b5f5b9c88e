"""Reading versions of a document: the items of long lists that one has in common with the first, byte for byte, are read once.

In a text as orjson lays it out, an item of a list that is an object stands between two lines that no string can hold, so that the
text is cut there without being read. An item whose text the first version has is replaced by an empty one, what is left is read
as strictly as ever, and the first version's value comes in its place. What is shared is one object, which `diff` and `merge` see
without looking into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from operator import eq
from typing import Any

from .documents import Document, DocumentError, read

_WORTH = 1 << 17
"""Bytes from which on it is worth while."""
_MANY = 64
"""Items from which on a list is cut."""


def separator(depth: int) -> bytes:
    """The lines between two items of a list that lies so many containers deep."""
    indent = b"  " * (depth + 1)
    return b"\n" + indent + b"},\n" + indent + b"{\n"


class Reader:
    """Reads versions of a document, each as `read` does, and shares with the first one what it has in common with it."""

    def __init__(self) -> None:
        self.first: _Cut | None = None

    def read(self, data: bytes, path: str = "-", *, spelling: bool = True) -> Document:
        """The document in some bytes; raises DocumentError."""
        document = self.first.shared(data, path) if self.first and len(data) >= _WORTH else None
        if document is None:
            document = read(data, path, spelling=spelling)
        if self.first is None and document.pretty and len(data) >= _WORTH:
            depth = _depth_of_longest(document.value)
            self.first = None if depth is None else _Cut(document, depth)
        return document


class _Cut:
    """A document whose text is cut between the items of its lists of some depth."""

    def __init__(self, document: Document, depth: int) -> None:
        self.document = document
        self.depth = depth
        self.between = separator(depth)

    @cached_property
    def pieces(self) -> list[bytes]:
        return self.document.data.split(self.between)

    @cached_property
    def items(self) -> dict[int, Any]:
        """The items that stand alone between two cuts, each by the number of its piece."""
        cuts = enumerate(pairwise(_cuts(self.document.value, self.depth)), 1)
        return {n: items[place] for n, ((items, place), (other, end)) in cuts if items is other and end == place + 1}

    def taken(self, pieces: list[bytes]) -> dict[int, Any]:
        """The values of those pieces of another text that are items here: at the same place, or else anywhere."""
        whole = range(1, len(pieces) - 1)
        if len(pieces) == len(self.pieces):
            alike = [*map(eq, pieces, self.pieces)]
            return {number: self.items[number] for number in whole if alike[number] and number in self.items}
        places = {self.pieces[number]: number for number in self.items}
        return {number: self.items[places[pieces[number]]] for number in whole if pieces[number] in places}

    def shared(self, data: bytes, path: str) -> Document | None:
        """The document in some bytes; None where it does not stand as orjson would write it, or is not strict JSON."""
        pieces = data.split(self.between)
        taken = self.taken(pieces)
        empty = b"  " * (self.depth + 2) + b'"": 0'
        try:
            rest = read(self.between.join([empty if n in taken else piece for n, piece in enumerate(pieces)]), path)
        except DocumentError:
            return None  # whose place is to be told in the whole text
        if not rest.pretty:
            return None
        for number, (items, index) in enumerate(_cuts(rest.value, self.depth), 1):
            if number in taken:
                items[index] = taken[number]
        return Document(path, data, rest.value, pretty=True)


def _depth_of_longest(value: Any) -> int | None:
    """How deep the longest list lies that is reached through objects alone; None where it has few items."""
    longest, found, depth, level = _MANY - 1, None, 0, [value]
    while level:
        for each in level:
            if isinstance(each, list) and len(each) > longest:
                longest, found = len(each), depth
        level = [child for each in level if isinstance(each, dict) for child in each.values()]
        depth += 1
    return found


def _cuts(value: Any, depth: int) -> Iterator[tuple[list[Any], int]]:
    """The items before which a text is cut, each by its list and place: objects with members that follow such an object."""
    for items in _lists(value, depth):
        full = [isinstance(item, dict) and bool(item) for item in items]
        for index in range(1, len(items)):
            if full[index] and full[index - 1]:
                yield items, index


def _lists(value: Any, depth: int) -> Iterator[list[Any]]:
    if depth == 0:
        if isinstance(value, list):
            yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _lists(child, depth - 1)
