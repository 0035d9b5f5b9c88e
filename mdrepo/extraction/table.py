"""CSV tables, read with pandas; types in the words of Table Schema (Frictionless Data)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError
from .classes import counted

_TYPES = {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "M": "datetime"}


def load(path: Path) -> Any:
    """The table as a pandas frame; raises ExtractionError."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("pandas", "data") from None
    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise ExtractionError(path, f"not a table in CSV: {str(error).strip()}") from None


def _described(name: str, column: Any) -> dict[str, Any]:
    kind = _TYPES.get(column.dtype.kind, "string")
    described: dict[str, Any] = {"name": name, "type": kind, "missing": int(column.isna().sum())}
    if kind in ("integer", "number") and described["missing"] < len(column):
        described["minimum"] = column.min().item()
        described["maximum"] = column.max().item()
        described["mean"] = round(float(column.mean()), 6)
    return described


class Csv:
    """Columns: names, types, missing values, ranges, means; class counts of the target."""

    name = "csv"
    kind = "data"
    version = "1"
    suffixes = (".csv",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        frame = load(path)
        values: dict[str, Any] = {
            "format": "csv",
            "examples": len(frame),
            "columns": [_described(str(name), frame[name]) for name in frame.columns],
        }
        target = options.get("/target")
        if target in frame.columns:
            values["classes"] = counted(frame[target].dropna().tolist())
        return values


EXTRACTOR = Csv()
