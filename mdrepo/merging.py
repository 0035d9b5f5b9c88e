"""(base, ours, theirs) to content and conflicts: objects by key, lists by the identity of their items, else by alignment.

A change that one side alone made is always taken; where both sides changed the same field differently, the conflict is returned,
and ours stays in the content (theirs, where ours took the field away), unless somebody who may settles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .changes import MISSING, KeyFinder, no_keys
from .documents import deep, exact
from .losses import equal
from .pairing import identifying_members, side_by_side
from .pointers import Path
from .sequencing import identified, order
from .wording import merged_text


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed, each in its own way; a side that has it no more is MISSING."""

    path: Path
    base: Any
    ours: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Settled:
    """A conflict that settled itself: the value that it came to, and by which rule."""

    conflict: Conflict
    value: Any
    rule: str


Settler = Callable[[Conflict], Settled | None]
"""Who may settle a conflict without asking: a schema's strategy, or a rule."""


StrategyFinder = Callable[[Path], str | None]
"""The strategy of the field at a path (`x-mdrepo-merge`), or None."""


def no_settler(_: Conflict) -> Settled | None:
    return None


def no_strategy(_: Path) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge; the paths of conflicts and of settled ones are paths in its content, in the content's order."""

    content: Any
    conflicts: tuple[Conflict, ...] = ()
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """How values are merged: the identity of items; who settles conflicts; which lists are united, whatever their base;
    and whether two lists that came from nowhere may be parts of one, or are two answers to one question.
    """

    keys: KeyFinder = no_keys
    settler: Settler = no_settler
    united: Callable[[Path], bool] = lambda _: False
    joined: bool = False


def merge(base: Any, ours: Any, theirs: Any, keys: KeyFinder = no_keys) -> Merged:
    """The three-way merge of JSON values, each of which may be MISSING; every conflict is returned."""
    return merged_by(Rules(keys), base, ours, theirs)


@deep
def merged_by(rules: Rules, base: Any, ours: Any, theirs: Any) -> Merged:
    """The three-way merge by these rules."""
    walk = _Walk(rules)
    content = walk.merge(base, ours, theirs, ())
    return Merged(content, tuple(walk.conflicts), tuple(walk.settled))


@dataclass(frozen=True, slots=True)
class _Walk:
    rules: Rules
    conflicts: list[Conflict] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    def merge(self, base: Any, ours: Any, theirs: Any, path: Path) -> Any:
        if ours is theirs or base is theirs:  # as what was shared when it was read
            return ours
        if base is ours:
            return theirs
        if isinstance(base, dict) and isinstance(ours, dict) and isinstance(theirs, dict):
            return self.objects(base, ours, theirs, path)  # whatever each changed: members are compared one by one, and once
        if equal(ours, theirs) or equal(base, theirs):
            return ours
        return theirs if equal(base, ours) else self.contested(base, ours, theirs, path)

    def contested(self, base: Any, ours: Any, theirs: Any, path: Path) -> Any:
        """A value that both sides changed: by its parts, if it has any."""
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return self.objects({}, ours, theirs, path)
        if isinstance(ours, list) and isinstance(theirs, list):
            return self.lists(base, ours, theirs, path)
        if isinstance(base, str) and isinstance(ours, str) and isinstance(theirs, str):
            text = merged_text(base, ours, theirs)
            if text is not None:
                return text
        return self.conflict(Conflict(path, base, ours, theirs))

    def conflict(self, found: Conflict) -> Any:
        settled = self.rules.settler(found)
        if settled is not None:
            self.settled.append(settled)
            return settled.value
        self.conflicts.append(found)
        return found.theirs if found.ours is MISSING else found.ours

    def objects(self, base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key in order([*base], [*ours], [*theirs]):
            assert isinstance(key, str)
            sides = (base.get(key, MISSING), ours.get(key, MISSING), theirs.get(key, MISSING))
            value = self.merge(*sides, (*path, key))
            if value is not MISSING:
                result[key] = value
        return result

    def lists(self, base: Any, ours: list[Any], theirs: list[Any], path: Path) -> Any:
        keys, united = self.rules.keys(path), self.rules.united(path)
        if not isinstance(base, list) and not united:
            larger = _containing(ours, theirs) if self.rules.joined else None
            if larger is not None:
                return larger
            if not (self.rules.joined and ours and theirs and identifying_members((ours, theirs), keys)):
                return self.conflict(Conflict(path, base, ours, theirs))
        origin = base if isinstance(base, list) else []
        ids = identified(origin, ours, theirs, keys, united=united)
        if ids is None:
            return self.conflict(Conflict(path, base, ours, theirs))
        return self.items((origin, ours, theirs), ids, path)

    def items(self, sides: tuple[list[Any], list[Any], list[Any]], ids: list[list[Any]], path: Path) -> list[Any]:
        """Items that are the same thing merge with each other; what a side inserts stands behind the item that it follows there."""
        versions = side_by_side(ids, sides, MISSING)
        result: list[Any] = []
        for each in order(ids[0], ids[1], ids[2]):
            base, ours, theirs = versions[each]
            value = ours if base is theirs or ours is theirs else self.merge(base, ours, theirs, (*path, len(result)))
            if value is not MISSING:
                result.append(value)
        return result


def _containing(ours: list[Any], theirs: list[Any]) -> list[Any] | None:
    """Of two lists that came from nowhere the one that has all the items of the other, and more, if one does."""
    mine, yours = (Counter(map(exact, side)) for side in (ours, theirs))
    if mine >= yours:
        return ours
    return theirs if yours >= mine else None
