"""The parts of the test data that are looked at on their own, as a document names them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents import canonical
from ..errors import Finding
from .scoring import Flags

MOST = 100
"""How many values a column may have to be cut by each of them."""

_BOUNDS = {
    "at_least": (">=", operator.ge),
    "above": (">", operator.gt),
    "at_most": ("<=", operator.le),
    "below": ("<", operator.lt),
}


@dataclass(frozen=True)
class Slice:
    """Some of the examples, by flags, with the tolerance of its own, if it has any; `view` names the policy that changes them."""

    name: str
    members: Flags
    tolerance: Mapping[str, float] | None = None
    view: str | None = None

    def of(self, taken: Any) -> Slice:
        """The same among some of the examples."""
        return replace(self, members=self.members[taken])


def cut(named: Sequence[Mapping[str, Any]], columns: Mapping[str, NDArray[Any]], count: int = 0) -> list[Slice]:
    """The slices by columns, by conditions, and of all the `count` examples by policies; raises Finding.

    It does so where one has no members, its column does not fit it, or two have one name.
    """
    found = [each for asked in named if asked.get("by") != "label" for each in _cut(asked, columns, count)]
    names = [each.name for each in found]
    if twice := next((each.name for each in found if each.view is not None and names.count(each.name) > 1), None):
        raise Finding(f"two slices are called {twice!r}", "name each policy's otherwise")
    return found


def name(asked: Mapping[str, Any]) -> str:
    """What a slice is called where people read of it."""
    if "augmentation" in asked:
        return str(asked["name"])
    if "where" not in asked:
        return str(asked.get("column") or asked.get("by"))
    where = asked["where"]
    column = where["column"]
    parts = [f"{column} {sign} {where[bound]}" for bound, (sign, _) in _BOUNDS.items() if bound in where]
    if "equals" in where:
        parts.insert(0, f"{column} = {_plain(where['equals'])}")
    if "one_of" in where:
        parts.insert(0, f"{column} in {', '.join(_plain(value) for value in where['one_of'])}")
    return " and ".join(parts)


def identity(asked: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes a slice the same one in another document: its kind, its name, and the policy that changes its examples."""
    kind = next(each for each in ("augmentation", "where", "column", "by") if each in asked)
    return kind, name(asked), canonical(asked.get("augmentation"))


def _cut(asked: Mapping[str, Any], columns: Mapping[str, NDArray[Any]], count: int) -> Iterator[Slice]:
    tolerance = asked.get("tolerance")
    if "augmentation" in asked:
        yield Slice(name(asked), np.ones(count, bool), tolerance, name(asked))
        return
    if "where" in asked:
        members = _meeting(asked["where"], columns[asked["where"]["column"]])
        if not members.any():
            raise Finding(f"the slice {name(asked)} has no members in the test data")
        yield Slice(name(asked), members, tolerance)
        return
    column = asked["column"]
    values = [_plain(value) for value in _flat(columns[column], column).tolist()]
    found = sorted(set(values))
    if len(found) > MOST:
        raise Finding(
            f"the column {column!r} has {len(found)} values, too many to cut the test data by each",
            'name the parts by conditions: {"where": {"column": ..., "at_least": ...}}',
        )
    kept = np.array(values, dtype=object)
    for value in found:
        yield Slice(f"{column} = {value}", np.asarray(kept == value, bool), tolerance)


def _meeting(where: Mapping[str, Any], column: NDArray[Any]) -> Flags:
    values = _flat(column, where["column"])
    members = np.ones(len(values), bool)
    if "equals" in where:
        members &= _among(values, [where["equals"]])
    if "one_of" in where:
        members &= _among(values, where["one_of"])
    bounds = [bound for bound in _BOUNDS if bound in where]
    if bounds and values.dtype.kind not in "biuf":
        raise Finding(f"the column {where['column']!r} has no numbers, so {bounds[0]} means nothing", "use 'equals' or 'one_of'")
    for bound in bounds:
        members &= _BOUNDS[bound][1](values.astype(np.float64), where[bound])
    return members


def _among(values: NDArray[Any], wanted: Sequence[Any]) -> Flags:
    texts = {_plain(value) for value in wanted}
    return np.array([_plain(value) in texts for value in values.tolist()], bool)


def _plain(value: Any) -> str:
    """A value as text: a whole number the same whether it was kept as an integer or not, a missing value as `missing`."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 (NaN is not itself)
        return "missing"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _flat(column: NDArray[Any], named: str) -> NDArray[Any]:
    if column.ndim != 1:
        raise Finding(f"the array {named!r} has {column.ndim} dimensions; a slice is cut by one value an example")
    return column
