"""What commits hold, and what commands that make them, or documents, did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from ..changes import Delta
    from ..deriving import Proposal
    from ..differences import DocumentDiff
    from ..locks import Source
    from ..merging import Conflict
    from ..notes import Note
    from ..pointers import Path
    from ..snapshots import Commit
    from ..validation import Problem


@dataclass(frozen=True)
class Logged:
    """One commit of the log, with its evaluation if it has one, and what it changed, where that was asked for."""

    commit: Commit
    note: Note | None
    documents: tuple[DocumentDiff, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What a checkout did: the commit, the files of git and the artefacts that it brought back, what it kept aside."""

    commit: str
    paths: tuple[str, ...] = ()
    artefacts: tuple[str, ...] = ()
    kept: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Edited:
    """A document with an edit: its text before and after, what changed, the problems that are new with it.

    `overridden` are the derived fields that it changes, each with what it was read off.
    """

    path: str
    before: str
    text: str
    delta: Delta
    problems: tuple[Problem, ...] = ()
    overridden: tuple[tuple[Path, Source], ...] = ()


@dataclass(frozen=True)
class Created:
    """A document that was made: what it was read off, and the fields that only people can write."""

    path: str
    artefact: str
    proposal: Proposal
    to_write: tuple[str, ...]


@dataclass(frozen=True)
class Inherited:
    """What a child took from its base's document: the base, its commits before and now, the changes, the open conflicts."""

    path: str
    base: str
    before: str
    now: str
    delta: Delta
    conflicts: tuple[Conflict, ...] = ()
