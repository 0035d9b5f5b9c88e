"""Blame, metrics over commits, and answers to queries: as lines for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import pointers
from . import data
from .lines import Line, Span, value
from .text import verdict

if TYPE_CHECKING:  # the values' types alone: a command loads what it makes, not what others make
    from ..records import Blame, Blamed

_AUTHOR = 20


def blame(found: Blame) -> Iterator[Line]:
    """A line for each leaf: commit, date, author, where the value comes from, the leaf, and the evaluation in that commit."""
    width = min(_AUTHOR, max((len(each.step.author) for each in found.lines), default=0))
    styles = {"derived": "good", "overridden": "warn"}
    for each in found.lines:
        author = each.step.author if len(each.step.author) <= width else each.step.author[: width - 1] + "…"
        told: list[Span | str] = [
            f"  {each.step.date:%Y-%m-%d}  {author:<{width}}  ",
            Span(f"{each.kind:<10}", styles.get(each.kind, "")),
        ]
        place = f"  {pointers.build(each.path) or '(the whole document)'}: {value(each.value, 48)}"
        yield [Span(each.step.commit[:7], "warn"), *told, place, *_evaluation(each)]


def _evaluation(each: Blamed) -> list[Span | str]:
    """The verdict of the document in that commit, and how its first metric changed."""
    if each.evaluation is None or "verdict" not in each.evaluation:
        return []
    moved = next(((item["metric"], item["difference"]) for item in _differences(each) if "difference" in item), None)
    return ["  (", verdict(each.evaluation["verdict"]), f", {moved[0]} {moved[1]:+.4g})" if moved else ")"]


def _differences(each: Blamed) -> list[dict[str, Any]]:
    found = each.evaluation.get("differences", []) if each.evaluation else []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def blame_data(found: Blame) -> dict[str, Any]:
    return data.answer("blame", path=found.path, revision=found.commit, leaves=[_leaf(each) for each in found.lines])


def _leaf(each: Blamed) -> dict[str, Any]:
    evaluation = None
    if each.evaluation is not None:
        evaluation = {"verdict": each.evaluation.get("verdict"), "differences": _differences(each)}
    return {
        "pointer": pointers.build(each.path),
        "value": each.value,
        "commit": each.step.commit,
        "author": each.step.author,
        "date": each.step.date.isoformat(),
        "subject": each.step.subject,
        "path": each.step.now.path,
        "kind": each.kind,
        "source": data.source(each.source),
        "evaluation": evaluation,
    }
