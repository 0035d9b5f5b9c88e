"""A metric and two models' answers on the same examples to what is known of their difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import Finding
from . import counting
from .bets import Bets
from .intervals import FLOOR, Exact, Pairs, Spread, resampled, resampled_mean, telling
from .metrics import Metric, Weighted, tried
from .scoring import Flags, Floats, Places, Scored

_CELLS = 1000
"""Up to how many joint cells of (truth, parent's answer, child's answer) are resampled in place of rows."""
_PROBES = 50


def spread(metric: Metric, parent: Scored, child: Scored, early: bool = False) -> Spread:
    """The spread of child less parent: exact pairs for shares, a paired bootstrap else. Raises Finding where it is not defined.

    `early` says that one looks at the examples in their order, and stops when something is established: that is true of shares.
    """
    if metric.of_model:
        return Exact(metric.value(child) - metric.value(parent))
    if metric.per_example is not None:
        if metric.among is not None:  # right answers are the same for both
            members = metric.among(child)
            if not members.any():
                raise Finding(f"{metric.name} is not defined on these {len(child)} examples: none has the label")
            parent, child = parent.take(members), child.take(members)
        old, new = (np.asarray(tried(metric, metric.per_example, side)) for side in (parent, child))
        if old.shape != (len(parent),) or new.shape != old.shape:
            raise Finding(f"{metric.name} does not give one value an example")
        if new.dtype == bool and early:
            return Bets.on(new.astype(np.int8) - old.astype(np.int8))
        if new.dtype == bool:
            return Pairs(int(np.greater(new, old).sum()), int(np.less(new, old).sum()), len(new))
        values = np.asarray(new, float) - old
        changed = telling(values)
        return resampled_mean(values, changed, _mean_scale(metric.per_example, parent) if changed < FLOOR else 0.0)
    changed = _changed(metric, parent, child)
    scale = _scale(metric, parent) if changed < FLOOR else 0.0
    rows, counts = _cells(metric, parent, child)
    old_under, new_under = _weighted(metric, parent.take(rows)), _weighted(metric, child.take(rows))
    found = resampled(lambda weights: new_under(weights) - old_under(weights), counts, changed, scale)
    if found is None:
        raise Finding(f"{metric.name} cannot be resampled on these {len(parent)} examples: a class has too few of them")
    if metric.of_answers and changed < FLOOR and not scale:
        raise Finding(f"{metric.name} says nothing of these {len(parent)} examples: no other answer to one of them would change it")
    return found


def typical_change(metric: Metric, scored: Scored) -> float:
    """By how much the metric changes, in units of one example, if an example is answered as another one is."""
    if metric.per_example is None or metric.among is not None:
        return _scale(metric, scored)
    return _mean_scale(metric.per_example, scored)


def _weighted(metric: Metric, scored: Scored) -> Weighted:
    if metric.weighted is not None:
        return metric.weighted(scored)
    places = np.arange(len(scored))

    def under(weights: Floats) -> Floats:
        return np.array([tried(metric, metric.value, scored.take(np.repeat(places, row.astype(int)))) for row in weights])

    return under


def _changed(metric: Metric, parent: Scored, child: Scored) -> int:
    """How many examples tell the two models apart."""
    if not metric.of_answers:
        if parent.outputs.shape != child.outputs.shape or parent.names != child.names:
            return len(parent)
        return int((parent.outputs != child.outputs).reshape(len(parent), -1).any(axis=1).sum())
    if parent.task == "multilabel":
        return len(parent) if parent.names != child.names else int((parent.answers != child.answers).any(axis=1).sum())
    old, new = (np.array([*side.names, None], dtype=object)[side.answers] for side in (parent, child))
    return int((old != new).sum())


def _cells(metric: Metric, parent: Scored, child: Scored) -> tuple[Places, Places]:
    """Rows that stand for all, and how many each stands for: equal answers make one cell, where only answers count."""
    count = len(parent)
    if metric.of_answers:
        told = [each.reshape(count, -1).astype(np.int64) for side in (parent, child) for each in (side.truth, side.answers)]
        _, rows, counts = np.unique(np.hstack(told), axis=0, return_index=True, return_counts=True)
        if len(rows) <= _CELLS and len(rows) < count:
            return rows, counts
    return np.arange(count), np.ones(count, np.int64)


def _mean_scale(per_example: Callable[[Scored], Floats | Flags], scored: Scored) -> float:
    """The typical size of a change: by how much an example's value differs if it is answered as another one is."""
    other = np.random.default_rng(0).permutation(len(scored))
    moved = replace(scored, outputs=scored.outputs[other], answers=scored.answers[other])
    return float(np.sqrt(np.mean((per_example(moved).astype(float) - per_example(scored)) ** 2)))


def _scale(metric: Metric, scored: Scored) -> float:
    """The same for a metric that is no mean, in units of one example: from 50 examples, one changed at a time.

    Or, where that is more, from one example of each of up to 50 classes, answered as one of the next: a class that few have is
    seldom drawn, and may be what the metric is about.
    """
    drawn = np.random.default_rng(0).integers(0, len(scored), (_PROBES, 2))
    found = _moved(metric, scored, drawn)
    if scored.task == "regression":
        return found
    every = (np.flatnonzero(counting.having(scored, name)) for name in scored.names)
    first = np.array([members[0] for members in every if len(members)][:_PROBES], np.int64)
    return max(found, _moved(metric, scored, np.stack([first, np.roll(first, 1)], axis=1)))


def _moved(metric: Metric, scored: Scored, pairs: Places) -> float:
    """The typical change where one example of each pair is answered as the other one, in units of one example."""
    count = len(scored)
    value, moves = metric.value(scored), []
    for place, other in pairs:
        outputs, answers = scored.outputs.copy(), np.array(scored.answers)
        outputs[place] = scored.outputs[other]
        answers[place] = scored.truth[other] if metric.of_answers else scored.answers[other]
        moves.append(metric.value(replace(scored, outputs=outputs, answers=answers)) - value)
    kept = np.array(moves)[np.isfinite(moves)]
    return float(count * np.sqrt(np.mean(kept**2))) if len(kept) else 0.0
