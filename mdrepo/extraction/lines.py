"""Label files of plain text (UTF-8): the label of one example in each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import ExtractionError
from .classes import LIMIT, LONGEST, listed

_LIMIT = 16 << 20


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of each line that is not blank, without its end; raises ExtractionError."""
    try:
        with path.open("rb") as file:
            for number, data in enumerate(iter(lambda: file.readline(_LIMIT + 1), b""), 1):
                if len(data) > _LIMIT:
                    raise ExtractionError(path, f"line {number} is longer than {_LIMIT >> 20} MiB")
                try:
                    text = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    raise ExtractionError(path, f"line {number} is not UTF-8") from None
                if text.strip():
                    yield number, text
    except OSError as error:
        raise ExtractionError(path, error.strerror or str(error)) from None


class Lines:
    """How many labels there are, and how many of each."""

    name = "lines"
    kind = "data"
    version = "1"
    suffixes = (".txt",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        counts: Counter[str] = Counter()
        long = False
        examples = 0
        for _, text in lines(path):
            examples += 1
            long = long or len(text) > LONGEST
            if len(counts) <= LIMIT and not long:
                counts[text.strip()] += 1
        return {"format": "text", "examples": examples, "classes": [] if long else listed(counts)}


EXTRACTOR = Lines()
