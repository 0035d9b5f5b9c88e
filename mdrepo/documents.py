"""Bytes to Document: strict and faithful JSON, positions, digests."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import pointers
from .errors import Finding
from .scanning import MAX_DEPTH, Float, Lines, Node, Position, ScanError, number, position, scan

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
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
    """One JSON file: its path (for messages), its text as it stands, and its value."""

    path: str
    text: str
    value: Any

    @cached_property
    def layout(self) -> Node:
        """The tree of spans of the text."""
        return scan(self.text)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def position(self, path: pointers.Path, *, key: bool = False) -> Position:
        """Line and column of a field, or of its key; where the path leads nowhere, of the last part that is there."""
        node, offset = self.layout, self.layout.start
        for token in path:
            if node.members is not None and str(token) in node.members:
                start, _, node = node.members[str(token)]
                offset = start if key else node.start
            elif node.items is not None and (at := pointers.index(token)) is not None and at < len(node.items):
                node = node.items[at]
                offset = node.start
            else:
                break
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


def read(data: bytes, path: str = "-") -> Document:
    """The document in some bytes; raises DocumentError with line and column where they are not strict JSON."""
    text = _decode(data, path)
    if text.count("[") + text.count("{") <= MAX_DEPTH and not _SURROGATE.search(text):
        try:
            value = json.loads(text, object_pairs_hook=_members, parse_float=number, parse_int=number, parse_constant=_refuse)
            return Document(path, text, value)
        except (ValueError, RecursionError):
            pass  # the scanner below reads the text again and says where it is wrong
    try:
        return Document(path, text, scan(text).value)
    except ScanError as error:
        if marker := _CONFLICT.search(text):
            raise DocumentError(
                path, position(text, marker.start()), "conflict markers of a merge", "settle the conflict first"
            ) from None
        raise DocumentError(path, position(text, error.offset), error.message, error.hint) from None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, with 1, 1.0 and true told apart."""
    if one is other:
        return True
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and len(one) == len(other)
            and all(key in other and same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list):
        return (
            isinstance(other, list)
            and len(one) == len(other)
            and all(same(mine, yours) for mine, yours in zip(one, other, strict=True))
        )
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    return isinstance(one, float) == isinstance(other, float) and bool(one == other)


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


def canonical(value: Any) -> str:
    """The RFC 8785 form (JCS) of a JSON value; integers beyond 2^53, which JCS leaves open, with all their digits."""
    if isinstance(value, dict):
        members = (f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value, key=_key_order))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return _es6(value)
    return json.dumps(value, ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of the RFC 8785 form of a JSON value."""
    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


__all__ = ["Document", "DocumentError", "Float", "Position", "canonical", "digest", "read", "same"]
