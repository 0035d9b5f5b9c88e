"""What changed in one document, as a value: the changes, how severe each is, what is tolerated; and two files compared."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import ne
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .changes import MISSING, Change, Delta, no_keys
from .cutting import cut
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
        return self.schema.change_class(
            change.shown_path, *(side for side in (change.old, change.new) if isinstance(side, dict | list))
        )

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
    one: tuple[str, bytes], other: tuple[str, bytes], tolerance: Tolerance = EXACT, *, whole: bool = True
) -> list[DocumentDiff]:
    """What changed between two files, each its name and its bytes: one diff, or none; raises DocumentError.

    The schema is the built-in one that the second names, else the first. Without `whole`, for who only shows what changed, numbers
    may come without their spelling, and of a long list the items that are the same text in both are not read, nor in the contents.
    """
    found = None if whole or tolerance else _by_items(one, other)
    if found is None:
        reader = Reader()
        old, new = (reader.read(data, name, spelling=whole).value for name, data in (one, other))
        found = tolerance.applied(_compared(other[0], old, new))
    return [found] if found.delta else []


def _compared(name: str, old: Any, new: Any) -> DocumentDiff:
    return compare(Path(name).as_posix(), old, new, _builtin(new) or _builtin(old))


def _by_items(one: tuple[str, bytes], other: tuple[str, bytes]) -> DocumentDiff | None:
    """What changed in those items of a long list that are not the same text in both, and around it; None where that cannot tell."""
    cuts = cut((one[1], other[1]))
    if cuts is None:
        return None
    unlike = [*map(ne, *cuts.pieces)]
    inner = range(1, len(unlike) - 1)
    rest = cuts.rest([place for place in inner if unlike[place]])
    if rest is None or not cuts.one_each([place for place in inner if not unlike[place]]):
        return None
    found = _compared(other[0], *(document.value for document in rest.documents))
    delta = rest.whole(found.delta) if rest.is_told_apart(found.schema.keys if found.schema else no_keys) else None
    return None if delta is None else replace(found, delta=delta)


def _builtin(content: Any) -> Schema | None:
    name = content.get("$schema") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name.startswith("urn:mdrepo:"):
        return None
    from .schemas import SchemaStore

    return SchemaStore().find(name)
