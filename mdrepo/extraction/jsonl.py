"""JSON lines (UTF-8, one JSON object a line), as labels of text and images are often kept; read line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError
from .classes import LIMIT, LONGEST, listed
from .columns import COLUMNS_LIMIT, NUMBERS_KEPT
from .lines import lines
from .measures import Numbers

_BATCH = 1 << 16
_MANY = 16  # members, of which many numbers are kept for quantiles
_TYPES: Mapping[type, str] = {int: "integer", float: "number", bool: "boolean", str: "string", list: "array", dict: "object"}


class _Member:
    """A member of the objects, as a column."""

    def __init__(self, name: str, keep: int, target: bool) -> None:
        self.name = name
        self.there = 0
        self._types: set[type] = set()
        self._numbers, self._floats = Numbers(keep), False
        self._waiting: list[Any] = []
        self._counts: Counter[tuple[type, Any]] | None = Counter() if target else None

    def add(self, value: Any) -> None:
        """One value, not null."""
        kind = type(value)
        self.there += 1
        self._types.add(kind)
        if kind in (int, float):
            self._waiting.append(value)
        if self._counts is not None:
            self._counts[kind, value if kind in (int, str, bool) else None] += 1
            if len(self._counts) > LIMIT or (kind is str and len(value) > LONGEST):
                self._counts = None

    def measure(self) -> None:
        """Take in the numbers that wait for it."""
        import numpy as np

        if not self._waiting:
            return
        if float in self._types:
            if not self._floats:
                self._numbers.become_floats()
                self._floats = True
            self._numbers.add(np.array(self._waiting, np.float64))
        elif any(not -(1 << 63) <= value < 1 << 63 for value in self._waiting):
            self._numbers.add_long(self._waiting)
        else:
            self._numbers.add(np.array(self._waiting, np.int64))
        self._waiting = []

    def described(self, rows: int) -> dict[str, Any]:
        """The properties of the column, as the dataset schema has them."""
        self.measure()
        names = {_TYPES[kind] for kind in self._types}
        kind = "number" if names == {"integer", "number"} else names.pop() if len(names) == 1 else "any"
        found: dict[str, Any] = {"name": self.name, "type": kind, "missing": rows - self.there}
        return found | (self._numbers.described() if kind in ("integer", "number") else {})

    def classes(self) -> list[dict[str, Any]]:
        """The classes of the target; none where its values are of several types."""
        kinds = {kind for kind, _ in self._counts or ()}
        if self._counts is None or len(kinds) != 1 or not kinds <= {int, str, bool}:
            return []
        return listed({value: count for (_, value), count in self._counts.items()})


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    import orjson

    for number, line in lines(path):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ExtractionError(path, f"line {number} is not JSON: {str(error).partition(':')[0]}") from None
        if not isinstance(value, dict):
            raise ExtractionError(path, f"line {number} is not an object")
        yield value


class JsonLines:
    """Members of the objects: names, types, missing values, ranges, means, quantiles; class counts of the target."""

    name = "jsonl"
    kind = "data"
    version = "2"
    suffixes = (".jsonl", ".ndjson")

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            import numpy as np  # noqa: F401
        except ImportError:
            raise MissingExtra("numpy", "data") from None
        target = options.get("/target")
        members: dict[str, _Member] = {}
        rows = waiting = 0
        for row in _objects(path):
            rows += 1
            for name, value in row.items():
                if (member := members.get(name)) is None:
                    if len(members) == COLUMNS_LIMIT:
                        raise ExtractionError(path, f"its objects have more than {COLUMNS_LIMIT:,} members")
                    keep = NUMBERS_KEPT // 2 // (_MANY if len(members) < _MANY else COLUMNS_LIMIT)
                    member = members[name] = _Member(name, keep, name == target)
                if value is not None:
                    member.add(value)
            waiting += len(row)
            if waiting > _BATCH:
                waiting = 0
                for member in members.values():
                    member.measure()
        columns = [member.described(rows) for member in members.values()]
        found: dict[str, Any] = {"format": "jsonl", "examples": rows, "columns": columns}
        return found | ({"classes": members[target].classes()} if target in members else {})


EXTRACTOR = JsonLines()
