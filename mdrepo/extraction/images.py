"""Folders of pictures: how many there are, sizes, channels, classes by subfolder, and pictures that look the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ExtractionError, headers, readers

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_PIXELS = 1 << 27
"""A picture that declares more would take more than half a gigabyte: it is named and not read."""
_SIDE = 1 << 20
_BYTES = 1 << 30
_NAMED = 20
"""So many broken files are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a picture: what it declares, and a hash that is the same for what looks the same."""

    header: headers.Header
    looks: int


def read(path: Path, reader: readers.Reader) -> Picture:
    """A picture; raises OSError, and ValueError with the reason, which is the same with all readers."""
    if path.stat().st_size > _BYTES:
        raise ValueError(f"it has more than {_BYTES >> 30} GiB")
    data = path.read_bytes()
    header = headers.read(data)
    width, height = header.width, header.height
    if not (0 < width <= _SIDE and 0 < height <= _SIDE and width * height <= _PIXELS):
        raise ValueError(f"it declares {width:,} x {height:,} pixels")
    try:
        pixels = reader(data)
    except MemoryError:
        raise
    except Exception:  # whatever a library raises for a hostile file
        pixels = None
    if pixels is None or pixels.shape[:2] != (height, width):
        raise ValueError("its pixels cannot be decoded")
    return Picture(header, readers.looks(pixels))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The pictures of a folder by their names in it, sorted; links are left out, they may lead out of the folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


class Images:
    """Pictures: how many, sizes, channels, formats, what looks the same; classes where all lie in subfolders."""

    name = "images"
    kind = "data"
    version = "3"
    suffixes = ("/",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        files = [*_files(path)]
        if not files:
            return {}  # another kind of folder: what DVC records of it is all there is to say
        reader = readers.reader()
        found: dict[str, Picture] = {}
        broken: list[dict[str, str]] = []
        for name, file in files:
            try:
                found[name] = read(file, reader)
            except OSError as error:
                broken.append({"path": name, "reason": error.strerror or type(error).__name__})
            except ValueError as error:
                broken.append({"path": name, "reason": str(error)})
        if not found:
            raise ExtractionError(path, "it has no pictures that can be read")
        values: dict[str, Any] = {"format": "images", "examples": len(found), "images": _described(list(found.values()), broken)}
        if all("/" in name for name in found):
            counts = Counter(name.partition("/")[0] for name in found)
            values["classes"] = [{"value": name, "name": name, "count": count} for name, count in sorted(counts.items())]
        return values


def _described(pictures: list[Picture], broken: list[dict[str, str]]) -> dict[str, Any]:
    looks = Counter(each.looks for each in pictures)
    made: dict[str, Any] = {
        "width": _range([each.header.width for each in pictures]),
        "height": _range([each.header.height for each in pictures]),
        "channels": _counted([each.header.bands for each in pictures], "channels"),
        "formats": _counted([each.header.format for each in pictures], "format"),
        "look_alike": sum(count - 1 for count in looks.values()),
    }
    return made | ({"broken": len(broken), "broken_files": broken[:_NAMED]} if broken else {})


def _range(values: list[int]) -> dict[str, int]:
    return {"minimum": min(values), "maximum": max(values)}


def _counted(values: list[Any], name: str) -> list[dict[str, Any]]:
    return [{name: value, "count": count} for value, count in sorted(Counter(values).items())]


EXTRACTOR = Images()
