"""A metric and two models' answers on the same examples to what is known of their difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from ..errors import Finding
from . import counting
from .bets import Bets
from .intervals import FLOOR, Exact, Pairs, Spread, resampled, resampled_mean
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
        return resampled_mean(np.asarray(new, float) - old, partial(_mean_scale, metric.per_example, parent))
    potential = cache(partial(_potential, metric, parent))

    def scale() -> float:
        if metric.of_answers and not potential().largest:
            raise Finding(
                f"{metric.name} says nothing of these {len(parent)} examples: no other answer to one of them would change it"
            )
        return potential().largest

    changed: float = _changed(metric, parent, child)
    if metric.of_answers and changed * _rarest(parent) < FLOOR * len(parent):
        changed *= potential().telling
    rows, counts = _cells(metric, parent, child)
    old_under, new_under = _weighted(metric, parent.take(rows)), _weighted(metric, child.take(rows))
    found = resampled(lambda weights: new_under(weights) - old_under(weights), counts, changed, scale)
    if found is None:
        raise Finding(f"{metric.name} cannot be resampled on these {len(parent)} examples: a class has too few of them")
    return found


def typical_change(metric: Metric, scored: Scored) -> float:
    """By how much the metric changes, in units of one example, if an example is answered as another one is."""
    if metric.per_example is None or metric.among is not None:
        return _potential(metric, scored).typical
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


class Potential(NamedTuple):
    """What one answer could change of a metric, in units of one example: typically, and where it can change most.

    `telling` is the share of such changes that a difference rests on: less than all where a class that few have counts as much as
    the others. Of those few changes may none be seen, while many are of the others.
    """

    typical: float
    largest: float
    telling: float


def _potential(metric: Metric, scored: Scored) -> Potential:
    """By answering some examples as others are, one at a time."""
    pairs, times = _probes(scored)
    count, value = len(scored), metric.value(scored)
    moves, kept = np.zeros(len(pairs)), np.ones(len(pairs), bool)
    for number, (place, other) in enumerate(pairs):
        outputs, answers = scored.outputs.copy(), np.array(scored.answers)
        outputs[place] = scored.outputs[other]
        answers[place] = scored.truth[other] if metric.of_answers else scored.answers[other]
        if metric.of_answers and np.array_equal(answers[place], scored.answers[place]):
            kept[number] = False  # it is answered so
            continue
        moves[number] = metric.value(replace(scored, outputs=outputs, answers=answers)) - value
    kept &= np.isfinite(moves)
    moves, times = moves[kept], times[kept]
    squares, fourth = float((times * moves**2).sum()), float((times * moves**4).sum())
    if not fourth:
        return Potential(0.0, 0.0, 0.0)
    typical, largest = math.sqrt(squares / times.sum()), math.sqrt(fourth / squares)
    return Potential(count * typical, count * largest, squares**2 / fourth / float(times.sum()))


def _probes(scored: Scored) -> tuple[Places, Floats]:
    """Pairs of examples, the first of which is to be answered as the second, and how many changes each pair stands for.

    As many from and to each class, however few have it; of very many classes, from and to those that the fewest have.
    """
    random = np.random.default_rng(0)
    count = len(scored)
    members = [] if scored.task == "regression" else [np.flatnonzero(counting.having(scored, name)) for name in scored.names]
    classes = sorted((each for each in members if len(each)), key=len)[:_PROBES]
    times = _PROBES // max(1, len(classes))
    pairs, stand_for = [], []
    for each in classes:
        there, anywhere = random.choice(each, (2, times)), random.integers(0, count, (2, times))
        pairs += [np.stack([there[0], anywhere[0]], axis=1), np.stack([anywhere[1], there[1]], axis=1)]
        stand_for.append(np.full(2 * times, len(each) / times))
    if (left := count - sum(map(len, classes))) > 0:
        pairs.append(random.integers(0, count, (_PROBES, 2)))
        stand_for.append(np.full(_PROBES, 2 * left / _PROBES))
    return np.concatenate(pairs), np.concatenate(stand_for)


def _rarest(scored: Scored) -> int:
    """How many examples the class has that the fewest have."""
    return min(filter(None, (int(counting.having(scored, name).sum()) for name in scored.names)), default=0)
