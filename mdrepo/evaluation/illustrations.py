"""What the outputs of two models show on a page: a confusion matrix, calibration, and the examples whose answers turned."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding
from . import data
from .scoring import Places, Scored

_CLASSES = 40
"""Beyond this many classes a matrix shows nothing that anybody could read."""
_BINS = 10
_SHOWN = 12
_COLUMNS = 8
_LARGEST = 64
"""How many points wide or high a picture is shown at most."""


@dataclass(frozen=True)
class Data:
    """Test data: the file, its name, the inputs, and the places of the examples that are taken of them."""

    file: Path
    name: str
    inputs: tuple[str, ...]
    places: Places

    def columns(self) -> list[NDArray[Any]]:
        """The inputs of the examples that are taken."""
        found = data.columns(self.file, PurePosixPath(self.name).suffix, list(self.inputs))
        return [found[name][self.places] for name in self.inputs]


def insight(before: Scored | None, after: Scored, ids: Sequence[Any], seen: Data) -> dict[str, Any]:
    """What the answers of a classification show, by name (`reviews.Insight`); nothing of another task."""
    if after.task != "classification" or (before is not None and before.task != "classification"):
        return {}
    made: dict[str, Any] = {"calibration": (before and _calibration(before), _calibration(after))}
    names = tuple(dict.fromkeys([*(before.names if before else ()), *after.names]))
    if len(names) <= _CLASSES:
        made |= {"names": names, "confusion": (before and _confusion(before, names), _confusion(after, names))}
    if before is not None and len(before) == len(after):
        lost, won = np.flatnonzero(before.correct & ~after.correct), np.flatnonzero(after.correct & ~before.correct)
        made |= {
            "lost": tuple(_examples(lost[:_SHOWN], before, after, ids, seen)),
            "won": tuple(_examples(won[:_SHOWN], before, after, ids, seen)),
        }
    return made


def _confusion(scored: Scored, names: Sequence[str]) -> list[list[int]]:
    """How many examples of each class (rows) were answered as each (columns; the last: not at all)."""
    place = {name: at for at, name in enumerate(names)}
    truth = np.array([place.get(name, len(names)) for name in scored.names])[scored.truth]
    known = np.array([place[name] for name in scored.names])
    answers = np.where(scored.answers < 0, len(names), known[np.maximum(scored.answers, 0)])
    counts = np.zeros((len(names) + 1, len(names) + 1), int)
    np.add.at(counts, (truth, answers), 1)
    found: list[list[int]] = counts[:-1].tolist()
    return found


def _calibration(scored: Scored) -> list[tuple[float, float, int]]:
    """Bins of the probability of the best output: its mean, the share of right answers, how many examples."""
    chances = scored.outputs.max(axis=1)
    right = scored.outputs.argmax(axis=1) == scored.truth
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    filled = [(bins == at) for at in range(_BINS)]
    return [(float(chances[flags].mean()), float(right[flags].mean()), int(flags.sum())) for flags in filled if flags.any()]


def _examples(places: NDArray[Any], before: Scored, after: Scored, ids: Sequence[Any], seen: Data) -> list[tuple[Any, ...]]:
    if not len(places):
        return []
    try:
        columns = seen.columns()
    except Finding:
        columns = []
    made = []
    for place in places.tolist():
        values = [column[place] for column in columns]
        picture = drawn(values[0]) if len(values) == 1 else None
        row = () if picture else tuple(zip(seen.inputs, map(_cell, values), strict=False))[:_COLUMNS]
        answers = (after.names[after.truth[place]], _answer(before, place), _answer(after, place))
        made.append((str(ids[place]), *answers, picture, row))
    return made


def _answer(scored: Scored, place: int) -> str:
    answer = int(scored.answers[place])
    return scored.names[answer] if answer >= 0 else "no answer"


def _cell(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    flat = ", ".join(f"{item:.4g}" if isinstance(item, float) else str(item) for item in array.ravel()[:_COLUMNS].tolist())
    return f"[{flat}{', …' if array.size > _COLUMNS else ''}]"


def drawn(value: NDArray[Any]) -> bytes | None:
    """An array of height x width (x 1 or 3) as a PNG, bright where it is high; None for what is no picture.

    The format: https://www.w3.org/TR/png-3/, without filters.
    """
    array = np.asarray(value)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if (
        array.dtype.kind not in "uif"
        or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3))
        or min(array.shape[:2]) < 4
    ):
        return None
    step = max(1, -(-max(array.shape[:2]) // _LARGEST))
    array = array[::step, ::step].astype(np.float64)
    if not np.isfinite(array).all():
        return None
    low, high = array.min(), array.max()
    scaled = ((array - low) * (255 / (high - low) if high > low else 0)).round().astype(np.uint8)
    height, width = scaled.shape[:2]
    lines = b"".join(b"\0" + scaled[row].tobytes() for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if scaled.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
