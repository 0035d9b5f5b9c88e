"""Bytes to Document: strict and faithful JSON, positions, digests."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import orjson

from . import pointers
from .errors import Finding
from .layout import Node, layout
from .scanning import MAX_DEPTH, Float, Lines, Position, ScanError, number, position, scan

_SMALL = re.compile(rb"e-0[5-9](?![-+.\w])")
"""The end of a number that Python writes as 1e-07, and orjson as 1e-7 or 0.00001."""
_NOT_PYTHON = (re.compile(rb"e-[5-9](?![-+.\w])"), re.compile(rb"0\.0000[1-9]"))
P = ParamSpec("P")
R = TypeVar("R")
_FRAMES = 20 * MAX_DEPTH
"""Python's frames are cheap, and no walk takes more of them for a level."""
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_DIGITS = tuple(b"%c" % digit for digit in b"0123456789.")
_SPACE = b" \t\n\r"
_MAYBE_LONE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
_CONFLICT = re.compile(r"^(<{7,} .*|={7,}|>{7,} .*)$", re.MULTILINE)


class DocumentError(Finding):
    """A file that is not strict JSON: its path, line and column, what is wrong, what to do."""

    def __init__(self, path: str, place: Position, problem: str, hint: str | None = None) -> None:
        super().__init__(f"{path}:{place.line}:{place.column}: {problem}", hint)
        self.path = path
        self.place = place
        self.problem = problem


@dataclass(frozen=True)
class Document:
    """One JSON file: its path (for messages), its bytes as they stand, and its value."""

    path: str
    data: bytes
    value: Any
    pretty: bool = False
    """Whether the text is laid out as `pretty` would write it."""

    @cached_property
    def text(self) -> str:
        return self.data.decode("utf-8")

    @cached_property
    def layout(self) -> Node:
        """Where each value of the text stands."""
        return layout(self.text)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def position(self, path: pointers.Path, *, key: bool = False) -> Position:
        """Line and column of a field, or of its key; where the path leads nowhere, of the last part that is there."""
        node, offset = self.layout, self.layout.start
        for token in path:
            child = node.child(token)
            if child is None:
                break
            member = node.members.get(str(token))
            offset = member.start if member and key else child.start
            node = child
        return self._lines.position(offset)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the document's RFC 8785 form."""
        return digest(self.value)


class _DuplicateKeyError(ValueError):
    pass


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKeyError
    return members


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _decode(data: bytes, path: str) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise DocumentError(path, Position(1, 1), "the file begins with a byte-order mark", "save it as UTF-8 without BOM")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = position(data[: error.start].decode("utf-8"), error.start)
        raise DocumentError(path, place, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8") from None


def _plain(data: bytes, *, spelling: bool) -> tuple[Any, bool] | None:
    """The value of a text that loses nothing in orjson, and whether it is pretty.

    Every token is spelled as orjson, or Python, would write it.

    That rules out duplicate keys, numbers that orjson rounds, and escapes, so nothing is left for a stricter parser to find. No
    token holds white space but strings, and what they hold is lost on both sides alike. orjson writes at most 254 levels.
    """
    try:
        value = orjson.loads(data)
        written = orjson.dumps(value, option=_PRETTY)
    except (ValueError, TypeError):
        return None
    pretty = written == data or _stands_as(written, data)
    if not pretty:
        squeezed = b"".join(_as_orjson(data, len(data))).translate(None, _SPACE)
        if squeezed != written.translate(None, _SPACE):
            return None
    if spelling and any(style.search(data) for style in _NOT_PYTHON):
        return None  # a plain float is written as Python writes it
    return value, pretty


def _as_orjson(data: bytes, size: int = 1 << 16) -> Iterator[bytes]:
    """A text in pieces of at most some size, the numbers of which Python and orjson differ, those below 0.0001, as orjson's."""
    last = 0
    at = data.find(b"e-0")
    while at >= 0:
        start = at
        while data[start - 1 : start] in _DIGITS:
            start -= 1
        match = _SMALL.match(data, at)
        if match and start < at and repr(value := float(data[start : match.end()])).encode() == data[start : match.end()]:
            yield from (data[place : min(place + size, start)] for place in range(last, start, size))
            yield orjson.dumps(value)
            last = match.end()
        at = data.find(b"e-0", at + 1)
    yield from (data[place : place + size] for place in range(last, len(data), size))


def _stands_as(written: bytes, data: bytes) -> bool:
    """Whether a text is what orjson has written, but for numbers that Python writes in another way."""
    at = 0
    for piece in _as_orjson(data):
        if not written.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(written)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]
        depth += 1
    return depth


