"""Pictures to pixels: Pillow, or OpenCV where that is not installed; and what a picture looks like, the same with both."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

from ..errors import MissingExtra

_STEP = 4
"""By so much of 255 a place must be brighter than the one before."""
_ROWS, _COLUMNS = 8, 9
_LUMINANCE = (299, 587, 114)
"""Parts of 1,000 that red, green and blue have in grey (ITU-R BT.601)."""

Reader = Callable[[bytes], Any]
"""A picture's bytes to an array of its pixels: (height, width) of grey, or (height, width, 3) of red, green and blue.

It raises whatever its library raises for a broken file.
"""


def reader() -> Reader:
    """The reader that is installed; raises MissingExtra."""
    import importlib.util

    if importlib.util.find_spec("numpy") is None:
        raise MissingExtra("numpy", "images")
    for name, read in (("PIL", by_pillow), ("cv2", by_opencv)):
        if importlib.util.find_spec(name) is not None:
            return read
    raise MissingExtra("PIL", "images")


def by_pillow(data: bytes) -> Any:
    """A Reader."""
    import numpy as np
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how large it is has been looked at
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")) as image:
            image.load()
            if image.mode.startswith(("I", "F")):
                return np.asarray(image)
            if image.format == "GIF":
                return _on_background(data, np.asarray(image.convert("RGBA")), image.dispose_extent)  # type: ignore[attr-defined]
            if image.mode in ("1", "L", "LA", "La"):
                return np.asarray(image.convert("L"))
            if image.format == "TIFF" and image.mode == "RGBA" and _hides(image):
                # as libtiff has it: what cannot be seen is black
                array = np.asarray(image).astype(np.uint16)
                return ((array[..., :3] * array[..., 3:] + 127) // 255).astype(np.uint8)
            if image.format != "TIFF" and image.mode == "CMYK":
                # as OpenCV has it, where inks are rounded another way
                inks = np.asarray(image).astype(np.uint16)
                white = 255 - inks[..., 3:]
                return (white - (inks[..., :3] * white >> 8)).astype(np.uint8)
            return np.asarray(image.convert("RGB"))


def _on_background(data: bytes, pixels: Any, place: tuple[int, int, int, int]) -> Any:
    """A GIF as OpenCV has it: its first frame, at a place, on the colour that the file gives the background."""
    import numpy as np

    start = 13 + 3 * data[11]
    colours = 3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0
    made = np.zeros((*pixels.shape[:2], 3), np.uint8)
    made[...] = list(data[start : start + 3]) if start + 3 <= 13 + colours else 0
    left, top, right, bottom = place
    frame, target = pixels[top:bottom, left:right], made[top:bottom, left:right]
    seen = frame[..., 3] > 0
    target[seen] = frame[..., :3][seen]
    return made


def _hides(image: Any) -> bool:
    """Whether the fourth band of a TIFF says what is to be seen, and libtiff reads the others by it."""
    tags = image.tag_v2
    return tags.get(258, (8,))[0] == 8 and tags.get(338, (0,))[0] in (1, 2)


def by_opencv(data: bytes) -> Any:
    """A Reader."""
    import cv2
    import numpy as np

    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError("OpenCV cannot decode it")
    if found.ndim == 2:
        return found
    return found[..., 2::-1] if found.shape[2] >= 3 else found[..., 0]


def looks(pixels: Any) -> int:
    """The difference hash of a picture: for 8 x 8 places whether it gets clearly brighter to the right.

    Places are means over exact shares of the pixels, so that nothing depends on how a library makes pictures smaller. Grey of more
    than 8 bits is taken by its range, colours by their upper 8 bits.
    """
    import numpy as np

    area = pixels.shape[0] * pixels.shape[1]
    if pixels.ndim == 3:
        pixels = pixels if pixels.dtype.itemsize == 1 else (pixels >> 8).astype(np.uint8)
        places = _places(pixels) @ np.asarray(_LUMINANCE)
        step: Any = _STEP * sum(_LUMINANCE) * area
    elif pixels.dtype.itemsize == 1:
        places, step = _places(pixels), _STEP * area
    else:
        exact = np.nan_to_num(pixels.astype(np.float64), nan=0, posinf=0, neginf=0)
        places, step = _places(exact), _STEP / 255 * (exact.max() - exact.min()) * area
    brighter = places[:, 1:] - places[:, :-1] > step
    return sum(1 << place for place, bit in enumerate(brighter.ravel().tolist()) if bit)


def _places(pixels: Any) -> Any:
    """The sums of 8 x 9 places, each as large as the picture where a pixel is 8 x 9."""
    return _summed(_summed(pixels, _ROWS).swapaxes(0, 1), _COLUMNS).swapaxes(0, 1)


def _summed(array: Any, count: int) -> Any:
    """An array's first axis in equal places, summed: what a border cuts counts on both sides by its share, in parts of `count`."""
    import numpy as np

    length, kind = len(array), np.float64 if array.dtype.kind == "f" else np.int64
    sums = []
    for start in range(0, count * length, length):
        first, last = start // count, (start + length - 1) // count
        before, after = start - first * count, (last + 1) * count - (start + length)
        whole = array[first : last + 1].sum(axis=0, dtype=kind) * count
        sums.append(whole - array[first].astype(kind) * before - array[last].astype(kind) * after)
    return np.stack(sums)
