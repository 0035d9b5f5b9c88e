"""Going back in a new commit: `rollback` of everything, of documents or of fields, with their data, evaluated like any commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from . import pointers
from .ancestry import ancestry, successor
from .artefacts import all_tracked
from .catalogue import Catalogue
from .changes import MISSING
from .committing import Terms, companions, conclude
from .deliveries import deliver, different, protect_data
from .documents import read
from .edits import Edits
from .errors import Finding, UsageError
from .evaluating import Report
from .fields import Fields
from .files import TreeFiles
from .indexes import Entry
from .locks import SUFFIX
from .patching import replaced
from .plumbing import GitError
from .pointers import Path
from .restoring import closure, elsewhere, ignored_again, in_the_way, put_in_stash
from .results import Outcome
from .tracing import earlier, located
from .undoing import of_asides, of_stash, put_back, require_writable, standing, stash_of
from .workspace import Workspace
from .writing import rewrite


def rollback(
    workspace: Workspace,
    revision: str,
    fields: Sequence[str],
    message: str | None,
    terms: Terms | None,
    report: Report,
    *,
    force: bool = False,
) -> Outcome:
    """A new commit that brings back an earlier state of everything, of documents, or of fields, with its data.

    What would be overwritten, and no commit has, is refused or, with `force`, put aside: files in a stash, data in `kept`.
    """
    git = workspace.git
    fields = () if "." in fields else fields
    git.identity()
    head = git.head()
    if head is None:
        raise Finding("there is no commit yet, so there is nothing to roll back to")
    commit = git.commit_id(revision)
    target, now = workspace.at(commit), workspace.at(head)
    if found := git.unfinished():
        raise found
    entries = _brought_back(workspace, commit, fields, target, now)
    changed = {path: entry for path, entry in entries.items() if _entry(now, path) != entry}
    if not changed:
        raise Finding(f"{', '.join(fields) or 'everything'} is as it was in {commit[:7]} already")
    require_writable(workspace, changed)
    own = in_the_way(workspace, changed, force)
    with git.candidate_index(head) as candidate:
        git.set_entries(changed, index=candidate.path)
        after = workspace.at(git.text("write-tree", index=candidate.path))
        wanted = [each for each in all_tracked(after.files) if each.pointer in changed]
        workspace.store.require(wanted)
        aside = protect_data(workspace, list(all_tracked(now.files)), different(workspace, wanted), force)
        subject = git.text("log", "-1", "--format=%s", commit)
        told = _told(workspace, fields, changed, now)
        said = "\n".join([f"{commit[:7]} is: {subject}", *told])
        words = message or f"Roll back {', '.join(fields) or 'everything'} to {commit[:7]}\n\n{said}"
        steps = {"paths": list(changed), "stash": stash_of(git), "asides": {path: str(kept) for path, kept in aside.items()}}
        workspace.journal.note(rollback=steps)
        outcome = conclude(workspace, candidate, ["-m", words], terms or Terms(), report)
    if outcome.status == "committed":
        with standing(str(outcome.id), lambda: of_stash(git, steps) + of_asides(steps)):
            put_in_stash(workspace, f"mdrepo rollback --force {commit[:7]}", own)
            put_back(workspace, str(outcome.id), list(changed))
            # the files are there: what is written into them from here on is no business of a recovery's
            workspace.journal.note(rollback={**steps, "paths": [each.pointer for each in wanted]})
            deliver(workspace, different(workspace, wanted), [], aside)
    workspace.journal.note(rollback=None)
    kept = [*map(str, aside.values()), *own]
    told += [f"put aside: {', '.join(kept)} (files of git: 'git stash list')"] if kept else []
    return replace(outcome, remark="; ".join(filter(None, (outcome.remark, *(told if outcome.id else ())))) or None)


def complete(workspace: Workspace, commit: str, paths: Sequence[str]) -> None:
    """The work tree and the data after the commit of a rollback that was killed then; what is as neither is kept."""
    before = workspace.git.parents(commit)
    put_back(workspace, commit, paths, over=before)
    wanted = different(workspace, [each for each in all_tracked(workspace.at(commit).files) if each.pointer in paths])
    here = [*all_tracked(workspace.at(before[0]).files)]
    deliver(workspace, wanted, [], protect_data(workspace, here, wanted, force=True))


def _entry(catalogue: Catalogue, path: str) -> Entry | None:
    assert isinstance(catalogue.files, TreeFiles)
    return catalogue.files.entry(path)


def _brought_back(
    workspace: Workspace, commit: str, fields: Sequence[str], target: Catalogue, now: Catalogue
) -> dict[str, Entry | None]:
    """The index entries that a rollback sets, by path; None takes a path away."""
    entries: dict[str, Entry | None] = {}
    if not fields:
        for path in {*target.files.paths(), *now.files.paths()}:
            if workspace.is_metadata(path):
                entries[path] = _entry(target, path)
    contents: dict[str, str] = {}
    pasts: dict[str, _Past] = {}
    selected = {*entries}
    for named in fields:
        path, pointer = pointers.split(named)
        if pointer is not None:
            past = pasts[path] = pasts.get(path) or _Past(workspace, commit, path, target, now)
            contents[path] = _with_field(past, pointer, now, contents.get(path))
            continue
        was = _name_then(workspace, path, target, now)
        found = closure(workspace, target, [was])
        since = _come_since(workspace, path, target, now) if was == path else []
        if not found and not since:
            raise Finding(f"{path} did not exist then", elsewhere(workspace, target, path))
        for each in [*found, *since]:
            entry = _entry(target, each)
            here = f"{path}{each.removeprefix(was)}" if each in (was, was + SUFFIX) else each
            entries[here] = entry and entry._replace(path=here)
        selected.update(found, since)
    texts = {path: text.encode("utf-8") for path, text in contents.items()} | ignored_again(target, now, selected)
    for path, data in texts.items():
        blob = workspace.git.run("hash-object", "-w", "--stdin", stdin=data).stdout.decode().strip()
        old = _entry(now, path)
        entries[path] = Entry(old.mode if old else "100644", blob, path)
    return entries


def _come_since(workspace: Workspace, path: str, target: Catalogue, now: Catalogue) -> list[str]:
    """What of a file, or of a folder's metadata, did not exist then, with the pointers that no other document needs."""
    known = {*now.files.paths()}
    below = (each for each in known if each == path or (each.startswith(f"{path}/") and workspace.is_metadata(each)))
    gone = [each for each in below if _entry(target, each) is None]
    extras = {extra for each in gone for extra in companions(workspace, now, each) if not extra.endswith(".gitignore")}
    extras = extras & known - {*gone}
    others = [each for each in now.paths if each not in gone] if extras else []
    needed = {f"{artefact['path']}.dvc" for each in others for _, artefact in now.artefacts(each)}
    return [*gone, *sorted(extras - needed)]


