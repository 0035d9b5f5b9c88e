"""Parquet tables, read in batches by Arrow; texts stay in their dictionaries, so that a small file cannot fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError
from .columns import COLUMNS_LIMIT, NUMBERS_KEPT, TypedColumn, repeated

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


class Parquet:
    """Columns: names, types, missing values, ranges, means, quantiles; class counts of the target."""

    name = "parquet"
    kind = "data"
    version = "1"
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
