"""Two values to a Delta: exact, lists by the identity of their items, else by alignment, never by index."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import compress, count, repeat
from json.encoder import encode_basestring
from operator import is_, is_not, ne, not_
from typing import Any

import orjson

from . import pointers
from .changes import MISSING, Change, Delta, KeyFinder, no_keys
from .documents import alike, deep, exact, same
from .errors import MissingExtra
from .pairing import longest_increasing, origins
from .pointers import Path

_CONTAINERS = (dict, list)
_FEW = 16
"""Up to so many items are sooner compared one by one."""
_WEIGHTY = 16
"""From so many bytes on, a value that left one key and came under another is taken for the same, moved."""


@deep
def diff(old: Any, new: Any, keys: KeyFinder = no_keys) -> Delta:
    """The changes that make `new` of `old`; applied in their order, they give exactly `new`."""
    if same(old, new):
        return Delta()
    walk = _Walk(keys)
    walk.values(old, new, (), (), (), "")
    return Delta(tuple(walk.changes))


class _Walk:
    """The walk through two values that differ, and the changes found.

    Three paths go along: where a field is in the old value, in the new one, and in the one that is being made of the old.
    """

    def __init__(self, keys: KeyFinder) -> None:
        self.keys = keys
        self.changes: list[Change] = []

    def values(self, old: Any, new: Any, was: Path, will: Path, now: Path, identity: str) -> None:
        kind = type(old)
        if kind is dict and type(new) is dict:
            self.objects(old, new, was, will, now, identity)
        elif kind is list and type(new) is list:
            self.lists(old, new, was, will, now)
        else:
            self.changes.append(Change("changed", now, old, new, was, will, None, identity))

    def inside(self, old: Any, new: Any, was: Path, will: Path, now: Path, token: str | int, identity: str) -> None:
        """One step further in, by the same member or place on both sides; one path for all three as long as nothing has moved."""
        path = (*will, token)
        if was is will and now is will:
            self.values(old, new, path, path, path, identity)
        else:
            self.values(old, new, (*was, token), path, (*now, token), identity)

    def objects(self, old: dict[str, Any], new: dict[str, Any], was: Path, will: Path, now: Path, identity: str) -> None:
        unlike = _unlike_members(old, new)
        if len(old) == len(new) and all(map(new.__contains__, unlike)):
            for key in unlike:
                self.inside(old[key], new[key], was, will, now, key, identity)
            return
        renamed_keys = renamed(old, new)
        moved = set(renamed_keys.values())
        for key in unlike:
            if key in new:
                self.inside(old[key], new[key], was, will, now, key, identity)
            elif key not in moved:
                self.changes.append(Change("removed", (*now, key), old[key], MISSING, (*was, key), None, None, identity))
        for key, value in new.items():
            if key in renamed_keys:
                before = renamed_keys[key]
                paths = (*was, before), (*will, key), (*now, before)
                self.changes.append(Change("moved", (*now, key), value, value, *paths, identity))
            elif key not in old:
                self.changes.append(Change("added", (*now, key), MISSING, value, None, (*will, key), None, identity))

    def lists(self, old: list[Any], new: list[Any], was: Path, will: Path, now: Path) -> None:
        if len(old) == len(new) and not isinstance(old[0], dict) and len(places := _unlike(old, new)) == 1:
            at = places[0]  # one item of a shape or a size is another: no need to align
            self.inside(old[at], new[at], was, will, now, at, "")
            return
        names, origin = origins(old, new, self.keys(will))
        named = _Names(names)
        if len(old) == len(new) and origin == list(range(len(old))):
            for place in _unlike(old, new):
                self.inside(old[place], new[place], was, will, now, place, named(new[place]))
            return
        for index in sorted(set(range(len(old))).difference(origin), reverse=True):
            self.changes.append(Change("removed", (*now, index), old[index], MISSING, (*was, index), None, None, named(old[index])))
        kept = [before for before in origin if before is not None]
        self.placed(old, new, origin, kept, (was, will, now), named)
        there = list(compress(count(), map(is_not, origin, repeat(None))))
        for place in _unlike(list(map(old.__getitem__, kept)), list(map(new.__getitem__, there))):
            i, j = kept[place], there[place]
            self.values(old[i], new[j], (*was, i), (*will, j), (*now, j), named(new[j]))

    def placed(
        self,
        old: list[Any],
        new: list[Any],
        origin: list[int | None],
        kept: list[int],
        at: tuple[Path, Path, Path],
        named: _Names,
    ) -> None:
        """Insertions and moves, from the front: each goes right behind the item that it follows in the end.

        What still stands between two items that stay is moved away when its own turn comes. So where an item stands can be counted:
        behind the old ones that are still in the old order, and behind those placed so far that follow a staying one before it.
        """
        was, will, now = at
        waiting = sorted(kept)  # old places; those that stay never leave
        ranks = kept if waiting == kept else list(map(dict(zip(waiting, count(), strict=False)).__getitem__, kept))
        stay = set(map(kept.__getitem__, longest_increasing(ranks)))
        if len(stay) == len(new):
            return
        anchors: list[int] = []  # for each item placed, the staying one that it comes behind
        anchor = last = -1  # that of the previous item, and where the previous item stands
        for index in compress(count(), map(not_, map(stay.__contains__, origin))):
            if index and (follows := origin[index - 1]) in stay:
                assert follows is not None
                anchor, last = follows, bisect_left(waiting, follows) + len(anchors)
            before = origin[index]
            if before is None:
                last += 1
                change = Change("added", (*now, last), MISSING, new[index], None, (*will, index), None, named(new[index]))
                self.changes.append(change)
            else:
                rank = bisect_left(waiting, before)
                place = rank + bisect_left(anchors, before)
                del waiting[rank]
                last += place > last
                if place != last:
                    paths = (*was, before), (*will, index), (*now, place)
                    self.changes.append(Change("moved", (*now, last), old[before], old[before], *paths, named(new[index])))
            anchors.append(anchor)


def _unlike(olds: list[Any], news: list[Any]) -> list[int]:
    """The places where two lists of equal length differ.

    What orjson writes in the same bytes is the same; Python's own == tells the rest apart sooner than writing them would, but takes
    1, 1.0 and true for equal.
    """
    if len(olds) < _FEW:
        pairs = enumerate(zip(olds, news, strict=True))
        return [place for place, (one, other) in pairs if one is not other and (one != other or not alike(one, other))]
    others: Sequence[int] = range(len(olds))
    if any(map(is_, olds, news)):  # what was shared when it was read is the same
        others = list(compress(count(), map(is_not, olds, news)))
        olds, news = [olds[place] for place in others], [news[place] for place in others]
    try:
        unlike = list(map(ne, map(orjson.dumps, olds), map(orjson.dumps, news)))
    except TypeError:  # a number with its spelling, or beyond 64 bits
        unlike = [True] * len(olds)
    rest = compress(zip(others, olds, news, strict=True), unlike)
    return [place for place, one, other in rest if one != other or not alike(one, other)]


def _unlike_members(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The keys of the old object under which the new one has another value, or none."""
    found: list[str] = []
    for key, value in old.items():
        other = new.get(key, MISSING)
        if value is other:
            continue
        if value != other or ((type(value) is not type(other) or type(value) in _CONTAINERS) and not alike(value, other)):
            found.append(key)  # scalars of one type that are equal are the same
    return found


