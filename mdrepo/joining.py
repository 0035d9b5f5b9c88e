"""`merge`: git's merge with the structural driver, then validated, evaluated against each parent, and committed, with its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import conflicts
from .artefacts import all_tracked
from .committing import Terms, changed_paths, conclude
from .conflicts import Merge
from .deliveries import deliver, different, dropped, protect_data
from .errors import Finding, MdrepoError
from .evaluating import Report
from .notes import note_of
from .plumbing import GitError
from .results import DocumentStatus, Outcome
from .undoing import about_to, give_up, standing
from .workspace import Workspace


def merge(
    workspace: Workspace, revision: str, arguments: Sequence[str], forward: bool, terms: Terms, how: Merge, report: Report
) -> Outcome:
    """Merge a revision into HEAD; in conflict, invalid or worse it is left as git leaves a merge: to be put right, or aborted."""
    git = workspace.git
    if begun := git.unfinished():
        raise begun
    head = git.head()
    if head is None:
        raise Finding("there is no commit yet to merge into", "'mdrepo commit' makes one")
    target = git.commit_id(revision)
    base = git.run("merge-base", head, target, codes=(0, 1)).stdout.decode().strip()
    if not base:
        raise GitError(f"{revision} has no commit in common with what is here", "is it of another repository?")
    if base == target:
        return Outcome("current", head, git.branch())
    theirs = changed_paths(git, base, target)
    own = {state.path for state in git.status()}
    coming = [each for each in different(workspace, all_tracked(workspace.at(target).files)) if each.pointer in theirs]
    workspace.store.require(coming)
    protect_data(workspace, list(all_tracked(workspace.work().files)), coming, force=None)
    if forward and base == head:
        return _forwarded(workspace, head, target, own)
    git.identity()
    about_to(workspace, None, sorted({*theirs, *changed_paths(git, base, head)}), own, [], sources=[target], merging=True)
    _run(workspace, "merge", "--no-commit", "--no-ff", "--quiet", revision)
    if found := _in_conflict(workspace, how):
        workspace.journal.note(checkout=None)
        return Outcome("conflicts", branch=git.branch(), conflicts=tuple(found), waiting=True)
    outcome = _concluded(workspace, arguments or ["--no-edit"], terms, report, hooked=True)
    workspace.journal.note(checkout=None)
    return outcome


def finish(workspace: Workspace, arguments: Sequence[str], terms: Terms, how: Merge, report: Report) -> Outcome:
    """Commit the merge that waits, as its conflicts were settled."""
    _waiting(workspace)
    if found := _in_conflict(workspace, how):
        return Outcome("conflicts", branch=workspace.git.branch(), conflicts=tuple(found), waiting=True)
    return _concluded(workspace, arguments or ["--no-edit"], terms, report)


def abort(workspace: Workspace) -> Outcome:
    """Undo the merge that waits: documents and data are what they were."""
    git = workspace.git
    _waiting(workspace)
    head = git.head()
    paths = [state.path for state in git.status() if state.code[0] not in " ?"]
    about_to(workspace, None, paths, [], [], merging=True)
    _run(workspace, "merge", "--abort")
    workspace.journal.note(checkout=None)
    return Outcome("aborted", head, git.branch())


def _forwarded(workspace: Workspace, head: str, target: str, own: set[str]) -> Outcome:
    """Move the branch to a commit that has all of it already, with its data."""
    git = workspace.git
    here, there = list(all_tracked(workspace.work().files)), workspace.at(target)
    steps = about_to(workspace, target, changed_paths(git, head, target), own, [])
    _run(workspace, "merge", "--ff-only", "--quiet", target)
    try:
        deliver(workspace, different(workspace, all_tracked(there.files)), dropped(here, there), {})
    except MdrepoError:
        give_up(workspace, steps)
        raise
    workspace.journal.note(checkout=None)
    return Outcome("forwarded", target, git.branch(), note_of(git, target))


def _concluded(workspace: Workspace, arguments: Sequence[str], terms: Terms, report: Report, *, hooked: bool = False) -> Outcome:
    """Validate, evaluate and commit what the merge has put into the index, and bring its data.

    A merge without conflicts is `hooked` by git (githooks(5), pre-merge-commit), which takes this commit for any other.
    """
    git = workspace.git
    head = str(git.head())
    with git.candidate_index() as candidate:
        if hooked and git.hook("pre-merge-commit", candidate.path):
            raise Finding(
                "the hook pre-merge-commit stopped the merge; nothing has changed", "put right what it names, and merge again"
            )
        tree = git.text("write-tree", index=candidate.path)
        after, here = workspace.at(tree), list(all_tracked(workspace.at(head).files))
        wanted = [each for each in different(workspace, all_tracked(after.files)) if each not in here]
        workspace.store.require(wanted)
        protect_data(workspace, here, [*wanted, *dropped(here, after)], force=None)
        workspace.journal.note(merged={"before": head})
        outcome = conclude(workspace, candidate, arguments, terms, report)
    if outcome.status == "committed":
        with standing(str(outcome.id)):
            complete(workspace, head, str(outcome.id))
    workspace.journal.note(merged=None)
    return outcome if outcome.status == "committed" else replace(outcome, waiting=True)


def complete(workspace: Workspace, before: str, made: str) -> None:
    """The data of a merge that was committed: what it has that the commit before did not."""
    here, after = list(all_tracked(workspace.at(before).files)), workspace.at(made)
    wanted = [each for each in different(workspace, all_tracked(after.files)) if each not in here]
    deliver(workspace, wanted, dropped(here, after), protect_data(workspace, here, wanted, force=True))


def _waiting(workspace: Workspace) -> None:
    if not workspace.git.merging():
        begun = workspace.git.unfinished()
        words = "no merge waits to be finished" + (f", but {begun.message}" if begun else "")
        raise Finding(words, begun.hint if begun else "'mdrepo merge REV' begins one")


def _run(workspace: Workspace, *words: str) -> None:
    """Run git's own merge; raises Finding where it did not begin, as over changes that no commit has."""
    git = workspace.git
    done = git.run(*words, codes=(0, 1, 2, 128))
    if done.returncode and not (git.merging() and "--abort" not in words):
        workspace.journal.note(checkout=None)
        lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        files = ", ".join(line.strip() for line in lines if line.startswith("\t"))
        said = f"{files} would be overwritten" if files else lines[0].removeprefix("error: ").removeprefix("fatal: ")
        raise Finding(f"nothing merged: {said}", "commit your changes, or 'git stash' them, and merge then")


def _in_conflict(workspace: Workspace, how: Merge) -> list[DocumentStatus]:
    """What git left in conflict; a document with its conflicts by pointer."""
    paths = workspace.git.unmerged()
    work = workspace.work()
    return [
        conflicts.document_status(workspace, path, work.problems(path), how)
        if path in work.paths
        else DocumentStatus(path, "conflict")
        for path in paths
    ]
