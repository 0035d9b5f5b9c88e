"""The classes of a target: its distinct values, with their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

LIMIT = 1000
LONGEST = 1000
"""Characters of the longest text that may be a class."""


def counted(values: Iterable[Any]) -> list[dict[str, Any]]:
    """The classes of values."""
    return listed(Counter(values))


def listed(counts: Mapping[Any, int]) -> list[dict[str, Any]]:
    """One class a value, in the values' order; none where the target is not a set of names or numbers, or has too many."""
    if len(counts) > LIMIT or not all(isinstance(value, int | str) for value in counts):
        return []
    order = sorted(counts, key=lambda value: (isinstance(value, str), value))
    return [{"value": value, "name": _name(value), "count": counts[value]} for value in order]


def _name(value: int | str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
