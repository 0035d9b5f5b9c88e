"""Conflicts in a file, as git marks them: ours, base, theirs, around the conflicting values alone.

Whichever side one takes at all the markers, the file is valid JSON: a member that a side does not have is not there, and neither
is the comma that it would need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .changes import MISSING
from .documents import Document, same
from .filling import filled
from .merging import Conflict
from .writing import KeyOrder, Style, dumps, rewrite

LABELS = ("ours", "base", "theirs")
MARKER_SIZE = 7
_SIDES = ("ours", "base", "theirs")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Marks:
    """What the markers say, and how long they are."""

    labels: Sequence[str] = LABELS
    size: int = MARKER_SIZE

    def around(self, texts: Sequence[str], newline: str) -> str:
        """Ours, base and theirs between markers; what does not end its line gets a line end."""
        names = (f" {self.labels[0]}", f" {self.labels[1]}", "")
        parts = [
            mark * self.size + name + newline + _ended(text, newline) for mark, name, text in zip("<|=", names, texts, strict=True)
        ]
        return "".join(parts) + ">" * self.size + f" {self.labels[2]}" + newline


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def marked_values(mine: Document, content: Any, conflicts: Sequence[Conflict], marks: Marks, order: KeyOrder) -> str:
    """The text of the merged content, with markers around the lines of the conflicting values."""
    sides = [filled(content, ((each.path, getattr(each, side)) for each in conflicts)) for side in _SIDES]
    style = Style.of(mine.text)
    made = _Lines(mine, content, conflicts, style, order).parts()
    if all(_is_value("".join(part if isinstance(part, str) else part[i] for part in made), sides[i]) for i in range(3)):
        return "".join(part if isinstance(part, str) else marks.around(part, style.newline) for part in made)
    # a layout in which a line does not say by itself where its commas are
    return marked_texts(
        [mine.text if same(side, mine.value) else rewrite(mine, side, order) for side in sides], marks, style.newline
    )


def marked_texts(texts: Sequence[str], marks: Marks, newline: str = "\n") -> str:
    """Three texts as one conflict, from the first line in which they differ to the last."""
    lines = [_LINE.findall(_ended(text, newline)) for text in texts]
    shortest = min(map(len, lines))
    head = next((i for i in range(shortest) if len({side[i] for side in lines}) > 1), shortest)
    tail = next((i for i in range(shortest - head) if len({side[-1 - i] for side in lines}) > 1), shortest - head)
    middle = ["".join(side[head : len(side) - tail]) for side in lines]
    return "".join(lines[0][:head]) + marks.around(middle, newline) + "".join(lines[0][len(lines[0]) - tail :])


def _is_value(text: str, value: Any) -> bool:
    try:
        return same(json.loads(text), value)
    except ValueError:
        return False


class _Lines:
    """The lines of the merged text, those with conflicts in them as each side has them."""

    def __init__(self, mine: Document, content: Any, conflicts: Sequence[Conflict], style: Style, order: KeyOrder) -> None:
        name = "@@conflict"
        while name in mine.text:
            name += "@"
        self.conflicts = conflicts
        self.style = style
        self.token = re.compile(rf'"{name}-([0-9]+)@@"')
        self.member = re.compile(rf'("(?:[^"\\]|\\.)*"\s*:\s*)?"{name}-([0-9]+)@@"')
        places = ((each.path, f"{name}-{number}@@") for number, each in enumerate(conflicts))
        self.lines = _LINE.findall(rewrite(mine, filled(content, places), order))

    def parts(self) -> list[str | tuple[str, str, str]]:
        """The text in order: what all sides share, and what each of the three has."""
        parts: list[str | tuple[str, str, str]] = []
        block: list[str] = []
        for line in [*self.lines, ""]:
            if self.token.search(line):
                block.append(line)
                continue
            if block:
                parts.append(self.block(block, parts))
                block = []
            parts.append(line)
        return parts

    def block(self, lines: list[str], before: list[str | tuple[str, str, str]]) -> tuple[str, str, str]:
        """Adjacent lines with conflicts; with the line before them where its comma depends on what a side has of them."""
        text = "".join(lines)
        sides = [self.side(text, side) for side in _SIDES]
        if not all(side.strip() for side in sides) and not text.rstrip().endswith(","):
            last = before[-1] if before else ""
            if isinstance(last, str) and last.rstrip().endswith(","):
                before.pop()
                sides = [self.side(last + text, side) for side in _SIDES]
        return sides[0], sides[1], sides[2]

    def side(self, text: str, side: str) -> str:
        """Some lines as one side has them."""
        for found in [*self.member.finditer(text)][::-1]:
            value = getattr(self.conflicts[int(found[2])], side)
            if value is MISSING:
                text = _without(text, found.start(), found.end())
            else:
                line = text[text.rfind("\n", 0, found.start()) + 1 :]
                lead = line[: len(line) - len(line.lstrip(" \t"))]
                text = text[: found.start()] + (found[1] or "") + dumps(value, self.style, lead) + text[found.end() :]
        return text


def _without(text: str, start: int, end: int) -> str:
    """A text without a member or item, without the comma before it, or else the one behind it, and without an empty line."""
    before = text[:start].rstrip()
    if before.endswith(","):
        return before[:-1] + text[end:]
    if comma := re.compile(r"\s*,").match(text, end):
        end = comma.end()
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and (rest := re.compile(r"[ \t\r]*(\n|$)").match(text, end)):
        return text[:line] + text[rest.end() :]
    return text[:start] + text[end:].lstrip(" \t")
