"""Values that have an order: numbers, versions by their dotted parts, dates."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_VERSION = re.compile(r"([~^<>=! v]*)([0-9]+(?:\.[0-9]+)*)((?:[-.]?[A-Za-z]|-[0-9])[0-9A-Za-z.-]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?")
_Rank = tuple[Any, ...]


def ranks(values: list[Any]) -> list[_Rank] | None:
    """A rank for each value, by which they compare, or None where they are not values of one order."""
    for rank in (_number, _date, version):
        found = [rank(value) for value in values]
        if all(each is not None and each[0] == (found[0] or ())[0] for each in found):
            return [each for each in found if each is not None]
    return None


def _number(value: Any) -> _Rank | None:
    return ("number", value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _date(value: Any) -> _Rank | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ("date" if moment.tzinfo is None else "date with offset", moment)


def version(value: Any, parts: int = 1) -> _Rank | None:
    """The rank of a version with at least so many dotted parts: 0.3.9 < 0.3.10rc1 < 0.3.10; one with build data has none."""
    found = _VERSION.fullmatch(value) if isinstance(value, str) and not _DATE.fullmatch(value) else None
    if found is None or found[2].count(".") + 1 < parts:
        return None
    numbers = [int(part) for part in found[2].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    suffix = (found[3] or "").lower().lstrip("-.")
    if re.split("[^a-z]", suffix)[0] == "x":  # 1.x is many versions
        return None
    words = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in re.findall(r"[0-9]+|[a-z]+", suffix)]
    stage = 1 if not suffix else {"post": 2, "dev": -1}.get(re.split("[^a-z]", suffix)[0], 0)
    return ("version " + found[1].strip(), numbers, stage, words)


def following(text: str) -> str | None:
    """The next version after one that ends in a number, by that number."""
    found = re.fullmatch(r"(.*?)([0-9]+)", text)
    return found and f"{found[1]}{int(found[2]) + 1}"
