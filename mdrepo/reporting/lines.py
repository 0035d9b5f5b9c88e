"""Lines of spans: text with a style for each part, harmless at a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_DIGEST = re.compile(r"(sha256:|)([0-9a-f]{8})(?:[0-9a-f]{24}|[0-9a-f]{56})(?:\.dir)?")


class Span(NamedTuple):
    """A piece of a line: its text, and a style (`good`, `bad`, `warn`, `strong`, `faint`, or none)."""

    text: str
    style: str = ""


Line = Sequence[Span | str]


def harmless(text: str) -> str:
    """The text with control, bidirectional and zero-width characters as visible escapes."""
    return _HARMFUL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(harmless(span if isinstance(span, str) else span.text) for span in line)


def value(content: Any, limit: int = 72) -> str:
    """A JSON value on one line, shortened, a digest to its beginning; whole numbers with their thousands apart."""
    if isinstance(content, int) and not isinstance(content, bool):
        return f"{content:,}"
    if isinstance(content, str) and (digest := _DIGEST.fullmatch(content)):
        return f"{digest.group(1)}{digest.group(2)}…"
    text = json.dumps(content, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """`1 field`, `2 fields`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
