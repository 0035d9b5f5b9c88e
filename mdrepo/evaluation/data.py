"""Test data as a dataset document describes it: inputs for the model, and the name of each example's class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding
from ..extraction import csv, npz, parquet
from . import planning

Array = NDArray[Any]
_CHUNK = 4 << 20  # bytes of inputs that are read, and preprocessed, at a time
_WHOLE = 32  # as many examples, or a multiple of them, where that is not more: batches need not be put together


def columns(path: Path, suffix: str, names: list[str]) -> dict[str, Array]:
    """Some arrays of a file, or columns of a table, by name; raises Finding where one is not there."""
    if suffix == ".npz":
        found = dict(npz.load(path, names))
    elif suffix in (".csv", ".parquet"):
        frame = csv.load(path) if suffix == ".csv" else parquet.load(path)
        found = {name: frame[name].to_numpy() for name in names if name in frame.columns}
    else:
        raise Finding(f"data in {suffix or 'a file without suffix'} cannot be evaluated on", "use .npz, .csv or .parquet")
    for name in names:
        if name not in found:
            raise Finding(f"the data have no array or column {name!r}")
    return found


def same(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> bool:
    """Whether two files have the same arrays, under whatever names."""
    return len(ours) == len(theirs) and all(map(np.array_equal, ours.values(), theirs.values()))


def inputs(path: Path, suffix: str, names: list[str]) -> Array:
    """The raw inputs, examples first: one array as it is, several columns side by side; raises Finding."""
    found = columns(path, suffix, names)
    return _fed(found[names[0]] if len(names) == 1 else np.stack([found[name] for name in names], axis=1), names)


def _fed(array: Array, names: Sequence[str]) -> Array:
    if array.dtype.kind not in "biuf":
        raise Finding(f"the inputs {', '.join(names)} are no numbers")
    if array.dtype.kind == "f" and np.isnan(array.min(initial=0)):  # the least is NaN where any is, and no mask is written
        raise Finding(f"the inputs {', '.join(names)} have missing values (NaN)", "fill them in, or take these examples out")
    return array[:, None] if array.ndim == 1 else array


class Inputs:
    """The raw inputs of the examples that are taken, in the data's order; one array of an .npz file is read piece by piece."""

    def __init__(self, path: Path, suffix: str, names: list[str], sample: Sequence[Any] | None) -> None:
        self._path, self._names = path, names
        self._array: Array | None = None
        found = npz.shape(path, names[0]) if suffix == ".npz" and len(names) == 1 else None
        if found is None:
            self._array = inputs(path, suffix, names)
            found = self._array.shape, self._array.dtype
        (total, *example), dtype = found
        rows = _CHUNK // max(1, math.prod(example) * dtype.itemsize)
        self._rows = max(1, rows - rows % _WHOLE or rows)
        self._taken = planning.drawn(total, sample)
        self.count = total if self._taken is None else len(self._taken)

    def chunks(self) -> Iterator[Array]:
        """Some of them at a time; raises Finding for what is wrong with those."""
        start = 0
        for chunk in self._read():
            end = start + len(chunk)
            if self._taken is None:
                yield chunk
            else:
                first, last = np.searchsorted(self._taken, (start, end))
                if first < last:
                    yield chunk[self._taken[first:last] - start]
            start = end

    def _read(self) -> Iterator[Array]:
        if self._array is None:
            yield from (_fed(each, self._names) for each in npz.rows(self._path, self._names[0], self._rows))
        else:
            yield from (self._array[at : at + self._rows] for at in range(0, len(self._array), self._rows))


def ahead(chunks: Iterator[Array]) -> Iterator[Array]:
    """The same, each made while the one before it is used: the processors that compute need not wait for one that reads."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, chunks, None)
        while (found := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield found


def truth(path: Path, suffix: str, dataset: Mapping[str, Any], task: str = "classification") -> Any:
    """The right answer of each example, by the task.

    The name of its class; or the set of their names, from an array examples x classes of 0 and 1 or a column of names with `|`
    between them; or a number. Raises Finding for a value that the dataset document does not name.
    """
    target = dataset.get("target")
    if not isinstance(target, str):
        raise Finding("the dataset document does not say which array or column is the target", "set its field 'target'")
    column = columns(path, suffix, [target])[target]
    if not len(column):
        raise Finding("the test data are empty")
    if task == "regression":
        return _numbers(column, target)
    names = {(type(each["value"]), each["value"]): str(each["name"]) for each in dataset.get("classes", ())}
    if task == "multilabel":
        return _sets(column, target, names)
    if column.ndim != 1:
        raise Finding(f"the target {target!r} has {column.ndim} dimensions; a classification has one class an example")
    return _named([[value] for value in column.tolist()], target, names)[0]


def _numbers(column: Array, target: str) -> Array:
    if column.dtype.kind not in "biuf" or column.size != len(column):
        raise Finding(f"the target {target!r} is not one number an example")
    return column.reshape(len(column)).astype(np.float64)


def _sets(column: Array, target: str, names: Mapping[tuple[type, Any], str]) -> list[frozenset[str]]:
    if column.ndim == 2:
        if not np.isin(column, (0, 1)).all():
            raise Finding(f"the target {target!r} has other values than 0 and 1")
        held: list[list[Any]] = [np.flatnonzero(row).tolist() for row in column]
    elif column.ndim == 1 and column.dtype.kind not in "biuf":
        held = [[part for part in str(value).split("|") if part] if value is not None else [] for value in column.tolist()]
    else:
        raise Finding(f"the target {target!r} is neither examples x classes of 0 and 1 nor names with '|' between them")
    return [frozenset(row) for row in _named(held, target, names)[1]]


def _named(held: list[list[Any]], target: str, names: Mapping[tuple[type, Any], str]) -> tuple[list[str], list[list[str]]]:
    """The values' names, in one list and by example."""
    values = [value for row in held for value in row]
    unknown = sorted({str(value) for value in values if (type(value), value) not in names})
    if unknown:
        raise Finding(
            f"the target {target!r} has values that the dataset document's classes do not list: {', '.join(unknown[:10])}",
            "run 'mdrepo patch'",
        )
    rows = [[names[type(value), value] for value in row] for row in held]
    return [name for row in rows for name in row], rows
