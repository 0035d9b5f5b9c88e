"""What changed in a document between two snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import pointers
from .catalogue import Catalogue
from .changes import MISSING, Delta
from .differences import DocumentDiff, compare


def document_diff(path: str, before: Catalogue, after: Catalogue, wanted: Sequence[str]) -> DocumentDiff | None:
    """What changed in a document between two snapshots, at and below some pointers; None where nothing did."""
    old, new = before.find(path), after.find(path)
    if old is not None and new is not None and old.data == new.data:
        return None
    schema = (after.schema_or_none(path) if new else None) or (before.schema_or_none(path) if old else None)
    found = compare(path, old.value if old else MISSING, new.value if new else MISSING, schema)
    if wanted:
        prefixes = [pointers.parse(pointer) for pointer in wanted]
        below = [c for c in found.delta if any(tuple(map(str, c.shown_path))[: len(p)] == p for p in prefixes)]
        found = replace(found, delta=Delta(tuple(below)))
    return found if found.delta else None
