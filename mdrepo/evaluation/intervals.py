"""Confidence intervals of a difference between two models on the same examples, and how far a difference is from a limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from .metrics import Weighted, whole
from .scoring import Floats, Places

RESAMPLES = 2000
_AT_ONCE = 2_000_000
"""How many weights of examples are held in memory at once."""
_GROUPS = 200
"""Into how many groups examples are put for the jackknife."""
_BLOCKS = 50_000
"""Above so many examples, the mean's resamples are drawn from as many blocks of examples."""
FLOOR = 12
"""A resampled difference that rests on fewer examples is made as wide as if up to this many had changed."""
_NONE = 4
"""As if so many had, where it rests on none: then it is +-2 * 1.96 examples, as Tango's interval, and the exact one, +-3.7."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a difference."""

    low: float
    high: float


class Spread(Protocol):
    """What is known of a difference."""

    def interval(self, confidence: float) -> Interval:
        """Both ends, each missed by the true difference with half of what is left of the confidence."""

    def below(self, limit: float) -> float:
        """The p-value of the hypothesis that the true difference is at least `limit`: small where it is below."""


@dataclass(frozen=True, slots=True)
class Exact:
    """A difference that is known without any example: of bytes, of parameters."""

    difference: float

    def interval(self, _: float) -> Interval:
        return Interval(self.difference, self.difference)

    def below(self, limit: float) -> float:
        return 0.0 if self.difference < limit else 1.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of right and wrong answers: how many changed for the better and for the worse, of how many."""

    better: int
    worse: int
    total: int

    def interval(self, confidence: float) -> Interval:
        return tango(self.better, self.worse, self.total, confidence)

    def below(self, limit: float) -> float:
        if limit <= -1:
            return 1.0
        return _NORMAL.cdf(_score(self.better, self.worse, self.total, limit))


def tango(better: int, worse: int, total: int, confidence: float) -> Interval:
    """The score interval of a difference of paired proportions (T. Tango, Statistics in Medicine 17, 1998, 891-908).

    `better` and `worse` count the pairs that changed for the better and for the worse, of `total` pairs. It holds without any
    disagreement too, where the interval is +-z^2 / (n + z^2).
    """
    limit = _NORMAL.inv_cdf(0.5 + confidence / 2)

    def solve(target: float, low: float, high: float) -> float:
        for _ in range(60):  # the statistic falls as the difference grows
            middle = (low + high) / 2
            low, high = (middle, high) if _score(better, worse, total, middle) > target else (low, middle)
        return (low + high) / 2

    estimate = (better - worse) / total
    return Interval(solve(limit, -1.0, estimate), solve(-limit, estimate, 1.0))


def _score(better: int, worse: int, total: int, difference: float) -> float:
    """Tango's statistic for a difference: standard normal if it is the true one."""
    gap = better - worse - total * difference
    variance = total * score_variance(better / total, worse / total, difference)
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0


def score_variance(better: float, worse: float, difference: float) -> float:
    """The variance of one pair under a difference, the other parameter fitted; `better` and `worse` are shares of the pairs."""
    b = -better - worse + (2 - better + worse) * difference
    c = -worse * difference * (1 - difference)
    chance = (math.sqrt(max(b * b - 8 * c, 0.0)) - b) / 4
    return 2 * chance + difference * (1 - difference)


@dataclass(frozen=True)
class Resampled:
    """Resamples of a difference in rising order, with what corrects their bias and skew (B. Efron, JASA 82, 1987, 171-185)."""

    values: Floats
    bias: float
    acceleration: float

    def interval(self, confidence: float) -> Interval:
        limit = _NORMAL.inv_cdf(0.5 + confidence / 2)
        low, high = (float(np.quantile(self.values, self._share(end))) for end in (-limit, limit))
        return Interval(low, high)

    def below(self, limit: float) -> float:
        under = np.searchsorted(self.values, limit, "left") + np.searchsorted(self.values, limit, "right")
        gap = _NORMAL.inv_cdf((under / 2 + 0.5) / (len(self.values) + 1)) - self.bias
        return _NORMAL.cdf(-(gap / max(1 + self.acceleration * gap, 1e-3) - self.bias))

    def _share(self, end: float) -> float:
        moved = self.bias + end
        return _NORMAL.cdf(self.bias + moved / max(1 - self.acceleration * moved, 1e-3))


