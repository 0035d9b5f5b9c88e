"""The classes of the examples in data: reading them, and the same data with others."""

from __future__ import annotations

import io
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import subfolders
from .errors import Finding, MissingExtra, UsageError
from .extraction import csv, npz, parquet
from .extraction.columns import meanings
from .files import write


class Change(Protocol):
    """The same data with other classes: the files that need another name for it (was, is), and how they are written.

    `retyped` is the type that the target had and the one that its new values need (was, is), where it cannot stay.
    """

    @property
    def renamed(self) -> Sequence[tuple[str, str]]: ...

    @property
    def retyped(self) -> tuple[str, str] | None: ...

    def write(self, place: Path) -> None:
        """Make the data at a place that is empty; the old ones stay as they are. Raises OSError."""


class Target(Protocol):
    """Data with a class for each example, as the document's classes have it; `items` says how an example is named."""

    values: Sequence[Any]
    items: str

    def meant(self, text: str) -> Any:
        """The value that a text stands for; raises UsageError where it can be none of this data's."""

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

    def meant(self, text: str) -> Any:
        kinds = {type(value) for value in self.values if not self.lacks(value)}
        if kinds == {bool}:
            if text.lower() not in ("true", "false"):
                raise UsageError("there is no third class of true and false")
            return text.lower() == "true"
        for kind, words in ((int, "whole number"), (float, "number")):
            if kinds and kinds <= {int, kind}:
                try:
                    return kind(text)
                except ValueError:
                    raise UsageError(f"{text!r} is no {words}, as the data's classes are") from None
        return text

    def lacks(self, value: Any) -> bool:
        """Whether a value stands for a missing one."""
        return value is None

    @abstractmethod
    def read(self) -> list[Any]: ...

    @abstractmethod
    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change: ...


@dataclass(frozen=True)
class _Rewritten:
    """A file with other values of its target, as what makes its bytes."""

    made: Callable[[], bytes]
    retyped: tuple[str, str] | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    def write(self, place: Path) -> None:
        write(place.parent, place.name, self.made())


class _Arrays(_File):
    """An `.npz` archive; its target keeps its type where the new values fit in it."""

    def read(self) -> list[Any]:
        array = self._arrays().get(self.target)
        if array is None:
            raise Finding(f"{self.path.name} has no array {self.target!r}")
        values = npz.values(array)
        if values is None:
            hint = "classes are one whole number or one text an example"
            raise Finding(f"the array {self.target!r} of {self.path.name} is no list of classes", hint)
        return values

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change:
        was = self._arrays()[self.target].dtype
        array = npz.fitting(values, was)
        same = array.dtype == was or array.dtype.kind in "US"  # a longer text is a text
        return _Rewritten(lambda: self._with(array), None if same else (str(was), str(array.dtype)))

    def _with(self, array: Any) -> bytes:
        import numpy as np

        with zipfile.ZipFile(self.path) as archive:
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        out = io.BytesIO()
        (np.savez_compressed if packed else np.savez)(out, **{**self._arrays(), self.target: array})
        return out.getvalue()

    def _arrays(self) -> dict[str, Any]:
        return dict(npz.load(self.path))


class _Csv(_File):
    """Every cell as the text that it is; a value may have several spellings."""

    def read(self) -> list[Any]:
        self._texts: list[str] = self._frame()[self.target].tolist()
        return meanings(self._texts, csv.MISSING)

    def meant(self, text: str) -> Any:
        if self.lacks(text):
            raise UsageError(f"{text!r} stands for a missing value in a table of text: it can be no class")
        return super().meant(text)

    def lacks(self, value: Any) -> bool:
        return value in csv.MISSING

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change:
        return _Rewritten(lambda: self._with(values))

    def _with(self, values: Sequence[Any]) -> bytes:
        spellings: dict[Any, Counter[str]] = {}
        for value, text in zip(self.values, self._texts, strict=True):
            spellings.setdefault(value, Counter())[text] += 1
        usual = {value: counts.most_common(1)[0][0] for value, counts in spellings.items()}
        triples = zip(values, self.values, self._texts, strict=True)
        frame = self._frame()
        frame[self.target] = [text if new == old else usual.get(new, _spelled(new)) for new, old, text in triples]
        with self.path.open("rb") as file:
            newline = "\r\n" if b"\r\n" in file.read(1 << 16) else "\n"
        out = io.BytesIO()
        frame.to_csv(out, index=False, lineterminator=newline)
        return out.getvalue()

    def _frame(self) -> Any:
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "data") from None
        try:
            frame = pd.read_csv(self.path, dtype=str, keep_default_na=False)
        except (ValueError, OSError, pd.errors.ParserError) as error:
            raise Finding(f"{self.path.name}: not a table: {str(error).strip().splitlines()[0]}") from None
        if self.target not in frame.columns:
            raise Finding(f"{self.path.name} has no column {self.target!r}")
        return frame


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Parquet(_File):
    """A Parquet table; its target keeps its type where the new values fit in it."""

    def read(self) -> list[Any]:
        values = parquet.values(self.path, self.target)
        if values is None:
            raise Finding(f"the column {self.target!r} of {self.path.name} is no list of classes")
        return values

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Change:
        column, retyped = parquet.fitting(self.path, self.target, values, renamed)
        return _Rewritten(lambda: parquet.replaced(self.path, self.target, column), retyped)


_KINDS: Mapping[str, type[_File]] = {".npz": _Arrays, ".csv": _Csv, ".parquet": _Parquet}
