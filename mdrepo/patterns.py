"""Regular expressions of JSON Schema (ECMA-262, with Unicode) as Python writes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

SOURCE = "x-mdrepo-ecma-pattern"
"""Where a translated schema keeps a pattern as it was written, for messages."""

_TOKEN = re.compile(
    r"\\[pP]\{(?P<property>[^}]*)\}|\\c(?P<control>[A-Za-z])|\\u\{0*(?P<point>[0-9A-Fa-f]{1,6})\}"
    r"|\\u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|\\(?P<space>[sS])|\\k<(?P<name>\w+)>|(?P<group>\(\?<(?![=!]))|\\.|.",
    re.DOTALL,
)
_ASCII = re.compile(r"\\[dDwWbB]")
_OUTSIDE = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]", "[]": "(?!)", "[^]": "(?s:.)"}
_INSIDE = {"[": r"\[", "&": r"\&", "|": r"\|", "~": r"\~"}
_SPACE = [(9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F)]
_SPACE += [(0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]
_LAST = 0x10FFFF

_CATEGORIES = """
Letter=L Cased_Letter=LC Uppercase_Letter=Lu Lowercase_Letter=Ll Titlecase_Letter=Lt Modifier_Letter=Lm Other_Letter=Lo
Mark=M Combining_Mark=M Nonspacing_Mark=Mn Spacing_Mark=Mc Enclosing_Mark=Me Number=N Decimal_Number=Nd digit=Nd
Letter_Number=Nl Other_Number=No Punctuation=P punct=P Connector_Punctuation=Pc Dash_Punctuation=Pd Open_Punctuation=Ps
Close_Punctuation=Pe Initial_Punctuation=Pi Final_Punctuation=Pf Other_Punctuation=Po Symbol=S Math_Symbol=Sm
Currency_Symbol=Sc Modifier_Symbol=Sk Other_Symbol=So Separator=Z Space_Separator=Zs Line_Separator=Zl
Paragraph_Separator=Zp Other=C Control=Cc cntrl=Cc Format=Cf Surrogate=Cs Private_Use=Co Unassigned=Cn
"""
_NAMES = dict(pair.split("=") for pair in _CATEGORIES.split())

_MAPS = ("properties", "$defs", "definitions", "dependentSchemas", "dependencies")
_DATA = ("const", "enum", "default", "examples")

Ranges = list[tuple[int, int]]


def translated(schema: Any) -> Any:
    """A schema with all its patterns as Python writes them; one that has no such form is left, for validation to refuse."""
    if isinstance(schema, list):
        return [translated(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "pattern" and isinstance(value, str):
            made |= {keyword: _or_as_it_is(value), SOURCE: value}
        elif keyword == "patternProperties" and isinstance(value, dict):
            made[keyword] = {_or_as_it_is(pattern): translated(each) for pattern, each in value.items()}
        elif keyword in _MAPS and isinstance(value, dict):
            made[keyword] = {name: translated(each) for name, each in value.items()}
        else:
            made[keyword] = value if keyword in _DATA else translated(value)
    return made


def _or_as_it_is(pattern: str) -> str:
    try:
        return python(pattern)
    except ValueError:
        return pattern


def python(pattern: str) -> str:
    r"""A pattern with the same matches in Python: `\d`, `\w`, `\b` know ASCII only, `$` is the very end; raises ValueError."""
    made: list[str] = []
    inside, at = False, 0
    while at < len(pattern):
        if not inside and (empty := next((each for each in ("[]", "[^]") if pattern.startswith(each, at)), None)):
            made.append(_OUTSIDE[empty])
            at += len(empty)
            continue
        found = _TOKEN.match(pattern, at)
        assert found is not None  # its last alternative takes any character
        made.append(_one(found, inside))
        inside = found.group() != "]" if inside else found.group() == "["
        at = found.end()
    return f"(?a:{''.join(made)})" if _ASCII.search(pattern) else "".join(made)


def _one(found: re.Match[str], inside: bool) -> str:
    """One token of a pattern, inside a class or not, in Python's form."""
    text = found.group()
    match found.lastgroup, found.group(found.lastgroup or 0):
        case "property", name:
            return _set(_property(name), text[1] == "P", inside)
        case "space", name:
            return _set(_SPACE, name == "S", inside)
        case "control", letter:
            made = f"\\x{ord(letter) % 32:02x}"
        case "point", digits:
            made = _point(int(digits, 16))
        case "low", low:
            made = _point(0x10000 + ((int(found["high"], 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
        case "name", name:
            made = f"(?P={name})"
        case "group", _:
            made = r"\(\?<" if inside else "(?P<"
        case _:
            made = (_INSIDE if inside else _OUTSIDE).get(text, text)
    return made


def _set(ranges: Ranges, negated: bool, inside: bool) -> str:
    shown = "".join(f"{_point(first)}-{_point(last)}" for first, last in (_complement(ranges) if negated else ranges))
    return shown if inside else f"[{shown}]"


def _point(number: int) -> str:
    if number > _LAST:
        raise ValueError(f"there is no code point {number:x}")
    return f"\\U{number:08x}"


def _complement(ranges: Ranges) -> Ranges:
    bounds = [-1, *(bound for each in ranges for bound in each), _LAST + 1]
    gaps = ((bounds[place] + 1, bounds[place + 1] - 1) for place in range(0, len(bounds), 2))
    return [(first, last) for first, last in gaps if first <= last]


@lru_cache(maxsize=64)
def _property(name: str) -> Ranges:
    r"""The code points of `\p{name}`: general categories, Any and ASCII; the standard library knows no scripts."""
    if name in ("Any", "ASCII"):
        return [(0, _LAST if name == "Any" else 127)]
    value = name.removeprefix("General_Category=").removeprefix("gc=")
    category = _NAMES.get(value, value)
    if category not in _NAMES.values():
        raise ValueError(f"there is no property {name!r} here")
    wanted = ("Lu", "Ll", "Lt") if category == "LC" else (category,)
    return list(_runs(point for point in range(_LAST + 1) if unicodedata.category(chr(point)).startswith(wanted)))


def _runs(points: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = -2
    for point in points:
        if point != last + 1:
            if last >= 0:
                yield first, last
            first = point
        last = point
    if last >= 0:
        yield first, last
