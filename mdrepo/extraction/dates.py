"""Columns of dates written as ISO 8601 has them, `YYYY-MM-DD`: whether they are such, and the least and greatest of them.

Every date has ten bytes, so that numpy can look at a column as at two columns of integers, of eight bytes and of two: that takes
less time than reading date by date.
"""

from __future__ import annotations

from typing import Any

_ZEROS = 0x30303030_2D_3030_2D  # "0000-00-": with it, digits become their values, and hyphens nothing
_NOT_DIGITS = 0xF0F0F0F0_FF_F0F0_FF
_SIX = 0x06060606_00_0606_00  # added to what is no digit, but might pass for one, it shows among the upper bits
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def ends(texts: Any) -> tuple[str, str] | None:
    """The least and greatest of an Arrow array of texts, none missing; None where one of them is no date of the years 1 to 9999."""
    import numpy as np
    import pyarrow as pa

    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, data = texts.buffers()
    count = len(texts)
    places = np.frombuffer(offsets, width, count + 1, texts.offset * np.dtype(width).itemsize)
    if not count or places[-1] - places[0] != 10 * count or not (np.diff(places) == 10).all():
        return None
    months = np.ndarray((count,), ">u8", data, int(places[0]), (10,)).astype(np.uint64)
    days = np.ndarray((count,), ">u2", data, int(places[0]) + 8, (10,)).astype(np.uint64)
    months ^= np.uint64(_ZEROS)
    days ^= np.uint64(0x3030)
    wrong = np.bitwise_or.reduce(months | (months + np.uint64(_SIX))) & np.uint64(_NOT_DIGITS)
    if wrong or np.bitwise_or.reduce(days | (days + np.uint64(0x0606))) & np.uint64(0xF0F0):
        return None
    month, day = _number(months >> np.uint64(8)), _number(days)
    if month.max() > 12 or not day.min() or (day > np.array(_DAYS, np.uint64)[month]).any():
        return None
    least, most = months.min(), months.max()
    leap = months[(month == 2) & (day == 29)]
    if not least >> np.uint64(32) or any(not _is_leap(_year(int(each))) for each in np.unique(leap)):
        return None
    return _text(least, days[months == least].min()), _text(most, days[months == most].max())


def _number(digits: Any) -> Any:
    """The number that the lower two digits of each value make."""
    import numpy as np

    return (digits >> np.uint64(8) & np.uint64(0xF)) * np.uint64(10) + (digits & np.uint64(0xF))


def _year(month: int) -> int:
    return int((month ^ _ZEROS).to_bytes(8)[:4])


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _text(month: Any, day: Any) -> str:
    return ((int(month) ^ _ZEROS).to_bytes(8) + (int(day) ^ 0x3030).to_bytes(2)).decode("ascii")