def renamed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The keys that came with a value of some weight that another key left, each with that key."""
    come = [key for key in new if key not in old]
    left = {spelled: key for key in old if key not in new and len(spelled := exact(old[key])) >= _WEIGHTY} if come else {}
    found: dict[str, str] = {}
    for key in come:
        before = left.pop(exact(new[key]), None) if left else None
        if before is not None:
            found[key] = before
    return found


class _Names:
    """Says which item of a list one is, by the members that tell them apart: `name "a"`."""

    def __init__(self, names: Sequence[str] | None) -> None:
        self.names = tuple(names or ())

    def __call__(self, item: Any) -> str:
        if len(self.names) == 1:
            return f"{self.names[0]} {_shown(item[self.names[0]])}"
        return ", ".join(f"{name} {_shown(item[name])}" for name in self.names)


def _shown(value: Any) -> str:
    return encode_basestring(value) if isinstance(value, str) else exact(value).decode()


def tolerant(old: Any, new: Any, delta: Delta, *, ignore_order: bool = False, significant_digits: int | None = None) -> Delta:
    """The changes between two values that remain under a tolerant comparison, by deepdiff, of the parts that differ exactly."""
    try:
        from deepdiff import DeepDiff
    except ImportError:
        raise MissingExtra("deepdiff", "diff") from None

    def differs(one: Any, other: Any) -> bool:
        return bool(DeepDiff(one, other, ignore_order=ignore_order, significant_digits=significant_digits))

    lists: dict[Path, bool] = {}

    def remains(change: Change) -> bool:
        around = _outermost_list(old, new, change) if ignore_order else None
        if around is not None:
            if around not in lists:
                lists[around] = differs(pointers.get(old, around), pointers.get(new, around))
            return lists[around]
        if change.old is MISSING or change.new is MISSING or change.kind == "moved":
            return True
        return differs(change.old, change.new)

    return Delta(tuple(filter(remains, delta)))


def _outermost_list(old: Any, new: Any, change: Change) -> Path | None:
    """The path of the first list, in both values, on the way to a change."""
    path = change.shown_path
    for length in range(len(path)):
        sides = (pointers.get(old, path[:length]), pointers.get(new, path[:length]))
        if all(isinstance(side, list) for side in sides):
            return path[:length]
    return None
