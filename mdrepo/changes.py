"""The values that diff, patch, merge and review share: changes, deltas, the identity of list items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from .documents import canonical
from .pointers import Path

Kind = Literal["added", "removed", "changed", "moved"]


class Missing(Enum):
    """The value of a field that is not there; null is a value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING

KeyFinder = Callable[[Path], Sequence[str] | None]
"""The names of the members that tell the items of the list at a path apart (`x-mdrepo-key`), or None."""


def no_keys(_: Path) -> Sequence[str] | None:
    return None


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `path` names the field as it is when the changes before this one have been applied (as RFC 6902 operations need it), `old_path`
    and `new_path` in the old and the new value; `origin` is where a moved item comes from, again at that time.
    """

    kind: Kind
    path: Path
    old: Any = MISSING
    new: Any = MISSING
    old_path: Path | None = None
    new_path: Path | None = None
    origin: Path | None = None
    identity: str = ""

    @property
    def shown_path(self) -> Path:
        """The path that a reader looks up: in the new value, or in the old one for what was removed."""
        if self.new_path is not None:
            return self.new_path
        return self.old_path if self.old_path is not None else self.path


@dataclass(frozen=True, slots=True)
class Delta:
    """All the differences between two values, in an order in which they can be applied one after the other."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)


Identity = str
_USUAL = ("name", "id", "key", "path", "label", "op")


def identities(items: Sequence[Any], names: Sequence[str]) -> list[Identity] | None:
    """The identity of each item by some of its members, or None where they do not tell the items apart."""
    found: list[Identity] = []
    for item in items:
        if not isinstance(item, dict) or not all(name in item for name in names):
            return None
        found.append(canonical([item[name] for name in names]))
    return found if len(set(found)) == len(found) else None


def identifying_members(lists: Iterable[Sequence[Any]], declared: Sequence[str] | None) -> Sequence[str] | None:
    """The members that tell the items of all these lists apart: the declared ones, else one that all items have."""
    versions = [items for items in lists if items]
    if declared is not None:
        return declared if all(identities(items, declared) is not None for items in versions) else None
    items = [item for version in versions for item in version]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    shared = set(items[0]).intersection(*items[1:])
    candidates = [name for name in _USUAL if name in shared]
    for name in candidates:
        scalars = all(isinstance(item[name], str | int) and not isinstance(item[name], bool) for item in items)
        if scalars and all(identities(version, [name]) is not None for version in versions):
            return [name]
    return None
