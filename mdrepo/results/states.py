"""The states of documents and of what is to be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from ..deriving import Proposal
    from ..merging import Conflict
    from ..pointers import Path
    from ..staleness import Stale
    from ..validation import Problem


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

    `paths` are those of all documents, `remarkable` the documents that are not just as they were committed, and in order; `files`
    the other changed files that a commit of everything takes, with their state; `orphans` lock files without document.
    """

    branch: str | None
    head: str | None
    verdict: str | None
    paths: tuple[str, ...]
    remarkable: tuple[DocumentStatus, ...]
    unrecorded: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    orphans: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[DocumentStatus, ...]:
        """All documents."""
        known = {each.path: each for each in self.remarkable}
        return tuple(known.get(path) or DocumentStatus(path, "unchanged") for path in self.paths)


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
class Resolved:
    """What became of a document in conflict: the fields settled now with their values, and the conflicts that are left.

    With the last one settled: the problems that the document has, and whether it was added to the index.
    """

    path: str
    settled: tuple[tuple[Path, Any], ...]
    left: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    added: bool = False
