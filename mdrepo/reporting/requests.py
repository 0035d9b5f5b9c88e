"""A review as one comment on a pull request: sections that are shown whole or named as left out, in which nothing is mark-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .. import pointers
from . import outlines
from .lines import counted
from .markdown import LIMIT, code, escaped

if TYPE_CHECKING:
    from ..reviews import DocumentReview, Item, Judged, Review

MARKER = "<!-- mdrepo-review -->"
"""The first line of the comment, by which a later review finds the one that it takes the place of."""

_TEXT = 300
_VALUE = 80
_ROWS = 100
_TOGETHER = 60
"""So many changes of a document are one table; more are one a section, of which some may be left out."""
_FOLDED = 12
_FEW = 20
_ROOM = 2_000
"""Characters that are kept for the list of what was left out, and for the closing lines."""
_SIGNS = {"good": "🟢 ", "bad": "🔴 ", "warn": "🟡 "}


class _Block(NamedTuple):
    """A section: its name, its text, and how soon it gives way to others (the highest first, and of those the later parts)."""

    name: str
    text: str
    rank: int
    part: int = 0


def comment(found: Review, limit: int = LIMIT) -> str:
    """The review as markdown of no more than `limit` characters."""
    head, tail = "".join(_head(found)), "".join(_tail(found))
    blocks = [*_blocks(found)]
    for other in found.against:
        blocks += [
            each._replace(name=f"{each.name} against {outlines.title(other)}", rank=each.rank + 1) for each in _against(other)
        ]
    left = limit - len(head) - len(tail) - _ROOM
    kept: set[int] = set()
    for place in sorted(range(len(blocks)), key=lambda at: (blocks[at].rank, blocks[at].part, at)):
        if len(blocks[place].text) <= left:
            kept.add(place)
            left -= len(blocks[place].text)
    shown = [each.text for place, each in enumerate(blocks) if place in kept]
    return head + "".join(shown) + _left_out([each.name for place, each in enumerate(blocks) if place not in kept]) + tail


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    told = ", ".join(escaped(name, 60) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"\n**{counted(len(names), 'section')} left out**, as a comment may not be longer: {told}{more}.\n"


def _head(found: Review) -> Iterator[str]:
    yield f"{MARKER}\n### Review of {escaped(outlines.title(found), _TEXT)}\n\n"
    if found.commit is not None:
        many = f"{found.commits} commits, the last by " if found.commits > 1 else ""
        yield f"{many}{escaped(found.commit.author, 60)}: {escaped(found.commit.subject, _TEXT)}\n\n"
    yield "| | |\n| --- | --- |\n"
    yield from (f"| {each.name} | {_SIGNS.get(each.tone, '')}{escaped(each.text, _TEXT)} |\n" for each in outlines.facts(found))
    yield from (f"\n{escaped(each, _TEXT)}\n" for each in found.remarks[:_FEW])


def _tail(found: Review) -> Iterator[str]:
    ids = " and ".join(f"`{each}`" for each in (found.base, found.head) if each)
    yield f"\nMade by `{found.command}`{f' of {ids}' if ids else ''}.\n"


def _against(found: Review) -> Iterator[_Block]:
    facts = "".join(f"| {each.name} | {_SIGNS.get(each.tone, '')}{escaped(each.text, _TEXT)} |\n" for each in outlines.facts(found))
    yield _Block("verdict", f"\n### Against the other parent, {outlines.title(found)}\n\n| | |\n| --- | --- |\n{facts}", 1)
    yield from _blocks(found)


def _blocks(found: Review) -> Iterator[_Block]:
    for document in found.changed:
        yield from _document(document)
    for name, rows, rank in (
        ("Not in order", outlines.findings(found), 0),
        ("What it means", outlines.said(found), 1),
        ("Look at", outlines.flags(found), 0),
    ):
        if rows:
            lines = [f"- {code(path)} {code(place)}: {escaped(told, _TEXT)}\n" for path, place, told in rows[:_FEW]]
            yield _Block(name, f"\n#### {name}\n\n{''.join(lines)}{_more(len(rows), _FEW)}", rank)
    yield from _table("Parameters", outlines.parameters(found.documents), 2)
    for model in found.judged:
        yield from _judged(model)
    yield from _table("Data", outlines.data(found.data), 2)


def _judged(each: Judged) -> Iterator[_Block]:
    yield from _table(f"Metrics of {each.path}", outlines.metrics(each), 1)
    yield from _table(f"Classes and slices of {each.path}", outlines.parts(each), 2)
    if told := outlines.flips(each):
        names = outlines.turned(each)
        shown = f" Wrong now: {', '.join(code(name, 40) for name in names[:_FEW])}." if names else ""
        yield _Block(f"flips of {each.path}", f"\n{code(each.path)}: {told}.{shown}\n", 1)


def _document(each: DocumentReview) -> Iterator[_Block]:
    told = ", ".join(filter(None, [outlines.heading(each), outlines.version(each)]))
    begin = f"\n#### {code(each.path)}\n\n{escaped(told, _TEXT)}\n"
    rank = {"breaking": 3, "behavioural": 4}.get(each.meaning or "", 5)
    if each.count <= _TOGETHER:
        items = [item for section in each.sections for item in section.items]
        yield _Block(each.path, begin + (_changes(items, each) if items else ""), rank)
        return
    yield _Block(each.path, begin, rank)
    for part, (name, items) in enumerate(_parts(each), 1):
        yield _Block(f"{each.path}#/{name}", f"\n{code(name) or 'The whole document'}\n{_changes(items, each)}", rank, part)


def _parts(document: DocumentReview) -> Iterator[tuple[str, list[Item]]]:
    """The changes of a document by section, small sections together."""
    names: list[str] = []
    items: list[Item] = []
    for section in document.sections:
        if items and len(items) + len(section.items) > _TOGETHER:
            yield _joined(names), items
            names, items = [], []
        names.append(section.name)
        items.extend(section.items)
    if items:
        yield _joined(names), items


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _changes(items: Sequence[Item], document: DocumentReview) -> str:
    """A table of changes, folded where it is long."""
    parts = [f"\n| field | old | new | change | class | from |\n|{' --- |' * 6}\n"]
    for item in items[:_ROWS]:
        old, new, told = outlines.sides(item, _VALUE)
        sign = _SIGNS.get(outlines.tone(item), "")
        field = code(pointers.build(item.change.shown_path)) or "(the whole document)"
        origin = escaped(outlines.origin(item, document), _VALUE)
        parts.append(f"| {' | '.join((field, code(old), code(new), sign + escaped(told, _VALUE), item.meaning or '', origin))} |\n")
    made = "".join(parts) + _more(len(items), _ROWS)
    if len(items) <= _FOLDED:
        return made
    return f"\n<details><summary>{counted(len(items), 'change')}, field by field</summary>\n{made}\n</details>\n"


def _table(name: str, found: outlines.Table | None, rank: int) -> Iterator[_Block]:
    if found is None:
        return
    ends = ["---:" if at in found.right else "---" for at in range(len(found.columns))]
    signed = found.columns.index("difference") if "difference" in found.columns else -1
    lines = [f"| {' | '.join(found.columns)} |\n| {' | '.join(ends)} |\n"]
    for row in found.rows[:_FEW]:
        cells = [code(row.cells[0]), *(escaped(cell, _VALUE) for cell in row.cells[1:])]
        cells[signed] = _SIGNS.get(row.tone, "") + cells[signed]
        lines.append(f"| {' | '.join(cells)} |\n")
    yield _Block(name, f"\n#### {escaped(name, _TEXT)}\n\n{''.join(lines)}{_more(len(found.rows), _FEW)}", rank)


def _more(count: int, limit: int) -> str:
    return f"\n… and {count - limit} more\n" if count > limit else ""
