"""Repository: the workflow's verbs in order. This is the Python API; the commands only print what it returns."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from . import (
    adjusting,
    applying,
    augmenting,
    committing,
    creating,
    editing,
    evaluating,
    inheriting,
    inspecting,
    logs,
    relabelling,
    releases,
    resolving,
    restoring,
    reverting,
    setting_up,
    updating,
)
from .applying import Mode
from .caching import Usage
from .committing import Terms
from .comparing import diff_snapshots
from .differences import EXACT, Tolerance
from .documents import read
from .errors import Finding
from .evaluating import Report
from .files import write
from .marking import MARKER_SIZE, Marks
from .notes import Note, write_note
from .provenance import Provenance
from .reconciling import Reconciled, reconcile
from .recovering import recover
from .resolving import Choice
from .results import (
    Augmented,
    Changelog,
    Check,
    Created,
    DocumentDiff,
    Edited,
    Inherited,
    Logged,
    Outcome,
    Patch,
    Relabelled,
    Releases,
    Resolved,
    Restored,
    Status,
    Step,
    Tagged,
    Tuned,
    Versioned,
    WorkerState,
)
from .settling import Guide
from .validation import Problem
from .workspace import Workspace
from .writing import formatted, no_order

P = ParamSpec("P")
R = TypeVar("R")


def _writes(method: Callable[Concatenate[Repository, P], R]) -> Callable[Concatenate[Repository, P], R]:
    """A method that changes the repository: in its turn, and all of it or nothing; to `check`, or on a `dry` run, it only reads."""

    @functools.wraps(method)
    def in_turn(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("check") or kwargs.get("dry"):
            return method(self, *args, **kwargs)
        with self._turn(f"mdrepo {method.__name__.replace('_', '-')}"):
            return method(self, *args, **kwargs)

    return in_turn


class Repository:
    """A git repository with documents. Paths are relative to its root, with '/'; revisions are git's."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.root = workspace.root

    @classmethod
    def open(cls, start: Path | str = ".", report: Report = lambda _: None) -> Repository:
        """The repository that a folder is in; `report` is told what takes more than a second. Raises MdrepoError."""
        workspace = Workspace.open(Path(start), report)
        workspace.journal.settle(partial(recover, workspace))
        return cls(workspace)

    def _turn(self, what: str) -> AbstractContextManager[None]:
        return self._workspace.journal.turn(what, partial(recover, self._workspace))

    @classmethod
    def init(cls, folder: Path | str = ".") -> tuple[Repository, list[Step]]:
        """Set a repository up, or repair its set-up."""
        workspace, steps = setting_up.initialise(Path(folder))
        return cls(workspace), steps

    @staticmethod
    def diagnose(start: Path | str = ".") -> Iterator[Check]:
        """What is set up and what is not."""
        return setting_up.diagnose(Path(start))

    def relative(self, path: str, start: Path) -> str:
        """A path as somebody in the folder `start` would type it, from the repository's root; raises UsageError."""
        return self._workspace.relative(path, start)

    @_writes
    def new(self, kind: str, name: str, artefact: str | None = None) -> list[Created]:
        """A document from a schema, with the derived fields filled."""
        return creating.create(self._workspace, kind, name, artefact)

    # looking

    def status(self) -> Status:
        """What is new, changed, invalid or stale, from git, DVC's pointers and lock files alone."""
        return inspecting.status(self._workspace, self.merge_files)

    def provenance(self, paths: Sequence[str] = ()) -> dict[str, list[Provenance]]:
        """Where the fields of the documents come from: read off an artefact, or written by people."""
        return inspecting.origins(self._workspace, self.documents(paths))

    def validate(self, paths: Sequence[str] = ()) -> list[Problem]:
        """All the problems of all the documents, or of those at some paths."""
        work = self._workspace.work()
        return [problem for path in self._workspace.chosen(work, paths) for problem in work.problems(path)]

    def documents(self, paths: Sequence[str] = ()) -> list[str]:
        """The documents of the work tree, or those at or below some paths; raises UsageError for a path without any."""
        return self._workspace.chosen(self._workspace.work(), paths)

    def diff(
        self,
        old: str | None = None,
        new: str | None = None,
        fields: Sequence[str] = (),
        *,
        staged: bool = False,
        tolerance: Tolerance = EXACT,
    ) -> list[DocumentDiff]:
        """What changed, by document: index to work tree, HEAD to index (staged), a revision to either, or two revisions."""
        return diff_snapshots(self._workspace, old, new, fields, staged, tolerance)

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor of two revisions; raises GitError."""
        return self._workspace.git.merge_base(one, other)

    def log(self, revisions: str = "HEAD", fields: Sequence[str] = (), limit: int | None = None) -> list[Logged]:
        """The commits with their evaluations, newest first; with PATH#POINTER those that changed the field."""
        return logs.log(self._workspace, revisions, fields, limit)

    def show(self, revision: str = "HEAD") -> tuple[Logged, list[DocumentDiff]]:
        """One commit: what it says, its evaluation, and what it changed."""
        return logs.show(self._workspace, revision)

    def get(self, path: str, pointer: str = "", revision: str | None = None) -> Any:
        """The value of a field, in the work tree or at a revision; raises Finding where there is none."""
        return editing.field(self._workspace, path, pointer, revision)

    def editor(self) -> str:
        """The command of the editor that git would open."""
        return self._workspace.git.run("var", "GIT_EDITOR").stdout.decode().strip()

    def work_text(self, path: str) -> str:
        """The text of a document as it stands in the work tree, JSON or not."""
        return editing.text_of(self._workspace, path)

    def text(self, revision: str, path: str) -> str:
        """The text of a document at a revision."""
        return self._workspace.at(self._workspace.git.commit_id(revision)).document(path).text

    def changelog(self, path: str, revision: str = "HEAD") -> Changelog:
        """What changed in a document, commit by commit, by release."""
        return releases.changelog(self._workspace, path, revision)

    def version(self, path: str, revision: str = "HEAD") -> Versioned:
        """A document's semantic version: of its last release, or what the changes since then make of it."""
        return releases.version(self._workspace, path, revision)

    def releases(self, path: str, revision: str = "HEAD") -> Releases:
        """The releases of a document, with their stages."""
        return releases.listed(self._workspace, path, revision)

    # changing

    @_writes
    def format(self, paths: Sequence[str] = (), *, check: bool = False) -> list[str]:
        """Bring documents into the canonical layout; the paths of those that were not (with `check`, they stay as they are)."""
        work = self._workspace.work()
        changed: list[str] = []
        for path in self._workspace.chosen(work, paths):
            document = work.document(path)
            schema = work.schema_or_none(path)
            text = formatted(document.value, schema.key_order if schema else no_order)
            if text != document.text:
                changed.append(path)
                if not check:
                    write(self.root, path, text)
        return changed

    @_writes
    def set(self, path: str, pointer: str, value: Any) -> Edited:
        """Change one field (MISSING takes it away); the document is written if no problem is new with it."""
        return self._kept(editing.with_field(self._workspace, path, pointer, value))

    @_writes
    def edit(self, path: str, text: str) -> Edited:
        """Change a document's text; it is written if no problem is new with it; raises Finding where it is no JSON."""
        return self._kept(editing.with_text(self._workspace, path, text))

    def _kept(self, edited: Edited) -> Edited:
        if edited.text != edited.before and not edited.problems:
            editing.keep(self._workspace, edited)
        return edited

    def patch(self, paths: Sequence[str] = (), *, take: Sequence[str] = (), keep: Sequence[str] = ()) -> Patch:
        """What the artefacts say should change; `take` and `keep` settle conflicts (PATH#POINTER, or #POINTER for all)."""
        return updating.patch(self._workspace, self.documents(paths), take, keep)

    @_writes
    def apply_patch(self, patch: Patch) -> list[str]:
        """Write a patch's documents and lock files; the paths of the documents that changed."""
        return updating.write_patch(self._workspace, patch)

    @_writes
    def apply(self, patch: Mapping[str, Any], *, reverse: bool = False) -> list[str]:
        """Apply one of mdrepo's own patches (or undo it) to the documents that it names, all or none; the paths that changed."""
        return applying.to_documents(self._workspace, patch, Mode(reverse=reverse))

    def merge_files(self, path: str, base: bytes, ours: bytes, theirs: bytes, size: int = MARKER_SIZE) -> Reconciled:
        """The three-way merge of a document's versions, by the identities and the strategies that its schema says."""
        guide = Guide()
        with contextlib.suppress(Finding):  # what has no schema, or is no JSON, merges without one
            work = self._workspace.work()
            bound = self._workspace.configuration.bound_schema(path)
            guide = Guide.of(work.schemas.bound(read(ours, path).value, path, bound))
        return reconcile(base, ours, theirs, guide, Marks(size=size))

    @_writes
    def resolve(self, path: str, pointer: str | None, choice: Choice, *, add: bool = False) -> Resolved:
        """Settle the conflict at a pointer, those below it, or (None) all of a document that git left in conflict.

        With `add`, the document is added to the index when its last conflict is settled and nothing is wrong with it.
        """
        return resolving.settle(self._workspace, path, pointer, choice, self.merge_files, add=add)

    @_writes
    def inherit(self, path: str, revision: str = "HEAD", *, take: Sequence[str] = (), keep: Sequence[str] = ()) -> Inherited:
        """Bring what changed in the document of a model's base into its own, since the commit that it names (`merge-base`)."""
        return inheriting.merge_base(self._workspace, path, revision, take, keep)

    @_writes
    def tag(self, path: str, version: str | None = None, revision: str = "HEAD", message: str | None = None) -> Tagged:
        """Tag a version of a document, or (None) the next one, in GTO's grammar."""
        return releases.tag(self._workspace, path, version, revision, message)

    @_writes
    def assign(
        self, path: str, stage: str, version: str | None = None, revision: str = "HEAD", message: str | None = None
    ) -> Tagged:
        """Tag a release of a document, or (None) its last one, as being in a stage."""
        return releases.assign(self._workspace, path, stage, version, revision, message)

    @_writes
    def relabel(self, path: str, renames: Mapping[str, str], corrections: bytes | None = None, *, dry: bool = False) -> Relabelled:
        """Apply a changed label map to a data set, as a new DVC version of it."""
        return relabelling.relabel(self._workspace, path, renames, corrections, dry=dry)

    def worker(self) -> WorkerState:
        """The process with TensorFlow that waits for the next command, if there is one, and how models are confined here."""
        return evaluating.worker(self._workspace)

    def stop_worker(self) -> bool:
        """End the process with TensorFlow that waits, with what it runs; whether there was one."""
        return evaluating.stop_worker(self._workspace)

    @_writes
    def augment(self, path: str, dataset: str | None = None, name: str | None = None, report: Report = lambda _: None) -> Augmented:
        """Make further training data by the policy in a model's document, as a data set of its own."""
        return augmenting.augment(self._workspace, path, dataset, name, report)

    def tune(self, path: str, split: str, report: Report = lambda _: None) -> Tuned:
        """Thresholds and a temperature for a model's document, by the data of another split than it is evaluated on."""
        return adjusting.tune(self._workspace, path, split, report)

    @_writes
    def commit(
        self,
        arguments: Sequence[str] = (),
        paths: Sequence[str] = (),
        *,
        everything: bool = False,
        terms: Terms = Terms(),  # noqa: B008 - a frozen value
        report: Report = lambda _: None,
    ) -> Outcome:
        """Validate, evaluate against the parent, and commit; `arguments` go to `git commit`."""
        return committing.commit(self._workspace, arguments, paths, everything, terms, report)

    def evaluate(
        self, revision: str = "HEAD", against: str | None = None, report: Report = lambda _: None
    ) -> tuple[str, Note | None]:
        """The evaluation of a commit against its first parent (kept as its note), or against another commit."""
        space = self._workspace
        commit, note = evaluating.of_commit(space, revision, against, report)
        if note is not None and against is None:
            with self._turn("mdrepo eval"):
                write_note(space.git, commit, note)
        return commit, note

    def cached(self) -> tuple[list[Usage], int]:
        """What the cache has, by kind, and its limit in bytes."""
        return self._workspace.cache.usage(), self._workspace.cache.limit

    def clear_cache(self) -> None:
        """Take everything out of the cache; what it had is computed again where it is needed."""
        self._workspace.cache.clear()

    @_writes
    def checkout(self, revision: str, paths: Sequence[str] = (), *, force: bool = False) -> Restored:
        """Documents and DVC data of a revision into the work tree, both or neither."""
        return restoring.checkout(self._workspace, revision, paths, force=force)

    @_writes
    def rollback(
        self,
        revision: str,
        fields: Sequence[str] = (),
        *,
        message: str | None = None,
        terms: Terms = Terms(),  # noqa: B008 - a frozen value
        report: Report = lambda _: None,
    ) -> Outcome:
        """A new commit that brings back an earlier state of everything, a document or a field, evaluated like any commit."""
        return reverting.rollback(self._workspace, revision, fields, message, terms, report)