def _parsed(text: str) -> tuple[Any] | None:
    """The value of a text by the standard library's parser, with its gaps closed; None where it is not strict JSON."""
    if "\\u" in text and _MAYBE_LONE.search(text):
        return None
    whole = number if "-0" in text else None
    try:
        value = json.loads(text, object_pairs_hook=_members, parse_float=number, parse_int=whole, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return (value,) if _depth(value) <= MAX_DEPTH else None


def read(data: bytes, path: str = "-", *, spelling: bool = True) -> Document:
    """The document in some bytes; raises DocumentError with line and column where they are not strict JSON.

    Without `spelling`, for who only compares values, a number may come without the spelling that it has in the text.
    """
    if found := _plain(data, spelling=spelling):
        return Document(path, data, *found)
    text = _decode(data, path)
    if parsed := _parsed(text):
        return Document(path, data, parsed[0])
    try:
        return Document(path, data, scan(text))
    except ScanError as error:
        if "<<<<<<<" in text and (marker := _CONFLICT.search(text)):
            raise DocumentError(
                path, position(text, marker.start()), "conflict markers of a merge", "settle the conflict first"
            ) from None
        raise DocumentError(path, position(text, error.offset), error.message, error.hint) from None


def exact(value: Any) -> bytes:
    """Bytes that are equal for equal values, with 1, 1.0 and true told apart, and the order of keys not."""
    try:
        return orjson.dumps(value, default=float, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits, more than 254 levels
        return json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, with 1, 1.0 and true told apart."""
    return one is other or (one == other and alike(one, other))


def alike(one: Any, other: Any) -> bool:
    """Whether two values that are equal to Python are the same."""
    if isinstance(one, (dict, list)):
        return exact(one) == exact(other) or _all_alike(one, other)
    return isinstance(one, bool) is isinstance(other, bool) and isinstance(one, float) is isinstance(other, float)


def _all_alike(one: Any, other: Any) -> bool:
    """Whether two equal containers are the same: item by item, for what `exact` may spell in two ways, such as 0.0 and -0.0."""
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    return all(map(same, one, other))


def _es6(value: float) -> str:
    """A double as ECMAScript writes it (ECMA-262, Number::toString), which RFC 8785 asks for."""
    if value == 0:
        return "0"
    mantissa, _, exponent = float.__repr__(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)  # where the decimal point stands, counted from the first digit
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{point - 1:+d}"


def _key_order(key: str) -> bytes:
    return key.encode("utf-16-be")


def deep(function: Callable[P, R]) -> Callable[P, R]:
    """A function that may walk down a whole document, also where Python's own limit would end that in a RecursionError."""

    @wraps(function)
    def walk(*args: P.args, **kwargs: P.kwargs) -> R:
        limit = sys.getrecursionlimit()
        if limit >= _FRAMES:
            return function(*args, **kwargs)
        sys.setrecursionlimit(_FRAMES)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setrecursionlimit(limit)

    return walk


@deep
def canonical(value: Any) -> str:
    """The RFC 8785 form (JCS) of a JSON value; integers beyond 2^53, which JCS leaves open, with all their digits."""
    return _canonical(value)


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        members = (f"{_canonical(key)}:{_canonical(value[key])}" for key in sorted(value, key=_key_order))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float):
        return _es6(value)
    return json.dumps(value, ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of the RFC 8785 form of a JSON value."""
    import hashlib  # OpenSSL takes a while to load

    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


__all__ = ["Document", "DocumentError", "Float", "Position", "canonical", "digest", "exact", "read", "same"]
