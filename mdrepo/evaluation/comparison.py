"""Two models' answers on the same examples to differences, their intervals, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from .metrics import Flags, Floats, Scored

Verdict = Literal["improved", "unchanged", "regressed", "inconclusive"]
HIGHER_IS_BETTER = {"accuracy": True, "loss": False}
DEFAULT_TOLERANCE = {"accuracy": 0.01}
_RESAMPLES = 2000
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a difference."""

    low: float
    high: float


def tango(better: int, worse: int, total: int, confidence: float) -> Interval:
    """The score interval of a difference of paired proportions (T. Tango, Statistics in Medicine 17, 1998, 891-908).

    `better` and `worse` count the pairs that changed for the better and for the worse, of `total` pairs. It holds without any
    disagreement too, where the interval is +-z^2 / (n + z^2).
    """
    limit = NormalDist().inv_cdf(0.5 + confidence / 2)

    def statistic(difference: float) -> float:
        a = 2 * total
        b = -better - worse + (2 * total - better + worse) * difference
        c = -worse * difference * (1 - difference)
        chance = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = total * (2 * chance + difference * (1 - difference))
        gap = better - worse - total * difference
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    def solve(target: float, low: float, high: float) -> float:
        for _ in range(60):  # the statistic falls as the difference grows
            middle = (low + high) / 2
            low, high = (middle, high) if statistic(middle) > target else (low, middle)
        return (low + high) / 2

    estimate = (better - worse) / total
    return Interval(solve(limit, -1.0, estimate), solve(-limit, estimate, 1.0))


def bootstrap(differences: Floats, confidence: float) -> Interval:
    """The percentile interval of a mean, from 2,000 resamples with a fixed seed."""
    random = np.random.default_rng(0)
    count = len(differences)
    means = np.array([differences[random.integers(0, count, count)].mean() for _ in range(_RESAMPLES)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def verdict(interval: Interval, tolerance: float, *, higher_is_better: bool) -> Verdict:
    """A non-inferiority decision: what is established about the difference, with the interval's confidence."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if high < -tolerance:
        return "regressed"
    if low < -tolerance:
        return "inconclusive"
    return "improved" if low > 0 else "unchanged"


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict over several metrics: the worst, or improved if one is and none is worse."""
    for worst in ("regressed", "inconclusive"):
        if worst in verdicts:
            return worst
    return "improved" if "improved" in verdicts else "unchanged"


def compare(parent: Scored, child: Scored, truth: Sequence[str], block: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison as the note has it; `block` is the document's `evaluation`."""
    confidence = float(block.get("confidence", 0.95))
    tolerances = block.get("tolerance", DEFAULT_TOLERANCE)
    better, worse = child.correct & ~parent.correct, parent.correct & ~child.correct
    differences: list[dict[str, Any]] = []
    deciding: list[Verdict] = []
    for metric in block.get("metrics", ["accuracy", "loss"]):
        if metric == "accuracy":
            interval = tango(int(better.sum()), int(worse.sum()), len(better), confidence)
        else:
            interval = bootstrap(child.losses - parent.losses, confidence)
        entry = _difference(parent.value(metric), child.value(metric), interval)
        tolerance = tolerances.get(metric)
        if tolerance is not None:
            found = verdict(interval, tolerance, higher_is_better=HIGHER_IS_BETTER[metric])
            deciding.append(found)
            entry["verdict"] = found
        differences.append({"metric": metric, **entry, "tolerance": tolerance})
    made: dict[str, Any] = {
        "verdict": overall(deciding),
        "confidence": confidence,
        "differences": differences,
        "negative_flips": int(worse.sum()),
        "positive_flips": int(better.sum()),
    }
    if by_label(block):
        made["recall"] = _recall(parent.correct, child.correct, truth, confidence)
    return made


def by_label(block: Mapping[str, Any]) -> bool:
    """Whether the recall of each class is reported."""
    return any(each["by"] == "label" for each in block.get("slices", [{"by": "label"}]))


def _difference(parent: float, child: float, interval: Interval) -> dict[str, Any]:
    return {
        "parent": round(parent, _DIGITS),
        "value": round(child, _DIGITS),
        "difference": round(child - parent, _DIGITS),
        "interval": [round(interval.low, _DIGITS), round(interval.high, _DIGITS)],
    }


def recall(correct: Flags, truth: Sequence[str]) -> dict[str, tuple[int, float]]:
    """(examples, share of right answers) of each class, by name."""
    names = np.array(truth)
    return {name: (int((names == name).sum()), float(correct[names == name].mean())) for name in dict.fromkeys(truth)}


def _recall(parent: Flags, child: Flags, truth: Sequence[str], confidence: float) -> list[dict[str, Any]]:
    names = np.array(truth)
    rows: list[dict[str, Any]] = []
    for name in sorted(set(truth)):
        of_class = names == name
        old, new = parent[of_class], child[of_class]
        interval = tango(int((new & ~old).sum()), int((old & ~new).sum()), len(old), confidence)
        rows.append({"label": name, "support": len(old), **_difference(float(old.mean()), float(new.mean()), interval)})
    return sorted(rows, key=lambda row: (row["difference"], row["label"]))
