"""The way of every commit: a candidate tree, validated, evaluated against its parent, and then handed to git."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .catalogue import Catalogue
from .errors import Busy, Finding
from .indexes import Candidate, Entry
from .locks import SUFFIX
from .notes import NOTES, Note, write_note
from .plumbing import GitError
from .results import Outcome
from .revisions import Tip
from .snapshots import EMPTY_TREE, Git
from .surveying import Surveyor
from .workspace import Workspace

if TYPE_CHECKING:
    from .evaluating import Report


_MOMENT = 1.0
"""For so many seconds a git that only looks may hold a lock."""


@dataclass(frozen=True)
class Terms:
    """On which terms a commit is made: evaluated or not, and the reason for which a regression is let through."""

    evaluate: bool = True
    allow_regression: str | None = None


def commit(
    workspace: Workspace, arguments: Sequence[str], paths: Sequence[str], everything: bool, terms: Terms, report: Report
) -> Outcome:
    """Commit some paths; else the index if a document is staged; else every changed document with all that belongs to it."""
    git = workspace.git
    git.identity()
    selected, left = _selection(workspace, paths, everything)
    base = (git.head() or "--empty") if paths else None
    with git.candidate_index(base) as candidate:
        git.stage(selected, candidate.path)
        outcome = conclude(workspace, candidate, arguments, terms, report)
    return replace(outcome, left=tuple(left))


def conclude(workspace: Workspace, candidate: Candidate, arguments: Sequence[str], terms: Terms, report: Report) -> Outcome:
    """Validate and evaluate what is in a candidate index, and commit it; the user's own index changes only with success."""
    git = workspace.git
    _require_unlocked(git)
    tip = git.tip()
    tree = git.text("write-tree", index=candidate.path)
    if tree == tip.tree and not git.merging():
        raise Finding("nothing to commit", "'mdrepo status' shows what has changed")
    if not tip.commit and tree == EMPTY_TREE:
        raise Finding("nothing to commit: there is no document yet", "'mdrepo new model NAME' makes one")
    git.changed(tip.tree or EMPTY_TREE, tree, candidate.path)  # what follows asks for it, too, and has no index
    outcome = judged(workspace, tree, tip, terms, report)
    return _commit(workspace, candidate, tree, tip, arguments, outcome.note) if outcome.status == "sound" else outcome


def _require_unlocked(git: Git) -> None:
    """Raise Busy where a git holds, or has left, a lock of what a commit changes besides HEAD: it would stand, and be half done."""
    for lock in (git.folder / "index.lock", git.common / f"{NOTES}.lock"):
        try:
            age = time.time() - lock.stat().st_mtime
        except OSError:
            continue
        if age > _MOMENT:
            raise Busy(
                f"{lock} is there: a git is at work here, or was killed", "wait for it to end; if none runs, remove the file"
            )


def heads_of(git: Git, tip: Tip) -> list[str]:
    """The commits that will be the parents of one that is made on a tip."""
    return [tip.commit, *git.merge_heads()] if tip.commit else []


def judged(workspace: Workspace, tree: str, tip: Tip, terms: Terms, report: Report) -> Outcome:
    """Whether a tree may be committed: validated and, unless the terms say otherwise, evaluated against its parents to be."""
    child, examine = Surveyor(workspace).candidate(tree, tip)
    if not terms.evaluate:
        return _invalid(child, examine) or Outcome("sound")
    from . import evaluating  # which a commit without it does not pay for

    parents = evaluating.parents_at(workspace, heads_of(workspace.git, tip))
    evaluating.prepare(workspace, child, parents[0].catalogue if parents else None)
    if invalid := _invalid(child, examine):
        return invalid
    note = evaluating.evaluate(workspace, child, parents, report)
    stopped = evaluating.blocking(note, child, parents)
    if stopped and terms.allow_regression is None:
        return Outcome("regressed", note=note, blocking=tuple(stopped))
    if note is not None and terms.allow_regression is not None:
        note["allowed"] = {"reason": terms.allow_regression}
    return Outcome("sound", note=note)


def _invalid(child: Catalogue, examine: Sequence[str]) -> Outcome | None:
    """What stops a commit whose documents are not valid."""
    problems = [problem for path in examine for problem in child.problems(path)]
    return Outcome("invalid", problems=tuple(problems)) if problems else None


