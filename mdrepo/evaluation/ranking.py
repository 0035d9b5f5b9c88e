"""Areas under curves of ranks, under many weightings of the examples at once; weights are whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scoring import Flags, Floats

Weighted = Callable[[Floats], Floats]
_Sums = Callable[[Floats], tuple[NDArray[np.int64], NDArray[np.int64]]]


def roc(outputs: Floats, positive: Flags) -> Weighted:
    """The area under the ROC curve: how often a positive example stands above a negative one; a tie counts half."""
    sums = _segments(outputs, positive)

    def under(weights: Floats) -> Floats:
        every, up = sums(weights)
        down = every - up
        below = np.cumsum(down, axis=1)
        wins = (up * (2 * below - down)).sum(axis=1) / 2
        pairs = up.sum(axis=1) * below[:, -1]
        return np.asarray(np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))

    return under


def precision_recall(outputs: Floats, positive: Flags) -> Weighted:
    """Average precision: the sum over thresholds, from the highest, of the precision times the gain in recall."""
    sums = _segments(-outputs, positive)

    def under(weights: Floats) -> Floats:
        every, up = sums(weights)
        seen, hits = np.cumsum(every, axis=1), np.cumsum(up, axis=1)
        precision = np.divide(hits, seen, out=np.zeros(hits.shape), where=seen > 0)
        total = hits[:, -1]
        return np.asarray(np.divide((up * precision).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0))

    return under


def _segments(values: Floats, positive: Flags) -> _Sums:
    """The weights of all and of the positive examples, summed over segments of the examples in the order of their values.

    A segment is a group of equal values with a positive one in it, or all that lies between two such groups.
    """
    order = np.argsort(values, kind="stable")
    flags = positive[order]
    group = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > 0)
    held = np.isin(group, group[flags])
    begins = np.diff(group, prepend=-1) > 0
    starts = np.flatnonzero(begins & (held | np.append(True, held[:-1])))
    split = len(starts) < len(order)

    def sums(weights: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        small: Any = np.uint8 if weights.max(initial=0) < 256 else np.int64
        sorted_ = np.take(weights.astype(small), order, axis=1)
        pair = (sorted_, sorted_ * flags)
        every, up = (np.add.reduceat(each, starts, axis=1, dtype=np.int64) if split else each.astype(np.int64) for each in pair)
        return every, up

    return sums
