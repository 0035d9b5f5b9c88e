"""The commits of a repository with their evaluations: all, those of a document or of one field, and one in full."""

from __future__ import annotations

from collections.abc import Sequence

from . import pointers
from .changes import MISSING
from .comparing import document_diff
from .diffing import diff
from .errors import Finding
from .notes import note_of, noted, parse_note
from .results import DocumentDiff, Logged
from .snapshots import EMPTY_TREE, Commit
from .workspace import Workspace


def log(workspace: Workspace, revisions: str, fields: Sequence[str], limit: int | None) -> list[Logged]:
    """The commits of a revision or range, newest first; with PATH#POINTER those that changed the field."""
    git = workspace.git
    if git.head() is None:
        raise Finding("there is no commit yet", "'mdrepo commit' makes one")
    if ".." not in revisions:
        revisions = git.commit_id(revisions)
    chosen = [pointers.split(name) for name in fields]
    single = any(pointer for _, pointer in chosen)
    commits = git.history(revisions, [path for path, _ in chosen], None if single else limit)
    if single:
        commits = [commit for commit in commits if any(_touches(workspace, commit, *each) for each in chosen)][:limit]
    notes = noted(git)
    blobs = git.blobs(sorted({notes[c.id] for c in commits if c.id in notes}))
    return [Logged(commit, parse_note(blobs.get(notes.get(commit.id, "")))) for commit in commits]


def _touches(workspace: Workspace, commit: Commit, path: str, pointer: str | None) -> bool:
    if pointer is None:
        return True
    tokens = pointers.parse(pointer)
    sides = [commit.id, *commit.parents[:1]]
    values = [pointers.get(workspace.at(side).content(path), tokens, MISSING) for side in sides]
    return bool(diff([v for v in values[:1] if v is not MISSING], [v for v in values[1:] if v is not MISSING]))


def show(workspace: Workspace, revision: str) -> tuple[Logged, list[DocumentDiff]]:
    """One commit: what it says, its evaluation, and what it changed."""
    git = workspace.git
    commit = git.commit_id(revision)
    logged = Logged(git.history(commit, limit=1)[0], note_of(git, commit))
    parents = git.parents(commit)
    before, after = workspace.at(parents[0] if parents else EMPTY_TREE), workspace.at(commit)
    found = (document_diff(path, before, after, []) for path in sorted({*before.paths, *after.paths}))
    return logged, [each for each in found if each]
