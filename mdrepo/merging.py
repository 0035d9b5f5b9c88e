"""(base, ours, theirs) to content and conflicts: objects by key, lists by the identity of their items.

A change that one side alone made is always taken; where both sides changed the same field differently, ours stays and the
conflict is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .changes import MISSING, KeyFinder, identifying_members, identities, no_keys
from .documents import same
from .pointers import Path


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed, each in its own way; a side that has it no more is MISSING."""

    path: Path
    base: Any
    ours: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge, with ours at each conflict; conflicts' paths are paths in this content."""

    content: Any
    conflicts: tuple[Conflict, ...] = ()


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
        names = identifying_members((base, ours, theirs), keys(path))
        if names:
            return _keyed(base, ours, theirs, names, path, keys, conflicts)
    conflicts.append(Conflict(path, base, ours, theirs))
    return ours


def _objects(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], path: Path, keys: KeyFinder, conflicts: list[Conflict]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        sides = (base.get(key, MISSING), ours.get(key, MISSING), theirs.get(key, MISSING))
        value = _merge(*sides, (*path, key), keys, conflicts)
        if value is not MISSING:
            result[key] = value
    return result


def _keyed(
    base: list[Any], ours: list[Any], theirs: list[Any], names: Any, path: Path, keys: KeyFinder, conflicts: list[Conflict]
) -> list[Any]:
    """Items by identity; ours says the order, and what theirs adds stands where theirs has it."""
    bases, mine, yours = (dict(zip(identities(v, names) or (), v, strict=True)) for v in (base, ours, theirs))
    order = list(mine)
    for place, identity in enumerate(yours):
        if identity not in mine:
            before = [known for known in list(yours)[:place] if known in order]
            order.insert(order.index(before[-1]) + 1 if before else 0, identity)
    result: list[Any] = []
    for identity in order:
        sides = (bases.get(identity, MISSING), mine.get(identity, MISSING), yours.get(identity, MISSING))
        value = _merge(*sides, (*path, len(result)), keys, conflicts)
        if value is not MISSING:
            result.append(value)
    return result
