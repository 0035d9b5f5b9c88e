"""Areas under curves of ranks, under many weightings of the examples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .scoring import Flags, Floats, Places

Weighted = Callable[[Floats], Floats]


def roc(outputs: Floats, positive: Flags) -> Weighted:
    """The area under the ROC curve: how often a positive example stands above a negative one; a tie counts half."""
    order, starts = _groups(outputs)
    flags = positive[order]

    def under(weights: Floats) -> Floats:
        sorted_ = weights[:, order]
        up, down = _sums(sorted_ * flags, starts), _sums(sorted_ * ~flags, starts)
        below = np.cumsum(down, axis=1)
        wins = (up * (below - down / 2)).sum(axis=1)
        pairs = up.sum(axis=1) * below[:, -1]
        return np.asarray(np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))

    return under


def precision_recall(outputs: Floats, positive: Flags) -> Weighted:
    """Average precision: the sum over thresholds, from the highest, of the precision times the gain in recall."""
    order, starts = _groups(-outputs)
    flags = positive[order]

    def under(weights: Floats) -> Floats:
        sorted_ = weights[:, order]
        up = _sums(sorted_ * flags, starts)
        seen = np.cumsum(_sums(sorted_, starts), axis=1)
        hits = np.cumsum(up, axis=1)
        precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
        total = hits[:, -1]
        return np.asarray(np.divide((up * precision).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0))

    return under


def _groups(values: Floats) -> tuple[Places, Places]:
    """The order of the values from the least, and where in it each group of equal ones begins."""
    order = np.argsort(values, kind="stable")
    return order, np.flatnonzero(np.diff(values[order], prepend=-np.inf) > 0)


def _sums(weights: Floats, starts: Places) -> Floats:
    return weights if len(starts) == weights.shape[1] else np.asarray(np.add.reduceat(weights, starts, axis=1))
