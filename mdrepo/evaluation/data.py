"""Test data as a dataset document describes it: inputs for the model, and the name of each example's class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding
from ..extraction import csv, npz, parquet

Array = NDArray[Any]


def columns(path: Path, suffix: str, names: list[str]) -> dict[str, Array]:
    """Some arrays of a file, or columns of a table, by name; raises Finding where one is not there."""
    if suffix == ".npz":
        found = {name: array for name, array in npz.load(path) if name in names}
    elif suffix in (".csv", ".parquet"):
        frame = csv.load(path) if suffix == ".csv" else parquet.load(path)
        found = {name: frame[name].to_numpy() for name in names if name in frame.columns}
    else:
        raise Finding(f"data in {suffix or 'a file without suffix'} cannot be evaluated on", "use .npz, .csv or .parquet")
    for name in names:
        if name not in found:
            raise Finding(f"the data have no array or column {name!r}")
    return found


def inputs(path: Path, suffix: str, names: list[str]) -> Array:
    """The raw inputs, examples first: one array as it is, several columns side by side; raises Finding."""
    found = columns(path, suffix, names)
    array = found[names[0]] if len(names) == 1 else np.stack([found[name] for name in names], axis=1)
    if array.dtype.kind not in "biuf":
        raise Finding(f"the inputs {', '.join(names)} are no numbers")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise Finding(f"the inputs {', '.join(names)} have missing values (NaN)")
    return array[:, None] if array.ndim == 1 else array


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
