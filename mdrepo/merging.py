"""(base, ours, theirs) to content and conflicts: objects by key, lists by the identity of their items, else by alignment.

A change that one side alone made is always taken; where both sides changed the same field differently, the conflict is returned,
and ours stays in the content (theirs, where ours took the field away).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from .changes import MISSING, KeyFinder, no_keys
from .documents import canonical, deep, same
from .pairing import aligned, identifying_members, identities
from .pointers import Path

Id = Hashable


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed, each in its own way; a side that has it no more is MISSING."""

    path: Path
    base: Any
    ours: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge; the conflicts' paths are paths in its content, in the order of the content."""

    content: Any
    conflicts: tuple[Conflict, ...] = ()


@deep
def merge(base: Any, ours: Any, theirs: Any, keys: KeyFinder = no_keys) -> Merged:
    """The three-way merge of JSON values, each of which may be MISSING."""
    conflicts: list[Conflict] = []
    content = _merge(base, ours, theirs, (), keys, conflicts)
    return Merged(content, tuple(conflicts))


def equal(one: Any, other: Any) -> bool:
    """As `same`, for values that may be MISSING."""
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)


def _merge(base: Any, ours: Any, theirs: Any, path: Path, keys: KeyFinder, conflicts: list[Conflict]) -> Any:
    if equal(ours, theirs) or equal(base, theirs):
        return ours
    if equal(base, ours):
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _objects(base if isinstance(base, dict) else {}, ours, theirs, path, keys, conflicts)
    if isinstance(base, list) and isinstance(ours, list) and isinstance(theirs, list):
        # two lists that came from nowhere are two answers to one question, and not parts of one
        return _lists(base, ours, theirs, path, keys, conflicts)
    if isinstance(base, str) and isinstance(ours, str) and isinstance(theirs, str) and "\n" in base:
        merged = merge(base.split("\n"), ours.split("\n"), theirs.split("\n"))
        if not merged.conflicts:
            return "\n".join(merged.content)
    conflicts.append(Conflict(path, base, ours, theirs))
    return theirs if ours is MISSING else ours


def _objects(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], path: Path, keys: KeyFinder, conflicts: list[Conflict]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in _order([*base], [*ours], [*theirs]):
        assert isinstance(key, str)
        sides = (base.get(key, MISSING), ours.get(key, MISSING), theirs.get(key, MISSING))
        value = _merge(*sides, (*path, key), keys, conflicts)
        if value is not MISSING:
            result[key] = value
    return result


def _lists(
    base: list[Any], ours: list[Any], theirs: list[Any], path: Path, keys: KeyFinder, conflicts: list[Conflict]
) -> list[Any]:
    """Items that are the same thing merge with each other; what a side inserts stands behind the item that it follows there."""
    names = identifying_members((base, ours, theirs), keys(path))
    if names:
        ids = [_named(side, names) for side in (base, ours, theirs)]
    else:
        ids = _aligned_ids(base, ours, theirs)
        if _torn(base, ours, theirs, ids):
            conflicts.append(Conflict(path, base, ours, theirs))
            return ours
    old, mine, yours = (dict(zip(known, side, strict=True)) for known, side in zip(ids, [base, ours, theirs], strict=True))
    result: list[Any] = []
    for each in _order(ids[0], ids[1], ids[2]):
        sides = (old.get(each, MISSING), mine.get(each, MISSING), yours.get(each, MISSING))
        value = _merge(*sides, (*path, len(result)), keys, conflicts)
        if value is not MISSING:
            result.append(value)
    return result


def _named(items: list[Any], names: Sequence[str]) -> list[Id]:
    return [*(identities(items, names) or ())]


def _torn(base: list[Any], ours: list[Any], theirs: list[Any], ids: list[list[Id]]) -> bool:
    """Whether one side inserted what the other removed: the same item moved, doubled or dropped, and nobody can say which."""
    for side, known, other in ((ours, ids[1], ids[2]), (theirs, ids[2], ids[1])):
        removed = {canonical(base[place]) for place in set(ids[0]) - set(other) if isinstance(place, int)}
        if removed and any(isinstance(each, tuple) and canonical(item) in removed for each, item in zip(known, side, strict=True)):
            return True
    return False


