"""NumPy's `.npz` archives of arrays (format: numpy.lib.format); pickled arrays are refused."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError
from .classes import counted

_LIMIT = 64 << 30  # bytes of one array: what a header may declare
_UNASKED = 1 << 30  # bytes of one array that may come of a file of any size
_RATIO_LIMIT = 200  # bytes of a larger one for a byte of the file


def load(path: Path) -> Iterator[tuple[str, Any]]:
    """(name, array) of each array in the file, one at a time; raises ExtractionError."""
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("numpy", "data") from None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                    shape, _, dtype = reader(file)
                declared = dtype.itemsize
                for dimension in shape:
                    declared *= dimension
                if dtype.hasobject:
                    raise ExtractionError(path, f"the array {member.filename!r} is pickled, which could run code")
                if declared > min(_LIMIT, member.file_size):
                    raise ExtractionError(path, f"the array {member.filename!r} declares more bytes than the file has")
                if declared > max(_UNASKED, _RATIO_LIMIT * member.compress_size):
                    raise ExtractionError(path, f"the array {member.filename!r} unpacks to far more bytes than the file has")
                with archive.open(member) as file:
                    yield member.filename.removesuffix(".npy"), np.lib.format.read_array(file, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise ExtractionError(path, f"not an .npz file, or a broken one ({error})") from None


def _described(name: str, array: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size and array.dtype.kind in "iuf":
        described["minimum"] = array.min().item()
        described["maximum"] = array.max().item()
        described["mean"] = round(float(array.mean(dtype="float64")), 6)
    return {key: value for key, value in described.items() if not (isinstance(value, float) and math.isnan(value))}


class Npz:
    """Arrays: names, shapes, types, ranges, means; class counts of the target."""

    name = "npz"
    kind = "data"
    version = "1"
    suffixes = (".npz",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        target = options.get("/target")
        values: dict[str, Any] = {"format": "npz", "arrays": []}
        for name, array in load(path):
            values["arrays"].append(_described(name, array))
            if name == target:
                values["examples"] = len(array)
                values["classes"] = counted(array.tolist())
        if "examples" not in values and values["arrays"] and values["arrays"][0]["shape"]:
            values["examples"] = values["arrays"][0]["shape"][0]
        return values


EXTRACTOR = Npz()
