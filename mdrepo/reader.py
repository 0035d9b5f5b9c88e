"""Reader: the verbs that only look. Repository adds those that change."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import verbs
from .documents import read
from .errors import Finding
from .marks import MARKER_SIZE
from .workspace import Workspace

if TYPE_CHECKING:  # the values' types alone: who makes a value loads its module
    from pandas import DataFrame

    from .artefacts import Artefact
    from .caching import Usage
    from .differences import DocumentDiff, Tolerance
    from .evaluating import Report
    from .judgements import Foreseen, Latency, Verified
    from .provenance import Provenance
    from .questions import Asked
    from .reconciling import Reconciled
    from .records import Blame, Measure, Queried
    from .results import Changelog, Logged, Patch, Releases, Status, Tuned, Versioned, WorkerState
    from .reviews import Review
    from .schemata import Known
    from .searching import Search
    from .staleness import Stale
    from .validation import Problem


class Reader:
    """What a repository tells of its documents, without changing anything."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.root = workspace.root

    def relative(self, path: str, start: Path) -> str:
        """A path as somebody in the folder `start` would type it, from the repository's root; raises UsageError."""
        return self._workspace.relative(path, start)

    def status(self) -> Status:
        """What is new, changed, invalid or stale, from git, DVC's pointers and lock files alone."""
        return verbs.inspecting.status(self._workspace, self.merge_files)

    def provenance(self, paths: Sequence[str] = ()) -> dict[str, list[Provenance]]:
        """Where the fields of the documents come from: read off an artefact, or written by people."""
        return verbs.inspecting.origins(self._workspace, self.paths(paths))

    def validate(self, paths: Sequence[str] = ()) -> list[Problem]:
        """All the problems of all the documents, or of those at some paths."""
        return verbs.inspecting.problems(self._workspace, paths)

    def validate_staged(self, index: Path | None = None, commit: str | None = None) -> list[Problem]:
        """All the problems of what is staged, in git's index or in that of a partial commit; or of a pushed commit."""
        return verbs.inspecting.staged_problems(self._workspace, index, commit)

    def stale_staged(self, index: Path | None = None, commit: str | None = None) -> dict[str, list[Stale]]:
        """The stale fields of what is staged, or of a commit that is to be pushed, by document."""
        return verbs.inspecting.staged_stale(self._workspace, index, commit)

    def paths(self, paths: Sequence[str] = ()) -> list[str]:
        """The documents of the work tree, or those at or below some paths; raises UsageError for a path without any."""
        return self._workspace.chosen(self._workspace.work(), paths)

    def diff(
        self,
        old: str | None = None,
        new: str | None = None,
        names: Sequence[str] = (),
        *,
        staged: bool = False,
        tolerance: Tolerance | None = None,
    ) -> list[DocumentDiff]:
        """What changed, by document: index to work tree, HEAD to index (staged), a revision to either, or two revisions."""
        return verbs.comparing.diff_snapshots(self._workspace, old, new, names, staged, tolerance)

    def questions(self, paths: Sequence[str] = ()) -> list[Asked]:
        """What is open in the files that a merge left in conflict, with where the values come from and how sides were evaluated."""
        return verbs.questions.questions(self._workspace, paths, self.merge_files)

    def schemas(self) -> list[Known]:
        """The schemas known here, and what they are bound to."""
        return verbs.schemata.known(self._workspace)

    def schema_text(self, name: str) -> str:
        """The text of a schema, by kind, URI, path or name; raises Finding."""
        return verbs.schemata.text(self._workspace, name)

    def check_schemas(self, paths: Sequence[str] = ()) -> list[Problem]:
        """What is wrong with schemas themselves: some files, or all of the repository's own."""
        return verbs.schemata.check(self._workspace, paths)

    def review(self, revisions: str | None = None, *, staged: bool = False, drawn: bool = False) -> Review:
        """What changed in a commit, a range or what is staged, where it comes from, what it means, and how it was evaluated.

        `drawn`: also what only a page shows, the history of metrics and what kept outputs say.
        """
        return verbs.reviewing.review(self._workspace, revisions, staged=staged, drawn=drawn)

    def ends(self, revisions: str) -> tuple[str, str] | None:
        """The two revisions that a range compares: `A..B`, `A...B` (from the merge base), `A^!`; None where it is no range."""
        return self._workspace.git.ends(revisions)

    def log(
        self, revisions: str = "HEAD", names: Sequence[str] = (), limit: int | None = None, search: Search | None = None
    ) -> list[Logged]:
        """The commits with their evaluations, newest first; with fields or a search, those that changed such a field, and how.

        Renames of documents, and of the items of lists that have a key, are followed.
        """
        return verbs.logs.log(self._workspace, revisions, names, limit, search or verbs.fields.EVERYTHING)

    def blame(self, path: str, pointer: str = "", revision: str = "HEAD") -> Blame:
        """Which commit made each leaf of a document, or of a field, what it is at a revision; raises Finding."""
        return verbs.fields.blame(self._workspace, path, pointer, revision)

    def measures(self, revisions: str = "HEAD", paths: Sequence[str] = (), limit: int | None = None) -> list[Measure]:
        """The metrics of the documents that each commit of a revision or range changed or evaluated, newest first."""
        return verbs.querying.measures(self._workspace, revisions, paths, limit)

    def query(self, expression: str, revision: str = "HEAD", *, everything: bool = False) -> Queried:
        """The documents that meet a condition at a revision, or (`everything`) in its history or a range; raises UsageError."""
        return verbs.querying.query(self._workspace, expression, revision, everything=everything)

    def documents(self, paths: Sequence[str] = (), revision: str | None = None) -> DataFrame:
        """A pandas frame with a row for each document of the work tree, or of a revision: `path`, and its scalar fields."""
        return verbs.frames.documents(self._workspace, paths, revision)

    def history(self, path: str | None = None, revisions: str = "HEAD") -> DataFrame:
        """A pandas frame with a row for each commit and document that it changed or evaluated, and a column for each metric."""
        return verbs.frames.history(self._workspace, path, revisions)

    def show(self, revision: str = "HEAD") -> tuple[Logged, list[DocumentDiff]]:
        """One commit: what it says, its evaluation, and what it changed."""
        return verbs.logs.show(self._workspace, revision)

    def get(self, path: str, pointer: str = "", revision: str | None = None) -> Any:
        """The value of a field, in the work tree or at a revision; raises Finding where there is none."""
        return verbs.editing.field(self._workspace, path, pointer, revision)

    def editor(self) -> str:
        """The command of the editor that git would open."""
        return self._workspace.git.run("var", "GIT_EDITOR").stdout.decode().strip()

    def work_text(self, path: str) -> str:
        """The text of a document as it stands in the work tree, JSON or not."""
        return verbs.editing.text_of(self._workspace, path)

    def text(self, revision: str, path: str) -> str:
        """The text of a document at a revision."""
        return self._workspace.at(self._workspace.git.commit_id(revision)).document(path).text

    def changelog(self, path: str, revision: str = "HEAD") -> Changelog:
        """What changed in a document, commit by commit, by release."""
        return verbs.releases.changelog(self._workspace, path, revision)

    def version(self, path: str, revision: str = "HEAD") -> Versioned:
        """A document's semantic version: of its last release, or what the changes since then make of it."""
        return verbs.releases.version(self._workspace, path, revision)

    def releases(self, path: str, revision: str = "HEAD") -> Releases:
        """The releases of a document, with their stages."""
        return verbs.releases.listed(self._workspace, path, revision)

    def patch(self, paths: Sequence[str] = (), *, take: Sequence[str] = (), keep: Sequence[str] = ()) -> Patch:
        """What the artefacts say should change; `take` and `keep` settle conflicts (PATH#POINTER, or #POINTER for all)."""
        return verbs.updating.patch(self._workspace, self.paths(paths), take, keep)

    def unrecorded(self) -> list[Artefact]:
        """The artefacts in the work tree that are not what DVC recorded, so that a patch does not see what they say now."""
        return verbs.inspecting.unrecorded(self._workspace)

    def merge_files(self, path: str, base: bytes, ours: bytes, theirs: bytes, size: int = MARKER_SIZE) -> Reconciled:
        """The three-way merge of a document's versions, by the identities and the strategies that its schema says."""
        guide = verbs.settling.Guide()
        with contextlib.suppress(Finding):  # what has no schema, or is no JSON, merges without one
            work = self._workspace.work()
            bound = self._workspace.configuration.bound_schema(path)
            guide = verbs.settling.Guide.of(work.schemas.bound(read(ours, path).value, path, bound))
        return verbs.reconciling.reconcile(base, ours, theirs, guide, verbs.marking.Marks(size=size))

    def worker(self) -> WorkerState:
        """The process with TensorFlow that waits for the next command, if there is one, and how models are confined here."""
        return verbs.evaluating.worker(self._workspace)

    def cached(self) -> tuple[list[Usage], int]:
        """What the cache has, by kind, and its limit in bytes."""
        return self._workspace.cache.usage(), self._workspace.cache.limit

    def foresee(self, revision: str = "HEAD", against: str | None = None) -> tuple[str, list[Foreseen]]:
        """What the test data of each model document of a commit can prove of its children; no model is run."""
        return verbs.foreseeing.foresee(self._workspace, revision, against)

    def verify(self, revision: str = "HEAD", report: Report = lambda _: None) -> Verified:
        """Whether a commit's note is what its evaluation gives when all of it is computed anew; raises MdrepoError without one."""
        return verbs.verifying.verify(self._workspace, revision, report)

    def latency(self, revision: str = "HEAD", report: Report = lambda _: None) -> tuple[str, list[Latency]]:
        """How long each model of a commit takes for a batch of its test data, measured now and kept nowhere."""
        return verbs.timing.latency(self._workspace, revision, report)

    def tune(self, path: str, split: str, report: Report = lambda _: None) -> Tuned:
        """Thresholds and a temperature for a model's document, by the data of another split than it is evaluated on."""
        return verbs.adjusting.tune(self._workspace, path, split, report)
