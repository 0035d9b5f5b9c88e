"""What a review is made of: values, for programs to use and for reports to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .artefacts import Artefact
from .changes import Change
from .differences import DocumentDiff
from .locks import Source
from .pointers import Path
from .schemas import ChangeClass
from .semantics import Said
from .snapshots import Commit
from .staleness import Stale
from .tags import SemVer
from .validation import Problem


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: an artefact (`derived`, in part: `mixed`), people (`manual`), or people against an artefact."""

    kind: Literal["derived", "mixed", "manual", "overridden"]
    source: Source | None = None


MANUAL = Origin("manual")


@dataclass(frozen=True, slots=True)
class Item:
    """One change: what it means, where its value comes from, whether it is for the better (None: nothing says so)."""

    change: Change
    meaning: ChangeClass | None
    origin: Origin
    better: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The changes below one member of a document."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Suggested:
    """The version that a document's changes ask for, and the last one that was released (None: none was)."""

    version: SemVer
    last: SemVer | None


@dataclass(frozen=True)
class DocumentReview:
    """One document that changed, or that depends on what changed.

    `unreadable` is why there is no diff, where a side is no JSON; `reordered` are the lists whose items only changed places,
    which is no change; `unchanged` are the members that are as they were.
    """

    path: str
    state: str
    diff: DocumentDiff | None = None
    sections: tuple[Section, ...] = ()
    said: tuple[Said, ...] = ()
    flags: tuple[Said, ...] = ()
    parameters: tuple[Change, ...] = ()
    reordered: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()
    stale: tuple[Stale, ...] = ()
    authors: tuple[str, ...] = ()
    suggested: Suggested | None = None
    unreadable: str | None = None
    unchanged: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return sum(len(each.items) for each in self.sections)

    @property
    def meaning(self) -> ChangeClass | None:
        return self.diff.highest_class if self.diff else None


@dataclass(frozen=True, slots=True)
class Point:
    """A commit in the history of a document's metrics: its result in the commit's evaluation."""

    commit: str
    subject: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """An example whose answer turned: its name, the truth, both answers, and what it looks like: a PNG, or its row."""

    name: str
    truth: str
    before: str
    after: str
    picture: bytes | None = None
    row: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Insight:
    """What the outputs of both models show: confusion (truth x answer, the last answer is none), calibration, examples that turned.

    `calibration` has for each side bins of (mean confidence, share that was right, examples); the side before may be missing.
    """

    names: tuple[str, ...] = ()
    confusion: tuple[Sequence[Sequence[int]] | None, Sequence[Sequence[int]]] | None = None
    calibration: tuple[Sequence[tuple[float, float, int]] | None, Sequence[tuple[float, float, int]]] | None = None
    lost: tuple[Example, ...] = ()
    won: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A model document's evaluation: its part of a note, or made of kept outputs; compared with a commit (None: with nothing).

    `before` are the metrics that the other side's own note has, where nothing pairs the two.
    """

    path: str
    result: Mapping[str, Any]
    basis: Literal["note", "outputs", "notes"]
    against: str | None
    before: Mapping[str, float] = field(default_factory=dict)
    insight: Insight | None = None
    history: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class DataChange:
    """An artefact that DVC tracks: what it was and what it is; None where it is not there."""

    path: str
    old: Artefact | None
    new: Artefact | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many examples each class of a dataset document has, before and now."""

    path: str
    names: tuple[str, ...]
    old: tuple[int, ...] | None
    new: tuple[int, ...] | None


@dataclass(frozen=True)
class Review:
    """What changed between two snapshots, and what is to be known of it.

    `base` and `head` are commit ids: None is the empty tree, and the index. `verdict` is the evaluation's, if there is one.
    `pointed` is what is wrong at a line of a document. `against` are the reviews of a merge against its other parents.
    """

    base: str | None
    head: str | None
    commit: Commit | None
    commits: int
    command: str
    verdict: str | None
    evaluated: str
    meaning: ChangeClass | None
    documents: tuple[DocumentReview, ...]
    judged: tuple[Judged, ...] = ()
    data: tuple[DataChange, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    allowed: str | None = None
    remarks: tuple[str, ...] = ()
    pointed: tuple[Problem, ...] = ()
    against: tuple[Review, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(each for document in self.documents for each in document.problems)

    @property
    def stale(self) -> int:
        return sum(len(each.stale) for each in self.documents)

    @property
    def flags(self) -> int:
        return sum(len(each.flags) for each in self.documents)

    @property
    def changes(self) -> int:
        return sum(each.count for each in self.documents)

    @property
    def changed(self) -> tuple[DocumentReview, ...]:
        """The documents that changed themselves."""
        return tuple(each for each in self.documents if each.state != "unchanged")
