"""Shares of answers that are right, by label, under many weightings of the examples at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..errors import Finding
from .scoring import Flags, Floats, Places, Scored

Weighted = Callable[[Floats], Floats]


def _counts(scored: Scored) -> list[Weighted]:
    """How often each label is answered rightly, answered, right: under weightings, weightings x labels."""
    if scored.task == "multilabel":
        flags = (scored.answers & scored.truth, scored.answers, scored.truth)
        return [partial(_summed, each.astype(float)) for each in flags]
    rightly = np.where(scored.correct, scored.truth, -1)
    return [_by_place(places, len(scored.names)) for places in (rightly, scored.answers, scored.truth)]


def _summed(flags: Floats, weights: Floats) -> Floats:
    return np.asarray(weights @ flags)


def _by_place(places: Places, labels: int) -> Weighted:
    """The weights of the examples of each label, -1 being none; as fast with a thousand labels as with two."""
    order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
    there, starts = np.unique(places[order], return_index=True)

    def under(weights: Floats) -> Floats:
        sums = np.zeros((len(weights), labels))
        if len(there):
            sums[:, there] = np.add.reduceat(np.take(weights, order, axis=1), starts, axis=1)
        return sums

    return under


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))


def shares(kind: str, average: str, scored: Scored) -> Weighted:
    """Precision, recall or F1; 0 where nothing is there to divide by, as in scikit-learn with `zero_division=0`."""
    every = scored.task == "multilabel"
    counts = _counts(scored)
    only = None if average in ("micro", "macro") else [place(scored, average)]

    def under(weights: Floats) -> Floats:
        both, answered, right = (each(weights) if only is None else each(weights)[:, only] for each in counts)
        if average == "micro":
            both, answered, right = (sums.sum(axis=1, keepdims=True) for sums in (both, answered, right))
        below = {"precision": answered, "recall": right, "f1": (answered + right) / 2}[kind]
        each = _ratio(both, below)
        if average != "macro" or every:
            return np.asarray(each.mean(axis=1))
        return np.asarray(_ratio(each.sum(axis=1), ((answered + right) > 0).sum(axis=1).astype(float)))

    return under


def balanced(scored: Scored) -> Weighted:
    """The mean recall of the classes that occur."""
    both, _, right = _counts(scored)

    def under(weights: Floats) -> Floats:
        there = right(weights)
        return np.asarray(_ratio(both(weights), there).sum(axis=1) / np.maximum((there > 0).sum(axis=1), 1))

    return under


def having(scored: Scored, label: str) -> Flags:
    """Which examples have a label."""
    at = place(scored, label)
    return np.asarray(scored.truth[:, at] if scored.task == "multilabel" else scored.truth == at, bool)


def answered(scored: Scored, label: str) -> Flags:
    """Which examples are answered with a label."""
    at = place(scored, label)
    return np.asarray(scored.answers[:, at] if scored.task == "multilabel" else scored.answers == at, bool)


def place(scored: Scored, label: str) -> int:
    """A label's place among the names; raises Finding."""
    if label not in scored.names:
        raise Finding(f"there is no label {label!r} in the label map or in the test data")
    return scored.names.index(label)
