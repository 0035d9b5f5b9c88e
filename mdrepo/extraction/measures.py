"""Count, range, exact mean and quantiles of numbers that come in batches; how they are cut into batches never shows.

Sums are exact. A quantile p is the smallest value that at least the share p of the values does not exceed (Hyndman and Fan, 1996,
type 1): a value of the data, never one in between. Where there are more numbers than memory should hold, it is that of every second
one, every fourth, and so on, which is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

QUANTILES = (5, 25, 50, 75, 95)  # in hundredths
_SCALE = 1074  # the least bit of a double is 2**-1074
_EXACT = 1 << 53
_HUGE = 2.0**900
_FEW = 1 << 16  # of integers that are so near each other it is faster to count than to sort


class Numbers:
    """What is known of the numbers so far; `keep` of them at most are kept for quantiles."""

    def __init__(self, keep: int) -> None:
        self.count = 0
        self.nan = self.infinite = 0
        self.minimum: Any = None
        self.maximum: Any = None
        self._total = 0  # in units of 2**-_SCALE
        self._total_as_floats = 0
        self._ascending, self._last = True, None
        self._long = False
        self._keep = keep
        self._kept: list[Any] = []
        self._held, self._every = 0, 1

    def add(self, array: Any) -> None:
        """A batch: an array of integers or floats; what is not finite is left out."""
        import numpy as np

        floats = array.dtype.kind == "f"
        if floats or array.dtype != np.uint64:
            array = array.astype(np.float64 if floats else np.int64, copy=False)
        if not len(array):
            return
        least, most = array.min().item(), array.max().item()
        if not (math.isfinite(least) and math.isfinite(most)):
            self.nan += int(np.isnan(array).sum())
            self.infinite += int(np.isinf(array).sum())
            array = array[np.isfinite(array)]
            if not len(array):
                return
            least, most = array.min().item(), array.max().item()
        self._keep_some(_narrow(array, least, most) if array.dtype == np.int64 else array)
        self.minimum = least if self.minimum is None else min(self.minimum, least)
        self.maximum = most if self.maximum is None else max(self.maximum, most)
        self.count += len(array)
        total = _total(array, max(-least, most))
        self._total += total
        large = array.dtype.kind != "f" and max(-least, most) > _EXACT
        self._total_as_floats += _total(array.astype(np.float64), float(max(-least, most))) if large else total

    def add_long(self, values: list[int]) -> None:
        """A batch of integers, some of which have more than 64 bits; of such ones no quantiles are told."""
        import numpy as np

        self._long = True
        least, most = min(values), max(values)
        self._keep_some(np.array([float(value) for value in values]))
        self.minimum = least if self.minimum is None else min(self.minimum, least)
        self.maximum = most if self.maximum is None else max(self.maximum, most)
        self.count += len(values)
        self._total += sum(values) << _SCALE
        self._total_as_floats += sum(int(float(value)) for value in values) << _SCALE

    def _keep_some(self, array: Any) -> None:
        import numpy as np

        if not self._keep:
            return
        follows = not self.count or bool(self._last <= array[0])
        self._ascending = self._ascending and follows and bool((array[:-1] <= array[1:]).all())
        self._last = array[-1]
        if self._every > 1:
            array = array[-self.count % self._every :: self._every].copy()
        self._kept.append(array)
        self._held += len(array)
        while self._held > self._keep:
            self._kept = [np.concatenate(self._kept)[::2].copy()]
            self._held = len(self._kept[0])
            self._every *= 2

    def become_floats(self) -> None:
        """Take the integers so far as the floats that they would have been read as."""
        self._long = False
        if self.count:
            self.minimum, self.maximum = float(self.minimum), float(self.maximum)
            self._total = self._total_as_floats
            self._kept = [array.astype("float64") for array in self._kept]

    def described(self) -> dict[str, Any]:
        """Minimum, maximum, mean and quantiles, none of no numbers; and how many were not finite."""
        infinite = {"not_finite": self.infinite} if self.infinite else {}
        if not self.count:
            return infinite
        plain: Callable[[Any], Any] = (lambda value: value + 0.0) if isinstance(self.minimum, float) else int  # -0.0 is 0.0
        found: dict[str, Any] = {
            "minimum": plain(self.minimum),
            "maximum": plain(self.maximum),
            "mean": self._total / (self.count << _SCALE),
        }
        if self._held and not self._long:
            found["quantiles"] = {f"{share / 100:g}": plain(value) for share, value in self._quantiles()}
            found |= {"quantiles_every": self._every} if self._every > 1 else {}
        return found | infinite

    def _quantiles(self) -> list[tuple[int, Any]]:
        import numpy as np

        places = [(self._held * share + 99) // 100 - 1 for share in QUANTILES]
        found: list[Any]
        if self._ascending:  # as numbers of rows are, and times
            ends = np.cumsum([len(array) for array in self._kept])
            numbers = np.searchsorted(ends, places, "right").tolist()
            found = [self._kept[number][place - ends[number]].item() for number, place in zip(numbers, places, strict=True)]
        elif isinstance(self.minimum, int) and (span := self.maximum - self.minimum) < _FEW:
            wide = (array if array.dtype == np.uint64 else array.astype(np.int64, copy=False) for array in self._kept)
            counts = sum(np.bincount((array - self.minimum).astype(np.intp, copy=False), minlength=span + 1) for array in wide)
            found = [self.minimum + place for place in np.searchsorted(np.cumsum(counts), places, "right").tolist()]
        else:
            values = np.concatenate(self._kept)
            _part(values, 0, places)
            found = values[places].tolist()
        return list(zip(QUANTILES, found, strict=True))


def _part(values: Any, start: int, places: list[int]) -> None:
    """Put at each place what sorting would put there; the values begin at `start`.

    One place after another, each in what is left of it: numpy looks for one place several times faster than for five at once, and
    all five take half the time of sorting.
    """
    if places:
        middle = len(places) // 2
        place = places[middle] - start
        values.partition(place)
        _part(values[:place], start, [each for each in places[:middle] if each < start + place])
        _part(values[place + 1 :], start + place + 1, [each for each in places[middle + 1 :] if each > start + place])


def _narrow(array: Any, least: int, most: int) -> Any:
    """Integers in the smallest type that holds them: what is kept of them is memory that nothing else can use meanwhile."""
    import numpy as np

    fits = (kind for kind in (np.int8, np.int16, np.int32) if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)
    return array.astype(next(fits, array.dtype), copy=False)


def _total(array: Any, largest: Any) -> int:
    """The exact sum of integers or finite doubles, none farther from 0 than `largest`, in units of 2**-_SCALE."""
    import numpy as np

    if array.dtype.kind != "f":
        if largest * len(array) < 1 << 63:
            return int(array.sum()) << _SCALE
        high, low = array >> 32, array & 0xFFFFFFFF
        return ((int(high.sum()) << 32) + int(low.sum())) << _SCALE
    total = 0
    if largest > _HUGE:
        huge = np.abs(array) > _HUGE
        total += sum(map(int, array[huge].tolist())) << _SCALE
        array, largest = array[~huge], _HUGE
    upper, rest = np.empty_like(array), array
    while largest:
        # Rump, Ogita and Oishi (2008), AccSum: what adding `step` leaves of each number has so few bits that their sum is exact
        step = math.ldexp(1.0, math.frexp(largest)[1] + len(rest).bit_length() + 1)
        np.add(rest, step, out=upper)
        upper -= step
        rest = np.subtract(rest, upper, out=None if rest is array else rest)
        numerator, denominator = float(upper.sum()).as_integer_ratio()
        total += (numerator << _SCALE) // denominator
        left = np.count_nonzero(rest)  # of what adding cut off
        if left <= len(rest) // 4:
            rest = rest[rest != 0.0]
            upper = upper[:left]
        largest = step * 2.0**-53 if left else 0.0
    return total
