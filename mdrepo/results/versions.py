"""Releases, and what changed from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from ..ancestry import Step as HistoryStep
    from ..differences import DocumentDiff
    from ..schemas import ChangeClass
    from ..tags import SemVer


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
