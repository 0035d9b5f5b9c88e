"""How a true conflict settles itself: by the schema's strategy for its field, else by a rule that loses nobody's edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .changes import MISSING, KeyFinder, no_keys
from .merging import Conflict, Merged, Rules, Settled, StrategyFinder, merged_by, no_strategy
from .renumbering import renumbered
from .schemas import Schema
from .sweeping import without_swept
from .versions import ranks, version
from .writing import KeyOrder, no_order


@dataclass(frozen=True, slots=True)
class Guide:
    """What a schema says of merging: the identity of items, the strategies of fields, the order of members."""

    keys: KeyFinder = no_keys
    strategy: StrategyFinder = no_strategy
    order: KeyOrder = no_order

    @staticmethod
    def of(schema: Schema) -> Guide:
        return Guide(schema.keys, schema.strategy, schema.key_order)


def merged_and_settled(base: Any, ours: Any, theirs: Any, guide: Guide = Guide()) -> Merged:
    """The merge of three values, with those conflicts settled that a strategy or a rule settles."""
    rules = Rules(guide.keys, _Strategies(guide.strategy).settle, lambda path: guide.strategy(path) == "union", joined=True)
    merged = merged_by(rules, base, ours, theirs)
    merged = renumbered(merged, base, ours, theirs, guide.strategy)
    return without_swept(merged, base, ours, theirs)


@dataclass(frozen=True, slots=True)
class _Strategies:
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
        """A field that one side took away is there still; lists are united as they are merged."""
        if MISSING in (conflict.ours, conflict.theirs):
            return (conflict.theirs if conflict.ours is MISSING else conflict.ours,)
        return None


def _extreme(name: str, conflict: Conflict) -> tuple[Any] | None:
    """The greater or the smaller of two values, if they have an order and are not two spellings of one."""
    found = ranks([conflict.ours, conflict.theirs])
    if found is None or found[0] == found[1]:
        return None
    return (conflict.ours if (found[0] > found[1]) == (name == "max") else conflict.theirs,)


def _raised_version(conflict: Conflict) -> Settled | None:
    """A version of three or more parts that both sides raised: the higher one, which is what either side asked for at least."""
    found = [version(each, 3) for each in (conflict.base, conflict.ours, conflict.theirs)]
    base, ours, theirs = found
    if base is None or ours is None or theirs is None or not base[0] == ours[0] == theirs[0]:
        return None
    if ours == theirs or not (ours > base and theirs > base):
        return None
    return Settled(conflict, conflict.ours if ours > theirs else conflict.theirs, "the higher version")
