"""Folders of pictures: how many there are, sizes, channels, classes by subfolder, and pictures that look the same."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
_PIXELS = 1 << 27
"""A picture that declares more would take more than half a gigabyte: it is named and not read."""
_STEP = 4
"""By so much of 255 a place must be brighter than the one before."""
_NAMED = 20
"""So many broken files are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a picture: its size, its bands, its format, and a hash that is the same for what looks the same."""

    width: int
    height: int
    bands: tuple[str, ...]
    format: str
    looks: int


def read(path: Path) -> Picture:
    """A picture by Pillow, the one reader; raises ValueError, OSError for what is none."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _PIXELS:
                raise ValueError(f"it declares {width:,} x {height:,} pixels")
            return Picture(width, height, image.getbands(), str(image.format), _looks(image))


def _looks(image: Any) -> int:
    """The difference hash of a picture: for 8 x 8 places whether it gets clearly brighter to the right, by more than rounding."""
    small = image.convert("L").resize((9, 8))
    values = small.tobytes()
    bits = [values[row * 9 + column] + _STEP < values[row * 9 + column + 1] for row in range(8) for column in range(8)]
    return sum(bit << place for place, bit in enumerate(bits))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The pictures of a folder by their names in it, sorted; links are left out, they may lead out of the folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


class Images:
    """Pictures: how many, sizes, channels, formats, what looks the same; classes where all lie in subfolders."""

    name = "images"
    kind = "data"
    version = "1"
    suffixes = ("/",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            from PIL import Image
        except ImportError:
            raise MissingExtra("PIL", "images") from None
        bombs = Image.DecompressionBombError, Image.DecompressionBombWarning
        found: dict[str, Picture] = {}
        broken: list[dict[str, str]] = []
        for name, file in _files(path):
            try:
                found[name] = read(file)
            except (OSError, ValueError, SyntaxError, EOFError, *bombs) as error:
                reason = str(error).replace(str(path), path.name).splitlines()[:1] or [type(error).__name__]
                broken.append({"path": name, "reason": reason[0][:200]})
        if not found:
            raise ExtractionError(path, "it has no pictures that can be read" if broken else f"it has no {', '.join(SUFFIXES)}")
        values: dict[str, Any] = {"format": "images", "examples": len(found), "images": _described(list(found.values()), broken)}
        if all("/" in name for name in found):
            counts = Counter(name.partition("/")[0] for name in found)
            values["classes"] = [{"value": name, "name": name, "count": count} for name, count in sorted(counts.items())]
        return values


def _described(pictures: list[Picture], broken: list[dict[str, str]]) -> dict[str, Any]:
    looks = Counter(each.looks for each in pictures)
    made: dict[str, Any] = {
        "width": _range([each.width for each in pictures]),
        "height": _range([each.height for each in pictures]),
        "channels": _counted([len(each.bands) for each in pictures], "channels"),
        "formats": _counted([each.format for each in pictures], "format"),
        "look_alike": sum(count - 1 for count in looks.values()),
    }
    return made | ({"broken": len(broken), "broken_files": broken[:_NAMED]} if broken else {})


def _range(values: list[int]) -> dict[str, int]:
    return {"minimum": min(values), "maximum": max(values)}


def _counted(values: list[Any], name: str) -> list[dict[str, Any]]:
    return [{name: value, "count": count} for value, count in sorted(Counter(values).items())]


EXTRACTOR = Images()
