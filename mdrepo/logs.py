"""The commits of a repository with their evaluations: all, those of a document or of one field, and one in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import pointers
from .ancestry import Version, ancestry
from .comparing import document_diff
from .contents import Contents, Schemas
from .differences import DocumentDiff, compare
from .edits import Edits
from .errors import Finding
from .fields import EVERYTHING, Fields
from .notes import note_of, noted, parse_note
from .results import Logged
from .revisions import Span
from .searching import Search
from .snapshots import EMPTY_TREE, Git
from .touches import touches
from .workspace import Workspace


def log(workspace: Workspace, revisions: str, names: Sequence[str], limit: int | None, search: Search = EVERYTHING) -> list[Logged]:
    """The commits of a revision or range, newest first; with fields or a search, those that changed such a field, and how."""
    git = workspace.git
    if git.head() is None:
        raise Finding("there is no commit yet", "'mdrepo commit' makes one")
    span = git.span(revisions)
    chosen = [pointers.split(name) for name in names]
    plain = all(pointer is None and not workspace.configuration.is_document(path) for path, pointer in chosen)
    if plain and not search:
        commits = git.history(revisions, [path for path, _ in chosen], limit)
        found: dict[str, list[DocumentDiff]] = {}
    else:
        if search or any(pointer is not None for _, pointer in chosen):
            _tell_where_it_ends(workspace, span)
        found = _chosen(workspace, span, chosen, search)
        alone = len(chosen) == len(span.tips) == 1 and not span.without
        commits = git.commits((list(found) if alone else _ordered(git, span, found))[:limit])
    notes = noted(git)
    blobs = git.blobs(sorted({notes[c.id] for c in commits if c.id in notes}))
    return [Logged(c, parse_note(blobs.get(notes.get(c.id, ""))), tuple(found.get(c.id, ()))) for c in commits]


def _tell_where_it_ends(workspace: Workspace, span: Span) -> None:
    """Say that a shallow clone ends in a range: what a field was before is not there to be compared with."""
    ends = Edits(workspace.git, workspace.cache, span.tips[0]).grafts
    if ends and not ends.isdisjoint(workspace.git.text("rev-list", *span.words, "--").split()):
        names = ", ".join(sorted(each[:7] for each in ends))
        workspace.report(f"this clone is shallow: its history ends at {names} ('git fetch --unshallow' brings the rest)")


def _ordered(git: Git, span: Span, found: Mapping[str, Any]) -> list[str]:
    """The commits of a range among some, newest first."""
    return [id_ for id_ in git.text("rev-list", *span.words, "--").split() if id_ in found]


def _chosen(
    workspace: Workspace, span: Span, chosen: Sequence[tuple[str, str | None]], search: Search
) -> dict[str, list[DocumentDiff]]:
    """The commits that touched some documents, folders or fields, with what they changed in them, where that is asked for."""
    found: dict[str, list[DocumentDiff]] = {}
    folders: list[str] = []
    histories = [Edits(workspace.git, workspace.cache, tip) for tip in span.tips]
    for path, pointer in chosen:
        if pointer is None and not workspace.configuration.is_document(path):
            folders.append(path)
            continue
        if pointer is None and not search:
            steps = (step for edits in histories for step in ancestry(edits, path).steps)
            found |= {step.commit: [] for step in steps if step.commit not in found}
            continue
        for commit, each in _traced(workspace, span, path, pointer or "", search):
            if each not in found.setdefault(commit, []):
                found[commit].append(each)
    if search and (folders or not chosen):
        for commit, each in _everywhere(workspace, span, folders, search):
            found.setdefault(commit, []).append(each)
    elif folders:
        touched = workspace.git.run("--literal-pathspecs", "rev-list", *span.words, "--", *folders).stdout.decode().split()
        found |= {commit: [] for commit in touched if commit not in found}
    return found


def _traced(workspace: Workspace, span: Span, path: str, pointer: str, search: Search) -> list[tuple[str, DocumentDiff]]:
    """The changes of a field up to each tip of a range; raises Finding where it is in the history of none."""
    found: list[tuple[str, DocumentDiff]] = []
    missed: list[Finding] = []
    for tip in span.tips:
        try:
            found += Fields(workspace, path, tip).changes(pointer, search)
        except Finding as error:
            missed.append(error)
    if len(missed) == len(span.tips):
        raise missed[0]
    return found


def _everywhere(workspace: Workspace, span: Span, folders: Sequence[str], search: Search) -> Iterator[tuple[str, DocumentDiff]]:
    """The changes in all documents, or those at and below some folders, that are looked for; each version is read once."""
    git, configuration = workspace.git, workspace.configuration
    found = touches(git, span, configuration.is_document)
    if folders and "." not in folders:
        below = tuple(f"{folder.rstrip('/')}/" for folder in folders)
        found = [each for each in found if each.now.path.startswith(below)]
    versions = {version for each in found for version in (each.now, *each.before)}
    contents = Contents(git, versions)
    schemas = Schemas(workspace.at(span.tips[0]))
    for each in found:
        new, *olds = (contents.of(version) for version in (each.now, *(each.before or (Version(each.now.path, None),))))
        schema = schemas.of(each.now.path, new, *olds)
        for old in olds:
            diff = compare(each.now.path, old, new, schema)
            diff = replace(diff, delta=search.among(diff.delta, old, new))
            if not diff.delta:
                break
        else:
            yield each.commit, diff


def show(workspace: Workspace, revision: str) -> tuple[Logged, list[DocumentDiff]]:
    """One commit: what it says, its evaluation, and what it changed."""
    git = workspace.git
    commit = git.commit_id(revision)
    logged = Logged(git.history(commit, limit=1)[0], note_of(git, commit))
    parents = git.parents(commit)
    old = parents[0] if parents else EMPTY_TREE
    before, after = workspace.at(old), workspace.at(commit)
    paths = (path for path in git.differing(old, commit) if workspace.configuration.is_document(path))
    found = (document_diff(path, before, after, []) for path in sorted(paths))
    return logged, [each for each in found if each]
