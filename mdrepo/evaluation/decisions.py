"""What is known of differences to verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

from . import WORST_FIRST
from .intervals import Interval

Verdict = Literal["improved", "unchanged", "regressed", "inconclusive"]

_POWER = 0.8
_MOST = 1000
"""More than this many times the examples at hand is no number that helps anybody."""


def verdict(interval: Interval, tolerance: float, *, higher_is_better: bool) -> Verdict:
    """A non-inferiority decision: what is established about the difference, with the interval's confidence."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if high < -tolerance:
        return "regressed"
    if low < -tolerance:
        return "inconclusive"
    return "improved" if low > 0 else "unchanged"


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over several metrics: the worst, or improved if one is and none is worse; of none at all nothing follows."""
    found = set(verdicts)
    for worst in ("regressed", "inconclusive"):
        if worst in found:
            return worst
    if not found:
        return "inconclusive"
    return "improved" if "improved" in found else "unchanged"


def needed(
    gain: float, interval: Interval, tolerance: float, examples: int, confidence: float, *, higher_is_better: bool
) -> int | None:
    """How many examples would decide, with a power of 80 %, if the difference stays as it is; None where no number would do."""
    low, high = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    margin = gain + tolerance
    width = gain - low if margin > 0 else high - gain
    limit = NormalDist().inv_cdf(0.5 + confidence / 2)
    if not margin or (times := (width / margin * (1 + NormalDist().inv_cdf(_POWER) / limit)) ** 2) > _MOST:
        return None
    return math.ceil(examples * max(times, 1.0)) + 1


def combine(results: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A merge's result from those against each parent, by commit: the first's, with the worst verdict and what the others say."""
    (_, first), *others = results
    worst = min((result["verdict"] for _, result in results), key=WORST_FIRST.index)
    kept: tuple[str, ...] = ("verdict", "reason", "differences", "negative_flips", "positive_flips", "flips")
    if any("of" in result for _, result in results):  # an early stop can have come at another number of examples
        kept = (*kept, "examples", "of")
    against = [{"parent": parent, **{name: result[name] for name in kept if name in result}} for parent, result in others]
    made = {**first, "verdict": worst, "against": against}
    if worst != first["verdict"]:
        whose = next(parent for parent, result in others if result["verdict"] == worst)
        made["reason"] = f"compared with the other parent {whose[:7]} it is {worst}"
    return made
