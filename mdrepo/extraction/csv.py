"""CSV tables (RFC 4180, UTF-8, with a heading): pandas reads them, in batches, and says what is missing; memory stays bounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import MissingExtra
from . import ExtractionError
from .columns import COLUMNS_LIMIT, NUMBERS_KEPT, FoundColumn, repeated

BATCH = 5 << 20
"""About how many bytes are read at a time: what is measured of them is still in the processor's cache."""
_BATCH_LIMIT = 256 << 20  # what a batch may grow to, where rows get longer on the way
MISSING = [*("", "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "<NA>", "NULL", "null", "None"), *("NaN", "nan", "-NaN", "-nan")]
MISSING += ["1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]
"""What stands for a missing value: pandas' own list, written down so that it is the same with any pandas."""
_ROWS_LIMIT = 1 << 17
_FIRST = 1 << 18
_REUSED = 31 << 20
_HEAD = 4 << 20


class _Source:
    """The file for pandas to read: without NUL, in batches of bounded size."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self.total = self.batch = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if b"\0" in data:
            raise ExtractionError(self._path, f"line {_line(self._path, self.total + data.find(0))} has a NUL byte: is it UTF-8?")
        self.total += len(data)
        self.batch += len(data)  # since the last batch
        if self.batch > _BATCH_LIMIT:
            raise ExtractionError(self._path, f"a row, or the rows of a batch, are longer than {_BATCH_LIMIT >> 20} MiB")
        return data

    def __iter__(self) -> Iterator[bytes]:  # pandas takes for a file what can be iterated
        return iter(())


def _line(path: Path, place: int) -> int:
    """The number of the line that a byte of a file is in."""
    with path.open("rb") as file:
        count = 1
        while place > 0 and (data := file.read(min(place, 1 << 20))):
            count += data.count(b"\n")
            place -= len(data)
        return count


def _not_utf8(path: Path) -> str:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(iter(lambda: file.readline(_HEAD), ""), 1):
            if any("\udc80" <= character <= "\udcff" for character in line):
                return f"line {number} is not UTF-8"
    return "is not UTF-8"


def heading(path: Path) -> list[str]:
    """The columns' names, the first row; one without a name is called as pandas calls it. Raises ExtractionError."""
    with path.open("rb") as file:
        head = file.readline(_HEAD)
        while head.count(b'"') % 2 or not head.strip():  # in a quoted name, or before the first row
            more = file.readline(_HEAD)
            head += more
            if not more or len(head) > _HEAD:
                break
    text = head.decode("utf-8-sig", "replace")
    try:
        names = next((row for row in csv.reader(io.StringIO(text, newline="")) if "".join(row).strip() or len(row) > 1), None)
    except csv.Error as error:
        raise ExtractionError(path, f"its heading cannot be read ({error})") from None
    if names is None:
        raise ExtractionError(path, "is empty" if not text.strip() else "its heading cannot be read")
    if len(names) > COLUMNS_LIMIT:
        raise ExtractionError(path, f"has more than {COLUMNS_LIMIT:,} columns")
    if len(names) == 1:
        _hold_to_commas(path, names[0], head)
    names = [name or f"Unnamed: {place}" for place, name in enumerate(names)]
    if (twice := repeated(names)) is not None:
        raise ExtractionError(path, f"two columns are called {twice!r}")
    return names


def _hold_to_commas(path: Path, name: str, head: bytes) -> None:
    """Raises ExtractionError where one column looks like several that something else than a comma separates."""
    with path.open("rb") as file:
        file.seek(len(head))
        first = file.readline(_HEAD).decode("utf-8", "replace")
    for mark, shown in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if name.count(mark) and name.count(mark) == first.count(mark):
            raise ExtractionError(
                path, f"its columns are separated by {shown}, and would be one, {name!r}: separate them by commas"
            )


def _rows(batch: int, rows: int, size: int) -> int:
    """How many rows make a batch, where so many rows have that size."""
    return max(1, min(batch * rows // max(size, 1), _ROWS_LIMIT))


def frames(path: Path, names: list[str], batch: int = BATCH, text: bool = False, only: str | None = None) -> Iterator[Any]:
    """The table in pandas frames, backed by Arrow, of about `batch` bytes; as `text` nothing is taken for numbers."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    np.empty(_REUSED, np.uint8)  # glibc keeps, for the next batch, blocks up to the size of the largest that was ever freed
    with suppress(NotImplementedError):  # where Arrow has been built with it, it too keeps them
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    options: dict[str, Any] = {"dtype_backend": "pyarrow", "low_memory": False, "na_values": MISSING, "keep_default_na": False}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"
    options |= {"dtype": pd.ArrowDtype(pa.string())} if text else {}
    options |= {"usecols": [only]} if only else {}
    rows = 0
    with path.open("rb", buffering=0) as file:
        head = file.read(_FIRST)
        file.seek(0)
        source, size = _Source(file, path), _rows(batch, head.count(b"\n"), len(head))
        with pd.read_csv(source, header=0, names=names, chunksize=size, **options) as reader:  # type: ignore[call-overload]
            while True:
                try:
                    frame = reader.get_chunk(size)
                except StopIteration:
                    break
                if not isinstance(frame.index, pd.RangeIndex):
                    raise ExtractionError(path, f"its rows have more values than its heading, which has {len(names)}")
                if len(frame):
                    rows += len(frame)
                    yield frame
                del frame  # the next one takes its memory, which is still in the processor's cache
                size = _rows(batch, rows, source.total)
                source.batch = 0


def _hold_to_columns(path: Path, commas: int) -> None:
    """See that no row is shorter than the others, by the commas, or where there are quotes by Arrow; raises ExtractionError."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    with path.open("rb", buffering=0) as file:
        while (data := file.read(1 << 18)) and b'"' not in data:
            commas -= int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord(",")))
    if not data and not commas:
        return
    refused: list[str] = []

    def wrong(row: Any) -> str:
        if not row.text.strip():
            return "skip"
        refused.append(f"row {row.number} has {row.actual_columns} of {row.expected_columns} values")
        return "error"

    read = arrow_csv.ReadOptions(block_size=_HEAD, use_threads=False, autogenerate_column_names=True)
    parse = arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=wrong)
    convert = arrow_csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.binary()})
    try:
        for _ in arrow_csv.open_csv(path, read, parse, convert):
            pass
    except pa.ArrowInvalid as error:
        raise ExtractionError(path, refused[0] if refused else f"not a table in CSV: {str(error).strip()}") from None