def _told(workspace: Workspace, fields: Sequence[str], changed: Mapping[str, Entry | None], now: Catalogue) -> list[str]:
    """What whoever names paths should know: those that are taken away, and documents that will be there under two names."""
    gone = sorted(path for path, entry in changed.items() if entry is None) if fields else []
    told = [f"{', '.join(gone)} did not exist then: removed"] if gone else []
    for path in fields:
        if changed.get(path) and path not in now.paths and workspace.configuration.is_document(path):
            name = successor(Edits(workspace.git, workspace.cache, workspace.git.commit_id("HEAD")), path)
            told += [f"{path} is called {name} now, and is there under both names"] if name in now.paths else []
    return told


def _name_then(workspace: Workspace, path: str, target: Catalogue, now: Catalogue) -> str:
    """What a document was called in an older snapshot; its path where it was not there under any name."""
    if path in target.paths or path not in now.paths:
        return path
    edits = Edits(workspace.git, workspace.cache, workspace.git.commit_id("HEAD"))
    return next((name for name in ancestry(edits, path).paths if name in target.paths), path)


class _Past:
    """A document as it was at a commit, beside what it is now."""

    def __init__(self, workspace: Workspace, commit: str, path: str, target: Catalogue, now: Catalogue) -> None:
        self._workspace, self.commit, self.path = workspace, commit, path
        self.name = _name_then(workspace, path, target, now)
        self.content = target.document(self.name).value
        self.keys = now.schema(path).keys
        self._now = now

    @cached_property
    def _fields(self) -> Fields | None:
        followed = self._workspace.configuration.is_document(self.path) and "\n" not in self.path
        return Fields(self._workspace, self.path, "HEAD") if followed else None

    def place(self, content: Any, where: Path) -> tuple[bool, Path | None]:
        """Whether it is known where the field at a place of a content was then, and where it was (None: nowhere).

        It is followed version by version, as `log` does: what was renamed and then changed has nothing in common with what it was.
        """
        here = earlier(content, self._now.document(self.path).value, where, self.keys).path
        then = self._fields.then(self.commit, here) if self._fields is not None and here is not None else None
        known = then is not None and then.path == self.name
        if then is not None and known and then.place is not None:
            return True, then.place
        found = earlier(content, self.content, where, self.keys).path
        return known or found is not None, found


def _with_field(past: _Past, pointer: str, now: Catalogue, text: str | None) -> str:
    """The text of a document with one field as it was; an item of a list is the one that it was then, wherever it stood."""
    path = past.path
    document = now.document(path) if text is None else read(text.encode("utf-8"), path)
    tokens = pointers.parse(pointer)
    where = located(document.value, tokens, past.keys)
    if where is not None:
        known, was = past.place(document.value, where)
        if not known:
            words = f"the history of {path} does not say where {pointer} was in {past.commit[:7]}, so it is left as it is"
            raise Finding(words, f"'mdrepo show {past.commit[:7]}:{past.name}' shows what there was, 'mdrepo set' writes it")
        value = MISSING if was is None else pointers.resolve(past.content, was)
    else:
        around, was = _gone(past, document.value, tokens)
        if was is None:
            raise UsageError(f"{path} has no field {pointer}, neither then nor now")
        if around is None:
            raise GitError(f"{path}#{pointer} cannot be brought back: what it was in is not there now")
        where, value = (*around, was[-1]), pointers.resolve(past.content, was)
        if isinstance(siblings := pointers.resolve(document.value, around), list):
            where, value = around, [*siblings[: int(was[-1])], value, *siblings[int(was[-1]) :]]
    return rewrite(document, replaced(document.value, tuple(map(str, where)), value), now.schema(path).key_order)


def _gone(past: _Past, content: Any, tokens: Sequence[str]) -> tuple[Path | None, Path | None]:
    """Of a field that is not there now: what it was in, where that is now, and where the field was then."""
    around = located(content, tuple(tokens[:-1]), past.keys)
    above = past.place(content, around)[1] if around is not None else None
    if above is not None and (was := located(past.content, (*map(str, above), *tokens[-1:]), past.keys)) is not None:
        return around, was
    was = located(past.content, tuple(tokens), past.keys)
    return earlier(past.content, content, was[:-1], past.keys).path if was is not None else None, was
