"""A value with other values at many paths at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .changes import MISSING
from .pointers import Path


class _Value:
    def __init__(self, value: Any) -> None:
        self.value = value


def filled(content: Any, values: Iterable[tuple[Path, Any]]) -> Any:
    """The content with these values at these paths, none of which is inside another; MISSING takes a member or item away."""
    places: dict[Any, Any] = {}
    for path, value in values:
        if not path:
            return value
        inner = places
        for token in path[:-1]:
            inner = inner.setdefault(token, {})
        inner[path[-1]] = _Value(value)
    return _filled(content, places) if places else content


def _filled(content: Any, places: Any) -> Any:
    if isinstance(places, _Value):
        return places.value
    if isinstance(content, list):
        items = [_filled(item, places[i]) if i in places else item for i, item in enumerate(content)]
        return [item for item in items if item is not MISSING]
    members = {key: _filled(value, places[key]) if key in places else value for key, value in content.items()}
    members |= {key: place.value for key, place in places.items() if key not in content and isinstance(place, _Value)}
    return {key: value for key, value in members.items() if value is not MISSING}
