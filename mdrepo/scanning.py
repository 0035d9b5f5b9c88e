"""Strict JSON text to a value, or to the place where the text is wrong.

The grammar is RFC 8259, with duplicate keys, lone surrogates and numbers beyond a double refused. The scanner keeps its own
stack, so that depth ends in a message and never in a RecursionError. It is the judge, and slow: `documents.read` comes here
only with what the fast parsers refuse or cannot vouch for.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from typing import Any, NamedTuple

MAX_DEPTH = 500
MAX_DIGITS = 4300
"""What Python turns into an integer at once (sys.int_info.default_max_str_digits)."""

_SPACE = re.compile(r"[ \t\n\r]*")
_CHARACTERS = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_BEGINNING = re.compile(_CHARACTERS)
_STRING = re.compile(_CHARACTERS + '"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERAL = re.compile(r"true|false|null")
_WORD = re.compile(r"[-+.\w]+")
_LONE = re.compile("[\ud800-\udfff]")
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class Float(float):
    """A number whose spelling (`0.1000`, `1E5`) is not the one that Python would write; it keeps that spelling."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Float:
        number = super().__new__(cls, text)
        number.text = text
        return number


class Position(NamedTuple):
    """A place in a text: line and column, both from 1."""

    line: int
    column: int


class ScanError(ValueError):
    """A text that is not strict JSON: the offset, what is wrong there, what to do."""

    def __init__(self, offset: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


def number(text: str) -> int | float:
    """The value of a JSON number, with its spelling kept; raises ValueError where a double cannot hold it."""
    if text.lstrip("-").isdigit():
        if len(text) > MAX_DIGITS:
            raise ValueError(f"an integer of more than {MAX_DIGITS:,} digits")
        return int(text) if text != "-0" else Float(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number beyond what a double can hold")
    return value if repr(value) == text else Float(text)


def position(text: str, offset: int) -> Position:
    """Line and column, both from 1, of an offset."""
    before = text.rfind("\n", 0, offset)
    return Position(text.count("\n", 0, offset) + 1, offset - before)


def _short(key: str) -> str:
    return key if len(key) <= 80 else f"{key[:80]}…"


class Lines:
    """The line starts of a text, for many positions in one text."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def position(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


class _Scanner:
    __slots__ = ("at", "keys", "places", "stack", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.stack: list[dict[str, Any] | list[Any]] = []
        self.keys: list[str] = []
        """The key of the member that is being read, for each open object."""
        self.places: list[dict[str, int]] = []
        """Where each key of each open object stands."""

    def space(self) -> str:
        """Skip white space; the next character, or '' at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self._bad_string()
        value: str = json.loads(match.group())
        if _LONE.search(value):
            raise ScanError(self.at, "a string with a lone surrogate", "write the whole character, or remove the escape")
        self.at = match.end()
        return value

    def scalar(self) -> Any:
        if match := _LITERAL.match(self.text, self.at):
            self.at = match.end()
            return _LITERALS[match.group()]
        if match := _NUMBER.match(self.text, self.at):
            word = _WORD.match(self.text, self.at)
            if word is not None and word.end() > match.end():
                raise ScanError(self.at, f"{word.group()[:40]!r} is not a JSON number")
            try:
                value = number(match.group())
            except ValueError as error:
                raise ScanError(self.at, f"{match.group()[:40]} is {error}", "write it as a string") from None
            self.at = match.end()
            return value
        raise self._unexpected("a value")

    def _unexpected(self, wanted: str) -> ScanError:
        if self.at >= len(self.text):
            return ScanError(self.at, f"the text ends where {wanted} is expected", "is the file complete?")
        word = _WORD.match(self.text, self.at)
        found = word.group()[:40] if word else self.text[self.at]
        hint = None
        if found in ("NaN", "Infinity", "-Infinity"):
            hint = "JSON has no such number: use null, or a string"
        elif found in ("True", "False", "None"):
            hint = "JSON writes true, false and null"
        elif found == "'":
            hint = 'JSON strings stand in double quotes (")'
        elif found == "/":
            hint = "JSON has no comments"
        elif found in "]}":
            hint = "a comma too many?"
        return ScanError(self.at, f"{found!r} where {wanted} is expected", hint)

    def _bad_string(self) -> ScanError:
        good = _BEGINNING.match(self.text, self.at)
        end = good.end() if good else self.at
        if end >= len(self.text):
            return ScanError(self.at, "a string that does not end", 'add the closing "')
        if self.text[end] == "\\":
            return ScanError(end, f"{self.text[end : end + 2]!r} is no JSON escape", "a backslash is written \\\\")
        return ScanError(end, "a control character inside a string", "write it as an escape (\\n, \\t, \\u0001)")

    def key(self) -> None:
        """Read `"key" :` of the open object's next member."""
        if self.space() != '"':
            raise self._unexpected("a key in double quotes")
        start = self.at
        key = self.string()
        if key in self.places[-1]:
            first = position(self.text, self.places[-1][key])
            raise ScanError(start, f"duplicate key {_short(key)!r}, first in line {first.line}", "keep one of the two")
        if self.space() != ":":
            raise self._unexpected("':'")
        self.at += 1
        self.places[-1][key] = start
        self.keys.append(key)

    def open(self, char: str) -> bool:
        """Open a container; whether it has anything in it."""
        if len(self.stack) >= MAX_DEPTH:
            raise ScanError(self.at, f"nested more than {MAX_DEPTH} levels deep", "mdrepo reads no deeper documents")
        self.at += 1
        self.stack.append({} if char == "{" else [])
        if char == "{":
            self.places.append({})
        if self.space() == ("}" if char == "{" else "]"):
            return False
        if char == "{":
            self.key()
        return True

    def close(self) -> Any:
        """The container that ends here."""
        self.at += 1
        done = self.stack.pop()
        if isinstance(done, dict):
            self.places.pop()
        return done

    def attach(self, value: Any) -> None:
        """Put a complete value into the container that is open."""
        parent = self.stack[-1]
        if isinstance(parent, dict):
            parent[self.keys.pop()] = value
        else:
            parent.append(value)

    def run(self) -> Any:
        while True:
            char = self.space()
            if char in ("{", "["):
                if self.open(char):
                    continue
                value = self.close()
            else:
                value = self.string() if char == '"' else self.scalar()
            while True:
                if not self.stack:
                    return value
                self.attach(value)
                if not self.ends():
                    break
                value = self.close()

    def ends(self) -> bool:
        """After a value inside a container: whether the container ends, or (a comma) goes on."""
        is_object = isinstance(self.stack[-1], dict)
        close = "}" if is_object else "]"
        char = self.space()
        if char == ",":
            self.at += 1
            if is_object:
                self.key()
            return False
        if char != close:
            raise self._unexpected(f"',' or '{close}'")
        return True


def scan(text: str) -> Any:
    """The value of a whole JSON text; raises ScanError."""
    scanner = _Scanner(text)
    value = scanner.run()
    if scanner.space():
        raise ScanError(scanner.at, "more text after the end of the document", "one file holds one JSON value")
    return value
