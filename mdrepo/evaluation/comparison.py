"""Two models' answers on the same examples to the comparison that the note keeps: differences, slices, flips, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import Finding
from . import metrics
from .decisions import Verdict, overall
from .intervals import Spread, holm
from .metrics import Metric
from .parts import judge, measured, parts_of
from .rows import Row, compared, judged, p_better, p_worse, rounded
from .scoring import Scored
from .slices import Slice
from .terms import Terms

LISTED = 20
"""How many examples that changed are listed, in each direction."""


def measure(scored: Scored, asked: Terms, cuts: Sequence[Slice] = ()) -> dict[str, Any]:
    """The note's part of a model that is compared with nothing; raises Finding where a metric is not defined."""
    return _own(scored, asked) | _shown(measured(parts_of(scored, asked, cuts), scored))


def compare(
    parent: Scored,
    child: Scored,
    asked: Terms,
    cuts: Sequence[Slice] = (),
    ids: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """The note's part of a model that is compared with its parent's, example by example.

    What cannot be compared is `failed`, with the reason. `ids` name the examples; without them their positions do.
    """
    made = _own(child, asked)
    if (reason := _apart(parent, child)) is not None:
        return {**made, "verdict": "failed", "reason": reason}
    try:
        differences, deciding = _differences(parent, child, asked)
        rows, also = judge(parts_of(child, asked, cuts), parent, child, asked)
    except Finding as error:
        return {**made, "verdict": "failed", "reason": error.message}
    found = overall([*deciding, *also])
    made |= {"verdict": found, "confidence": asked.confidence, "differences": differences}
    if not deciding and not also:
        made["reason"] = "no metric has a tolerance, so nothing decides"
    elif found != overall(deciding):
        first = next(row for row in rows if row.get("verdict") == found)
        made["reason"] = f"{first.get('slice') or 'the class ' + first['label']} is {found}"
    if child.task != "regression":
        made |= _flips(parent, child, ids)
    return made | _shown(rows)


def _own(scored: Scored, asked: Terms) -> dict[str, Any]:
    values = {each.name: rounded(metrics.measured(each, scored), scored.task) for each in asked.metrics}
    made: dict[str, Any] = {"metrics": values}
    if scored.close.any():
        made["unstable"] = int(scored.close.sum())
    if asked.confusion:
        made["confusion"] = metrics.confusion(scored)
    return made


def _apart(parent: Scored, child: Scored) -> str | None:
    """Why two models' answers are not to the same questions; None where they are."""
    if parent.task != child.task:
        return f"the parent's task is {parent.task}, this one's is {child.task}: their metrics cannot be compared"
    if len(parent) != len(child):
        return f"the parent was run on {len(parent)} examples, this one on {len(child)}: they cannot be paired"
    if child.task == "regression":
        same = np.array_equal(parent.truth, child.truth)
    elif child.task == "multilabel":
        old, new = (dict(zip(each.names, each.truth.T, strict=True)) for each in (parent, child))
        never = np.zeros(len(child), bool)
        same = all(np.array_equal(old.get(name, never), new.get(name, never)) for name in {*old, *new})
    else:
        same = bool((np.array(parent.names, object)[parent.truth] == np.array(child.names, object)[child.truth]).all())
    return None if same else "the parent's right answers are others: it was run on other data"


def _differences(parent: Scored, child: Scored, asked: Terms) -> tuple[list[Row], list[Verdict]]:
    rows: list[Row] = []
    bound: list[tuple[Row, Metric, Spread, float]] = []
    for metric in asked.metrics:
        figures, known = compared(metric, parent, child, asked.confidence, asked.early_stop)
        tolerance = asked.tolerance.get(metric.name)
        row = {"metric": metric.name, "direction": metric.direction, **figures, "tolerance": tolerance}
        if tolerance is not None:
            row["verdict"] = judged(row, metric, tolerance, len(child), asked.confidence)
            bound.append((row, metric, known, tolerance))
        rows.append(row)
    if len(bound) > 1:
        _correct(bound, (1 - asked.confidence) / 2)
    return rows, [row["verdict"] for row, *_ in bound]


def _correct(bound: Sequence[tuple[Row, Metric, Spread, float]], alpha: float) -> None:
    """Let one of several metrics decide alone only where it would with all of them in view (Holm).

    That each of them is no worse than its tolerance takes no correction: the model passes only where all do.
    """
    lost = holm([p_worse(metric, known, tolerance) for _, metric, known, tolerance in bound])
    won = holm([p_better(metric, known) for _, metric, known, _ in bound])
    for (row, *_), worse, better in zip(bound, lost, won, strict=True):
        row["p"] = rounded(worse)
        if row["verdict"] == "regressed" and worse >= alpha:
            row["verdict"] = "inconclusive"
        elif row["verdict"] == "improved" and better >= alpha:
            row["verdict"] = "unchanged"


def _flips(parent: Scored, child: Scored, ids: Sequence[Any] | None) -> dict[str, Any]:
    """How many examples changed from right to wrong and back, and the first of each by name."""
    lost, won = np.flatnonzero(parent.correct & ~child.correct), np.flatnonzero(child.correct & ~parent.correct)
    listed = {name: [_id(place, ids) for place in places[:LISTED]] for name, places in (("negative", lost), ("positive", won))}
    made: dict[str, Any] = {"negative_flips": len(lost), "positive_flips": len(won)}
    return made | ({"flips": listed} if len(lost) or len(won) else {})


def _id(place: Any, ids: Sequence[Any] | None) -> int | str:
    found = int(place) if ids is None else ids[int(place)]
    return found if isinstance(found, int) and not isinstance(found, bool) else str(found)


def _shown(rows: Sequence[Row]) -> dict[str, Any]:
    classes, slices = [row for row in rows if "label" in row], [row for row in rows if "slice" in row]
    return ({"recall": classes} if classes else {}) | ({"slices": slices} if slices else {})
