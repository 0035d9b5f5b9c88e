"""What the examples at hand can prove, by each metric that has a tolerance: measured on two models, or under assumptions.

The question is about an equal child: how many examples establish, with a power of 80 %, that it is not worse than the tolerance,
and which loss is the least that so many examples can rule out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np

from ..errors import Finding
from . import metrics, planning
from .intervals import Pairs, Spread
from .metrics import Metric
from .parts import Part, parts_of
from .rows import Row, rounded
from .scoring import Scored
from .slices import Slice
from .spreads import spread, typical_change
from .terms import Terms

ASSUMED = (0.01, 0.02, 0.05, 0.1)
"""The shares of examples that a child is assumed to answer otherwise, where nothing is known of any child."""


def measured(parent: Scored, child: Scored, asked: Terms, cuts: Sequence[Slice] = ()) -> list[Row]:
    """By how two models really differ: a line a metric, then one a class or slice that decides.

    Nothing where they do not differ, or where their answers cannot be compared by these metrics.
    """
    if parent.task != child.task or not _differ(parent, child):
        return []
    try:
        whole = [
            _row(metric, tolerance, len(child), asked, spread(metric, parent, child), metrics.measured(metric, parent))
            for metric, tolerance in _deciding(asked)
        ]
    except Finding:
        return []
    parts = parts_of(child, asked, cuts) if asked.slices is not None else []
    return [*whole, *(_part(part, parent, child, asked) for part in parts)]


def _differ(parent: Scored, child: Scored) -> bool:
    same = parent.names == child.names and parent.outputs.shape == child.outputs.shape
    return not same or not np.array_equal(parent.outputs, child.outputs) or not np.array_equal(parent.answers, child.answers)


def _part(part: Part, parent: Scored, child: Scored, asked: Terms) -> Row:
    """A part's line; of one that has too few examples, or on which its metric means nothing, no more than how many there are."""
    count = int(part.members.sum())
    tolerance = part.tolerance or 0.0
    head = {"metric": "recall", **part.head}
    if count < asked.support:
        return {**_line(part.metric.name, tolerance, count, None, None, None, None), **head}
    try:
        known = spread(part.metric, part.of(parent), part.of(child))
    except Finding:
        return {**_line(part.metric.name, tolerance, count, None, None, None, None), **head}
    return {**_row(part.metric, tolerance, count, asked, known, None), **head}


def assumed(child: Scored | None, examples: int, asked: Terms, shares: Sequence[float] = ASSUMED) -> list[Row]:
    """For children that answer a share of the examples otherwise; of what is no share, only where one model's answers are known.

    Each such example is then taken to change by what it would if it were answered as another one is.
    """
    return [row for metric, tolerance in _deciding(asked) for row in _assumed(metric, tolerance, child, examples, asked, shares)]


def _assumed(
    metric: Metric, tolerance: float, child: Scored | None, examples: int, asked: Terms, shares: Sequence[float]
) -> Iterator[Row]:
    share = metrics.is_share(metric)
    size = None if share or child is None else typical_change(metric, child)
    value = metrics.measured(metric, child) if share and child is not None else None
    for changed in shares:
        if share:
            yield _of_share(metric.name, tolerance, examples, asked, changed, value)
        elif size is None:
            yield _line(metric.name, tolerance, examples, changed, None, None, None)
        else:
            yield _of_error(metric.name, tolerance, examples, asked, size * math.sqrt(changed)) | {"disagreement": changed}


def _deciding(asked: Terms) -> list[tuple[Metric, float]]:
    """The metrics that decide, with their tolerances; of what is the model's, no number of examples proves more."""
    named = (metric for metric in asked.metrics if metric.name in asked.tolerance and not metric.of_model)
    return [(metric, asked.tolerance[metric.name]) for metric in named]


def _row(metric: Metric, tolerance: float, examples: int, asked: Terms, known: Spread, value: float | None) -> Row:
    if not isinstance(known, Pairs):
        ends = known.interval(asked.confidence)
        error = (ends.high - ends.low) / 2 / NormalDist().inv_cdf(0.5 + asked.confidence / 2)
        return _of_error(metric.name, tolerance, examples, asked, error * math.sqrt(examples))
    return _of_share(metric.name, tolerance, examples, asked, (known.better + known.worse) / known.total, value)


def _of_share(name: str, tolerance: float, examples: int, asked: Terms, changed: float, value: float | None) -> Row:
    """By the share of the examples that are right in one model alone; `value` is the parent's, for unpaired data."""
    if not 0 < tolerance < 1:
        least = planning.detectable(examples, changed, asked.confidence)
        return _line(name, tolerance, examples, changed, 1 if tolerance else None, least, None)
    made = planning.plan(examples, changed, tolerance, asked.confidence, accuracy=0.0 if value is None else value)
    unpaired = made.needed_unpaired if value is not None and 0 < value < 1 else None  # of no errors nothing can be said
    return _line(name, tolerance, examples, changed, max(made.needed, 1), made.detectable, unpaired)


def _of_error(name: str, tolerance: float, examples: int, asked: Terms, one: float) -> Row:
    """By the standard error that a difference would have on one example."""
    reach = NormalDist().inv_cdf(0.5 + asked.confidence / 2) + NormalDist().inv_cdf(planning.POWER)
    enough = max(1, math.ceil((reach * one / tolerance) ** 2)) if tolerance else None
    return _line(name, tolerance, examples, None, enough, reach * one / math.sqrt(examples), None)


def _line(
    name: str, tolerance: float, examples: int, changed: float | None, enough: int | None, least: float | None, unpaired: int | None
) -> Row:
    told = {
        "disagreement": None if changed is None else rounded(changed),
        "needed": enough,
        "needed_unpaired": unpaired,
        "detectable": None if least is None else rounded(least),
    }
    known = {key: value for key, value in told.items() if value is not None}
    return {"metric": name, "tolerance": tolerance, "examples": examples, **known}
