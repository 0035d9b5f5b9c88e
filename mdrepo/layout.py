"""Where each value stands in a JSON text: spans, found when they are asked for.

The text must be strict JSON already (`documents.read`). What nobody asks about is skipped by the standard library's parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from . import pointers

_SPACE = re.compile(r"[ \t\n\r]*")
_skip = json.JSONDecoder(parse_float=str, parse_int=str).raw_decode


class Member(NamedTuple):
    """One member of an object: the span of its key, and its value."""

    start: int
    end: int
    value: Node


class Node:
    """One value in a text: its span, and the nodes of its members or items."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self.start = start
        self.end = end

    @cached_property
    def members(self) -> dict[str, Member]:
        """The members of an object, by key; empty for any other value."""
        return dict(self._members()) if self._text[self.start] == "{" else {}

    @cached_property
    def items(self) -> list[Node]:
        """The items of a list; empty for any other value."""
        return list(self._items()) if self._text[self.start] == "[" else []

    def child(self, token: pointers.Token) -> Node | None:
        """The member or item that a token names, if it is there."""
        if str(token) in self.members:
            return self.members[str(token)].value
        at = pointers.index(token)
        return self.items[at] if at is not None and at < len(self.items) else None

    def _space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _value(self, at: int) -> Node:
        return Node(self._text, at, _skip(self._text, at)[1])

    def _next(self, end: int) -> int:
        """Behind a value and the comma that may follow it."""
        at = self._space(end)
        return self._space(at + 1) if self._text[at] == "," else at

    def _members(self) -> Iterator[tuple[str, Member]]:
        at = self._space(self.start + 1)
        while self._text[at] != "}":
            key, end = scanstring(self._text, at + 1)
            value = self._value(self._space(self._text.index(":", end) + 1))
            yield key, Member(at, end, value)
            at = self._next(value.end)

    def _items(self) -> Iterator[Node]:
        at = self._space(self.start + 1)
        while self._text[at] != "]":
            value = self._value(at)
            yield value
            at = self._next(value.end)


def layout(text: str) -> Node:
    """The node of a whole text."""
    start = len(text) - len(text.lstrip(" \t\n\r"))
    return Node(text, start, len(text.rstrip(" \t\n\r")))
