"""Repository: the workflow's verbs in order. This is the Python API; the commands only print what it returns."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from . import verbs
from .errors import MdrepoError, MissingExtra
from .files import write
from .reader import Reader
from .workspace import Workspace
from .writing import formatted, no_order

if TYPE_CHECKING:  # the values' types alone: who makes a value loads its module
    from .committing import Terms
    from .evaluating import Report
    from .evaluation.exchange import Exchanged
    from .exchanging import Asked
    from .journal import Steps
    from .judgements import Evaluated
    from .notes import Note
    from .resolving import Choice
    from .results import (
        Augmented,
        Check,
        Cloned,
        Created,
        Edited,
        Inherited,
        Outcome,
        Patch,
        Pulled,
        Pushed,
        Relabelled,
        Resolved,
        Restored,
        Step,
        Tagged,
    )

P = ParamSpec("P")
R = TypeVar("R")


def _recover(workspace: Workspace, steps: Steps) -> None:
    verbs.recovering.recover(workspace, steps)


def _writes(method: Callable[Concatenate[Repository, P], R]) -> Callable[Concatenate[Repository, P], R]:
    """A method that changes the repository: in its turn, and all of it or nothing; to `check`, or on a `dry` run, it only reads."""

    @functools.wraps(method)
    def in_turn(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("check") or kwargs.get("dry"):
            return method(self, *args, **kwargs)
        with self._turn(f"mdrepo {method.__name__.replace('_', '-')}"):
            return method(self, *args, **kwargs)

    return in_turn


class Repository(Reader):
    """A git repository with documents. Paths are relative to its root, with '/'; revisions are git's."""

    @classmethod
    def open(cls, start: Path | str = ".", report: Report = lambda _: None) -> Repository:
        """The repository that a folder is in; `report` is told what takes more than a second. Raises MdrepoError."""
        workspace = Workspace.open(Path(start), report)
        workspace.journal.settle(partial(_recover, workspace))
        return cls(workspace)

    def _turn(self, what: str) -> AbstractContextManager[None]:
        return self._workspace.journal.turn(what, partial(_recover, self._workspace))

    @classmethod
    def init(cls, folder: Path | str = ".") -> tuple[Repository, list[Step]]:
        """Set a repository up, or repair its set-up."""
        workspace, steps = verbs.setting_up.initialise(Path(folder))
        return cls(workspace), steps

    @staticmethod
    def diagnose(start: Path | str = ".") -> Iterator[Check]:
        """What is set up and what is not, and the state of documents, data and evaluations."""
        yield from verbs.setting_up.diagnose(Path(start))
        with contextlib.suppress(MdrepoError):  # what is no repository has been said to be none
            repository = Repository(Workspace.open(Path(start)))
            yield from verbs.repairing.checks(repository._workspace, repository.merge_files)

    def repair(self) -> list[str]:
        """Put right what nobody need be asked about: data, derived fields and evaluations; what was done, in words."""
        told = verbs.repairing.unblock(self._workspace)
        with self._turn("mdrepo doctor --fix"):
            return told + verbs.repairing.repair(self._workspace, self.merge_files)

    @_writes
    def new(self, kind: str, name: str, artefact: str | None = None) -> list[Created]:
        """A document from a schema, with the derived fields filled."""
        return verbs.creating.create(self._workspace, kind, name, artefact)

    @_writes
    def new_schema(self, name: str, pattern: str | None = None) -> tuple[str, str]:
        """A schema to begin with in schemas/, bound to a pattern in mdrepo.toml; its path, and the pattern."""
        return verbs.schemata.begin(self._workspace, name, pattern)

    @_writes
    def bind_editor(self) -> tuple[Step, str | None]:
        """Bind the schemas in .vscode/settings.json; where that is not safe, the text to paste."""
        return verbs.schemata.bind_editor(self._workspace)

    def gate(self, index: Path | None, heads: Sequence[str], report: Report = lambda _: None) -> Outcome:
        """Whether git, which calls this from a hook, may commit its index: as `commit` judges; `heads` are being merged."""
        self._workspace.git.told_heads = heads
        return verbs.gating.before(self._workspace, index, verbs.committing.Terms(), report)

    def gated(self) -> str | None:
        """Give the commit that git has made the note of its evaluation, if it is the one that was judged; its id."""
        return verbs.gating.after(self._workspace)

    def install_hooks(self) -> list[Step]:
        """Let git's own `commit` and `merge` gate as mdrepo's do; hooks that are there stay, and run first. Raises MdrepoError."""
        return verbs.hooks.install(self._workspace.git)

    def uninstall_hooks(self) -> list[Step]:
        """Take mdrepo's hooks away; those that were there before are what they were."""
        return verbs.hooks.uninstall(self._workspace.git)

    def hooks(self) -> list[tuple[str, bool]]:
        """git's hooks that gate commits, and whether each is installed."""
        return verbs.hooks.installed(self._workspace.git)

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
        return self._kept(verbs.editing.with_field(self._workspace, path, pointer, value))

    @_writes
    def edit(self, path: str, text: str) -> Edited:
        """Change a document's text; it is written if no problem is new with it; raises Finding where it is no JSON."""
        return self._kept(verbs.editing.with_text(self._workspace, path, text))

    def _kept(self, edited: Edited) -> Edited:
        if edited.text != edited.before and not edited.problems:
            verbs.editing.keep(self._workspace, edited)
        return edited

    @_writes
    def apply_patch(self, patch: Patch) -> list[str]:
        """Write a patch's documents and lock files; the paths of the documents that changed."""
        return verbs.updating.write_patch(self._workspace, patch)

    @_writes
    def apply(self, patch: Mapping[str, Any], *, reverse: bool = False) -> list[str]:
        """Apply one of mdrepo's own patches (or undo it) to the documents that it names, all or none; the paths that changed."""
        return verbs.applying.to_documents(self._workspace, patch, verbs.applying.Mode(reverse=reverse))

    @_writes
    def resolve(self, path: str, pointer: str | None, choice: Choice, *, add: bool = False) -> Resolved:
        """Settle the conflict at a pointer, those below it, or (None) all of a document that git left in conflict.

        With `add`, the document is added to the index when its last conflict is settled and nothing is wrong with it.
        """
        return verbs.resolving.settle(self._workspace, path, pointer, choice, self.merge_files, add=add)

    @_writes
    def inherit(self, path: str, revision: str = "HEAD", *, take: Sequence[str] = (), keep: Sequence[str] = ()) -> Inherited:
        """Bring what changed in the document of a model's base into its own, since the commit that it names (`merge-base`)."""
        return verbs.inheriting.merge_base(self._workspace, path, revision, take, keep)

    @_writes
    def tag(self, path: str, version: str | None = None, revision: str = "HEAD", message: str | None = None) -> Tagged:
        """Tag a version of a document, or (None) the next one, in GTO's grammar."""
        return verbs.releases.tag(self._workspace, path, version, revision, message)

    @_writes
    def assign(
        self, path: str, stage: str, version: str | None = None, revision: str = "HEAD", message: str | None = None
    ) -> Tagged:
        """Tag a release of a document, or (None) its last one, as being in a stage."""
        return verbs.releases.assign(self._workspace, path, stage, version, revision, message)

    @_writes
    def relabel(self, path: str, renames: Mapping[str, str], corrections: bytes | None = None, *, dry: bool = False) -> Relabelled:
        """Apply a changed label map to a data set, as a new DVC version of it."""
        return verbs.relabelling.relabel(self._workspace, path, renames, corrections, dry=dry)

    def stop_worker(self) -> bool:
        """End the process with TensorFlow that waits, with what it runs; whether there was one."""
        return verbs.evaluating.stop_worker(self._workspace)

    @_writes
    def augment(self, path: str, dataset: str | None = None, name: str | None = None, report: Report = lambda _: None) -> Augmented:
        """Make further training data by the policy in a model's document, as a data set of its own."""
        return verbs.augmenting.augment(self._workspace, path, dataset, name, report)

    @_writes
    def commit(
        self,
        arguments: Sequence[str] = (),
        paths: Sequence[str] = (),
        *,
        everything: bool = False,
        terms: Terms | None = None,
        report: Report = lambda _: None,
    ) -> Outcome:
        """Validate, evaluate against the parent, and commit; `arguments` go to `git commit`."""
        return verbs.committing.commit(self._workspace, arguments, paths, everything, terms or verbs.committing.Terms(), report)

    @_writes
    def merge(
        self,
        revision: str,
        arguments: Sequence[str] = (),
        *,
        forward: bool = True,
        terms: Terms | None = None,
        report: Report = lambda _: None,
    ) -> Outcome:
        """Merge a revision with the structural driver; validated, evaluated against each parent, and committed, with its data."""
        return verbs.joining.merge(
            self._workspace, revision, arguments, forward, terms or verbs.committing.Terms(), self.merge_files, report
        )

    @_writes
    def merge_continue(
        self,
        arguments: Sequence[str] = (),
        *,
        terms: Terms | None = None,
        report: Report = lambda _: None,
    ) -> Outcome:
        """Commit the merge that waits, as its conflicts were settled."""
        return verbs.joining.finish(self._workspace, arguments, terms or verbs.committing.Terms(), self.merge_files, report)

    @_writes
    def merge_abort(self) -> Outcome:
        """Undo the merge that waits."""
        return verbs.joining.abort(self._workspace)

    # with others

    def push(
        self,
        remote: str | None = None,
        refs: Sequence[str] = (),
        *,
        force: bool = False,
        upstream: bool = False,
        report: Report = lambda _: None,
    ) -> Pushed:
        """Bring data to DVC's remote, then evaluations and branches to git's; `force`: as `git push --force-with-lease`."""
        return verbs.exchanging.push(self._workspace, remote, refs, force=force, upstream=upstream, report=report)

    def pull(
        self,
        remote: str | None = None,
        asked: Asked | None = None,
        *,
        terms: Terms | None = None,
        report: Report = lambda _: None,
    ) -> Pulled:
        """Fetch the branch that this one follows, with evaluations and data, and merge it."""
        found = verbs.exchanging.fetched(self._workspace, remote, report)
        with self._turn("mdrepo pull"):
            how = asked or verbs.exchanging.Asked(), terms or verbs.committing.Terms()
            return verbs.exchanging.pull(self._workspace, found, *how, self.merge_files, report)

    @classmethod
    def clone(
        cls, url: str, folder: Path, start: Path, options: Sequence[str] = (), report: Report = lambda _: None
    ) -> tuple[Repository, Cloned]:
        """Clone a repository with its evaluations and data; the address is taken as it is from `start`."""
        workspace, found = verbs.exchanging.clone(url, folder, start, options, report)
        return cls(workspace), found

    def evaluate(
        self, revision: str = "HEAD", against: str | None = None, report: Report = lambda _: None
    ) -> tuple[str, Note | None]:
        """The evaluation of a commit against its first parent (kept as its note), or against another commit."""
        space = self._workspace
        commit, note = verbs.evaluating.of_commit(space, revision, against, report)
        if note is not None and against is None:
            with self._turn("mdrepo eval"):
                verbs.notes.write_note(space.git, commit, note)
        return commit, note

    def evaluate_range(self, revisions: str, against: str | None = None, report: Report = lambda _: None) -> Iterator[Evaluated]:
        """The evaluations of A..B's commits, parents first, each kept as its note; after one that fails the next comes."""
        for commit, subject in verbs.evaluating.in_range(self._workspace, revisions):
            try:
                _, note = self.evaluate(commit, against, report)
            except MissingExtra:
                raise
            except MdrepoError as error:
                yield verbs.judgements.Evaluated(commit, subject, None, error)
            else:
                yield verbs.judgements.Evaluated(commit, subject, note)

    def push_cache(self, remote: str | None = None) -> Exchanged:
        """Put what the cache has for HEAD's evaluation into a DVC remote, the default one without a name."""
        return verbs.lending.exchange(self._workspace, "push", remote)

    def pull_cache(self, remote: str | None = None) -> Exchanged:
        """Take what others have put into a DVC remote for HEAD's evaluation into the cache."""
        return verbs.lending.exchange(self._workspace, "pull", remote)

    def clear_cache(self) -> None:
        """Take everything out of the cache; what it had is computed again where it is needed."""
        self._workspace.cache.clear()

    @_writes
    def checkout(self, revision: str, paths: Sequence[str] = (), *, force: bool = False) -> Restored:
        """Documents and DVC data of a revision into the work tree, both or neither."""
        return verbs.restoring.checkout(self._workspace, revision, paths, force=force)

    @_writes
    def rollback(
        self,
        revision: str,
        fields: Sequence[str] = (),
        *,
        message: str | None = None,
        terms: Terms | None = None,
        report: Report = lambda _: None,
        force: bool = False,
    ) -> Outcome:
        """A new commit that brings back an earlier state of everything, a document or a field, evaluated like any commit."""
        return verbs.reverting.rollback(self._workspace, revision, fields, message, terms, report, force=force)
