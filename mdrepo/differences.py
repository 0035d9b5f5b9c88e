"""What changed in one document, as a value: the changes, how severe each is, what is tolerated; and two files compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .changes import MISSING, Change, Delta, no_keys
from .diffing import diff, tolerant
from .sharing import Reader

if TYPE_CHECKING:
    from .schemas import ChangeClass, Schema


@dataclass(frozen=True)
class DocumentDiff:
    """What changed in one document: `new`, `deleted` or `changed`, with the contents (MISSING where there is none).

    `schema` says what the changes mean; None where the document has none.
    """

    path: str
    state: str
    delta: Delta
    old: Any
    new: Any
    schema: Schema | None = field(default=None, repr=False, compare=False)

    @cached_property
    def classes(self) -> tuple[ChangeClass | None, ...]:
        """What each change means."""
        return tuple(map(self._class, self.delta))

    def _class(self, change: Change) -> ChangeClass | None:
        """What a change means, as the schema says it; what moves has the class of the list that it moves in."""
        if self.schema is None:
            return None
        if change.kind == "moved":
            return self.schema.change_class(change.shown_path[:-1])
        return self.schema.change_class(change.shown_path, *(side for side in (change.old, change.new) if side is not MISSING))

    @cached_property
    def highest_class(self) -> ChangeClass | None:
        """The most severe class of its changes; None where the document has no schema."""
        if self.schema is None:
            return None
        from .schemas import highest

        return highest(self.classes)


@dataclass(frozen=True)
class Tolerance:
    """Differences that do not count: the order of lists' items, numbers beyond so many decimals."""

    ignore_order: bool = False
    significant_digits: int | None = None

    def __bool__(self) -> bool:
        return self.ignore_order or self.significant_digits is not None

    def applied(self, found: DocumentDiff) -> DocumentDiff:
        """A diff without what is tolerated."""
        if not self:
            return found
        remaining = tolerant(
            found.old, found.new, found.delta, ignore_order=self.ignore_order, significant_digits=self.significant_digits
        )
        return replace(found, delta=remaining)


EXACT = Tolerance()


def compare(path: str, old: Any, new: Any, schema: Schema | None = None) -> DocumentDiff:
    """What changed between two contents (MISSING where there is none), lists by the identities that the schema says."""
    keys = schema.keys if schema else no_keys
    if old is MISSING or new is MISSING:
        state = "new" if old is MISSING else "deleted"
        delta = diff({} if old is MISSING else old, {} if new is MISSING else new, keys)
    else:
        state, delta = "changed", diff(old, new, keys)
    return DocumentDiff(path, state, delta, old, new, schema)


def compare_bytes(
    one: tuple[str, bytes], other: tuple[str, bytes], tolerance: Tolerance = EXACT, *, spelling: bool = True
) -> list[DocumentDiff]:
    """What changed between two files, each its name and its bytes: one diff, or none; raises DocumentError.

    The schema is the built-in one that the second names, else the first. Numbers come with their spelling, if it is asked for.
    """
    reader = Reader()
    old, new = (reader.read(data, name, spelling=spelling).value for name, data in (one, other))
    found = tolerance.applied(compare(Path(other[0]).as_posix(), old, new, _builtin(new) or _builtin(old)))
    return [found] if found.delta else []


def _builtin(content: Any) -> Schema | None:
    name = content.get("$schema") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name.startswith("urn:mdrepo:"):
        return None
    from .schemas import SchemaStore

    return SchemaStore().find(name)
