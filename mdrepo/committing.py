"""The way of every commit: a candidate tree, validated, evaluated against its parent, and then handed to git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .catalogue import Catalogue
from .errors import Busy, Finding
from .evaluating import Report, blocking, evaluate, parents_at, prepare
from .locks import SUFFIX
from .notes import Note, write_note
from .plumbing import GitError
from .results import Outcome
from .snapshots import EMPTY_TREE, Entry, Git
from .surveying import Surveyor
from .workspace import Workspace


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
    head = git.head()
    selected, left = _selection(workspace, paths, everything)
    base = (head or "--empty") if paths else None
    with git.candidate_index(base) as index:
        if selected:
            git.run("--literal-pathspecs", "add", "-A", "--", *selected, index=index)
        outcome = conclude(workspace, index, arguments, terms, report)
    return replace(outcome, left=tuple(left))


def conclude(workspace: Workspace, index: Path, arguments: Sequence[str], terms: Terms, report: Report) -> Outcome:
    """Validate and evaluate what is in a candidate index, and commit it; the user's own index changes only with success."""
    git = workspace.git
    _, head, before = git.tip()
    tree = git.text("write-tree", index=index)
    if tree == before and not git.merging():
        raise Finding("nothing to commit", "'mdrepo status' shows what has changed")
    if not head and tree == EMPTY_TREE:
        raise Finding("nothing to commit: there is no document yet", "'mdrepo new model NAME' makes one")
    outcome = judged(workspace, tree, [head, *git.merge_heads()] if head else [], terms, report)
    return _commit(workspace, index, tree, head, arguments, outcome.note) if outcome.status == "sound" else outcome


def judged(workspace: Workspace, tree: str, heads: Sequence[str], terms: Terms, report: Report) -> Outcome:
    """Whether a tree may be committed: validated and, unless the terms say otherwise, evaluated against its parents to be."""
    child, examine = Surveyor(workspace).candidate(tree)
    parents = parents_at(workspace, heads) if terms.evaluate else []
    if terms.evaluate:
        prepare(workspace, child, parents[0].catalogue if parents else None)
    problems = [problem for path in examine for problem in child.problems(path)]
    if problems:
        return Outcome("invalid", problems=tuple(problems))
    note: Note | None = None
    if terms.evaluate:
        note = evaluate(workspace, child, parents, report)
        stopped = blocking(note, child, parents)
        if stopped and terms.allow_regression is None:
            return Outcome("regressed", note=note, blocking=tuple(stopped))
        if note is not None and terms.allow_regression is not None:
            note["allowed"] = {"reason": terms.allow_regression}
    return Outcome("sound", note=note)


def _commit(workspace: Workspace, index: Path, tree: str, head: str | None, arguments: Sequence[str], note: Note | None) -> Outcome:
    git = workspace.git
    entries = git.changed(head or EMPTY_TREE, tree)
    staged = git.index_entries([*entries])
    workspace.journal.note(commit={"head": head, "tree": tree, "note": note, "staged": staged})
    if git.attached("commit", "--quiet", *arguments, index=index):
        raise Finding("git made no commit (a hook, an empty message, or the signing stopped it); nothing has changed")
    made, *before = git.generation()
    if before[:1] != ([head] if head else []):
        git.run("update-ref", "-m", "mdrepo: taken back", "HEAD", before[0], made)
        raise Busy("somebody else made a commit in between; nothing was committed", "try again")
    remark = None
    branch, _, made_tree = git.tip()
    if made_tree != tree:
        entries = git.changed(head or EMPTY_TREE, made)
        if note is not None:
            note, remark = None, "a git hook changed what was committed, so its evaluation does not count: run 'mdrepo eval'"
    completed(git, made, entries, staged, note)
    workspace.journal.note(commit=None, made=made)
    return Outcome("committed", made, branch, note, remark=remark)


def completed(git: Git, made: str, entries: Mapping[str, Entry | None], staged: Mapping[str, Entry], note: Note | None) -> None:
    """What belongs to a commit that git made of a candidate index: the user's own index, where it is as it was, and the note."""
    here = git.index_entries([*entries])
    git.set_entries({path: entry for path, entry in entries.items() if here.get(path) == staged.get(path)})
    if note is not None:
        write_note(git, made, note)


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
        below = [each for each in known if each.startswith(path.rstrip("/") + "/")]
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
