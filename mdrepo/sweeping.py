"""A member that one side removed, while the other changed it only as it changed others everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .changes import MISSING
from .documents import exact
from .filling import filled
from .losses import equal
from .merging import Conflict, Merged, Settled
from .pointers import Path, get

_ENOUGH = 2
"""At how many other places a side must have made the same change for it to be one that was made everywhere."""
_MANY = 50
"""With so many new members beside a removed one nobody searches whether it is one of them."""
_Edit = tuple[str, bytes, bytes]


def without_swept(merged: Merged, base: Any, ours: Any, theirs: Any) -> Merged:
    """The merge in which such members stay removed, unless they live on under another name: the change did not mean them."""
    contested = [each for each in merged.conflicts if _is_removal(each)]
    gone = {each.path for each in contested}
    sides = {name: _Side(base, side, gone) for name, side in (("ours", ours), ("theirs", theirs))} if contested else {}
    swept = {each.path: each for each in contested if _is_swept(each, sides)}
    if not swept:
        return merged
    content = filled(merged.content, ((path, MISSING) for path in swept))
    rest = tuple(each for each in merged.conflicts if each.path not in swept)
    rule = "removed, and changed only as others were"
    return Merged(content, rest, (*merged.settled, *(Settled(each, MISSING, rule) for each in swept.values())))


def _is_removal(conflict: Conflict) -> bool:
    removed = MISSING in (conflict.ours, conflict.theirs)
    return removed and isinstance(conflict.base, dict) and bool(conflict.path) and isinstance(conflict.path[-1], str)


class _Side:
    """What one side did elsewhere: which changes how often, and which members it added to an object."""

    def __init__(self, base: Any, side: Any, gone: set[Path]) -> None:
        self.base, self.side = base, side
        self.edits = Counter(_edits(base, side, (), gone))
        self._added: dict[Path, list[Counter[Any]]] = {}

    def added(self, parent: Path) -> list[Counter[Any]]:
        if parent not in self._added:
            before, after = get(self.base, parent), get(self.side, parent)
            known = isinstance(before, dict) and isinstance(after, dict)
            new = [value for key, value in after.items() if key not in before and isinstance(value, dict)] if known else []
            self._added[parent] = [Counter(_leaves(value, ())) for value in new[: _MANY + 1]]
        return self._added[parent]


def _is_swept(conflict: Conflict, sides: dict[str, _Side]) -> bool:
    changing, removing = ("theirs", "ours") if conflict.ours is MISSING else ("ours", "theirs")
    kept = conflict.theirs if conflict.ours is MISSING else conflict.ours
    elsewhere = sides[changing].edits
    if not isinstance(kept, dict) or any(elsewhere[edit] < _ENOUGH for edit in _edits(conflict.base, kept, (), set())):
        return False
    added = sides[removing].added(conflict.path[:-1])
    return len(added) <= _MANY and not _is_renamed(conflict.base, added)


def _is_renamed(removed: dict[str, Any], added: list[Counter[Any]]) -> bool:
    """Whether one of the added members has nearly the content of the removed one."""
    leaves = Counter(_leaves(removed, ())) if added else Counter()
    return any(2 * (leaves & other).total() > max(leaves.total(), other.total()) for other in added)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, bytes]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, exact(value)


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
        yield key, b"" if added else exact(base), b"" if added else b"-" if side is MISSING else exact(side)
