"""What pairs of right and wrong answers say to one who looks at them one after the other, and may stop whenever they like.

Two gamblers bet against a difference, one that it is greater and one that it is less, at ten stakes side by side; whose wealth has
grown to 1/p once has refuted the difference at p, however often one looked (I. Waudby-Smith and A. Ramdas, JRSS B 86, 2024, 1-27).
An interval is what nobody has refuted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .intervals import Interval
from .scoring import Floats, Places

_STAKES = (0.9 * 0.5 ** np.arange(10))[:, None]
_STEPS = 40


@dataclass(frozen=True)
class Bets:
    """How many pairs had changed for the better and for the worse, after how many pairs: wherever a gambler can be richest."""

    better: Places
    worse: Places
    seen: Places

    @classmethod
    def on(cls, gains: NDArray[Any]) -> Bets:
        """Of 1, -1 and 0, in the order in which one looks: between two changes wealth is highest at an end."""
        changes = np.flatnonzero(gains)
        seen = np.unique(np.concatenate([changes, changes + 1, [len(gains)]]))
        better, worse = (np.concatenate([[0], (gains == sign).cumsum()])[seen] for sign in (1, -1))
        return cls(better, worse, seen)

    def interval(self, confidence: float) -> Interval:
        """What holds at all looks together; where luck has turned so that nothing is left, from one refutation to the other."""
        limit = math.log(2 / (1 - confidence))
        low, high = self._refuted(limit, self.better, self.worse), -self._refuted(limit, self.worse, self.better)
        return Interval(min(low, high), max(low, high))

    def below(self, limit: float) -> float:
        """Never less than 0.5 where the one who bets on more is the richer, and so never a small p-value on both sides."""
        more, less = self._p(self.better, self.worse, limit), self._p(self.worse, self.better, -limit)
        return min(less, 0.5) if less <= more else max(1 - more, 0.5)

    def _p(self, wins: Places, losses: Places, difference: float) -> float:
        return min(1.0, math.exp(-self._richest(wins, losses, difference))) if -1 < difference < 1 else 1.0

    def _refuted(self, limit: float, wins: Places, losses: Places) -> float:
        """The greatest difference that the gambler on more has refuted; -1 where none is."""
        low, high = -1.0, 1.0
        for _ in range(_STEPS):  # the wealth falls as the difference grows
            middle = (low + high) / 2
            low, high = (middle, high) if self._richest(wins, losses, middle) >= limit else (low, middle)
        return low

    def _richest(self, wins: Places, losses: Places, difference: float) -> float:
        """The logarithm of the most that the gambler on more ever had, who stakes shares of what can be lost in one bet."""
        stakes = _STAKES / (1 + difference)
        won, kept = np.log1p(stakes * (1 - difference)), np.log1p(-stakes * difference)
        wealth: Floats = won * wins + np.log1p(-_STAKES) * losses + kept * (self.seen - wins - losses)
        top = wealth.max(axis=0)
        return float((top + np.log(np.exp(wealth - top).mean(axis=0))).max())
