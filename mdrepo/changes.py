"""The values that diff, patch, merge and review share: changes and deltas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from .pointers import Path

Kind = Literal["added", "removed", "changed", "moved"]


class Missing(Enum):
    """The value of a field that is not there; null is a value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING

KeyFinder = Callable[[Path], Sequence[str] | None]
"""The names of the members that tell the items of the list at a path apart (`x-mdrepo-key`), none for a set, or None."""


def no_keys(_: Path) -> Sequence[str] | None:
    return None


class Change(NamedTuple):
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
