"""Lines of spans: text with a style for each part, harmless at a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_DIGEST = re.compile(r"(sha256:|)([0-9a-f]{8})(?:[0-9a-f]{24}|[0-9a-f]{56})(?:\.dir)?")


class Span(NamedTuple):
    """A piece of a line: its text, and a style (`good`, `bad`, `warn`, `strong`, `faint`, or none)."""

    text: str
    style: str = ""


Line = Sequence[Span | str]


def harmless(text: str) -> str:
    """The text with control, bidirectional and zero-width characters as visible escapes."""
    if text.isprintable():  # which none of them is
        return text
    return _HARMFUL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def plain(line: Line) -> str:
    """A line without its styles."""
    return harmless("".join([span if isinstance(span, str) else span.text for span in line]))


def value(content: Any, limit: int = 72) -> str:
    """A JSON value on one line, shortened, a digest to its beginning; whole numbers with their thousands apart."""
    if isinstance(content, int) and not isinstance(content, bool):
        text = f"{content:,}"
    elif isinstance(content, str) and (found := digest(content)):
        text = found
    elif isinstance(content, dict | list):
        text = _beginning(content, limit)
    else:
        text = _ENCODER.encode(content[: limit + 1] if isinstance(content, str) else content)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def digest(text: str) -> str | None:
    """The beginning of a text that is a digest; None for any other."""
    found = _DIGEST.fullmatch(text)
    return f"{found.group(1)}{found.group(2)}…" if found else None


def _beginning(content: Any, limit: int) -> str:
    """The JSON text of an object or a list, no more of it than is needed to see that it is longer than a limit."""
    made = ""
    for part in _ENCODER.iterencode(content):
        made += part
        if len(made) > limit:
            break
    return made


def counted(number: int, noun: str) -> str:
    """`1 field`, `2 fields`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
