"""The classes of the examples in data: reading them, and the same data with others. Arrays through numpy, tables through pandas."""

from __future__ import annotations

import io
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from . import subfolders
from .errors import Finding, MissingExtra
from .files import write


class Change(Protocol):
    """The same data with other classes: the files that need another name for it (was, is), and how they are written."""

    @property
    def renamed(self) -> Sequence[tuple[str, str]]: ...

    def write(self, place: Path) -> None:
        """Make the data at a place that is empty; the old ones stay as they are. Raises OSError."""


class Target(Protocol):
    """Data with a class for each example; `items` says how an example is named."""

    values: Sequence[Any]
    items: str

    def example(self, item: str) -> int | None:
        """The place in `values` of the example with a name."""

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change:
        """The data with other values, and with other names of whole classes; raises Finding where that cannot be."""


def of(path: Path, target: Any) -> Target:
    """The classes in a file, in its array or column `target`, or those of a folder; raises Finding."""
    if path.is_dir():
        return subfolders.Subfolders(path)
    kind = _KINDS.get(path.suffix)
    if kind is None or not isinstance(target, str):
        raise Finding(f"{path.name}: only a folder of pictures, or a target in {', '.join(_KINDS)}, can be relabelled")
    return kind(path, target)


class _File(ABC):
    """A file with a target; everything else in it stays as it is."""

    def __init__(self, path: Path, target: str) -> None:
        self.path = path
        self.target = target
        self.values: Sequence[Any] = self.read()
        self.items = f"there are {len(self.values)}, counted from 0"

    def example(self, item: str) -> int | None:
        return int(item) if item.isdecimal() and int(item) < len(self.values) else None

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change:
        return _Rewritten(self, values)

    @abstractmethod
    def read(self) -> list[Any]: ...

    @abstractmethod
    def rewritten(self, values: Sequence[Any]) -> bytes: ...


class _Rewritten:
    """A file with other values of its target."""

    renamed: tuple[tuple[str, str], ...] = ()

    def __init__(self, file: _File, values: Sequence[Any]) -> None:
        self._file = file
        self._values = values

    def write(self, place: Path) -> None:
        write(place.parent, place.name, self._file.rewritten(self._values))


class _Arrays(_File):
    """An `.npz` archive; integers keep their type where the new ones fit in it."""

    def read(self) -> list[Any]:
        array = self._arrays().get(self.target)
        if array is None:
            raise Finding(f"{self.path.name} has no array {self.target!r}")
        if array.ndim != 1 or array.dtype.kind not in "biuSU":
            raise Finding(f"the array {self.target!r} of {self.path.name} is no list of classes")
        return list(array.tolist())

    def rewritten(self, values: Sequence[Any]) -> bytes:
        import numpy as np

        arrays = self._arrays()
        given = np.asarray(values)
        kept = arrays[self.target].dtype
        fits = kept.kind in "iu" and given.dtype.kind in "iu" and not len(given[given != given.astype(kept)])
        arrays[self.target] = given.astype(kept) if fits else given
        with zipfile.ZipFile(self.path) as archive:
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        out = io.BytesIO()
        (np.savez_compressed if packed else np.savez)(out, **arrays)
        return out.getvalue()

    def _arrays(self) -> dict[str, Any]:
        from .extraction import npz

        return dict(npz.load(self.path))


class _Table(_File):
    """A table with a column of classes."""

    def read(self) -> list[Any]:
        frame = self._frame()
        if self.target not in frame.columns:
            raise Finding(f"{self.path.name} has no column {self.target!r}")
        return list(frame[self.target].tolist())

    def rewritten(self, values: Sequence[Any]) -> bytes:
        frame = self._frame()
        frame[self.target] = values
        out = io.BytesIO()
        self.put(frame, out)
        return out.getvalue()

    def _frame(self) -> Any:
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "data") from None
        try:
            return self.frame(pd)
        except (ValueError, OSError, pd.errors.ParserError) as error:
            raise Finding(f"{self.path.name}: not a table: {str(error).strip().splitlines()[0]}") from None

    @abstractmethod
    def frame(self, pd: Any) -> Any: ...

    @abstractmethod
    def put(self, frame: Any, out: io.BytesIO) -> None: ...


class _Csv(_Table):
    """Every cell as the text that it is."""

    def frame(self, pd: Any) -> Any:
        return pd.read_csv(self.path, dtype=str, keep_default_na=False)

    def put(self, frame: Any, out: io.BytesIO) -> None:
        with self.path.open("rb") as file:
            newline = "\r\n" if b"\r\n" in file.read(1 << 16) else "\n"
        frame.to_csv(out, index=False, lineterminator=newline)


class _Parquet(_Table):
    def frame(self, pd: Any) -> Any:
        return pd.read_parquet(self.path)

    def put(self, frame: Any, out: io.BytesIO) -> None:
        frame.to_parquet(out, index=False)


_KINDS: Mapping[str, type[_File]] = {".npz": _Arrays, ".csv": _Csv, ".parquet": _Parquet}
