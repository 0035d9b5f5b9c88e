"""Which changes concern a value or a pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import pointers
from .changes import MISSING, Change, Delta
from .documents import DocumentError, read, same
from .errors import UsageError
from .limiting import limited
from .pointers import Path
from .tracing import leaves

_SECONDS = 2.0
"""How long a pattern may compute over one change."""


def value_of(text: str) -> Any:
    """The JSON value that a user typed; a text as it is where it is no JSON."""
    try:
        return read(text.encode("utf-8", "surrogatepass")).value
    except DocumentError:
        return text


def pattern_of(text: str) -> re.Pattern[str]:
    """A regular expression that a user typed; raises UsageError."""
    try:
        return re.compile(text)
    except re.error as error:
        place = "" if error.pos is None else f" at column {error.pos + 1}"
        raise UsageError(
            f"{text!r} is no regular expression: {error.msg}{place}", "Python's own syntax, as in 'labels/.*/name'"
        ) from None
    except (RecursionError, OverflowError):
        raise UsageError("this regular expression is too large") from None


@dataclass(frozen=True)
class Search:
    """What is looked for: fields that became a value, or stopped being it; fields whose pointer or value a pattern matches."""

    value: Any = MISSING
    pattern: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        return self.value is not MISSING or self.pattern is not None

    def among(self, delta: Delta, old: Any, new: Any) -> Delta:
        """The changes between two contents that are what is looked for."""
        return Delta(tuple(each for each in delta if self._has_value(each, old, new) and self._matches(each)))

    def _has_value(self, change: Change, old: Any, new: Any) -> bool:
        wanted = self.value
        if wanted is MISSING:
            return True
        if change.kind == "moved":
            return False
        sides = ((change.old, old, change.old_path), (change.new, new, change.new_path))
        inside = [side for side, _, _ in sides if side is not MISSING]
        if any(_equal(wanted, part) for side in inside for part in _parts(side)):
            return True
        if not isinstance(wanted, dict | list):
            return False
        around = [(whole, path) for _, whole, path in sides if path is not None and whole is not MISSING]
        return any(
            _equal(wanted, pointers.get(whole, path[:depth], MISSING)) for whole, path in around for depth in range(len(path))
        )

    def _matches(self, change: Change) -> bool:
        pattern = self.pattern
        if pattern is None:
            return True
        sides = ((change.old, change.old_path), (change.new, change.new_path))
        known = [(path, side) for side, path in sides if path is not None and side is not MISSING]
        whole = change.kind == "moved"
        texts = [pointers.build(path) for path, _ in known] if whole else [text for each in known for text in _texts(*each)]
        with limited(
            _SECONDS, UsageError(f"{pattern.pattern!r} takes more than {_SECONDS:.0f} seconds", "it backtracks without end")
        ):
            return any(map(pattern.search, texts))


def _equal(wanted: Any, value: Any) -> bool:
    """Whether a value is the one that is looked for: numbers by their value, 1.0 is 1; true is not 1."""
    if isinstance(wanted, dict | list):
        return same(wanted, value)
    return bool(wanted == value) and isinstance(wanted, bool) is isinstance(value, bool)


def _parts(value: Any) -> Iterator[Any]:
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(each)


def _texts(path: Path, value: Any) -> Iterator[str]:
    """The pointers and the values of a field and of all below it, as a pattern sees them."""
    for place, leaf in leaves(value, path):
        yield pointers.build(place)
        yield leaf if isinstance(leaf, str) else json.dumps(leaf, ensure_ascii=False)
