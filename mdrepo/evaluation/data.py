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


def truth(path: Path, suffix: str, dataset: Mapping[str, Any]) -> list[str]:
    """The name of the right class of each example; raises Finding for a value that the dataset document does not name."""
    target = dataset.get("target")
    if not isinstance(target, str):
        raise Finding("the dataset document does not say which array or column is the target", "set its field 'target'")
    values = columns(path, suffix, [target])[target].tolist()
    if not values:
        raise Finding("the test data are empty")
    names = {(type(each["value"]), each["value"]): str(each["name"]) for each in dataset.get("classes", ())}
    unknown = sorted({str(value) for value in values if (type(value), value) not in names})
    if unknown:
        raise Finding(
            f"the target {target!r} has values that the dataset document's classes do not list: {', '.join(unknown[:10])}",
            "run 'mdrepo patch'",
        )
    return [names[type(value), value] for value in values]
