"""Diffs as markdown, for a comment on a pull request: a table a document, in which no content can be more than content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers
from ..changes import MISSING, Change
from . import words
from .diffs import compared, highest, itemised, moved, summary
from .lines import counted, harmless, value

if TYPE_CHECKING:
    from ..differences import DocumentDiff
    from ..schemas import ChangeClass

LIMIT = 60_000
"""How many characters a comment may have; GitHub takes 65,536."""

_VALUE = 80
_NAME = 200
_HEADING = "| field | old | new | note |\n| --- | --- | --- | --- |\n"
# All that markdown, GitHub's extensions of it or HTML see something in: a reference to a character is a character and no mark-up.
_MARKING = re.compile(r"[&<>|`\\*_~\[\]#@$]|:(?=\S)|(?<=www)\.", re.IGNORECASE)


def code(text: str, limit: int = _NAME) -> str:
    """A text as code, harmless inside a cell: neither mark-up, nor a link, nor a mention."""
    shown = escaped(text, limit)
    return f"<code>{shown}</code>" if shown.strip() else ""


def escaped(text: str, limit: int) -> str:
    """A text of one line in which nothing is mark-up, where no line begins with it."""
    shown = harmless(text if len(text) <= limit else text[: limit - 1] + "…").replace("\t", "\\t")
    return _MARKING.sub(lambda found: f"&#{ord(found.group())};", shown)


def document_diffs(found: Sequence[DocumentDiff], limit: int = LIMIT) -> str:
    """Several diffs; what is beyond the limit is left out, and the last line says how much."""
    if not found:
        return "### No changes\n"
    total = sum(len(each.delta) for each in found)
    worst = highest(found)
    heading = f"### {counted(len(found), 'document')} changed, {counted(total, 'change')}{f': **{worst}**' if worst else ''}\n"
    parts, size, shown = [heading], len(heading), 0
    for part, changes in _parts(found):
        size += len(part)
        if size > limit - _NAME:  # room for the closing line
            parts.append(f"\n… and {counted(total - shown, 'more change')} left out: `mdrepo diff` shows them all\n")
            break
        parts.append(part)
        shown += changes
    return "".join(parts)


def _parts(found: Sequence[DocumentDiff]) -> Iterator[tuple[str, int]]:
    """The text piece by piece, each with the number of changes that it shows; a table begins together with its first row."""
    for each in found:
        worst = each.highest_class
        state = f"{each.state}: " if each.state != "changed" else ""
        begin = f"\n{code(each.path)} {state}{summary(each)}{f', {worst}' if worst else ''}\n\n{_HEADING}"
        for item, meaning, apart in itemised(each):
            yield begin + _row(item, meaning, apart[1] if apart else None), 1
            begin = ""


def _row(item: Change, meaning: ChangeClass | None, key: str | None) -> str:
    old, new = _sides(item)
    cells = [code(pointers.build(item.shown_path)) or "(the whole document)", old, new, _note(item, meaning, key)]
    return f"| {' | '.join(cells)} |\n"


def _sides(item: Change) -> tuple[str, str]:
    if item.kind == "moved":
        return "", code(value(item.new, _VALUE))
    if item.kind == "changed" and words.are_long(item.old, item.new):
        old, new = words.excerpts(item.old, item.new, _VALUE)
        return code(value(old, _VALUE + 20)), code(value(new, _VALUE + 20))
    return _side(item.old), _side(item.new)


def _side(content: Any) -> str:
    return "" if content is MISSING else code(value(content, _VALUE))


def _note(item: Change, meaning: ChangeClass | None, key: str | None) -> str:
    """What is to be said of a change; what comes from the document is set as code."""
    notes: list[str] = [meaning or ""]
    if item.kind == "changed":
        notes += compared(item.old, item.new)
    else:
        notes.append(f"moved {code(moved(item))}" if item.kind == "moved" else item.kind)
    if item.identity:
        notes.append(code(item.identity) + (f" (items told apart by {code(key)})" if key else ""))
    return ", ".join(filter(None, notes))
