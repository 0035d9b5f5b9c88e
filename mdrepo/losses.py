"""What a merge lost: the check that every clean result must pass, whatever made it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .changes import MISSING
from .documents import deep, exact, same
from .pairing import identities_by_members, side_by_side
from .pointers import Path


def equal(one: Any, other: Any) -> bool:
    """As `same`, for values that may be MISSING."""
    if one is MISSING or other is MISSING:
        return one is other
    return same(one, other)


@deep
def missing_edits(base: Any, ours: Any, theirs: Any, result: Any, *, renames: bool = False) -> list[Path]:
    """Where a merge's result lacks an edit that one side alone made: work that would be lost without a word.

    With `renames`, a member that a side renamed may have the other side's edits of the old name in it.
    """
    return list(_missing(base, ours, theirs, result, (), renames))


def _missing(base: Any, ours: Any, theirs: Any, result: Any, path: Path, renames: bool) -> Iterator[Path]:
    if (base is theirs and ours is result) or (base is ours and theirs is result):  # as shared when they were read
        return
    if all(isinstance(side, dict) for side in (base, ours, theirs, result)):
        yield from _missing_members(base, ours, theirs, result, path, renames)
    elif equal(ours, theirs) or equal(base, theirs):
        if not equal(ours, result):
            yield path
    elif equal(base, ours):
        if not equal(theirs, result):
            yield path
    elif all(isinstance(side, dict) for side in (ours, theirs, result)):
        yield from _missing_members({}, ours, theirs, result, path, renames)
    elif all(isinstance(side, list) for side in (base, ours, theirs, result)):
        yield from _missing_items(base, ours, theirs, result, path, renames)


def _missing_members(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], result: dict[str, Any], path: Path, renames: bool
) -> Iterator[Path]:
    gone: list[str] | None = None
    for key in {**base, **ours, **theirs, **result}:
        sides = [side.get(key, MISSING) for side in (base, ours, theirs, result)]
        lost = [*_missing(sides[0], sides[1], sides[2], sides[3], (*path, key), renames)]
        if lost and renames and key not in base:
            gone = [name for name in base if name not in result] if gone is None else gone
            if _renamed(key, gone, base, ours, theirs, result) or _renamed(key, gone, base, theirs, ours, result):
                continue
        yield from lost


def _renamed(
    key: str, gone: list[str], base: dict[str, Any], side: dict[str, Any], other: dict[str, Any], result: dict[str, Any]
) -> bool:
    """Whether a member is one that a side renamed, with the other side's edits of the old name in it."""
    if key in other or not isinstance(side.get(key), dict | list) or key not in result:
        return False
    old = [name for name in gone if name not in side and name in other]
    return any(not missing_edits(base[name], side[key], other[name], result[key]) for name in old)


def _missing_items(
    base: list[Any], ours: list[Any], theirs: list[Any], result: list[Any], path: Path, renames: bool
) -> Iterator[Path]:
    """Items that a side inserted and the result lacks, or that it removed and the result has; edited ones may look like either."""
    lists = (base, ours, theirs, result)
    named = identities_by_members(lists, None)
    if named:
        for each, (old, mine, yours, merged) in side_by_side(named, lists, MISSING).items():
            if not ((old is yours and mine is merged) or (old is mine and yours is merged)):
                yield from _missing(old, mine, yours, merged, (*path, str(each)), renames)
        return
    counts = [_counted(side) for side in (base, ours, theirs, result)]
    for spelled in {key for count in counts for key in count}:
        before, here, there, now = (count.get(spelled, 0) for count in counts)
        added, removed = max(here - before, there - before, 0), max(before - here, before - there, 0)
        if (added and not removed and now < before + added) or (removed and not added and now > before - removed):
            yield path
            return


def _counted(items: list[Any]) -> dict[bytes, int]:
    """How often each scalar is in a list."""
    counts: dict[bytes, int] = {}
    for item in items:
        if not isinstance(item, dict | list):
            spelled = exact(item)
            counts[spelled] = counts.get(spelled, 0) + 1
    return counts
