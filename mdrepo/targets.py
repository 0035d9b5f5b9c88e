"""The answers in a data file: reading them, and writing the file anew with others. Arrays through numpy, tables through pandas."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import Finding, MissingExtra

SUFFIXES = (".npz", ".csv", ".parquet")


def read(path: Path, suffix: str, target: str) -> list[Any]:
    """The target's value of each example; raises Finding."""
    if suffix == ".npz":
        array = _arrays(path).get(target)
        if array is None:
            raise Finding(f"{path.name} has no array {target!r}")
        if array.ndim != 1 or array.dtype.kind not in "biuSU":
            raise Finding(f"the array {target!r} of {path.name} is no list of classes")
        return list(array.tolist())
    frame = _frame(path, suffix)
    if target not in frame.columns:
        raise Finding(f"{path.name} has no column {target!r}")
    return list(frame[target].tolist())


def rewritten(path: Path, suffix: str, target: str, values: Sequence[Any]) -> bytes:
    """The file with other values of the target, and everything else as it is."""
    out = io.BytesIO()
    if suffix == ".npz":
        import numpy as np

        arrays = _arrays(path)
        given = np.asarray(values)
        # integers keep their type where the new ones fit in it
        kept = arrays[target].dtype
        fits = kept.kind in "iu" and given.dtype.kind in "iu" and not len(given[given != given.astype(kept)])
        arrays[target] = given.astype(kept) if fits else given
        with zipfile.ZipFile(path) as archive:
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        (np.savez_compressed if packed else np.savez)(out, **arrays)
        return out.getvalue()
    frame = _frame(path, suffix)
    frame[target] = values
    if suffix == ".parquet":
        frame.to_parquet(out, index=False)
    else:
        newline = "\r\n" if b"\r\n" in path.read_bytes()[: 1 << 16] else "\n"
        frame.to_csv(out, index=False, lineterminator=newline)
    return out.getvalue()


def _arrays(path: Path) -> dict[str, Any]:
    from .extraction import npz

    return dict(npz.load(path))


def _frame(path: Path, suffix: str) -> Any:
    """A table; of CSV every cell as the text that it is."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("pandas", "data") from None
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise Finding(f"{path.name}: not a table: {str(error).strip().splitlines()[0]}") from None
