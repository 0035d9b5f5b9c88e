"""Parquet tables, read in batches by Arrow; texts stay in their dictionaries, so that a small file cannot fill the memory."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import MissingExtra, UsageError
from . import ExtractionError
from .columns import COLUMNS_LIMIT, NUMBERS_KEPT, TypedColumn, repeated, table_schema_type

ROWS = 1 << 16
"""Rows that are read at a time."""
_VALUES_LIMIT = 100_000_000
_RATIO_LIMIT = 1000  # values a byte of the file
_INDEX = re.compile(r"__index_level_\d+__")  # pandas' index, no column


def _open(path: Path) -> Any:
    """The file, after a look at what it declares; raises ExtractionError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        about, schema = file.metadata, file.schema_arrow
        if about.num_columns > COLUMNS_LIMIT:
            raise ExtractionError(path, f"has more than {COLUMNS_LIMIT:,} columns")
        if about.num_rows * about.num_columns > max(_VALUES_LIMIT, _RATIO_LIMIT * path.stat().st_size):
            raise ExtractionError(path, f"declares {about.num_rows:,} rows, far more than the file has")
        if (twice := repeated(schema.names)) is not None:
            raise ExtractionError(path, f"two columns are called {twice!r}")
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
    return pq.ParquetFile(path, read_dictionary=texts)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """What Arrow says of a file in our words."""
    try:
        import pandas as pd  # noqa: F401
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra(error.name or "pyarrow", "data") from None
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ExtractionError(path, f"not a Parquet file, or a broken one ({str(error).strip().splitlines()[0]})") from None


def load(path: Path) -> Any:
    """The whole table as a pandas frame; raises ExtractionError."""
    with _errors(path):
        with _open(path):
            pass
        import pandas as pd

        return pd.read_parquet(path)


def values(path: Path, name: str) -> list[Any] | None:
    """The values of a column, None where one is missing; None where they can be no classes. Raises ExtractionError."""
    with _errors(path), _open(path) as file:
        from pyarrow import types

        fields = {field.name: field.type for field in file.schema_arrow}
        if name not in fields:
            raise ExtractionError(path, f"has no column {name!r}")
        if table_schema_type(fields[name]) not in ("integer", "number", "boolean", "string") or types.is_decimal(fields[name]):
            return None
        found: list[Any] = file.read([name])[name].to_pylist()
        return found


def fitting(path: Path, name: str, given: Sequence[Any], renamed: Mapping[Any, Any]) -> tuple[Any, tuple[str, str] | None]:
    """A column with other values in its own type; else in a wider one, with both types. Raises ExtractionError, UsageError."""
    with _errors(path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            old = file.read([name])[name].combine_chunks()
        for kind in _wider(old.type):
            try:
                column = _categories(old, given, renamed, kind) if pa.types.is_dictionary(kind) else pa.array(given, kind)
            except (pa.ArrowInvalid, OverflowError):
                continue
            return column, None if kind == old.type else (str(old.type), str(kind))
    raise UsageError(f"the column {name!r} has the type {old.type}, in which the new classes do not fit")


def _wider(kind: Any) -> list[Any]:
    """A type, and those that hold what it holds and more."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return [kind, *(pa.dictionary(pa.int32(), each, kind.ordered) for each in _wider(kind.value_type))]
    integers = [pa.int16(), pa.int32(), pa.int64()] if pa.types.is_integer(kind) else []
    return [kind, *(each for each in integers if each.bit_width > kind.bit_width)]


def _categories(old: Any, given: Sequence[Any], renamed: Mapping[Any, Any], kind: Any) -> Any:
    """A column of categories: those of the old one in their order, under their new names, and new ones behind them."""
    import pyarrow as pa

    before = [renamed.get(each, each) for each in old.dictionary.to_pylist()]
    places = {value: place for place, value in enumerate(each for each in dict.fromkeys([*before, *given]) if each is not None)}
    indices = pa.array([None if each is None else places[each] for each in given], kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(places), kind.value_type), ordered=kind.ordered)


def replaced(path: Path, name: str, column: Any) -> bytes:
    """The file with another column in the place of one, and all else in it as it is; raises ExtractionError."""
    with _errors(path):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            table = file.read()
            groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        about = dict(table.schema.metadata or {})
        if column.type != field.type and b"pandas" in about:  # what pandas had its values in is no place for the new ones
            told = json.loads(about[b"pandas"])
            told["columns"] = [each for each in told["columns"] if each.get("field_name", each["name"]) != name]
            about[b"pandas"] = json.dumps(told).encode()
        table = table.set_column(place, field.with_type(column.type), column).replace_schema_metadata(about)
        parts = [groups[0].column(each) for each in range(groups[0].num_columns)] if groups else []
        codecs = {part.path_in_schema: part.compression for part in parts}
        size = max((group.num_rows for group in groups), default=None)
        out = io.BytesIO()
        pq.write_table(table, out, compression=codecs or "snappy", row_group_size=size)
        return out.getvalue()


class Parquet:
    """Columns: names, types, missing values, ranges, means, quantiles; class counts of the target."""

    name = "parquet"
    kind = "data"
    version = "2"
    suffixes = (".parquet",)

    def derive(self, path: Path, options: Mapping[str, Any], rows: int = ROWS) -> Mapping[str, Any]:
        target = options.get("/target")
        with _errors(path), _open(path) as file:
            fields = [field for field in file.schema_arrow if not _INDEX.fullmatch(field.name)]
            keep = NUMBERS_KEPT // max(len(fields), 1)
            columns = [TypedColumn(field.name, field.type, keep, field.name == target) for field in fields]
            for batch in file.iter_batches(rows, columns=[column.name for column in columns], use_threads=False):
                for column in columns:
                    column.add(batch.column(column.name))
            examples = file.metadata.num_rows
        described: dict[str, Any] = {
            "format": "parquet",
            "examples": examples,
            "columns": [column.described() for column in columns],
        }
        for column in columns:
            if column.name == target:
                described["classes"] = column.classes()
        return described


EXTRACTOR = Parquet()