def _aligned_ids(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[list[Id]]:
    """Identities by alignment with the base: an item has its base item's number; one that both sides insert at one place is one."""
    mine = _numbered(base, ours)
    yours = _numbered(base, theirs)
    inserted = {_spot(mine, place, canonical(ours[place])): place for place in range(len(ours)) if mine[place] is None}
    ids_ours: list[Id] = [("ours", place) if number is None else number for place, number in enumerate(mine)]
    ids_theirs: list[Id] = []
    for place, number in enumerate(yours):
        twin = inserted.pop(_spot(yours, place, canonical(theirs[place])), None) if number is None else None
        ids_theirs.append(number if number is not None else ("ours", twin) if twin is not None else ("theirs", place))
    return [list(range(len(base))), ids_ours, ids_theirs]


def _numbered(base: list[Any], side: list[Any]) -> list[int | None]:
    """For each item of a side the base item that it is, perhaps edited; None for an inserted one."""
    numbers: list[int | None] = [None] * len(side)
    for old, new in aligned(base, side):
        numbers[new] = old
    return numbers


def _spot(numbers: Sequence[int | None], place: int, spelled: str) -> tuple[int | None, str]:
    """Where and what an inserted item is: the base item before it, and its value."""
    before = next((numbers[i] for i in range(place - 1, -1, -1) if numbers[i] is not None), None)
    return before, spelled


def _order(base: list[Id], ours: list[Id], theirs: list[Id]) -> list[Id]:
    """All identities in the merged order: the base's, as the side that rearranged it has it; theirs before ours at one place."""
    known = set(base)
    kept = set(ours) & set(theirs) & known
    rearranged = [i for i in ours if i in kept] != [i for i in base if i in kept]
    skeleton = _completed([i for i in (ours if rearranged else theirs) if i in known], base)
    behind: dict[Id, list[Id]] = {}
    placed: set[Id] = set()
    for side in (theirs, ours):
        anchor: Id = None
        for each in side:
            if each in known:
                anchor = each
            elif each not in placed:
                behind.setdefault(anchor, []).append(each)
                placed.add(each)
    order = list(behind.get(None, ()))
    for each in skeleton:
        order += [each, *behind.get(each, ())]
    return order


def _completed(order: list[Id], base: list[Id]) -> list[Id]:
    """A side's order of base items, with those that it has no more behind the item that they followed in the base."""
    present = set(order)
    following: dict[Id, list[Id]] = {}
    anchor: Id = None
    for each in base:
        if each in present:
            anchor = each
        else:
            following.setdefault(anchor, []).append(each)
    completed = list(following.get(None, ()))
    for each in order:
        completed += [each, *following.get(each, ())]
    return completed


def missing_edits(base: Any, ours: Any, theirs: Any, result: Any, path: Path = ()) -> list[Path]:
    """Where a merge's result lacks an edit that one side alone made: work that would be lost without a word."""
    if equal(ours, theirs) or equal(base, theirs):
        changed = ours
    elif equal(base, ours):
        changed = theirs
    else:
        return _missing_inside(base, ours, theirs, result, path)
    return [] if equal(changed, result) else [path]


def _missing_inside(base: Any, ours: Any, theirs: Any, result: Any, path: Path) -> list[Path]:
    if all(isinstance(side, dict) for side in (ours, theirs, result)):
        old = base if isinstance(base, dict) else {}
        found: list[Path] = []
        for key in {**old, **ours, **theirs, **result}:
            sides = [side.get(key, MISSING) for side in (old, ours, theirs, result)]
            lost = missing_edits(sides[0], sides[1], sides[2], sides[3], (*path, key))
            if lost and not (_renamed(key, old, ours, theirs, result) or _renamed(key, old, theirs, ours, result)):
                found += lost
        return found
    if all(isinstance(side, list) for side in (base, ours, theirs, result)):
        return _missing_items(base, ours, theirs, result, path)
    return []


def _renamed(key: str, base: dict[str, Any], side: dict[str, Any], other: dict[str, Any], result: dict[str, Any]) -> bool:
    """Whether a member is one that a side renamed, with the other side's edits of the old name in it."""
    if key not in side or key not in result or key in base or key in other or isinstance(side[key], str | int | float | None):
        return False
    gone = [name for name in base if name not in side and name not in result and name in other]
    return any(not missing_edits(base[name], side[key], other[name], result[key]) for name in gone)


def _missing_items(base: list[Any], ours: list[Any], theirs: list[Any], result: list[Any], path: Path) -> list[Path]:
    """Items that a side inserted and the result lacks, or that it removed and the result has; edited ones may look like either."""
    names = identifying_members((base, ours, theirs, result), None)
    if names:
        by_name = [dict(zip(identities(side, names) or (), side, strict=True)) for side in (base, ours, theirs, result)]
        found: list[Path] = []
        for each in dict.fromkeys(each for side in by_name for each in side):
            sides = [side.get(each, MISSING) for side in by_name]
            found += missing_edits(sides[0], sides[1], sides[2], sides[3], (*path, str(each)))
        return found
    counts = [_counted(side) for side in (base, ours, theirs, result)]
    for spelled in {key for count in counts for key in count}:
        old, mine, yours, merged = (count.get(spelled, 0) for count in counts)
        if spelled[0] in "[{":
            continue
        added, removed = max(mine - old, yours - old, 0), max(old - mine, old - yours, 0)
        if (added and not removed and merged < old + added) or (removed and not added and merged > old - removed):
            return [path]
    return []


def _counted(items: list[Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        spelled = canonical(item) if isinstance(item, dict | list | str) else f"{type(item).__name__} {item}"
        counts[spelled] = counts.get(spelled, 0) + 1
    return counts