def _commit(
    workspace: Workspace, candidate: Candidate, tree: str, tip: Tip, arguments: Sequence[str], note: Note | None
) -> Outcome:
    git, head, before = workspace.git, tip.commit, tip.tree or EMPTY_TREE
    entries = git.changed(before, tree)
    kept = git.keep_index(workspace.journal.scratch)
    workspace.journal.note(commit={"head": head, "tree": tree, "note": note, "index": str(kept)})
    if git.attached("commit", "--quiet", *arguments, index=candidate.path):
        raise Finding("git made no commit (a hook, an empty message, or the signing stopped it); nothing has changed")
    branch, made, made_tree, parents = git.tip()
    assert made is not None
    if parents[:1] != ((head,) if head else ()):
        git.run("update-ref", "-m", "mdrepo: taken back", "HEAD", parents[0], made)
        raise Busy("somebody else made a commit in between; nothing was committed", "try again")
    remark = None
    if made_tree != tree:
        entries = git.changed(before, str(made_tree))
        if note is not None:
            note, remark = None, "a git hook changed what was committed, so its evaluation does not count: run 'mdrepo eval'"
    if not git.adopt(candidate):
        complete_index(git, entries, kept)
    if note is not None:
        write_note(git, made, note)
    workspace.journal.note(commit=None, made=made)
    kept.unlink(missing_ok=True)  # a full disk has no room for two
    return Outcome("committed", made, branch, note, remark=remark)


def complete_index(git: Git, entries: Mapping[str, Entry | None], kept: Path) -> None:
    """What belongs to a commit that git made of another index: the user's own has its entries, where it is as it was `kept`."""
    here, staged = git.index_entries([*entries]), git.index_entries([*entries], kept)
    git.set_entries({path: entry for path, entry in entries.items() if here.get(path) == staged.get(path)})


def changed_paths(git: Git, before: str | None, after: str) -> list[str]:
    """The paths that differ between two commits or trees; None is before the first commit."""
    return git.items("diff-tree", "-r", "-z", "--name-only", "--no-renames", before or EMPTY_TREE, after)


def _selection(workspace: Workspace, paths: Sequence[str], everything: bool) -> tuple[list[str], list[str]]:
    """What is to be added to the candidate index, and the changed documents that are left out."""
    states = workspace.git.status()
    if unmerged := [state.path for state in states if state.unmerged]:
        raise Finding(f"{', '.join(unmerged)} is in conflict", "settle the conflict, 'git add' the file, and commit then")
    changed = [state for state in states if state.code[1] != " "]
    if paths:
        return _belonging(workspace, paths), []
    ours = [state.path for state in changed if workspace.is_ours(state.path)]
    if everything:
        return sorted({*ours, *(state.path for state in changed if state.code != "??")}), []
    is_document = workspace.configuration.is_document
    if any(state.code[0] not in " ?" and is_document(state.path) for state in states):
        return [], [path for path in ours if is_document(path)]
    return ours, []


def _belonging(workspace: Workspace, paths: Sequence[str]) -> list[str]:
    """The named files; with a document also its lock file and the DVC pointers of its artefacts."""
    work = workspace.work()
    known = {*work.files.paths(), *(state.path for state in workspace.git.status())}
    selected: list[str] = []
    for path in paths:
        below = [each for each in known if each.startswith(path.rstrip("/") + "/") or path == "."]
        if path not in known and not below:
            raise GitError(f"git knows no file {path}", "is it spelled right, and not ignored?")
        for each in below or [path]:
            selected += [each, *(extra for extra in companions(workspace, work, each) if extra in known)]
    return list(dict.fromkeys(selected))


def companions(workspace: Workspace, catalogue: Catalogue, path: str) -> list[str]:
    """What belongs to a document in a snapshot: its lock file, and the pointers (with their .gitignore) of its artefacts."""
    if not workspace.configuration.is_document(path):
        return []
    found = [path + SUFFIX]
    for _, artefact in catalogue.artefacts(path):
        folder = artefact["path"].rpartition("/")[0]
        found += [f"{artefact['path']}.dvc", f"{folder}/.gitignore".lstrip("/")]
    return found
