"""Three versions of a string to one: by line, else by word, where the edits of the two sides do not touch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

LONG = 40
"""From this length on a string of one line is prose, and not a value that is right or wrong as a whole."""
_APART = 5
"""How many parts must be unchanged between the edits of two sides in one line: three words, and the spaces around them."""
_MOST = 2000
_WORDS = re.compile(r"\s+|[^\s]+")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


def merged_text(base: str, ours: str, theirs: str) -> str | None:
    """The string with the edits of both sides, or None where they touch, or where it is too short to have parts."""
    if all("\n" in text for text in (base, ours, theirs)):
        merged = _merged(_LINES.findall(base), _LINES.findall(ours), _LINES.findall(theirs), 1)
        if merged is not None:
            return merged
    if min(map(len, (base, ours, theirs))) < LONG:
        return None
    return _merged(_WORDS.findall(base), _WORDS.findall(ours), _WORDS.findall(theirs), _APART)


def _merged(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], apart: int) -> str | None:
    if max(map(len, (base, ours, theirs))) > _MOST:
        return None
    mine, yours = set(_edits(base, ours)), set(_edits(base, theirs))
    edits = sorted(mine | yours)
    for earlier, later in pairwise(edits):
        one_side = {earlier, later} <= mine or {earlier, later} <= yours
        if not one_side and later[0] < earlier[1] + apart:
            return None
    result: list[str] = []
    done = 0
    for start, end, parts in edits:
        result += [*base[done:start], *parts]
        done = end
    return "".join([*result, *base[done:]])


def _edits(base: Sequence[str], side: Sequence[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """What a side put in the place of which parts of the base."""
    for tag, start, end, new_start, new_end in SequenceMatcher(None, base, side, autojunk=False).get_opcodes():
        if tag != "equal":
            yield start, end, tuple(side[new_start:new_end])
