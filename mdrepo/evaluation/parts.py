"""Classes and slices of the test data, each judged by itself, corrected for there being many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import Finding
from . import counting, metrics
from .decisions import Verdict
from .intervals import Spread, holm
from .metrics import Metric
from .rows import Row, compared, judged, p_better, p_worse, rounded
from .scoring import Flags, Scored
from .slices import Slice
from .terms import Terms


@dataclass(frozen=True)
class Part:
    """Some of the examples and what they are judged by.

    `bound` says that the part has a tolerance of its own, and is judged as the whole is. `decides` says that an established
    regression of it is one of the model.
    """

    head: Row
    metric: Metric
    members: Flags
    tolerance: float | None
    bound: bool
    decides: bool
    view: str | None = None

    def of(self, scored: Scored) -> Scored:
        """A model's answers on this part."""
        return (scored if self.view is None else scored.views[self.view]).take(self.members)


def parts_of(child: Scored, asked: Terms, cuts: Sequence[Slice]) -> list[Part]:
    """The classes, where they are looked at, then the slices, each by every metric that has a tolerance."""
    found = list(_classes(child, asked)) if asked.by_label and child.task != "regression" else []
    by_name = {metric.name: metric for metric in asked.metrics}
    for cut in cuts:
        for name, tolerance in (cut.tolerance or asked.tolerance).items():
            if name in by_name and not by_name[name].of_model:
                head = {"slice": cut.name, "metric": name}
                found.append(Part(head, by_name[name], cut.members, tolerance, cut.tolerance is not None, True, cut.view))
    return found


def measured(parts: Sequence[Part], scored: Scored) -> list[Row]:
    """Each part of a model that is compared with nothing, worst first."""
    rows = []
    for part in parts:
        row = {**part.head, "support": int(part.members.sum())}
        value = _value_or_none(part.metric, part.of(scored)) if row["support"] else None
        rows.append(row if value is None else {**row, "value": rounded(value, scored.task)})
    return sorted(rows, key=lambda row: (row.get("value", np.inf), _name(row)))


def judge(parts: Sequence[Part], parent: Scored, child: Scored, asked: Terms) -> tuple[list[Row], list[Verdict]]:
    """Each part's line, worst change first, and the verdicts among them that decide about the whole.

    A part with too few examples is shown; if it has a tolerance of its own, it is inconclusive. Raises Finding where a metric is
    not defined on enough examples.
    """
    lines = [(part, *_line(part, parent, child, asked)) for part in parts]
    told = [(part, row, known) for part, row, known in lines if known is not None and row["support"] >= asked.support]
    alpha = (1 - asked.confidence) / 2
    worse = holm([p_worse(part.metric, known, part.tolerance or 0.0) for part, _, known in told])
    better = holm([p_better(part.metric, known) for part, _, known in told])
    for (part, row, _), lost, won in zip(told, worse, better, strict=True):
        row["p"] = rounded(lost)
        if part.bound and part.tolerance is not None:
            found = judged(row, part.metric, part.tolerance, row["support"], asked.confidence)
            row["verdict"] = "inconclusive" if found == "regressed" and lost >= alpha else found
        elif lost < alpha or won < alpha:
            row["verdict"] = "regressed" if lost < alpha else "improved"
    deciding: list[Verdict] = []
    for part, row, _ in lines:
        if part.bound and "verdict" not in row:
            row["verdict"] = "inconclusive"
        if part.decides and (part.bound or row.get("verdict") == "regressed"):
            deciding.append(row["verdict"])
    rows = [(part, row) for part, row, _ in lines]
    return [row for _, row in sorted(rows, key=lambda each: (_gain(*each), _name(each[1])))], deciding


def _line(part: Part, parent: Scored, child: Scored, asked: Terms) -> tuple[Row, Spread | None]:
    row: Row = {**part.head, "support": int(part.members.sum())}
    if not row["support"]:  # a budget can leave it without members
        return row, None
    try:
        figures, known = compared(part.metric, part.of(parent), part.of(child), asked.confidence, asked.early_stop)
    except Finding as error:
        if row["support"] >= asked.support:
            raise Finding(f"{_name(row)}: {error.message}", error.hint) from None
        return row, None
    bounds = {} if part.tolerance is None or ("label" in row and not part.decides) else {"tolerance": part.tolerance}
    return {**row, **figures, **bounds}, known


def _classes(child: Scored, asked: Terms) -> Iterator[Part]:
    named = next((each for each in asked.slices or () if each.get("by") == "label"), {})
    own = named.get("tolerance", {}).get("recall")
    tolerance = own if own is not None else asked.tolerance.get("accuracy", 0.0)
    for name in child.names:
        members = counting.having(child, name)
        if members.any() or own is not None:  # one that is judged by itself cannot be missing
            yield Part({"label": name}, metrics.recall(name), members, tolerance, own is not None, asked.slices is not None)


def _gain(part: Part, row: Row) -> float:
    change: float = row.get("difference", 0.0)
    return change if part.metric.higher_is_better else -change


def _name(row: Row) -> str:
    return str(row["label"]) if "label" in row else f"{row['slice']}, {row['metric']}"


def _value_or_none(metric: Metric, scored: Scored) -> float | None:
    try:
        return metrics.measured(metric, scored)
    except Finding:
        return None
