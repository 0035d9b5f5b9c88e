"""The states of documents and of what is to be done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from ..artefacts import Artefact
    from ..deriving import Proposal
    from ..merging import Conflict
    from ..pointers import Path
    from ..staleness import Stale
    from ..validation import Problem


class DocumentStatus(NamedTuple):
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

    `listing` gives the paths of all documents; `remarkable` are the documents that are not just as they were committed, and in
    order; `files` the other changed files that a commit of everything takes, with their state; `orphans` lock files of no
    document.
    """

    branch: str | None
    head: str | None
    verdict: str | None
    listing: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)
    remarkable: tuple[DocumentStatus, ...]
    unrecorded: tuple[Artefact, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    orphans: tuple[str, ...] = ()

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents; of many the list takes longer than all else, so that it is made when it is asked for."""
        return self.listing()

    @property
    def documents(self) -> tuple[DocumentStatus, ...]:
        """All documents."""
        known = {each.path: each for each in self.remarkable}
        return tuple(known.get(path) or DocumentStatus(path, "unchanged") for path in self.paths)


class Patch(NamedTuple):
    """The proposals for the documents, by path, and the problems of documents that cannot be patched."""

    proposals: Mapping[str, Proposal]
    problems: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        return any(each.stale for each in self.proposals.values())

    @property
    def conflicts(self) -> int:
        return sum(len(each.conflicts) for each in self.proposals.values())


class Resolved(NamedTuple):
    """What became of a document in conflict: the fields settled now with their values, and the conflicts that are left.

    With the last one settled: the problems that the document has, and whether it was added to the index.
    """

    path: str
    settled: tuple[tuple[Path, Any], ...]
    left: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    added: bool = False
