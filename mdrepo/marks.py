"""The marks that git and mdrepo put around conflicts: text to the pieces between them, and the fields that they stand around."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import pointers
from .documents import DocumentError, read
from .layout import Node

LABELS = ("ours", "base", "theirs")
MARKER_SIZE = 7
_LINES = re.compile(r"(?<=\n)")
_MARK = re.compile(r"(<{3,}|\|{3,}|={3,}|>{3,})(?: ([^\r\n]*))?\r?\n?")


class Block(NamedTuple):
    """One marked conflict: its first line (from 1), the text of each side (no base in git's usual style), labels, marks' length."""

    line: int
    ours: str
    base: str | None
    theirs: str
    labels: tuple[str, str, str]
    size: int


Pieces = Sequence[str | Block]


def lines_of(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one, as for git, and not all that str.splitlines knows."""
    return [line for line in _LINES.split(text) if line]


def pieces(text: str) -> list[str | Block]:
    """The text in order, line by line, with each complete conflict as a block; no line of a JSON text looks like a mark."""
    lines = lines_of(text)
    made: list[str | Block] = []
    at = 0
    while at < len(lines):
        found = _block(lines, at) if lines[at].startswith("<<<") else None
        if found is None:
            made.append(lines[at])
            at += 1
        else:
            block, at = found
            made.append(block)
    return made


def _block(lines: Sequence[str], start: int) -> tuple[Block, int] | None:
    """The conflict that begins in a line, and the line behind it; None where it is not complete."""
    opening = _MARK.fullmatch(lines[start])
    if opening is None:
        return None
    size = len(opening.group(1))
    texts: dict[str, list[str]] = {"<": []}
    labels = {"<": opening.group(2) or ""}
    current = "<"
    for at in range(start + 1, len(lines)):
        mark = _MARK.fullmatch(lines[at])
        if mark is None or len(mark.group(1)) != size:
            texts[current].append(lines[at])
            continue
        kind = mark.group(1)[0]
        if kind not in {"<": "|=", "|": "=", "=": ">"}[current]:
            return None
        labels[kind] = mark.group(2) or ""
        if kind == ">":
            ours, base, theirs = ("".join(texts[side]) if side in texts else None for side in "<|=")
            named = (labels["<"], labels.get("|", ""), labels[">"])
            return Block(start + 1, ours or "", base, theirs or "", named, size), at + 1
        texts[kind] = []
        current = kind
    return None


def blocks(found: Pieces) -> list[Block]:
    """The conflicts among the pieces of a text."""
    return [piece for piece in found if isinstance(piece, Block)]


def side(found: Pieces, name: str) -> str:
    """The text with one side (`ours`, `theirs`) of every conflict."""
    return "".join(piece if isinstance(piece, str) else getattr(piece, name) for piece in found)


class Marked(NamedTuple):
    """A conflict in a file, or (not `whole`) a mark left behind: its line, and the first field in it, if that can be told."""

    line: int
    pointer: str | None
    whole: bool = True


def marked(data: bytes, path: str) -> list[Marked]:
    """The conflicts, and marks of conflicts left behind, in a file that is not JSON."""
    try:
        found = pieces(data.decode("utf-8"))
    except UnicodeDecodeError:
        return []
    here = [Marked(block.line, pointer) for block, pointer in zip(blocks(found), _fields(found, path), strict=True)]
    return sorted([*here, *_left_behind(found)], key=lambda each: each.line)


def _left_behind(found: Pieces) -> Iterator[Marked]:
    line = 1
    for piece in found:
        if isinstance(piece, str):
            mark = _MARK.fullmatch(piece)
            if mark is not None and len(mark.group(1)) >= 7:
                yield Marked(line, None, whole=False)
            line += 1
        else:
            sides = (piece.ours, piece.base or "", piece.theirs)
            line += sum(text.count("\n") for text in sides) + (3 if piece.base is None else 4)


def _fields(found: Pieces, path: str) -> list[str | None]:
    """For each conflict the pointer of the first field in its lines, by the text of a side that is JSON."""
    mine, yours = _fields_of(found, "ours", path), _fields_of(found, "theirs", path)
    return [one if one is not None else other for one, other in zip(mine, yours, strict=True)]


def _fields_of(found: Pieces, name: str, path: str) -> list[str | None]:
    try:
        layout = read(side(found, name).encode("utf-8"), path).layout
    except DocumentError:
        return [None for _ in blocks(found)]
    fields: list[str | None] = []
    at = 0
    for piece in found:
        text = piece if isinstance(piece, str) else getattr(piece, name)
        if isinstance(piece, Block):
            first = _first_field(layout, at, at + len(text), ())
            fields.append(None if first is None else pointers.build(first))
        at += len(text)
    return fields


def _first_field(node: Node, start: int, end: int, path: pointers.Path) -> pointers.Path | None:
    """The path of the first field that begins in a span of the text."""
    if start <= node.start < end and not path:
        return path
    children: list[tuple[pointers.Token, int, Node]] = [
        (key, begin, child) for key, (begin, _, child) in (node.members or {}).items()
    ]
    children += [(place, child.start, child) for place, child in enumerate(node.items or ())]
    for token, begin, child in children:
        if start <= begin < end:
            return (*path, token)
        if begin < start < child.end:
            return _first_field(child, start, end, (*path, token))
    return None
