"""A review as lines for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers
from . import data, outlines
from .diffs import change
from .evaluations import headline
from .lines import Line, Span
from .tables import table
from .text import verdict

if TYPE_CHECKING:
    from ..artefacts import Artefact
    from ..reviews import DocumentReview, Judged, Review

_WIDTH = 118
_FLIPS = 10
_MODELS = 10
_CELL = 100


def text(found: Review) -> Iterator[Line]:
    """The whole review for a terminal."""
    yield [Span(f"Review of {outlines.title(found)}", "strong"), *_about(found)]
    for each in outlines.facts(found):
        yield [f"  {each.name:<24}", Span(outlines.cut(each.text), each.tone)]
    for remark in found.remarks:
        yield [Span(f"  {remark}", "faint")]
    for document in found.changed:
        yield []
        yield from _document(document)
    for name, rows, style in (
        ("Not in order", outlines.findings(found), "bad"),
        ("What it means", outlines.said(found), ""),
        ("Look at", outlines.flags(found), "warn"),
    ):
        if rows:
            yield []
            yield [Span(name, "strong")]
            for path, place, told in rows:
                yield [f"  {path}", Span(f" {place}: ", "faint"), Span(outlines.cut(told), style)]
    yield from _table("Parameters", outlines.parameters(found.documents))
    for model in found.judged[:_MODELS]:
        yield from _judged(model)
    if more := found.judged[_MODELS:]:
        yield []
        yield [Span("More models", "strong")]
        for model in more:
            yield ["  ", model.path, "  ", verdict(model.result["verdict"]), headline(model.result)]
    yield from _table("Data", outlines.data(found.data))
    for other in found.against:
        yield []
        yield from text(other)
    yield []
    yield [Span("again: ", "faint"), found.command]


def _about(found: Review) -> list[Span | str]:
    if found.commit is None:
        return []
    many = f"  {found.commits} commits, the last by {found.commit.author}: " if found.commits > 1 else f"  {found.commit.author}: "
    return [Span(many, "faint"), outlines.cut(found.commit.subject)]


def _document(each: DocumentReview) -> Iterator[Line]:
    told = f"  {outlines.heading(each)}"
    yield [Span(each.path, "strong"), told, Span(f"  {outlines.version(each)}" if each.suggested else "", "faint")]
    for section in each.sections:
        for item in section.items:
            yield [*change(item.change, item.meaning), Span(f"  {outlines.origin(item, each)}", outlines.tone(item) or "faint")]


def _judged(each: Judged) -> Iterator[Line]:
    yield from _table(f"Metrics of {each.path}", outlines.metrics(each))
    yield from _table(f"Classes and slices of {each.path}, worst first", outlines.parts(each))
    if told := outlines.flips(each):
        names = [outlines.cut(name, _CELL) for name in outlines.turned(each)]
        more = f" (wrong now: {', '.join(names[:_FLIPS])}{', …' if len(names) > _FLIPS else ''})" if names else ""
        yield [f"  {told}{more}"]


def _table(name: str, found: outlines.Table | None) -> Iterator[Line]:
    if found is None:
        return
    yield []
    yield [Span(name, "strong")]
    rows = [[outlines.cut(cell, _CELL) for cell in row.cells] for row in found.rows]
    lines = table(found.columns, rows, width=_WIDTH, right=found.right)
    for line in lines:
        yield ["  ", line]


def answer(found: Review) -> dict[str, Any]:
    """The whole review as JSON."""
    return data.answer("review", **_review(found))


def _review(found: Review) -> dict[str, Any]:
    return {
        "base": found.base,
        "head": found.head,
        "subject": found.commit.subject if found.commit else None,
        "author": found.commit.author if found.commit else None,
        "commits": found.commits,
        "reproduce": found.command,
        "valid": not found.problems,
        "in_step": not found.stale,
        "verdict": found.verdict,
        "evaluated": found.evaluated,
        "allowed": found.allowed,
        "class": found.meaning,
        "documents": [_document_data(each) for each in found.documents],
        "evaluations": [
            {"path": each.path, "basis": each.basis, "against": each.against, "before": dict(each.before), "result": each.result}
            for each in found.judged
        ],
        "data": [{"path": each.path, "old": _artefact(each.old), "new": _artefact(each.new)} for each in found.data],
        "remarks": list(found.remarks),
        "against": [_review(each) for each in found.against],
    }


def _document_data(each: DocumentReview) -> dict[str, Any]:
    suggested = each.suggested
    return {
        "path": each.path,
        "state": each.state,
        "class": each.meaning,
        "unreadable": each.unreadable,
        "authors": list(each.authors),
        "version": {"suggested": str(suggested.version), "last": suggested.last and str(suggested.last)} if suggested else None,
        "sections": [
            {
                "name": section.name,
                "changes": [
                    {
                        **data.change(item.change),
                        "class": item.meaning,
                        "origin": item.origin.kind,
                        "source": data.source(item.origin.source),
                        "better": item.better,
                    }
                    for item in section.items
                ],
            }
            for section in each.sections
        ],
        "reordered": [pointers.build(place) for place in each.reordered],
        "said": _sentences(each.said),
        "flags": _sentences(each.flags),
        "problems": [data.problem(item) for item in each.problems],
        "stale": [
            {"pointer": pointers.build(item.path), "artefact": item.source.artefact, "reason": item.reason} for item in each.stale
        ],
    }


def _sentences(found: Sequence[Any]) -> list[dict[str, str]]:
    return [{"pointer": pointers.build(item.path), "text": item.text} for item in found]


def _artefact(each: Artefact | None) -> dict[str, Any] | None:
    return {"md5": each.md5, "size": each.size, "files": each.files} if each else None
