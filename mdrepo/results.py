"""What the workflow's verbs return: values, for programs to use and for reports to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .ancestry import Step as HistoryStep
from .changes import Delta
from .deriving import Proposal
from .differences import DocumentDiff
from .locks import Source
from .merging import Conflict
from .notes import Note
from .pointers import Path
from .schemas import ChangeClass
from .snapshots import Commit
from .staleness import Stale
from .tags import SemVer
from .validation import Problem


@dataclass(frozen=True)
class DocumentStatus:
    """A document of the work tree: `new`, `changed`, `deleted`, `conflict` or `unchanged`; its problems; its stale fields.

    In conflict: the conflicts that are not settled yet, or the reason for which they cannot be named by field, and what to type.
    """

    path: str
    state: str
    problems: tuple[Problem, ...] = ()
    stale: tuple[Stale, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    remark: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """The state of the work tree: the branch, HEAD and its verdict, the documents, artefacts that DVC was not told of.

    `files` are the other changed files that a commit of everything takes, with their state; `orphans` lock files without document.
    """

    branch: str | None
    head: str | None
    verdict: str | None
    documents: tuple[DocumentStatus, ...]
    unrecorded: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    orphans: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patch:
    """The proposals for the documents, by path, and the problems of documents that cannot be patched."""

    proposals: Mapping[str, Proposal]
    problems: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        return any(each.stale for each in self.proposals.values())

    @property
    def conflicts(self) -> int:
        return sum(len(each.conflicts) for each in self.proposals.values())


@dataclass(frozen=True)
class Logged:
    """One commit of the log, with its evaluation if it has one."""

    commit: Commit
    note: Note | None


@dataclass(frozen=True)
class Outcome:
    """What became of a commit: made (its id), or stopped by problems or by the verdict in its note.

    Of a merge also: nothing to do, moved to a commit that has all of it, stopped by conflicts, undone; and whether one waits now.
    """

    status: Literal["committed", "invalid", "regressed", "current", "forwarded", "conflicts", "aborted"]
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
        return self.status in ("committed", "current", "forwarded", "aborted")


@dataclass(frozen=True)
class Resolved:
    """What became of a document in conflict: the fields settled now with their values, and the conflicts that are left.

    With the last one settled: the problems that the document has, and whether it was added to the index.
    """

    path: str
    settled: tuple[tuple[Path, Any], ...]
    left: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    added: bool = False


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
class Inherited:
    """What a child took from its base's document: the base, its commits before and now, the changes, the open conflicts."""

    path: str
    base: str
    before: str
    now: str
    delta: Delta
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuned:
    """A decision block proposed for a model, by so many examples of a split: the edit, and its effect on each metric."""

    path: str
    split: str
    examples: int
    decision: Mapping[str, Any]
    edited: Edited
    effects: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Move:
    """How many examples went from one class to another."""

    old: str
    new: str
    count: int


@dataclass(frozen=True)
class Relabelled:
    """What became of a data set that was relabelled: the document, the data, how many examples there are and which moved.

    `renamed` are the files that needed another name in their new folder: (was, is); `retyped` is the type that the target had and
    the one that its new values need, where it could not stay.
    """

    path: str
    data: str
    examples: int
    moves: tuple[Move, ...]
    renamed: tuple[tuple[str, str], ...]
    written: bool
    retyped: tuple[str, str] | None = None


@dataclass(frozen=True)
class Augmented:
    """A data set that was made by a policy: the model's document, the data set's that it was made of, its own, its data."""

    path: str
    source: str
    target: str
    data: str
    examples: int


@dataclass(frozen=True)
class Created:
    """A document that was made: what it was read off, and the fields that only people can write."""

    path: str
    artefact: str
    proposal: Proposal
    to_write: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """What a checkout did: the commit, the files of git and the artefacts that it brought back, what it kept aside."""

    commit: str
    paths: tuple[str, ...] = ()
    artefacts: tuple[str, ...] = ()
    kept: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Release:
    """A version of a document that was tagged: the tag, its commit and time, the document's blob there, its stages."""

    version: SemVer
    tag: str
    commit: str
    date: datetime
    blob: str
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What a commit changed in a document: where it was renamed from, its verdict; or the reason why that cannot be told."""

    step: HistoryStep
    diff: DocumentDiff | None = None
    renamed_from: str | None = None
    verdict: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Section:
    """The entries of a release, newest first; of what is not released yet where there is none."""

    release: Release | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Versioned:
    """A document's version: that of the last release where nothing changed since (`released`), else what the next one would be.

    `diff` is what changed since the last full release, None where there is none.
    """

    path: str
    name: str
    version: SemVer
    released: bool
    last: Release | None = None
    diff: DocumentDiff | None = None
    remarks: tuple[str, ...] = ()

    @property
    def meaning(self) -> ChangeClass | None:
        """The highest class of the changes."""
        return self.diff.highest_class if self.diff else None


@dataclass(frozen=True)
class Changelog:
    """A document's changes by release, newest first; `version` is None where the document was deleted."""

    path: str
    name: str
    sections: tuple[Section, ...]
    version: Versioned | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Releases:
    """The releases of a document, the highest first."""

    path: str
    name: str
    releases: tuple[Release, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tagged:
    """A tag that was written, for a version or a stage of a document."""

    ref: str
    commit: str
    path: str
    version: SemVer
    stage: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the set-up: `done` now, `kept` as it was, or `left` out with the reason."""

    name: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that doctor looked at: whether it is well, and what to type where it is not."""

    name: str
    ok: bool
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The process with TensorFlow that waits for the next command, and what holds of the processes that run models here.

    `current`: whether it is of this environment, else the next evaluation replaces it; `since`: seconds since 1970;
    `idle`: after how many seconds without work it goes; `confinement`: by name, whether it holds, and what it is.
    """

    pid: int | None
    ready: bool
    current: bool
    running: int
    served: int
    since: float
    idle: int
    confinement: Mapping[str, tuple[bool, str]]


__all__ = ["DocumentDiff", "Note"]  # defined below, and results too
