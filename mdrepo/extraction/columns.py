"""Columns of tables that come in batches of Arrow arrays: types in the words of Table Schema (Frictionless Data), missing, ranges.

The type of a column of text is the first of `integer`, `number`, `boolean`, `date`, `datetime` that all its values can be read as;
else it is `string`, and `any` where there is no value at all. It never depends on how the rows are cut into batches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .classes import LIMIT, LONGEST, listed
from .measures import Numbers

NUMBERS_KEPT = 1 << 26
"""How many numbers of all columns together are kept in memory for quantiles: 512 MiB."""
COLUMNS_LIMIT = 1 << 14
_INSTANT = "datetime with a zone"
_INTEGER = "^-?[0-9]{1,300}$"
"""Of a longer one no mean could be told."""


def repeated(names: Sequence[str]) -> str | None:
    """The first name that two columns have."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


class _Range:
    """The least and greatest of dates or times, which Arrow compares."""

    def __init__(self) -> None:
        self._ends: Any = None

    def add(self, array: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        ends = pc.min_max(array)
        both = pa.array([ends["min"], ends["max"]], array.type)
        if self._ends is not None:
            together = pc.min_max(pa.concat_arrays([both, self._ends.cast(array.type)]))
            both = pa.array([together["min"], together["max"]], array.type)
        self._ends = both

    def described(self) -> dict[str, Any]:
        import pyarrow as pa

        if self._ends is None:
            return {}
        least, most = (_iso(text) for text in self._ends.cast(pa.string()).to_pylist())
        return {"minimum": least, "maximum": most}


def _iso(text: str) -> str:
    """Arrow's text of a date or time in ISO 8601's form, without a fraction of zeros."""
    zone = "Z" if text.endswith("Z") else ""
    whole, _, fraction = text.removesuffix("Z").replace(" ", "T").partition(".")
    fraction = fraction.rstrip("0")
    return whole + (f".{fraction}" if fraction else "") + zone


class _Classes:
    """How often each value of the target occurs, until there are too many for classes."""

    def __init__(self) -> None:
        self.counts: Counter[Any] | None = Counter()

    def add(self, array: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.counts is None:
            return
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        counts = pc.value_counts(array)
        values = counts.field(0)
        long = _is_text(values) and (pc.max(pc.utf8_length(values)).as_py() or 0) > LONGEST
        if len(values) <= LIMIT and not long:
            self.counts.update(dict(zip(values.to_pylist(), counts.field(1).to_pylist(), strict=True)))
        if max(len(values), len(self.counts)) > LIMIT or long:
            self.counts = None


class Column(ABC):
    """What is known of a column so far; `keep` of its numbers are kept for quantiles; classes are counted of a `target`."""

    def __init__(self, name: str, keep: int, target: bool) -> None:
        self.name = name
        self.missing = 0
        """How many values are missing."""
        self._type = "any"
        self._numbers = Numbers(keep)
        self._range = _Range()
        self._classes = _Classes() if target else None

    def add(self, values: Any) -> None:
        """A batch: an array, null where a value is missing."""
        self.missing += values.null_count
        if values.null_count:
            values = values.drop_null()
        if len(values):
            if self._classes is not None:
                self._classes.add(values)
            self._take(values)

    @abstractmethod
    def _take(self, values: Any) -> None:
        """Measure values, none of them missing."""

    def _measure(self, values: Any) -> None:
        if self._type in ("integer", "number"):
            self._numbers.add(values.to_numpy(zero_copy_only=False))
        elif self._type in ("date", "datetime", _INSTANT, "time"):
            self._range.add(values)

    def described(self) -> dict[str, Any]:
        """The column's properties, as the dataset schema has them."""
        shown = "datetime" if self._type == _INSTANT else self._type
        found: dict[str, Any] = {"name": self.name, "type": shown, "missing": self.missing}
        if self._type in ("integer", "number"):
            found["missing"] += self._numbers.nan
            return found | self._numbers.described()
        return found | (self._range.described() if self._type != "string" else {})

    def classes(self) -> list[dict[str, Any]]:
        """The classes of the target."""
        if self._classes is None or self._classes.counts is None or self._type == "number":
            return []
        return listed(self._classes.counts)


class FoundColumn(Column):
    """A column of a text file: its values come as text, or as what they were read as."""

    def __init__(self, name: str, keep: int, target: bool) -> None:
        super().__init__(name, keep, target)
        self.mixed = False
        """Whether batches came as values of different types, so that their classes cannot be told together."""
        self._came: Any = None

    def _take(self, values: Any) -> None:
        self.mixed |= self._came not in (None, values.type)
        self._came = values.type
        was = self._type
        for kind in _MAY_BECOME[was]:
            if _READ[kind](values[:1]) is None and not (kind == "integer" and _long(values[:1])):
                continue  # Arrow is slow to say that many texts are none of a type
            if (found := _READ[kind](values)) is not None:
                self._type = kind
                if was == "integer" and kind == "number":
                    self._numbers.become_floats()
                self._measure(found)
                return
            if kind == "integer" and (long := _long(values)) is not None:
                self._type = kind
                self._numbers.add_long(long)
                return
        self._type = "string"

    def classes(self) -> list[dict[str, Any]]:
        """The classes of the target, each text taken for what it means in its column."""
        if self._classes is None or self._classes.counts is None or self._type == "number":
            return []
        counts: Counter[Any] = Counter()
        for value, count in self._classes.counts.items():
            counts[self.meaning(value)] += count
        return listed(counts)

    def meaning(self, value: Any) -> Any:
        """What a value or its text means in this column."""
        match self._type:
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return str(value).lower() == "true"
        return str(value)


def meanings(texts: Sequence[str], missing: Sequence[str]) -> list[Any]:
    """What the texts of a column mean in it; what stands for a missing value stays as it is."""
    import pyarrow as pa

    column = FoundColumn("", 0, False)
    lacking = frozenset(missing)
    column.add(pa.array([None if text in lacking else text for text in texts], pa.string()))
    return [text if text in lacking else column.meaning(text) for text in texts]


class TypedColumn(Column):
    """A column of a file that says what its values are."""

    def __init__(self, name: str, arrow_type: Any, keep: int, target: bool) -> None:
        super().__init__(name, keep, target)
        self._type = table_schema_type(arrow_type)
        if self._type not in ("integer", "boolean", "string"):
            self._classes = None

    def _take(self, values: Any) -> None:
        import pyarrow as pa

        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if getattr(values.type, "tz", None):
            values = values.cast(pa.timestamp(values.type.unit, "UTC"))
        self._measure(values)


def table_schema_type(arrow_type: Any) -> str:
    """What Table Schema calls a type of Arrow's."""
    from pyarrow import types

    if types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    tests: dict[str, tuple[Callable[[Any], bool], ...]] = {
        "integer": (types.is_integer,),
        "number": (types.is_floating, types.is_decimal),
        "boolean": (types.is_boolean,),
        "string": (types.is_string, types.is_large_string),
        "date": (types.is_date,),
        "datetime": (types.is_timestamp,),
        "time": (types.is_time,),
        "array": (types.is_list, types.is_large_list, types.is_fixed_size_list),
        "object": (types.is_struct, types.is_map),
    }
    return next((name for name, each in tests.items() if any(test(arrow_type) for test in each)), "any")


def _is_text(values: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(values.type) or types.is_large_string(values.type))


def _cast(texts: Any, kind: Any) -> Any:
    """Texts as values of a type; None where one of them is none of it."""
    import pyarrow as pa

    try:
        return texts.cast(kind) if _is_text(texts) else None
    except pa.ArrowInvalid:
        return None


def _integers(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(values):
        return values if pa.types.is_int64(values.type) else None
    if pc.any(pc.match_substring_regex(values, "[xX]")).as_py():
        return None  # Arrow reads hexadecimal; pandas, and people, read text
    found = _cast(values, pa.int64())
    return found if found is not None else _cast(_bare(values), pa.int64())


def _long(values: Any) -> list[int] | None:
    """Integers of any length; None where one of them is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(values):
        return list(values.to_pylist()) if pa.types.is_integer(values.type) else None
    bare = _bare(values)
    return list(map(int, bare.to_pylist())) if pc.all(pc.match_substring_regex(bare, _INTEGER)).as_py() else None


def _floats(values: Any) -> Any:
    import pyarrow as pa

    if not _is_text(values):
        number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
        return values.cast(pa.float64(), safe=False) if number else None
    found = _cast(values, pa.float64())
    return found if found is not None else _cast(_bare(values), pa.float64())


def _bare(texts: Any) -> Any:
    """Texts without white space around them and a plus before a number, which are no reason to be no number."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(pc.ascii_trim_whitespace(texts), r"^\+([0-9.])", r"\1")


def _booleans(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(values):
        return values if pa.types.is_boolean(values.type) else None
    words = pa.array(["true", "false"], values.type)
    return values if pc.all(pc.is_in(pc.ascii_lower(values), value_set=words)).as_py() else None


def _dates(values: Any) -> Any:
    import pyarrow as pa

    return _cast(values, pa.date32())


def _datetimes(values: Any) -> Any:
    import pyarrow as pa

    return _cast(values, pa.timestamp("us"))


def _instants(values: Any) -> Any:
    import pyarrow as pa

    return _cast(values, pa.timestamp("us", "UTC"))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integers,
    "number": _floats,
    "boolean": _booleans,
    "date": _dates,
    "datetime": _datetimes,
    _INSTANT: _instants,
}
_MAY_BECOME: Mapping[str, Sequence[str]] = {
    "any": tuple(_READ),
    "integer": ("integer", "number"),
    "number": ("number",),
    "boolean": ("boolean",),
    "date": ("date", "datetime"),
    "datetime": ("datetime",),
    _INSTANT: (_INSTANT,),
    "string": (),
}
