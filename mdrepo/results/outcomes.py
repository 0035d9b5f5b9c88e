"""What becomes of a commit or a merge; apart from other values, since every commit makes it and few make those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..notes import Note
    from ..validation import Problem
    from .states import DocumentStatus


@dataclass(frozen=True)
class Outcome:
    """What became of a commit: made (its id), sound (and still to be made), or stopped by problems or by the verdict in its note.

    Of a merge also: nothing to do, moved to a commit that has all of it, stopped by conflicts, undone; and whether one waits now.
    """

    status: Literal["committed", "sound", "invalid", "regressed", "current", "forwarded", "conflicts", "aborted"]
    id: str | None = None
    branch: str | None = None
    note: Note | None = None
    problems: tuple[Problem, ...] = ()
    blocking: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    remark: str | None = None
    conflicts: tuple[DocumentStatus, ...] = ()
    waiting: bool = False

    @property
    def made(self) -> bool:
        """Whether it is done, or there was nothing to do."""
        return self.status in ("committed", "sound", "current", "forwarded", "aborted")
