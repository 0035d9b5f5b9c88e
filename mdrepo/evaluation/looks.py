"""The examples that are taken of the test data, and how many of them one looks at before more are run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .planning import Sample, order, sample
from .scoring import Places
from .slices import Slice

FIRST = 512
"""After how many examples an early stop looks first; then after twice as many, and so on."""

Outputs = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Their right answers, slices and names, and where they stand in the data, of which there are `count`.

    With an early stop they are in an order that the hash of the data makes, and one looks after each number of `ends`; without one
    they are in the data's own order, and are looked at all together.
    """

    truth: Sequence[Any]
    cuts: Sequence[Slice]
    names: Sequence[Any]
    places: Places
    count: int
    ends: tuple[int, ...]
    early: bool

    def __len__(self) -> int:
        return self.ends[-1]

    @property
    def samples(self) -> list[Sample | None]:
        """What has to be run for each look (`planning.sample`); None for all of the data."""
        starts = (0, *self.ends[:-1])
        whole = not self.early and len(self) == self.count
        return [None] if whole else [(start, end, self.count) for start, end in zip(starts, self.ends, strict=True)]

    def first(self, looks: int) -> Examples:
        """Those of the first looks."""
        end = self.ends[looks - 1]
        if end == len(self):
            return self
        cuts, taken = [each.of(slice(end)) for each in self.cuts], self.places[:end]
        return replace(self, truth=self.truth[:end], cuts=cuts, names=self.names[:end], places=taken, ends=self.ends[:looks])

    def joined(self, parts: Sequence[Mapping[str | None, Outputs]]) -> dict[str | None, Outputs]:
        """The outputs of the samples, by the view, in the order of the examples; a view that one sample lacks is left out."""
        views = [view for view in parts[0] if all(view in part for part in parts)]
        if not self.early:
            return {view: parts[0][view] for view in views}
        starts = (0, *self.ends[:-1])
        turns = [_turn(self.places[start:end]) for start, end in zip(starts, self.ends, strict=True)]
        return {view: np.concatenate([part[view][turn] for part, turn in zip(parts, turns, strict=True)]) for view in views}


def places(count: int, budget: int | None, seed: str, early: bool) -> Places:
    """Which examples are taken of so many, in the order in which one looks at them."""
    taken = budget or count
    return order(count, seed)[:taken] if early else sample(count, taken, seed)


def ends(count: int, early: bool) -> tuple[int, ...]:
    """After how many of so many examples one looks; the last look is not at few more than the one before."""
    found = []
    end = FIRST
    while early and 3 * end <= 2 * count:
        found.append(end)
        end *= 2
    return (*found, count)


def _turn(taken: Places) -> Places:
    """Where each of some places is among them in rising order, in which they are run."""
    return np.searchsorted(np.sort(taken), taken)
