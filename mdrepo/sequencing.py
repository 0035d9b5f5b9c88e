"""Which items of three lists are the same thing, and in which order the merged list has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from .documents import exact
from .pairing import aligned, identities_by_members

Id = Hashable


def identified(
    base: list[Any], ours: list[Any], theirs: list[Any], names: Sequence[str] | None, *, united: bool = False
) -> list[list[Id]] | None:
    """An identity for each item of the three lists: by its members, by its value in a set, else by alignment with the base.

    None where one side inserted what the other removed: moved, doubled or dropped, and nobody can say which.
    """
    named = identities_by_members((base, ours, theirs), names)
    if named:
        return named
    if united:
        return [_by_value(side) for side in (base, ours, theirs)]
    if all(map(set_like, (base, ours, theirs))):
        return _as_sets(base, ours, theirs)
    ids = _aligned_ids(base, ours, theirs)
    return None if _torn(base, ours, theirs, ids) else ids


def set_like(items: list[Any]) -> bool:
    """Whether a list is one of scalars that are all different."""
    return not any(isinstance(item, dict | list) for item in items) and len(set(map(exact, items))) == len(items)


def _by_value(items: list[Any]) -> list[Id]:
    """Each item is its value, the first of several equal ones the first."""
    counts: Counter[bytes] = Counter()
    ids: list[Id] = []
    for text in map(exact, items):
        counts[text] += 1
        ids.append((text, counts[text]))
    return ids


def _as_sets(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[list[Id]]:
    """Items of sets are their values, but an item that both sides replaced, each by another one, is one item still."""
    ids: list[list[Id]] = [[*map(exact, side)] for side in (base, ours, theirs)]
    known = set(ids[0])
    kept = known & (set(ids[1]) | set(ids[2]))
    replacing = [
        {old: new for old, new in aligned(base, side) if ids[0][old] not in kept and own[new] not in known}
        for side, own in ((ours, ids[1]), (theirs, ids[2]))
    ]
    mine_too, yours_too = set(ids[1]), set(ids[2])
    for old in replacing[0].keys() & replacing[1].keys():
        mine, yours = replacing[0][old], replacing[1][old]
        if ids[1][mine] not in yours_too and ids[2][yours] not in mine_too:
            ids[1][mine] = ids[2][yours] = ids[0][old]
    return ids


def _torn(base: list[Any], ours: list[Any], theirs: list[Any], ids: list[list[Id]]) -> bool:
    for side, known, other in ((ours, ids[1], ids[2]), (theirs, ids[2], ids[1])):
        removed = {exact(base[place]) for place in set(ids[0]) - set(other) if isinstance(place, int)}
        if removed and any(isinstance(each, tuple) and exact(item) in removed for each, item in zip(known, side, strict=True)):
            return True
    return False


def _aligned_ids(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[list[Id]]:
    """An item has its base item's number; one that both sides insert at one place is one."""
    mine, yours = _numbered(base, ours), _numbered(base, theirs)
    spots = _spots(mine, ours)
    inserted = {spot: place for place, spot in enumerate(spots) if mine[place] is None}
    ids_ours: list[Id] = [("ours", place) if number is None else number for place, number in enumerate(mine)]
    ids_theirs: list[Id] = []
    for place, (number, spot) in enumerate(zip(yours, _spots(yours, theirs), strict=True)):
        twin = inserted.pop(spot, None) if number is None else None
        ids_theirs.append(number if number is not None else ("ours", twin) if twin is not None else ("theirs", place))
    return [list(range(len(base))), ids_ours, ids_theirs]


def _numbered(base: list[Any], side: list[Any]) -> list[int | None]:
    """For each item of a side the base item that it is, perhaps edited; None for an inserted one."""
    numbers: list[int | None] = [None] * len(side)
    for old, new in aligned(base, side):
        numbers[new] = old
    return numbers


def _spots(numbers: Sequence[int | None], items: list[Any]) -> list[tuple[int | None, bytes]]:
    """Where and what each inserted item is: the base item before it, and its value."""
    found: list[tuple[int | None, bytes]] = []
    before: int | None = None
    for number, item in zip(numbers, items, strict=True):
        found.append((before, exact(item) if number is None else b""))
        before = before if number is None else number
    return found


def order(base: Sequence[Id], ours: Sequence[Id], theirs: Sequence[Id]) -> list[Id]:
    """All identities in the merged order: the base's, as the side that rearranged it has it; theirs before ours at one place."""
    if base == ours == theirs:
        return [*base]
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
    merged = list(behind.get(None, ()))
    for each in skeleton:
        merged += [each, *behind.get(each, ())]
    return merged


def _completed(kept: list[Id], base: Sequence[Id]) -> list[Id]:
    """A side's order of base items, with those that it has no more behind the item that they followed in the base."""
    present = set(kept)
    following: dict[Id, list[Id]] = {}
    anchor: Id = None
    for each in base:
        if each in present:
            anchor = each
        else:
            following.setdefault(anchor, []).append(each)
    completed = list(following.get(None, ()))
    for each in kept:
        completed += [each, *following.get(each, ())]
    return completed
