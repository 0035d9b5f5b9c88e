"""Diffs as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers
from ..changes import Change
from . import words
from .lines import Line, Span, counted, value

if TYPE_CHECKING:
    from ..differences import DocumentDiff
    from ..schemas import ChangeClass

_PLACE = 1_000
_STYLES = {"breaking": "bad", "behavioural": "warn", "descriptive": "faint"}
_CLASSES = {meaning: Span(f"  [{meaning}]", style) for meaning, style in _STYLES.items()}
_ADDED, _REMOVED, _MOVED, _CHANGED = (
    Span(f"  {sign} ", style) for sign, style in zip("+->~", ("good", "bad", "warn", "warn"), strict=True)
)


def change(each: Change, meaning: ChangeClass | None = None) -> Line:
    """One change: its sign, where, what it was and is, and its class."""
    place = pointers.build(each.shown_path) or "(the whole document)"
    place = place if len(place) <= _PLACE else f"{place[:_PLACE]}… ({len(place):,} characters)"
    named = Span(f" ({each.identity[:_PLACE]})", "faint") if each.identity else ""
    told = _CLASSES[meaning] if meaning else ""
    match each.kind:
        case "added":
            return [_ADDED, place, named, ": ", value(each.new), told]
        case "removed":
            return [_REMOVED, place, named, ": ", value(each.old), told]
        case "moved":
            return [_MOVED, place, named, f": moved {moved(each)}", told]
        case _:
            return [_CHANGED, place, named, f": {_sides(each)}", told]


def moved(each: Change) -> str:
    """Where an item was, and where it is."""
    return f"from {pointers.build(each.old_path or ())} to {pointers.build(each.shown_path)}"


def _sides(each: Change) -> str:
    if words.are_long(each.old, each.new):
        return f"{len(each.old):,} -> {counted(len(each.new), 'character')}"
    notes = compared(each.old, each.new)
    return f"{value(each.old)} -> {value(each.new)}" + (f"  ({', '.join(notes)})" if notes else "")


def compared(old: Any, new: Any) -> list[str]:
    """How far a number moved, absolutely and relative to what it was; and what became of a value's type."""
    notes = _moved_by(old, new) if _is_number(old) and _is_number(new) else []
    return notes if _kind(old) == _kind(new) else [*notes, f"type {_kind(old)} -> {_kind(new)}"]


def _is_number(content: Any) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool)


def _moved_by(old: float, new: float) -> list[str]:
    """The difference of two numbers, and the relative one; what a double cannot hold is left out."""
    try:
        step = new - old
    except OverflowError:  # a whole number of hundreds of digits, and a double
        return []
    if step == 0 or not (isinstance(step, int) or math.isfinite(step)):
        return []
    return [_signed(step), *_relative(step, old)]


def _signed(step: float) -> str:
    if isinstance(step, float):
        return f"{step:+.6g}"
    if abs(step) < 10**18:
        return f"{step:+,}"
    digits = str(abs(step))
    return f"{'-' if step < 0 else '+'}{digits[0]}.{digits[1:6]}e+{len(digits) - 1}"


def _relative(step: float, old: float) -> list[str]:
    try:
        ratio = step / abs(old)
    except (OverflowError, ZeroDivisionError):
        return []
    if 0.0005 <= abs(ratio) < 100:
        return [f"{ratio:+.1%}"]
    return [f"{ratio * 100:+.3g}%"] if math.isfinite(ratio * 100) and ratio else []


_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}


def _kind(content: Any) -> str:
    """The type of a value, in the words of JSON Schema."""
    return _KINDS.get(type(content)) or next(name for kind, name in _KINDS.items() if isinstance(content, kind))


def itemised(each: DocumentDiff) -> Iterator[tuple[Change, ChangeClass | None, tuple[pointers.Path, str] | None]]:
    """Each change with its class; the first in a list also with that, and what tells its items apart, if no schema says it."""
    known: set[pointers.Path] = set()
    for item, meaning in zip(each.delta, each.classes, strict=True):
        around = _list_around(item.shown_path) if item.identity else None
        if around is None or around in known:
            yield item, meaning, None
            continue
        known.add(around)
        declared = each.schema is not None and each.schema.keys(around) is not None
        yield item, meaning, None if declared else (around, item.identity.partition(" ")[0])


def _list_around(path: pointers.Path) -> pointers.Path | None:
    """The path of the innermost list on the way to a field."""
    return next((path[:depth] for depth in range(len(path) - 1, -1, -1) if isinstance(path[depth], int)), None)


def summary(each: DocumentDiff) -> str:
    """One line that says most: how many labels and layers there are, the parameters, and how many changes."""
    told: list[str] = []
    for name, path in (("labels", ("labels",)), ("classes", ("classes",)), ("layers", ("structure", "layers"))):
        old, new = (pointers.get(side, path) for side in (each.old, each.new))
        if isinstance(old, list) and isinstance(new, list) and len(old) != len(new):
            told.append(f"{name} {len(old)} -> {len(new)}")
    total = ("structure", "parameters", "total")
    old, new = (pointers.get(side, total) for side in (each.old, each.new))
    if _is_number(old) and _is_number(new) and old != new:
        ratio = "".join(f" ({part})" for part in _moved_by(old, new)[1:])
        told.append(f"parameters {value(old)} -> {value(new)}{ratio}")
    return ", ".join([*told, counted(len(each.delta), "change")])


def _classed(meaning: ChangeClass | None, words_before: str = ", ") -> Line:
    return [words_before, Span(meaning, _STYLES[meaning])] if meaning else []


def document_diff(each: DocumentDiff) -> Iterator[Line]:
    """A line for the document, and one for each change; below it the words of a long text, above it how a list is compared."""
    state = Span(f"  {each.state}: " if each.state != "changed" else "  ", "faint")
    yield [Span(each.path, "strong"), state, summary(each), *_classed(each.highest_class)]
    for item, meaning, apart in itemised(each):
        if apart:
            yield [Span(f"  (items of {pointers.build(apart[0]) or 'the document'} told apart by {apart[1]})", "faint")]
        yield change(item, meaning)
        if item.kind == "changed" and words.are_long(item.old, item.new):
            for line in words.compared(item.old, item.new):
                yield ["      ", *line]


def document_diffs(found: Sequence[DocumentDiff]) -> Iterator[Line]:
    """Several documents; the last line says what it comes to, where there are schemas to tell."""
    for each in found:
        yield from document_diff(each)
    if any(each.schema for each in found):
        yield total(found)


def total(found: Sequence[DocumentDiff]) -> Line:
    """How many documents, how many changes, and the highest class of them all."""
    changes = counted(sum(len(each.delta) for each in found), "change")
    return [f"{counted(len(found), 'document')} changed, {changes}", *_classed(highest(found), ", highest class: ")]


def highest(found: Sequence[DocumentDiff]) -> ChangeClass | None:
    """The most severe class of the changes of some documents; None where none has a schema."""
    if not any(each.schema for each in found):
        return None
    from ..schemas import highest as most_severe

    return most_severe(each.highest_class for each in found)


def stat(found: Sequence[DocumentDiff]) -> Iterator[Line]:
    for each in found:
        yield [each.path, " | ", summary(each), *_classed(each.highest_class)]
    yield total(found)
