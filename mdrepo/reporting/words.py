"""Long strings compared by word, as `git diff --word-diff` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .lines import Line, Span, digest, harmless

_LONG = 60
_AROUND = 60  # characters on both sides of what differs, in which the words around it are looked for
_CONTEXT = 4
_MOST_CHARACTERS = 50_000  # of what differs; beyond these bounds only its size is shown, so that no text takes long
_MOST_WORDS = 5_000
_MOST_PLACES = 20
_RUN = 40
_WORD = re.compile(r"\n|\S+")
Opcode = tuple[str, int, int, int, int]


def are_long(old: Any, new: Any) -> bool:
    """Whether two values are texts that one line each does not show well."""
    if not isinstance(old, str) or not isinstance(new, str) or (digest(old) and digest(new)):
        return False
    return any(len(text) > _LONG or "\n" in text for text in (old, new))


def compared(old: str, new: str) -> Iterator[Line]:
    """A line for each place where two texts differ: `[-removed-]{+added+}`, with some words around it."""
    begin, end = _where(old, new)
    one, other = old[begin : len(old) - end], new[begin : len(new) - end]
    before, after = (_WORD.findall(text[:_MOST_CHARACTERS]) for text in (one, other))
    if max(len(one), len(other)) > _MOST_CHARACTERS or max(len(before), len(after)) > _MOST_WORDS:
        yield [Span(f"too much differs to show it by word: {len(one):,} -> {len(other):,} characters", "faint")]
        return
    from difflib import SequenceMatcher  # few values are long texts

    groups = list(SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT))
    if not groups:
        yield [Span("only white space differs", "faint")]
    for group in groups[:_MOST_PLACES]:
        yield _place(group, before, after, more=(begin > 0, end > 0))
    if len(groups) > _MOST_PLACES:
        yield [Span(f"… and in {len(groups) - _MOST_PLACES} more places", "faint")]


def excerpts(old: str, new: str, limit: int) -> tuple[str, str]:
    """The parts of two texts that begin a little before the first difference, each no longer than a limit."""
    begin = max(0, _common(old, new) - limit // 3) if max(len(old), len(new)) > limit else 0

    def shown(text: str) -> str:
        part = ("…" if begin else "") + text[begin : begin + limit]
        return part + ("…" if begin + limit < len(text) else "")

    return shown(old), shown(new)


def _common(one: str, other: str) -> int:
    """The length of the common beginning, by halves: slices compare faster than Python counts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _where(old: str, new: str) -> tuple[int, int]:
    """How much of both texts' beginning and end is left out: what is the same, but for some whole words around the difference."""
    begin = _common(old, new)
    end = _common(old[begin:][::-1], new[begin:][::-1])
    return _outwards(old[:begin]), _outwards(old[len(old) - end :][::-1])


def _outwards(same: str) -> int:
    """The length of a common beginning without its last words."""
    low = max(0, len(same) - _AROUND)
    if low == 0:
        return 0
    space = re.search(r"\s", same[low:])
    return low + space.end() if space else len(same) - _AROUND // 3


def _place(group: Sequence[Opcode], before: list[str], after: list[str], more: tuple[bool, bool]) -> Line:
    parts: list[Span | str] = ["… "] if more[0] or group[0][1] > 0 else []
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            parts += [_joined(before[old_from:old_to]), " "]
            continue
        if old_from < old_to:
            parts.append(Span(f"[-{_joined(before[old_from:old_to])}-]", "bad"))
        if new_from < new_to:
            parts.append(Span(f"{{+{_joined(after[new_from:new_to])}+}}", "good"))
        parts.append(" ")
    return [*parts, "…"] if more[1] or group[-1][2] < len(before) else parts[:-1]


def _joined(words: list[str]) -> str:
    if len(words) > _RUN:
        words = [*words[: _RUN // 2], "…", *words[-_RUN // 2 :]]
    return " ".join("⏎" if word == "\n" else _short(harmless(word)) for word in words)


def _short(word: str) -> str:
    return word if len(word) <= 2 * _AROUND else f"{word[: _AROUND - 1]}…{word[-_AROUND:]}"
