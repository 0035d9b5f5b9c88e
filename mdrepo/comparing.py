"""What changed between two versions of documents: two files, or the same path in two snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import applying, pointers
from .catalogue import Catalogue
from .changes import MISSING, Delta, no_keys
from .diffing import diff, tolerant
from .documents import read
from .results import DocumentDiff


@dataclass(frozen=True)
class Tolerance:
    """Differences that do not count: the order of lists' items, numbers beyond so many decimals."""

    ignore_order: bool = False
    significant_digits: int | None = None

    def applied(self, found: DocumentDiff) -> DocumentDiff:
        """A diff without what is tolerated."""
        if not self.ignore_order and self.significant_digits is None:
            return found
        remaining = tolerant(
            found.old, found.new, found.delta, ignore_order=self.ignore_order, significant_digits=self.significant_digits
        )
        return replace(found, delta=remaining)


EXACT = Tolerance()


def diff_files(one: Path, other: Path, tolerance: Tolerance = EXACT) -> list[DocumentDiff]:
    """What changed between two files, in a repository or not: one diff, or none; raises MdrepoError."""
    old, new = (read(applying.read_file(path), str(path), spelling=False).value for path in (one, other))
    found = tolerance.applied(DocumentDiff(str(other), "changed", diff(old, new), old, new))
    return [found] if found.delta else []


def document_diff(path: str, before: Catalogue, after: Catalogue, wanted: Sequence[str]) -> DocumentDiff | None:
    """What changed in a document between two snapshots, at and below some pointers; None where nothing did."""
    old, new = before.find(path), after.find(path)
    if old is not None and new is not None and old.data == new.data:
        return None
    schema = (after if new else before).schema_or_none(path)
    old_value, new_value = old.value if old else MISSING, new.value if new else MISSING
    if old_value is MISSING or new_value is MISSING:
        state = "new" if old_value is MISSING else "deleted"
        delta = diff({} if old_value is MISSING else old_value, {} if new_value is MISSING else new_value)
    else:
        state, delta = "changed", diff(old_value, new_value, schema.keys if schema else no_keys)
    if wanted:
        prefixes = [pointers.parse(pointer) for pointer in wanted]
        below = [c for c in delta if any(tuple(map(str, c.shown_path))[: len(p)] == p for p in prefixes)]
        delta = Delta(tuple(below))
    return DocumentDiff(path, state, delta, old_value, new_value) if delta else None
