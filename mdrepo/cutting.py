"""Versions of a long document, cut in their text between the items of one list, so that most of them need not be read.

In a text as orjson lays it out, an item of a list that is an object stands between two lines that no string can hold. Where all
versions have the same items in the same order, told apart by the member that each begins with, `"name": "a"`, an item that is the
same text in all of them is the same; what is left is a document of its own, with a shorter list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import pointers
from .changes import Change, Delta, KeyFinder
from .documents import Document, DocumentError, read
from .pairing import identifying_members
from .pointers import Path
from .sharing import separator

_WORTH = 1 << 20
"""Bytes from which on it is worth while."""
_SAMPLE = 1 << 18
_OFTEN = 8
"""How often a cut must be in the sample."""
_DEEP = 16
_SHAPES = 32
_NAMED = re.compile(rb' *"([^"\\\n]+)": ')
_VALUES = bytes(sorted({*range(0x20, 0x100)}.difference(b'{}[]":,\\')))


@dataclass(frozen=True)
class Rest:
    """Versions without the items that were left out, read; the list's path, and the places that its items have in the whole."""

    documents: list[Document]
    path: Path
    places: list[int]
    member: str

    def is_told_apart(self, keys: KeyFinder) -> bool:
        """Whether it is by the member that they begin with that the list's items are told apart."""
        lists = [pointers.resolve(document.value, self.path) for document in self.documents]
        return identifying_members(lists, keys(self.path)) == [self.member]

    def whole(self, delta: Delta) -> Delta | None:
        """The changes as those of the whole versions; None where one is of the list itself."""
        depth = len(self.path)
        if any(len(each.shown_path) == depth + 1 and each.shown_path[:depth] == self.path for each in delta):
            return None
        return Delta(tuple(map(self._placed, delta)))

    def _placed(self, change: Change) -> Change:
        path = self._at(change.path)
        if change.old_path is change.new_path is change.path:  # as long as nothing has moved
            return Change(change.kind, path, change.old, change.new, path, path, None, change.identity)
        was, will, origin = (None if each is None else self._at(each) for each in (change.old_path, change.new_path, change.origin))
        return change._replace(path=path, old_path=was, new_path=will, origin=origin)

    def _at(self, path: Path) -> Path:
        depth = len(self.path)
        if path[:depth] != self.path or len(path) == depth:
            return path
        return (*self.path, self.places[int(path[depth])], *path[depth + 1 :])


@dataclass(frozen=True)
class Cuts:
    """Versions of a document in pieces, as many in each: between its ends, an item each, which begins with the line in `heads`."""

    depth: int
    member: str
    heads: list[bytes]
    pieces: list[list[bytes]]

    def rest(self, left: Sequence[int]) -> Rest | None:
        """The versions with the ends and some places alone; None where they do not show which list it is that was cut."""
        places = [0, *left, len(self.heads) - 1]
        between = separator(self.depth)
        try:
            found = [read(between.join([pieces[place] for place in places]), spelling=False) for pieces in self.pieces]
        except DocumentError:
            return None
        paths = [[*_lists(document.value, self.depth, len(places))] for document in found]
        if not all(document.pretty for document in found) or len(paths[0]) != 1 or any(each != paths[0] for each in paths):
            return None
        return Rest(found, paths[0][0], places, self.member)

    def joined(self, pieces: Sequence[bytes]) -> bytes:
        return separator(self.depth).join(pieces)

    def again(self, data: bytes, places: Sequence[int]) -> list[bytes] | None:
        """The pieces of a text that has the items of some places, and no others."""
        pieces = data.split(separator(self.depth))
        heads = [self.heads[place] for place in places]
        return pieces if len(pieces) == len(places) and _heads(pieces, self.depth) == heads else None

    def one_each(self, places: Collection[int]) -> bool:
        """Whether the first version has one item at each of some places, whatever its values are.

        One text of each shape is read: its brackets, quotation marks and commas are those of all others.
        """
        shapes = {self.pieces[0][place].translate(None, _VALUES): place for place in places}
        if len(shapes) > _SHAPES or any(b"\\" in shape for shape in shapes):
            return False
        try:
            return all(isinstance(read(b"{" + self.pieces[0][place] + b"}").value, dict) for place in shapes.values())
        except DocumentError:
            return False


def cut(versions: Sequence[bytes]) -> Cuts | None:
    """The versions of a document in pieces; None where they are short, or have no long list, or not the same items in it."""
    depth = _depth(versions[0]) if min(map(len, versions)) >= _WORTH else None
    if depth is None:
        return None
    first = versions[0].split(separator(depth))
    heads = _heads(first, depth)
    named = _NAMED.match(heads[0])
    if named is None or len(set(heads)) < len(heads):
        return None
    line = b' *"' + re.escape(named[1]) + rb'": (?:"[^"\\\n]*"|0|-?[1-9]\d{0,17}),?\n'
    if not re.fullmatch(b"(?:" + line + b")*", b"\n".join([*heads, b""])):
        return None  # strings and whole numbers are told apart by their text
    others = [_as_many(version, first, separator(depth)) for version in versions[1:]]
    if not all(_have_heads(each, heads, first, depth) for each in others):
        return None
    return Cuts(depth, named[1].decode("utf-8", "replace"), heads, [first, *others])


def _as_many(data: bytes, like: Sequence[bytes], between: bytes) -> list[bytes]:
    """A text cut into as many pieces as another one, or fewer if it has no more; those that are the same are the same objects."""
    pieces: list[bytes] = []
    at = 0
    for piece in like[:-1]:
        end = at + len(piece)
        same = data.startswith(between, end) and data.startswith(piece, at)
        if not same:
            end = data.find(between, at)
            if end < 0:
                break
        pieces.append(piece if same else data[at:end])
        at = end + len(between)
    return [*pieces, data[at:]]


def _depth(data: bytes) -> int | None:
    """How deep a long list lies, by a sample from the middle of a text."""
    start = max(0, (len(data) - _SAMPLE) // 2)
    depths = range(_DEEP)
    return next((each for each in depths if data.count(separator(each), start, start + _SAMPLE) >= _OFTEN), None)


def _heads(pieces: Sequence[bytes], depth: int) -> list[bytes]:
    """The first line of the item that each piece begins with, or, of the first one, ends with."""
    opening = b"\n" + b"  " * (depth + 1) + b"{\n"
    first = pieces[0][pieces[0].rfind(opening) + len(opening) :]
    return [each.partition(b"\n")[0] for each in (first, *pieces[1:])]


def _have_heads(pieces: Sequence[bytes], heads: Sequence[bytes], like: Sequence[bytes], depth: int) -> bool:
    """Whether pieces begin with these lines, as the ones do that they are like."""
    if len(pieces) != len(heads):
        return False
    unlike = [place for place, (one, other) in enumerate(zip(pieces, like, strict=True)) if one is not other]
    first = [] if 0 in unlike else [0]
    return _heads([pieces[place] for place in [*first, *unlike]], depth) == [heads[place] for place in [*first, *unlike]]


def _lists(value: Any, depth: int, length: int, path: Path = ()) -> Iterator[Path]:
    """The paths of the lists of objects of some length, so many containers deep."""
    if depth == 0:
        if isinstance(value, list) and len(value) == length and all(isinstance(item, dict) for item in value):
            yield path
    elif isinstance(value, dict | list):
        for token, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _lists(child, depth - 1, length, (*path, token))