def resampled(difference: Weighted, counts: Places, changed: float, scale: Callable[[], float]) -> Resampled | None:
    """The paired bootstrap of a difference, seeded; None where too many resamples leave it undefined.

    `counts` says how often each row or joint cell occurs. `changed` is how many examples tell the two models apart; where they,
    or those on which the difference rests, are fewer than the floor, the rest is made up by changes of size `scale() / n`, as many
    for the better as for the worse.
    """
    random = np.random.default_rng(0)
    total, rows = int(counts.sum()), max(1, _AT_ONCE // len(counts))
    parts = [difference(_draw(random, counts, min(rows, RESAMPLES - start))) for start in range(0, RESAMPLES, rows)]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if len(values) < 0.9 * RESAMPLES:
        return None
    influences, sizes = _influences(difference, counts)
    values = np.sort(_filled_up(values, min(changed, telling(influences, sizes)), total, scale, random))
    estimate = float(difference(counts[None, :].astype(float))[0])
    return Resampled(values, _bias(values, estimate), _skew(influences, sizes))


def _filled_up(values: Floats, changed: float, total: int, scale: Callable[[], float], random: np.random.Generator) -> Floats:
    """Resamples with what is lacking to the floor, in changes of size `scale() / total`."""
    lacking = min(FLOOR - changed, _NONE + 2 * changed) / 2
    if lacking <= 0 or not (size := scale()):
        return values
    return values + size / total * (random.poisson(lacking, len(values)) - random.poisson(lacking, len(values)))


def resampled_mean(values: Floats, scale: Callable[[], float]) -> Resampled:
    """The same for the mean of one value an example, faster; of very many examples, blocks made by chance are drawn."""
    exact, total = whole(values), len(values)
    random = np.random.default_rng(0)
    mean = float(exact.sum() / total)
    if total > _BLOCKS:
        exact = np.bincount(random.permutation(total) % _BLOCKS, exact, _BLOCKS).astype(float)
    parts, rows = len(exact), max(1, _AT_ONCE // len(exact))
    means = np.concatenate(
        [
            exact[random.integers(0, parts, (min(rows, RESAMPLES - start), parts), np.int32)].sum(axis=1) / total
            for start in range(0, RESAMPLES, rows)
        ]
    )
    means = np.sort(_filled_up(means, telling(values, np.ones(total)), total, scale, random))
    return Resampled(means, _bias(means, mean), _skew(exact - exact.mean(), np.ones(parts)))


def telling(changes: Floats, times: Floats) -> float:
    """How many examples a difference rests on: their number where all change it as much, fewer where few stand out."""
    squares = times * changes**2
    fourth = float((squares * changes**2).sum())
    return float(squares.sum()) ** 2 / fourth if fourth > 0 else 0.0


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for there being several (S. Holm, Scandinavian Journal of Statistics 6, 1979, 65-70)."""
    adjusted = [0.0] * len(values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda each: values[each])):
        least = max(least, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = least
    return adjusted


def _draw(random: np.random.Generator, counts: Places, rows: int) -> Floats:
    """Weightings of the rows or cells: how often each is drawn when as many are drawn, with replacement, as there are."""
    total = int(counts.sum())
    if total > len(counts):
        return random.multinomial(total, counts / total, rows).astype(float)
    drawn = random.integers(0, total, (rows, total), np.int32) + (np.arange(rows, dtype=np.int32) * total)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * total).reshape(rows, total).astype(float)


def _bias(values: Floats, estimate: float) -> float:
    under = np.searchsorted(values, estimate, "left") + np.searchsorted(values, estimate, "right")
    return _NORMAL.inv_cdf((under / 2 + 0.5) / (len(values) + 1))


def _influences(difference: Weighted, counts: Places) -> tuple[Floats, Floats]:
    """What each of the examples does to a difference, and how many do that; from the jackknife.

    Without one of each cell in turn, or without one of up to 200 groups of rows.
    """
    cells = len(counts)
    if counts.sum() > cells:
        removed, sizes = np.eye(cells), counts.astype(float)
    else:
        groups = min(cells, _GROUPS)
        mixed = np.random.default_rng(1).permutation(cells)  # data are often sorted
        removed = (mixed % groups == np.arange(groups)[:, None]).astype(float)
        sizes = np.ones(groups)
    rows = max(1, _AT_ONCE // cells)
    left = np.concatenate([difference(counts - removed[start : start + rows]) for start in range(0, len(removed), rows)])
    kept = np.isfinite(left)
    if not kept.any():
        return np.zeros(1), np.ones(1)
    centre = float((left[kept] * sizes[kept]).sum() / sizes[kept].sum())
    return centre - left[kept], sizes[kept]


def _skew(influences: Floats, sizes: Floats) -> float:
    squares = float((sizes * influences**2).sum())
    return float((sizes * influences**3).sum()) / (6 * squares**1.5) if squares > 1e-30 else 0.0
