"""Entries by version, as in a changelog, that two sides added under one version: both survive, ours behind theirs."""

from __future__ import annotations

from typing import Any

from .changes import MISSING
from .losses import equal
from .merging import Conflict, Merged, Settled, StrategyFinder
from .patching import replaced
from .pointers import Path, get
from .versions import following, version


def renumbered(merged: Merged, base: Any, ours: Any, theirs: Any, strategy: StrategyFinder) -> Merged:
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
