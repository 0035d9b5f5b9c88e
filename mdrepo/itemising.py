"""A document's changes as a reviewer reads them: by section, each with its class, where its value comes from, better or worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalogue import Catalogue
from .changes import MISSING, Change
from .differences import DocumentDiff
from .errors import MdrepoError
from .pointers import Path
from .provenance import provenance
from .reviews import MANUAL, Item, Origin, Section
from .schemas import ChangeClass
from .semantics import reordered

Origins = Mapping[tuple[str, ...], Origin]


def itemised(
    diff: DocumentDiff, before: Catalogue, after: Catalogue, directions: Mapping[str, bool]
) -> tuple[tuple[Section, ...], tuple[Path, ...], tuple[str, ...]]:
    """The sections of a document with their changes; the lists of which only the order changed; the members that did not change.

    `directions` says of metrics whether higher is better.
    """
    order = reordered(diff.delta)
    aside = {id(each) for found in order.values() for each in found}
    origins = [_origins(diff.path, content, side) for content, side in ((diff.old, before), (diff.new, after))]
    found: dict[str, list[Item]] = {}
    for change, meaning in zip(diff.delta, diff.classes, strict=True):
        if id(change) not in aside:
            name = str(change.shown_path[0]) if change.shown_path else ""
            found.setdefault(name, []).append(_item(change, meaning, origins, directions))
    sections = tuple(Section(name, tuple(items)) for name, items in found.items())
    members = diff.new if isinstance(diff.new, dict) and isinstance(diff.old, dict) else {}
    return sections, tuple(order), tuple(name for name in members if name not in found)


def _item(change: Change, meaning: ChangeClass | None, origins: list[Origins], directions: Mapping[str, bool]) -> Item:
    side = origins[0] if change.new is MISSING else origins[1]
    return Item(change, meaning, _origin(side, change.shown_path), _better(change, directions))


def _origins(path: str, content: Any, side: Catalogue) -> Origins:
    """Where the parts of a document come from; nothing where its lock file says nothing."""
    if content is MISSING:
        return {}
    try:
        lock, schema = side.lock(path), side.schema(path)
        if not lock.fields:
            return {}
        parts = provenance(content, lock, schema)
    except MdrepoError:
        return {}
    return {tuple(map(str, each.path)): Origin(each.kind, each.source) for each in parts if each.kind != "removed"}


def _origin(origins: Origins, path: Path) -> Origin:
    place = tuple(map(str, path))
    for depth in range(len(place), -1, -1):
        if place[:depth] in origins:
            return origins[place[:depth]]
    below = next((each for where, each in origins.items() if where[: len(place)] == place and each.source), None)
    return Origin("mixed", below.source) if below else MANUAL


def _better(change: Change, directions: Mapping[str, bool]) -> bool | None:
    """Whether a number went the way that is better for the metric that it is called as."""
    higher = directions.get(str(change.shown_path[-1])) if change.shown_path else None
    sides = (change.old, change.new)
    if higher is None or not all(isinstance(side, int | float) and not isinstance(side, bool) for side in sides):
        return None
    return bool(change.new > change.old) == higher if change.new != change.old else None
