"""Two values to a Delta: exact, lists by the identity of their items, else by alignment, never by index."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from . import pointers
from .changes import MISSING, Change, Delta, KeyFinder, identifying_members, identities, no_keys
from .documents import canonical, same
from .errors import MissingExtra
from .pointers import Path


def diff(old: Any, new: Any, keys: KeyFinder = no_keys) -> Delta:
    """The changes that make `new` of `old`; applied in their order, they give exactly `new`."""
    return Delta(tuple(_walk(old, new, _Place((), (), ()), keys)))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: in the old value, in the new one, and in the one that is being made of the old."""

    old: Path
    new: Path
    now: Path
    identity: str = ""

    def member(self, key: str) -> _Place:
        return _Place((*self.old, key), (*self.new, key), (*self.now, key), self.identity)


def _walk(old: Any, new: Any, at: _Place, keys: KeyFinder) -> Iterator[Change]:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(old, new, at, keys)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, at, keys)
    else:
        yield Change("changed", at.now, old, new, at.old, at.new, identity=at.identity)


def _objects(old: dict[str, Any], new: dict[str, Any], at: _Place, keys: KeyFinder) -> Iterator[Change]:
    for key, value in old.items():
        place = at.member(key)
        if key in new:
            yield from _walk(value, new[key], place, keys)
        else:
            yield Change("removed", place.now, old=value, old_path=place.old, identity=at.identity)
    for key, value in new.items():
        if key not in old:
            place = at.member(key)
            yield Change("added", place.now, new=value, new_path=place.new, identity=at.identity)


def _lists(old: list[Any], new: list[Any], at: _Place, keys: KeyFinder) -> Iterator[Change]:
    names = identifying_members((old, new), keys(at.new))
    pairs = _keyed(old, new, names) if names else aligned(old, new)
    yield from _removed(old, pairs, at, names)
    matched = {new_index: old_index for old_index, new_index in pairs}
    stay = _longest_increasing([old_index for _, old_index in sorted(matched.items())])
    yield from _placed(new, matched, stay, at, names, old)
    for new_index, old_index in sorted(matched.items()):
        identity = _identity(new[new_index], names)
        place = _Place((*at.old, old_index), (*at.new, new_index), (*at.now, new_index), identity)
        yield from _walk(old[old_index], new[new_index], place, keys)


def _removed(old: list[Any], pairs: list[tuple[int, int]], at: _Place, names: Sequence[str] | None) -> Iterator[Change]:
    kept = {old_index for old_index, _ in pairs}
    for index in reversed(range(len(old))):
        if index not in kept:
            identity = _identity(old[index], names)
            yield Change("removed", (*at.now, index), old=old[index], old_path=(*at.old, index), identity=identity)


def _placed(
    new: list[Any], matched: dict[int, int], stay: set[int], at: _Place, names: Sequence[str] | None, old: list[Any]
) -> Iterator[Change]:
    """Insertions and moves, from the front: each goes right behind the item that it follows in the end.

    What still stands between two items that stay is moved away when its own turn comes.
    """
    current = sorted(matched.values())  # old indices; an inserted item is -1
    last = -1  # where the previous item stands
    for index, value in enumerate(new):
        if index not in matched:
            last += 1
            current.insert(last, -1)
            yield Change("added", (*at.now, last), new=value, new_path=(*at.new, index), identity=_identity(value, names))
        elif matched[index] in stay:
            last = current.index(matched[index], last + 1)
        else:
            origin = current.index(matched[index])
            last = last + 1 if origin > last else last
            current.insert(last, current.pop(origin))
            if origin != last:
                item = old[matched[index]]
                places = (*at.old, matched[index]), (*at.new, index), (*at.now, origin)
                yield Change("moved", (*at.now, last), item, item, *places, _identity(value, names))


def _keyed(old: list[Any], new: list[Any], names: Sequence[str]) -> list[tuple[int, int]]:
    where = {identity: index for index, identity in enumerate(identities(new, names) or ())}
    return [(i, where[identity]) for i, identity in enumerate(identities(old, names) or ()) if identity in where]


def aligned(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """Equal items in sequence; between them, containers of one kind pair in order, and so do single scalars."""
    pairs: list[tuple[int, int]] = []
    matcher = SequenceMatcher(None, [_spelled(v) for v in old], [_spelled(v) for v in new], autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        span = min(old_to - old_from, new_to - new_from)
        if tag == "equal" or (tag == "replace" and old_to - old_from == new_to - new_from):
            pairs += [(old_from + i, new_from + i) for i in range(span)]
        elif tag == "replace":
            paired = ((old_from + i, new_from + i) for i in range(span))
            pairs += [(i, j) for i, j in paired if isinstance(old[i], dict | list) and type(old[i]) is type(new[j])]
    return pairs


def _spelled(value: Any) -> str:
    return canonical(value) if isinstance(value, dict | list) else f"{type(value).__name__} {value}"


def _longest_increasing(numbers: list[int]) -> set[int]:
    """The members of a longest increasing subsequence (patience sorting, O(n log n))."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(tails, number)
        before.append(places[length - 1] if length else -1)
        tails[length : length + 1] = [number]
        places[length : length + 1] = [place]
    found: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        found.add(numbers[place])
        place = before[place]
    return found


def _identity(item: Any, names: Sequence[str] | None) -> str:
    if not names:
        return ""
    return ", ".join(f"{name} {json.dumps(item[name], ensure_ascii=False)}" for name in names)


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
