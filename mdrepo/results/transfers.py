"""What went between repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from ..depots import Sent
    from .outcomes import Outcome


@dataclass(frozen=True)
class Pushed:
    """What a push did: git's remote, the branches and tags, what DVC's remote got, how many evaluations are new there."""

    remote: str
    refs: tuple[str, ...]
    data: Sent
    notes: int


@dataclass(frozen=True)
class Pulled:
    """What a pull did: what became of the merge, whether evaluations of others came, which data were put into the work tree."""

    remote: str
    outcome: Outcome
    notes: bool
    artefacts: tuple[str, ...]


@dataclass(frozen=True)
class Cloned:
    """What a clone has: its commit and branch, whether there are evaluations, the artefacts."""

    remote: str
    commit: str | None
    branch: str | None
    notes: bool
    artefacts: tuple[str, ...]
