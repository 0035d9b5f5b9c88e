"""What can be proved with the examples at hand, and which of them to take."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from ..errors import Finding, UsageError
from .intervals import score_variance
from .scoring import Places

POWER = 0.8
Sample = tuple[int, int, int]
"""Some of the examples in their order (`order`): from which one, up to which, of how many."""


@dataclass(frozen=True)
class Plan:
    """What a share of right answers allows to prove: `needed` examples for the tolerance, and the least loss `detectable`."""

    examples: int
    disagreement: float
    tolerance: float
    confidence: float
    power: float
    needed: int
    needed_unpaired: int
    detectable: float


def plan(
    examples: int, disagreement: float, tolerance: float, confidence: float = 0.95, power: float = POWER, accuracy: float = 0.9
) -> Plan:
    """For an equal model that answers a share `disagreement` otherwise; `confidence` is the block's, of intervals with two ends.

    `accuracy` matters only to what would be needed if the two were not paired.
    """
    if examples < 1 or not (0 <= disagreement <= 1 and 0 < tolerance < 1 and 0.5 < confidence < 1 and 0.5 <= power < 1):
        raise UsageError("a plan takes one example or more, and shares between 0 and 1")
    enough = needed(disagreement, tolerance, confidence, power)
    unpaired = needed_unpaired(accuracy, tolerance, confidence, power)
    least = detectable(examples, disagreement, confidence, power)
    return Plan(examples, disagreement, tolerance, confidence, power, enough, unpaired, least)


def changed_of(result: Mapping[str, Any]) -> float | None:
    """The share of examples that turned wrong or right, by what a note says of a document; None where it says of none."""
    turned = result.get("negative_flips", 0) + result.get("positive_flips", 0)
    return turned / result["examples"] if turned else None


def needed(disagreement: float, tolerance: float, confidence: float, power: float = POWER) -> int:
    """Paired examples that prove a share no worse than the tolerance, by Tango's test.

    J. Nam, Biometrics 53, 1997, 1422-1430: the variance under the tolerance for the error, that under equality for the power.
    """
    limit, reach = NormalDist().inv_cdf(0.5 + confidence / 2), NormalDist().inv_cdf(power)
    under = math.sqrt(max(score_variance(disagreement / 2, disagreement / 2, -tolerance), 0.0))
    return math.ceil(((limit * under + reach * math.sqrt(disagreement)) / tolerance) ** 2)


def needed_unpaired(accuracy: float, tolerance: float, confidence: float, power: float = POWER) -> int:
    """The same for two independent sets of examples: how many in each."""
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) + NormalDist().inv_cdf(power)
    return math.ceil(2 * accuracy * (1 - accuracy) * (reach / tolerance) ** 2)


def detectable(examples: int, disagreement: float, confidence: float, power: float = POWER) -> float:
    """The least tolerance that so many paired examples can prove."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if needed(disagreement, middle, confidence, power) <= examples else (middle, high)
    return high


def order(count: int, seed: str) -> Places:
    """The order in which examples are looked at; a hash of the data makes it, so that nobody chooses it."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big")
    return np.random.default_rng(number).permutation(count)


def sample(count: int, end: int, seed: str, start: int = 0) -> Places:
    """The positions, rising, of the examples up to one in their order: those that a budget allows."""
    return np.sort(order(count, seed)[start:end])


def drawn(rows: int, wanted: Sequence[Any] | None) -> Places | None:
    """Which of so many rows a sample (`Sample`, and a seed) takes, None for all; raises Finding where it is of another number."""
    if not wanted:
        return None
    start, end, count, seed = wanted
    if rows != count:
        raise Finding(f"{rows} inputs for {count} right answers: the inputs and the target differ in length")
    return sample(count, end, seed, start)