def load(path: Path) -> Any:
    """The whole table as a pandas frame; raises ExtractionError."""
    with _errors(path):
        import pandas as pd

        return pd.read_csv(path, na_values=MISSING, keep_default_na=False)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """What pandas says of a file in our words."""
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or "pandas", "data") from None
    try:
        yield
    except pd.errors.ParserError as error:
        raise ExtractionError(path, f"not a table in CSV: {str(error).strip().rpartition('C error: ')[2]}") from None
    except pd.errors.EmptyDataError:
        raise ExtractionError(path, "is empty") from None
    except UnicodeDecodeError:
        raise ExtractionError(path, _not_utf8(path)) from None
    except OSError as error:
        raise ExtractionError(path, error.strerror or str(error)) from None


class Csv:
    """Columns: names, types, missing values, ranges, means, quantiles; class counts of the target."""

    name = "csv"
    kind = "data"
    version = "3"
    suffixes = (".csv",)

    def derive(self, path: Path, options: Mapping[str, Any], batch: int = BATCH) -> Mapping[str, Any]:
        target = options.get("/target")
        with _errors(path):
            try:
                return _described(path, target, batch, text=False)
            except OverflowError:  # pandas has no type for integers of more than 64 bits
                return _described(path, target, batch, text=True)


def _described(path: Path, target: Any, batch: int, text: bool) -> Mapping[str, Any]:
    names = heading(path)
    columns = {name: FoundColumn(name, NUMBERS_KEPT // len(names), name == target) for name in names}
    rows = 0
    for frame in frames(path, names, batch, text):
        rows += len(frame)
        for name, series in frame.items():
            columns[name].add(_arrow(series))
            del series
        del frame
    if columns[names[-1]].missing:  # pandas fills rows that are too short
        _hold_to_columns(path, (rows + 1) * (len(names) - 1))
    found: dict[str, Any] = {"format": "csv", "examples": rows, "columns": [column.described() for column in columns.values()]}
    if target in columns:
        column = columns[target]
        if column.mixed:  # what was read as a number before a text came must be counted as it is written
            column = FoundColumn(target, 0, True)
            for frame in frames(path, names, batch, text=True, only=target):
                column.add(_arrow(frame[target]))
        found["classes"] = column.classes()
    return found


def _arrow(series: Any) -> Any:
    """A column as one array; raises OverflowError where pandas left missing values among integers of 64 bits as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = series.array.__arrow_array__()
    values = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    first = values[0].as_py()
    suspect = isinstance(first, str) and (first in MISSING or first.strip().lstrip("+-").isdigit())
    if suspect and pc.any(pc.is_in(values, value_set=pa.array(MISSING, values.type))).as_py():
        raise OverflowError
    return values


EXTRACTOR = Csv()
