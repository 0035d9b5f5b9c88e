"""One line of the note: a metric of two models on the same examples, its difference, and what that decides."""

from __future__ import annotations

from typing import Any

from . import metrics
from .decisions import Verdict, needed, verdict
from .intervals import Interval, Spread
from .metrics import Metric
from .scoring import Scored, Task
from .spreads import spread

Row = dict[str, Any]


def rounded(value: float, task: Task = "classification") -> float:
    """As the note has it: six decimals, or nine digits for a regression, whose units can be any."""
    return float(f"{value:.9g}") if task == "regression" else round(float(value), 6) + 0.0


def compared(metric: Metric, parent: Scored, child: Scored, confidence: float, early: bool = False) -> tuple[Row, Spread]:
    """The line, and what is known of the difference; raises Finding where the metric is not defined."""
    old, new = metrics.measured(metric, parent), metrics.measured(metric, child)
    known = spread(metric, parent, child, early)
    interval = known.interval(confidence)
    figures = {"parent": old, "value": new, "difference": new - old}
    ends = [rounded(interval.low, child.task), rounded(interval.high, child.task)]
    return {**{name: rounded(value, child.task) for name, value in figures.items()}, "interval": ends}, known


def p_worse(metric: Metric, known: Spread, tolerance: float) -> float:
    """The p-value of its being no worse than the tolerance."""
    return known.below(-tolerance) if metric.higher_is_better else 1 - known.below(tolerance)


def p_better(metric: Metric, known: Spread) -> float:
    """The p-value of its being no better than before."""
    return 1 - known.below(0.0) if metric.higher_is_better else known.below(0.0)


def judged(row: Row, metric: Metric, tolerance: float, examples: int, confidence: float) -> Verdict:
    """The verdict of a line, by the figures that it shows; how many examples would decide is added where nothing does."""
    interval, better = Interval(*row["interval"]), metric.higher_is_better
    found = verdict(interval, tolerance, higher_is_better=better)
    if found == "inconclusive":
        gain = row["difference"] if better else -row["difference"]
        enough = needed(gain, interval, tolerance, examples, confidence, higher_is_better=better)
        if enough is not None:
            row["needed"] = enough
    return found
