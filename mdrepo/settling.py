"""How a true conflict settles itself: by the schema's strategy for its field, else by a rule that loses nobody's edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .changes import MISSING, KeyFinder, no_keys
from .documents import canonical
from .filling import filled
from .losses import equal
from .merging import Conflict, Merged, Settled, merge
from .patching import replaced
from .pointers import Path, get
from .schemas import Schema
from .sequencing import spelled
from .versions import following, ranks, version
from .writing import KeyOrder, no_order

StrategyFinder = Callable[[Path], str | None]
"""The strategy of the field at a path (`x-mdrepo-merge`), or None."""


def no_strategy(_: Path) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Guide:
    """What a schema says of merging: the identity of items, the strategies of fields, the order of members."""

    keys: KeyFinder = no_keys
    strategy: StrategyFinder = no_strategy
    order: KeyOrder = no_order

    @staticmethod
    def of(schema: Schema) -> Guide:
        return Guide(schema.keys, schema.strategy, schema.key_order)


def merged_and_settled(
    base: Any,
    ours: Any,
    theirs: Any,
    guide: Guide = Guide(),
) -> Merged:
    """The merge of three values, with those conflicts settled that a strategy or a rule settles."""
    merged = merge(base, ours, theirs, guide.keys, _Rules(guide.keys, guide.strategy).settle)
    merged = _renumbered(merged, base, ours, theirs, guide.strategy)
    return _without_swept(merged, base, ours, theirs)


@dataclass(frozen=True, slots=True)
class _Rules:
    keys: KeyFinder
    strategy: StrategyFinder

    def settle(self, conflict: Conflict) -> Settled | None:
        """By the strategy of the field, or of the nearest one around it that has one; without any, by a rule."""
        for length in range(len(conflict.path), -1, -1):
            name = self.strategy(conflict.path[:length])
            if name is not None:
                value = self._by(name, conflict)
                return None if value is None else Settled(conflict, value[0], name)
        return _raised_version(conflict)

    def _by(self, name: str, conflict: Conflict) -> tuple[Any] | None:
        match name:
            case "ours" | "derived":  # what is derived is derived again by `mdrepo patch`, which says where it is stale
                return (conflict.ours,)
            case "theirs":
                return (conflict.theirs,)
            case "max" | "min":
                return _extreme(name, conflict)
            case "union":
                return self._union(conflict)
        return None

    def _union(self, conflict: Conflict) -> tuple[Any] | None:
        """What either side has: the side that still has the field, or the items of both lists."""
        ours, theirs = conflict.ours, conflict.theirs
        if MISSING in (ours, theirs):
            return (theirs if ours is MISSING else ours,)
        if isinstance(ours, list) and isinstance(theirs, list):
            return _united(ours, theirs, lambda path: self.keys((*conflict.path, *path)))
        return None


def _extreme(name: str, conflict: Conflict) -> tuple[Any] | None:
    """The greater or the smaller of two values, if they have an order and are not two spellings of one."""
    found = ranks([conflict.ours, conflict.theirs])
    if found is None or found[0] == found[1]:
        return None
    return (conflict.ours if (found[0] > found[1]) == (name == "max") else conflict.theirs,)


def _united(ours: list[Any], theirs: list[Any], keys: KeyFinder) -> tuple[Any] | None:
    """The items of both lists: keyed ones merged by key, others once each, theirs first; None where equal keys contradict."""
    if keys(()) is not None:
        merged = merge([], ours, theirs, keys)
        return None if merged.conflicts else (merged.content,)
    first = Counter(map(spelled, theirs))
    return ([*theirs, *(item for item in ours if not _taken(first, spelled(item)))],)


def _taken(counts: Counter[str], text: str) -> bool:
    counts[text] -= 1
    return counts[text] >= 0


def _raised_version(conflict: Conflict) -> Settled | None:
    """A version of three or more parts that both sides raised: the higher one, which is what either side asked for at least."""
    found = [version(each, 3) for each in (conflict.base, conflict.ours, conflict.theirs)]
    base, ours, theirs = found
    if base is None or ours is None or theirs is None or not base[0] == ours[0] == theirs[0]:
        return None
    if ours == theirs or not (ours > base and theirs > base):
        return None
    return Settled(conflict, conflict.ours if ours > theirs else conflict.theirs, "the higher version")


def _renumbered(merged: Merged, base: Any, ours: Any, theirs: Any, strategy: StrategyFinder) -> Merged:
    """Entries by version that both sides added under one version, in an object that is to be united: theirs, and ours behind it."""
    for parent in dict.fromkeys(conflict.path[:-1] for conflict in merged.conflicts if conflict.path):
        objects = [get(side, parent, MISSING) for side in (base, ours, theirs)]
        if strategy(parent) == "union" and isinstance(objects[1], dict) and isinstance(objects[2], dict):
            names = _later_names(objects[0] if isinstance(objects[0], dict) else {}, objects[1], objects[2])
            if names:
                merged = _with_names(merged, parent, names, strategy, ours)
    return merged


def _later_names(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    """New names, behind all that there are, for what ours added and theirs contradicts; empty where the names are no versions."""
    known = {key: version(key, 2) for key in {**base, **ours, **theirs}}
    ranked = sorted((rank, key) for key, rank in known.items() if rank is not None)
    if len(ranked) < len(known) or ranked[0][0][0] != ranked[-1][0][0]:
        return {}
    last = ranked[-1][1]
    names: dict[str, str] = {}
    for _, key in ranked:
        if key not in base and key in ours and key in theirs and not equal(ours[key], theirs[key]):
            name = following(last)
            if name is None:
                return {}
            names[key] = last = name
    return names


def _with_names(merged: Merged, parent: Path, names: dict[str, str], strategy: StrategyFinder, ours: Any) -> Merged:
    """The merge with ours' entries under new names; a `max` field beside them that named one of them, or ours' last, follows."""
    content, rest, settled = merged.content, [], list(merged.settled)
    for each in merged.conflicts:
        name = names.get(str(each.path[-1])) if each.path[:-1] == parent else None
        if name is None:
            rest.append(each)
            continue
        place = (*parent, name)
        content = replaced(replaced(content, each.path, each.theirs), place, each.ours)
        settled.append(Settled(Conflict(place, MISSING, each.ours, MISSING), each.ours, f"union: ours, which was {each.path[-1]}"))
    entries = get(ours, parent)
    greatest = max(entries, key=lambda key: version(key) or ())
    last = [*names.values()][-1]
    for key, value in (get(ours, parent[:-1]) or {}).items():
        place = (*parent[:-1], key)
        if isinstance(value, str) and (value in names or value == greatest) and strategy(place) == "max":
            conflict = Conflict(place, MISSING, value, get(content, place, MISSING))
            content = replaced(content, place, last)
            settled.append(Settled(conflict, last, "max, behind the entries that are united"))
            rest = [each for each in rest if each.path != place]
    return Merged(content, tuple(rest), tuple(settled))


def _without_swept(merged: Merged, base: Any, ours: Any, theirs: Any) -> Merged:
    """A member that one side removed, and that the other changed only as it changed others everywhere: it stays removed."""
    contested = [each for each in merged.conflicts if _is_removal(each)]
    if not contested:
        return merged
    gone = {each.path for each in contested}
    sweeps = [Counter(_edits(base, side, (), gone)) if isinstance(side, dict) else Counter() for side in (ours, theirs)]
    swept = [each for each in contested if _is_swept(each, sweeps[0] if each.theirs is MISSING else sweeps[1], base, ours, theirs)]
    if not swept:
        return merged
    content = filled(merged.content, ((each.path, MISSING) for each in swept))
    paths = {each.path for each in swept}
    rest = tuple(each for each in merged.conflicts if each.path not in paths)
    rule = "removed, and changed only as others were"
    return Merged(content, rest, (*merged.settled, *(Settled(each, MISSING, rule) for each in swept)))


def _is_removal(conflict: Conflict) -> bool:
    removed = MISSING in (conflict.ours, conflict.theirs)
    return removed and isinstance(conflict.base, dict) and bool(conflict.path) and isinstance(conflict.path[-1], str)


_ENOUGH = 2
"""At how many other places a side must have made the same change for it to be one that was made everywhere."""

_Edit = tuple[str, str, str]


def _is_swept(conflict: Conflict, elsewhere: Counter[_Edit], base: Any, ours: Any, theirs: Any) -> bool:
    kept, other = (conflict.theirs, ours) if conflict.ours is MISSING else (conflict.ours, theirs)
    if not isinstance(kept, dict) or any(elsewhere[edit] < _ENOUGH for edit in _edits(conflict.base, kept, (), set())):
        return False
    parent = conflict.path[:-1]
    return not _is_renamed(conflict.base, get(base, parent), get(other, parent))


def _is_renamed(removed: dict[str, Any], before: Any, after: Any) -> bool:
    """Whether a side that removed a member added one with nearly the same content: it lives on under another name."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    leaves = Counter(_leaves(removed, ()))
    for key, value in after.items():
        if key not in before and isinstance(value, dict):
            others = Counter(_leaves(value, ()))
            if 2 * (leaves & others).total() > max(leaves.total(), others.total()):
                return True
    return False


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, canonical(value)


def _edits(base: Any, side: Any, path: Path, skipped: set[Path]) -> Iterator[_Edit]:
    """Each change below a value: the key, what was there, and what is there now, which does not matter for what is added."""
    if path in skipped:
        return
    if isinstance(base, dict) and isinstance(side, dict):
        for key in {**base, **side}:
            yield from _edits(base.get(key, MISSING), side.get(key, MISSING), (*path, key), skipped)
    elif isinstance(base, list) and isinstance(side, list) and len(base) == len(side):
        for place, (old, new) in enumerate(zip(base, side, strict=True)):
            yield from _edits(old, new, (*path, place), skipped)
    elif not equal(base, side):
        key = next((token for token in reversed(path) if isinstance(token, str)), "")
        added = base is MISSING
        yield key, "" if added else canonical(base), "" if added else "-" if side is MISSING else canonical(side)
