"""NumPy's `.npz` archives of arrays (format: numpy.lib.format); pickled arrays are refused."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import MissingExtra, UsageError
from . import ExtractionError
from .classes import counted

_LIMIT = 64 << 30  # bytes of one array: what a header may declare
_UNASKED = 1 << 30  # bytes of one array that may come of a file of any size
_RATIO_LIMIT = 200  # bytes of a larger one for a byte of the file


def load(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, Any]]:
    """(name, array) of each array in the file, or of those with some names, one at a time; raises ExtractionError."""
    with _errors(path), zipfile.ZipFile(path) as archive:
        import numpy as np

        for info in archive.infolist():
            if names is None or _name(info) in names:
                with _errors(path, info):
                    with archive.open(info) as file:
                        _head(file, info, path)
                    with archive.open(info) as file:
                        array = np.lib.format.read_array(file, allow_pickle=False)
                yield _name(info), array


def shape(path: Path, name: str) -> tuple[tuple[int, ...], Any] | None:
    """The shape and type of an array that can be read by `rows`; None where it is not there, has none, or lies by columns."""
    with _errors(path), zipfile.ZipFile(path) as archive:
        info = next((each for each in reversed(archive.infolist()) if _name(each) == name), None)
        if info is None:
            return None
        with _errors(path, info), archive.open(info) as file:
            found, by_columns, dtype = _head(file, info, path)
        return None if by_columns or not found or 0 in found else (found, dtype)


def rows(path: Path, name: str, count: int) -> Iterator[Any]:
    """An array that has a `shape`, so many rows at a time; what is broken is said when it is come to. Raises ExtractionError."""
    with _errors(path), zipfile.ZipFile(path) as archive:
        import numpy as np

        info = [each for each in archive.infolist() if _name(each) == name][-1]
        with _errors(path, info), archive.open(info) as file:
            (left, *example), _, dtype = _head(file, info, path)
            while left:
                some = min(count, left)
                size = some * math.prod(example) * dtype.itemsize
                read = file.read(size)
                if len(read) != size:
                    raise EOFError
                yield np.frombuffer(read, dtype).reshape(some, *example)
                left -= some


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _head(file: IO[bytes], info: zipfile.ZipInfo, path: Path) -> tuple[tuple[int, ...], bool, Any]:
    """An array's shape, whether it lies by columns, and its type; raises ExtractionError for one that is not read."""
    import numpy as np

    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    found, by_columns, dtype = reader(file)
    declared = dtype.itemsize
    for dimension in found:
        declared *= dimension
    if dtype.hasobject:
        raise ExtractionError(path, f"the array {info.filename!r} is pickled, which could run code")
    if declared > min(_LIMIT, info.file_size):
        raise ExtractionError(path, f"the array {info.filename!r} declares more bytes than the file has")
    if declared > max(_UNASKED, _RATIO_LIMIT * info.compress_size):
        raise ExtractionError(path, f"the array {info.filename!r} unpacks to far more bytes than the file has")
    return found, by_columns, dtype


@contextmanager
def _errors(path: Path, info: zipfile.ZipInfo | None = None) -> Iterator[None]:
    """What zipfile and numpy say of a file, or of an array in it, in our words."""
    try:
        import numpy as np  # noqa: F401
    except ImportError:
        raise MissingExtra("numpy", "data") from None
    place = "what is" if info is None else repr(info.filename)
    try:
        yield
    except zipfile.BadZipFile as error:
        whole = "is no zip archive, as an .npz file is" if "not a zip" in str(error) else "is a broken zip archive"
        raise ExtractionError(path, whole) from None
    except (ValueError, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError, OverflowError, SyntaxError):
        raise ExtractionError(path, f"{place} in it is no array of numpy's, or a broken one") from None
    except (TypeError, tokenize.TokenError):  # what numpy's parser of headers makes of nonsense
        raise ExtractionError(path, f"the header of {place} in it cannot be read") from None


def values(array: Any) -> list[Any] | None:
    """The classes of the examples in an array of them; None where it is no list of whole numbers, texts, or true and false."""
    if array.ndim != 1 or array.dtype.kind not in "biuSU":
        return None
    found: list[Any] = array.tolist()
    try:
        return [each.decode() for each in found] if array.dtype.kind == "S" else found
    except UnicodeDecodeError:
        return None


def fitting(given: Sequence[Any], dtype: Any) -> Any:
    """An array of classes in a type where they fit in it, else in the smallest one of its kind that also holds what it held."""
    import numpy as np

    if dtype.kind in "SU":
        texts = [str(each).encode() for each in given] if dtype.kind == "S" else [str(each) for each in given]
        found = np.asarray(texts, dtype.kind)
        return found.astype(dtype) if found.dtype.itemsize <= dtype.itemsize else found
    if dtype.kind == "b" or not len(given):
        return np.asarray(given, dtype)
    least, most = min(given), max(given)
    if not (np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max):
        kinds = (np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in (dtype.kind, "i"))
        ends = (min(least, np.iinfo(dtype).min if dtype.kind == "i" else 0), max(most, np.iinfo(dtype).max))
        wider = next((kind for kind in kinds if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max), None)
        if wider is None:
            raise UsageError(f"{least} and {most} fit in no type of whole numbers together")
        dtype = wider
    return np.asarray(given, dtype)


def _described(name: str, array: Any) -> dict[str, Any]:
    import numpy as np

    described: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if missing := int(array.size - finite.sum()):
            described["not_finite"] = missing
            array = array[finite]
    if array.size and array.dtype.kind in "iuf":
        plain = float if array.dtype.kind == "f" else int  # numpy's long doubles are none of Python's
        described |= {"minimum": plain(array.min()), "maximum": plain(array.max())}
        mean = float(array.mean(dtype="float64"))
        described |= {"mean": round(mean, 6)} if math.isfinite(mean) else {}
    return described


class Npz:
    """Arrays: names, shapes, types, ranges, means; class counts of the target."""

    name = "npz"
    kind = "data"
    version = "2"
    suffixes = (".npz",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        target = options.get("/target")
        found: dict[str, Any] = {"format": "npz", "arrays": []}
        for name, array in load(path):
            found["arrays"].append(_described(name, array))
            if name == target:
                found |= {"examples": len(array)} if array.ndim else {}
                found["classes"] = counted(values(array) or [])
        if "examples" not in found and found["arrays"] and found["arrays"][0]["shape"]:
            found["examples"] = found["arrays"][0]["shape"][0]
        return found


EXTRACTOR = Npz()
