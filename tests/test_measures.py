"""Numbers that come in batches: exact, and the same however they are cut."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo.extraction.measures import Numbers


def measured(batches: list[Any], keep: int = 1 << 20) -> dict[str, Any]:
    numbers = Numbers(keep)
    for batch in batches:
        numbers.add(batch)
    return numbers.described()


FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)
INTEGERS = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=60)


@given(FLOATS | INTEGERS, st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_numbers_are_measured_exactly_however_they_are_cut(values: list[Any], size: int) -> None:
    array = np.array(values, np.float64 if isinstance(values[0], float) else np.int64)
    found = measured([array[start : start + size] for start in range(0, len(array), size)])
    assert found == measured([array])
    total = sum(map(Fraction, values))
    assert found["mean"] == float(total / len(values))
    assert (found["minimum"], found["maximum"]) == (min(values), max(values))
    for share, value in found["quantiles"].items():
        assert value == sorted(values)[math.ceil(Fraction(share) * len(values)) - 1]


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
@pytest.mark.parametrize("order", ["ascending", "shuffled"])
def test_quantiles_of_more_numbers_than_may_be_kept_are_told_to_be_of_every_nth(size: int, order: str) -> None:
    values = np.arange(1000) * 1000
    if order == "shuffled":
        values = np.random.default_rng(1).permutation(values)
    found = measured([values[start : start + size] for start in range(0, 1000, size)], keep=300)
    assert found["quantiles_every"] == 4
    assert found["quantiles"]["0.5"] == sorted(values[::4].tolist())[124]
    assert found["mean"] == 499_500


def test_unsigned_integers_keep_their_value_beside_small_ones() -> None:
    numbers = Numbers(100)
    large = (1 << 64) - 1
    for batch in ([3, 1], [large, 2], [large, large]):
        numbers.add(np.array(batch, np.uint64))
    assert numbers.described()["quantiles"] == {"0.05": 1, "0.25": 2, "0.5": 3, "0.75": large, "0.95": large}
    assert numbers.described()["maximum"] == large


def test_integers_of_many_widths_are_kept_as_they_are() -> None:
    numbers = Numbers(100)
    for batch in ([5, -3], [1 << 40, 40_000], [-(1 << 62), 7]):
        numbers.add(np.array(batch, np.int64))
    assert numbers.described()["quantiles"] == {"0.05": -(1 << 62), "0.25": -3, "0.5": 5, "0.75": 40_000, "0.95": 1 << 40}
