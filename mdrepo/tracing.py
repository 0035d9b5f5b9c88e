"""The same field in two versions of a document: items of lists by their identity, also a renamed one; and which is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from . import pointers
from .changes import MISSING, Change, Delta, KeyFinder
from .diffing import diff, renamed
from .documents import exact, same
from .pairing import identifying_members, origins
from .pointers import Path


class Item(NamedTuple):
    """An item of a list by the members that tell it apart (none: by its value), and what they are in it."""

    names: tuple[str, ...]
    identity: bytes


Address = tuple[str | Item, ...]
"""Where a field is in any version: an item of a list by its identity, or by what a user typed, its index or its key."""

Marks = int | dict[str, Any] | list[Any]
"""A number for each leaf of a value, in the value's own shape; one number for all below a place."""


def located(content: Any, address: Address, keys: KeyFinder) -> Path | None:
    """Where a field is in a value; None where it is not."""
    path: Path = ()
    value = content
    for token in address:
        if isinstance(value, list):
            index = _index(value, token, keys(path))
            if index is None:
                return None
            path, value = (*path, index), value[index]
        elif isinstance(value, dict) and token in value and isinstance(token, str):
            path, value = (*path, token), value[token]
        else:
            return None
    return path


def _index(items: Sequence[Any], token: str | Item, declared: Sequence[str] | None) -> int | None:
    if isinstance(token, Item):
        return next((place for place, item in enumerate(items) if _named(item, token.names) == token.identity), None)
    number = pointers.index(token)
    if number is not None and number < len(items):
        return number
    names = identifying_members([items], declared)
    if names is None or len(names) > 1:
        return None
    known = [item[names[0]] if names else item for item in items]
    return next(
        (place for place, each in enumerate(known) if token == (each if isinstance(each, str) else exact(each).decode())), None
    )


def _named(item: Any, names: Sequence[str]) -> bytes | None:
    if names and not (isinstance(item, dict) and all(name in item for name in names)):
        return None
    return exact([item[name] for name in names] if names else item)


def address(content: Any, path: Path, keys: KeyFinder) -> Address:
    """The address of the field at a path of a value."""
    found: list[str | Item] = []
    value = content
    for depth, token in enumerate(path):
        names = identifying_members([value], keys(path[:depth])) if isinstance(value, list) else None
        value = value[token]
        identity = None if names is None else _named(value, names)
        found.append(str(token) if names is None or identity is None else Item(tuple(names), identity))
    return tuple(found)


class Earlier(NamedTuple):
    """Where a field was in an older version (None: nowhere), and the renames of what is around it."""

    path: Path | None
    renames: tuple[Change, ...] = ()


def earlier(new: Any, old: Any, path: Path, keys: KeyFinder) -> Earlier:
    """Where the field at a path of a new value was in an old one."""
    will: Path = ()
    was: Path = ()
    renames: list[Change] = []
    for depth, token in enumerate(path):
        if new is old:
            return Earlier((*was, *path[depth:]), tuple(renames))
        if isinstance(new, dict) and isinstance(old, dict):
            before: Any = token if token in old else renamed(old, new).get(str(token))
            if before is not None and before != token:
                renames.append(
                    Change("moved", (*will, token), new[token], new[token], (*was, before), (*will, token), (*was, before))
                )
        elif isinstance(new, list) and isinstance(old, list):
            names, places = partners(old, new, keys(will))
            before = places[int(token)]
            if before is not None:
                renames += _key_changes(old[before], new[int(token)], (*was, before), (*will, token), names, path[depth + 1 :])
        else:
            before = None
        if before is None:
            return Earlier(None)
        was, will, old, new = (*was, before), (*will, token), old[before], pointers.step(new, token)
    return Earlier(was, tuple(renames))


def _key_changes(old: Any, new: Any, was: Path, will: Path, names: Sequence[str], rest: Path) -> Iterator[Change]:
    """How the identity of an item changed, for a field inside of it that is not what changed itself."""
    for name in names if rest else ():
        if rest[0] != name and not same(old[name], new[name]):
            yield Change("changed", (*will, name), old[name], new[name], (*was, name), (*will, name))


