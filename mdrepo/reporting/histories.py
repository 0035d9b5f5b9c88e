"""Blame, metrics over commits, and answers to queries: as lines for a terminal, and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers
from . import data
from .lines import Line, Span, value
from .tables import table
from .text import verdict

if TYPE_CHECKING:  # the values' types alone: a command loads what it makes, not what others make
    from ..records import Blame, Blamed, Measure, Queried

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
        commit = f"^{each.step.commit[:6]}" if each.step.cut else each.step.commit[:7]  # as git blame marks a shallow clone's end
        yield [Span(commit, "warn"), *told, place, *_evaluation(each)]


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
        "boundary": each.step.cut,
        "author": each.step.author,
        "date": each.step.date.isoformat(),
        "subject": each.step.subject,
        "path": each.step.now.path,
        "kind": each.kind,
        "source": data.source(each.source),
        "evaluation": evaluation,
    }


def query(found: Queried) -> list[str]:
    """The lines of a table: path, commit, and the fields that the expression names."""
    rows = [[each.path, each.commit[:7], *("" if v is None else value(v, 40) for v in each.values.values())] for each in found.rows]
    return table(["path", "commit", *found.fields], rows, width=_wide(rows))


def _wide(rows: list[list[str]]) -> int:
    """So wide that no cell is broken: who wants less has a pager."""
    return max(100, 20 + max((sum(len(cell) + 3 for cell in row) for row in rows), default=0))


def query_data(found: Queried) -> dict[str, Any]:
    documents = [{"path": each.path, "commit": each.commit, "values": dict(each.values)} for each in found.rows]
    return data.answer("query", expression=found.expression, fields=list(found.fields), documents=documents)


def query_csv(found: Queried) -> str:
    """Comma-separated values: texts as they are, what is not there as nothing, all else as JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "commit", *found.fields])
    for each in found.rows:
        writer.writerow([each.path, each.commit, *map(_cell, each.values.values())])
    return out.getvalue()


def _cell(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False)


def metrics(found: Sequence[Measure]) -> list[str]:
    """The lines of a table: commit, date, document, verdict, and a column for each metric."""
    names = sorted({name for each in found for name in each.metrics})
    rows = [
        [
            each.commit.id[:7],
            f"{each.commit.date:%Y-%m-%d %H:%M}",
            each.path,
            each.verdict or "not evaluated",
            *(f"{each.metrics[name]:.6g}" if name in each.metrics else "" for name in names),
            each.commit.subject,
        ]
        for each in found
    ]
    headings = ["commit", "date", "document", "verdict", *names, "subject"]
    return table(headings, rows, width=_wide(rows), right=range(4, 4 + len(names)))


def metrics_data(found: Sequence[Measure]) -> list[dict[str, Any]]:
    return [
        {
            "commit": each.commit.id,
            "date": each.commit.date.isoformat(),
            "author": {"name": each.commit.author, "email": each.commit.email},
            "subject": each.commit.subject,
            "path": each.path,
            "verdict": each.verdict,
            "metrics": dict(each.metrics),
        }
        for each in found
    ]
