"""Diffs as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import pointers
from ..changes import Change
from .lines import Line, Span, counted, value

if TYPE_CHECKING:
    from ..differences import DocumentDiff


def change(each: Change) -> Line:
    """One change: its sign, where, what it was and is."""
    place = pointers.build(each.shown_path) or "(the whole document)"
    named = f" ({each.identity})" if each.identity else ""
    match each.kind:
        case "added":
            return [Span("  + ", "good"), place, Span(named, "faint"), ": ", value(each.new)]
        case "removed":
            return [Span("  - ", "bad"), place, Span(named, "faint"), ": ", value(each.old)]
        case "moved":
            return [Span("  > ", "warn"), place, Span(named, "faint"), f": moved from {pointers.build(each.old_path or ())}"]
        case _:
            arrow = f": {value(each.old)} -> {value(each.new)}{_numeric(each.old, each.new)}"
            return [Span("  ~ ", "warn"), place, Span(named, "faint"), arrow]


def _numeric(old: Any, new: Any) -> str:
    """How far a number moved: absolutely, and relative to what it was."""
    if isinstance(old, bool) or isinstance(new, bool) or not isinstance(old, int | float) or not isinstance(new, int | float):
        return f" (type {_kind(old)} -> {_kind(new)})" if _kind(old) != _kind(new) else ""
    step = new - old
    shown = f"{step:+,}" if isinstance(step, int) else f"{step:+.6g}"
    return f"  ({shown}, {step / old:+.1%})" if old else f"  ({shown})"


def _kind(content: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return next((name for kind, name in kinds.items() if isinstance(content, kind)), "null")


def summary(each: DocumentDiff) -> str:
    """One line that says most: how many labels and layers there are, the parameters, and how many changes."""
    told: list[str] = []
    for name, path in (("labels", ("labels",)), ("classes", ("classes",)), ("layers", ("structure", "layers"))):
        old, new = (pointers.get(side, path) for side in (each.old, each.new))
        if isinstance(old, list) and isinstance(new, list) and len(old) != len(new):
            told.append(f"{name} {len(old)} -> {len(new)}")
    total = ("structure", "parameters", "total")
    old, new = (pointers.get(side, total) for side in (each.old, each.new))
    if isinstance(old, int) and isinstance(new, int) and old != new:
        told.append(f"parameters {old:,} -> {new:,}" + (f" ({(new - old) / old:+.1%})" if old else ""))
    return ", ".join([*told, counted(len(each.delta), "change")])


def document_diff(each: DocumentDiff) -> Iterator[Line]:
    yield [Span(each.path, "strong"), Span(f"  {each.state}: " if each.state != "changed" else "  ", "faint"), summary(each)]
    for item in each.delta:
        yield change(item)


def stat(found: list[DocumentDiff]) -> Iterator[Line]:
    for each in found:
        yield [each.path, " | ", summary(each)]
    yield [f"{counted(len(found), 'document')} changed, {counted(sum(len(each.delta) for each in found), 'change')}"]