def partners(old: Sequence[Any], new: Sequence[Any], declared: Sequence[str] | None) -> tuple[Sequence[str], list[int | None]]:
    """The members that tell two lists' items apart, and for each new item the place of the old one that it is.

    An item that came, and one that went, are one renamed where they have all else in common, and no others have.
    """
    found, places = origins(old, new, declared)
    names = found or ()
    gone = set(range(len(old))).difference(place for place in places if place is not None)
    if names and gone and None in places:
        left = _once(old, sorted(gone), names)
        come = _once(new, [place for place, origin in enumerate(places) if origin is None], names)
        for rest, place in come.items():
            places[place] = left.get(rest)
    return names, places


def _once(items: Sequence[Any], places: Sequence[int], names: Sequence[str]) -> dict[bytes, int]:
    """The places of items by what they have beside their identity, where no two have the same, and there is something."""
    found: dict[bytes, int] = {}
    twice: set[bytes] = set()
    for place in places:
        rest = {key: value for key, value in items[place].items() if key not in names}
        written = exact(rest)
        if not rest or written in found:
            twice.add(written)
        found[written] = place
    return {written: place for written, place in found.items() if written not in twice}


def changed(sides: tuple[Any, Any], places: tuple[Path | None, Path | None], renames: Sequence[Change], keys: KeyFinder) -> Delta:
    """What changed in one field of (old, new), at its place in each; None: it was not there."""
    (old, new), (was, will) = sides, places
    if was is None or will is None:
        if will is not None:
            return Delta((Change("added", will, MISSING, pointers.resolve(new, will), None, will),))
        return Delta((Change("removed", was, pointers.resolve(old, was), MISSING, was, None),)) if was is not None else Delta()

    def below(path: Path) -> Sequence[str] | None:
        return keys((*will, *path))

    inner = diff(pointers.resolve(old, was), pointers.resolve(new, will), below)
    return Delta((*renames, *(_at(each, was, will) for each in inner)))


def _at(change: Change, was: Path, will: Path) -> Change:
    """A change inside a field, as one of its document."""
    return change._replace(
        path=(*will, *change.path),
        old_path=None if change.old_path is None else (*was, *change.old_path),
        new_path=None if change.new_path is None else (*will, *change.new_path),
        origin=None if change.origin is None else (*will, *change.origin),
    )


def marked(old: Any, new: Any, before: Marks, mark: int, keys: KeyFinder, path: Path = ()) -> Marks:
    """The marks of a new value: a leaf that is as it was keeps the old value's, any other gets a new one."""
    if same(old, new):
        return before
    if isinstance(old, dict) and isinstance(new, dict) and new:
        moved = {} if old.keys() == new.keys() else renamed(old, new)
        return {
            key: marked(old[key], value, below(before, key), mark, keys, (*path, key))
            if key in old
            else below(before, moved[key])
            if key in moved
            else mark
            for key, value in new.items()
        }
    if isinstance(old, list) and isinstance(new, list) and new:
        _, places = partners(old, new, keys(path))
        return [
            mark if was is None else marked(old[was], new[place], below(before, was), mark, keys, (*path, place))
            for place, was in enumerate(places)
        ]
    return mark


def below(marks: Marks, token: Any) -> Marks:
    """The marks of a member or an item."""
    return marks if isinstance(marks, int) else marks[token]


def combined(marks: Marks, other: Marks, mark: int) -> Marks:
    """The marks of one value by two parents: what is new to the one may be as it was in the other."""
    if isinstance(marks, int):
        return other if marks == mark else marks
    if isinstance(marks, dict):
        return {key: combined(each, below(other, key), mark) for key, each in marks.items()}
    return [combined(each, below(other, place), mark) for place, each in enumerate(marks)]


def leaves(content: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The scalars of a value, and what is empty in it, each with its path."""
    if not isinstance(content, dict | list) or not content:
        yield path, content
        return
    for token, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield from leaves(value, (*path, token))
