"""Conflicts in a file, as git marks them: ours, base, theirs, around the conflicting values alone.

Whichever side one takes at all the markers, the file is valid JSON: a member that a side does not have is not there, and neither
is the comma that it would need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from .changes import MISSING
from .documents import Document, same
from .filling import filled
from .marks import LABELS, MARKER_SIZE
from .merging import Conflict
from .writing import KeyOrder, Style, dumps, rewrite

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


@dataclass(frozen=True, slots=True)
class Chunk:
    """Adjacent lines with conflicts in them: with a token for each, and as ours, base and theirs have them."""

    tokened: str
    sides: tuple[str, str, str]


@dataclass(frozen=True)
class Template:
    """A merged document's text with a token in the place of each conflicting value: a string of `mark`, its number and `@@`."""

    text: str
    mark: str

    @property
    def token(self) -> re.Pattern[str]:
        return re.compile(f'"{self.mark}([0-9]+)@@"')

    def parts(self, conflicts: Sequence[Conflict], style: Style) -> list[str | Chunk]:
        """The text in order: what all sides share, and the conflicts."""
        return _Chunks(self, conflicts, style).parts()


def marked_values(
    mine: Document, content: Any, conflicts: Sequence[Conflict], marks: Marks, order: KeyOrder
) -> tuple[str, Template | None]:
    """The text of the merged content, with markers around the lines of the conflicting values.

    No template where the layout is one in which a line does not say by itself where its commas are: there is one conflict then.
    """
    sides = [filled(content, ((each.path, getattr(each, side)) for each in conflicts)) for side in _SIDES]
    style = Style.of(mine.text)
    template = next(made for number in count() if (made := _template(mine, content, conflicts, number, order)))
    parts = template.parts(conflicts, style)
    if all(_is_value("".join(part if isinstance(part, str) else part.sides[i] for part in parts), sides[i]) for i in range(3)):
        return _joined(parts, marks, style), template
    texts = [mine.text if same(side, mine.value) else rewrite(mine, side, order) for side in sides]
    return marked_texts(texts, marks, style.newline), None


def marked(template: Template, conflicts: Sequence[Conflict], marks: Marks, style: Style) -> str:
    """A template's text with markers around the conflicts."""
    return _joined(template.parts(conflicts, style), marks, style)


def _joined(parts: Sequence[str | Chunk], marks: Marks, style: Style) -> str:
    return "".join(part if isinstance(part, str) else marks.around(part.sides, style.newline) for part in parts)


def _template(mine: Document, content: Any, conflicts: Sequence[Conflict], number: int, order: KeyOrder) -> Template | None:
    """The merged text with tokens; None if the documents themselves have such strings."""
    mark = f"@@mdrepo-{number}-conflict-"
    places = ((each.path, f"{mark}{place}@@") for place, each in enumerate(conflicts))
    template = Template(rewrite(mine, filled(content, places), order), mark)
    return template if len(template.token.findall(template.text)) == len(conflicts) else None


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


class _Chunks:
    """The lines of a template, those with conflicts in them as each side has them."""

    def __init__(self, template: Template, conflicts: Sequence[Conflict], style: Style) -> None:
        self.conflicts = conflicts
        self.style = style
        self.token = template.token
        self.member = re.compile(rf'("(?:[^"\\]|\\.)*"\s*:\s*)?"{template.mark}([0-9]+)@@"')
        self.lines = _LINE.findall(template.text)

    def parts(self) -> list[str | Chunk]:
        parts: list[str | Chunk] = []
        block: list[str] = []
        for line in [*self.lines, ""]:
            if self.token.search(line):
                block.append(line)
                continue
            if block:
                parts.append(self.chunk("".join(block), parts))
                block = []
            parts.append(line)
        return parts

    def chunk(self, text: str, before: list[str | Chunk]) -> Chunk:
        """Some lines with conflicts; with the line before them where its comma depends on what a side has of them."""
        sides = [self.side(text, side) for side in _SIDES]
        if not all(side.strip() for side in sides) and not text.rstrip().endswith(","):
            last = before[-1] if before else ""
            if isinstance(last, str) and last.rstrip().endswith(","):
                before.pop()
                text = last + text
                sides = [self.side(text, side) for side in _SIDES]
        return Chunk(text, (sides[0], sides[1], sides[2]))

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
