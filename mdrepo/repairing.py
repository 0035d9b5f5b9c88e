"""What plain git and DVC leave behind: what is stale, missing or not evaluated, and what of it can be put right without asking."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from functools import cache

from .artefacts import all_tracked
from .conflicts import Merge
from .deliveries import different
from .documents import digest
from .errors import MdrepoError
from .exchanging import bring
from .inspecting import status
from .journal import runs
from .notes import newer, note_of, noted, parse_note, write_note
from .results import Check, Patch
from .workspace import Workspace

_FAR = 1000
"""How many commits back evaluations are looked for."""
_NEAR = 20
"""How many of them are evaluated without being asked for one by one."""


def checks(workspace: Workspace, how: Merge) -> Iterator[Check]:
    """The state of documents, data and evaluations, one thing after the other; what cannot be told says why."""
    for look in (_journal, _documents, _data, _evaluations, _notes):
        try:
            yield look(workspace, how)
        except MdrepoError as error:
            yield Check(look.__name__.removeprefix("_"), False, error.message, error.hint)


def _journal(workspace: Workspace, _: Merge) -> Check:
    left = workspace.journal.left()
    if left and not runs(left["pid"]):
        return Check("journal", False, f"'{left['what']}' was interrupted", "mdrepo status")
    return Check("journal", True, "no command was interrupted")


def _documents(workspace: Workspace, how: Merge) -> Check:
    found = status(workspace, how)
    for words, paths, hint in (
        ("in conflict", [each.path for each in found.remarkable if each.state == "conflict"], "mdrepo status"),
        ("stale", [each.path for each in found.remarkable if each.stale], "mdrepo patch --apply"),  # and so not valid
        ("not valid", [each.path for each in found.remarkable if each.problems], "mdrepo validate"),
        ("a lock file without its document", list(found.orphans), "put the document back, or 'git rm' the lock file"),
    ):
        if paths:
            return Check("documents", False, f"{_named(paths)}: {words}", hint)
    return Check("documents", True, "the documents are valid and say what their artefacts say")


def _data(workspace: Workspace, _: Merge) -> Check:
    lacking = different(workspace, all_tracked(workspace.work().files))
    missing = [each for each in lacking if not workspace.exists(each.path)]
    changed = [each for each in lacking if workspace.exists(each.path)]
    if gone := [each.path for each in missing if not workspace.store.cached(each)]:
        return Check("data", False, f"{_named(gone)}: neither here nor in DVC's cache", "mdrepo pull")
    if missing:
        return Check("data", False, f"{_named([each.path for each in missing])}: not in the work tree", "mdrepo doctor --fix")
    if changed:
        words = f"{_named([each.path for each in changed])}: not what DVC recorded"
        return Check("data", False, words, f"{changed[0].recording}, or dvc checkout {changed[0].path}")
    return Check("data", True, "the data are what DVC recorded")


def _evaluations(workspace: Workspace, _: Merge) -> Check:
    lost = _lost(workspace)
    if found := _carried(workspace, lost):
        words = f"{_named([each[:7] for each in found])}: the evaluation was lost, as a rebase or an amended commit loses it"
        return Check("evaluations", False, words, "mdrepo doctor --fix")
    if lost:
        shown = _named([each[:7] for each in lost])
        return Check("evaluations", True, f"{shown}: not evaluated ('mdrepo eval {lost[0][:7]}' does it)")
    return Check("evaluations", True, "no commit waits for its evaluation")


def _notes(workspace: Workspace, _: Merge) -> Check:
    git = workspace.git
    notes = noted(git)
    contents = git.blobs(sorted(set(notes.values())))
    later = [commit[:7] for commit, blob in notes.items() if newer(contents[blob])]
    if later:
        return Check("notes", False, f"{_named(later)}: evaluated by a newer mdrepo", "update mdrepo")
    broken = [commit for commit, blob in notes.items() if parse_note(contents[blob]) is None]
    if broken:
        shown = _named([each[:7] for each in broken])
        return Check("notes", False, f"{shown}: the note is no evaluation", f"mdrepo eval {broken[0][:7]} writes it anew")
    return Check("notes", True, "the notes are evaluations")


def _named(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _lost(workspace: Workspace) -> list[str]:
    """The commits up to HEAD that change what mdrepo keeps and have no note, newest first."""
    git = workspace.git
    if git.head() is None:
        return []
    have = noted(git)
    commits = [each for each in git.text("rev-list", f"--max-count={_FAR}", "HEAD").split() if each not in have]
    words = ("diff-tree", "--stdin", "-r", "-m", "--root", "-z", "--name-only", "--no-renames")
    shown = git.run(*words, stdin="".join(f"{each}\n" for each in commits).encode()).stdout
    asked, found, commit = set(commits), dict.fromkeys(commits, False), ""
    for part in (os.fsdecode(each) for each in shown.split(b"\0") if each):
        if part in asked:  # a commit stands before the paths that it changes
            commit = part
        elif workspace.is_metadata(part):
            found[commit] = True
    return [each for each in commits if found[each]]


def _carried(workspace: Workspace, lost: list[str]) -> dict[str, str]:
    """For commits that lost their notes, another one's, where documents, pointers and settings, also of the parents, are alike."""
    git = workspace.git
    if not lost:
        return {}
    known = set(git.text("rev-list", f"--max-count={_FAR}", "HEAD").split())
    asked = [commit for commit in noted(git) if commit not in known]
    there = git.run("cat-file", "--batch-check=%(objecttype)", stdin="".join(f"{each}\n" for each in asked).encode())
    others = [each for each, kind in zip(asked, there.stdout.split(b"\n"), strict=False) if kind == b"commit"]

    @cache
    def matters(commit: str) -> str:
        entries = git.tree(commit).values()
        kept = [[e.mode, e.blob, e.path] for e in entries if workspace.is_metadata(e.path) or workspace.is_ours(e.path)]
        return digest(sorted(kept))

    def depends(commit: str) -> tuple[str, ...]:
        return tuple(matters(each) for each in [commit, *git.parents(commit)])

    by_content = {depends(each): each for each in reversed(others)} if others else {}
    return {each: by_content[key] for each in lost if (key := depends(each)) in by_content} if by_content else {}


def unblock(workspace: Workspace) -> list[str]:
    """Put aside the journal of another mdrepo, which stops everybody who writes; what was done, in words."""
    place = workspace.journal.put_aside()
    return [f"the journal of another mdrepo is {place} now"] if place else []


def repair(workspace: Workspace, how: Merge) -> list[str]:
    """Put right what nobody need be asked about: data, evaluations and derived fields; what was done, in words."""
    told: list[str] = []
    with contextlib.suppress(MdrepoError):  # what nobody has is named by the check of the data
        if brought := bring(workspace):
            told.append(f"brought back: {', '.join(brought)}")
    git = workspace.git
    for commit, other in _carried(workspace, _lost(workspace)).items():
        note = note_of(git, other)
        if note is None:
            continue
        parents = git.parents(commit)
        text = json.dumps(note)
        for was, now in zip(git.parents(other), parents, strict=True):
            text = text.replace(was, now)
        write_note(git, commit, json.loads(text))
        told.append(f"the evaluation of {other[:7]} is that of {commit[:7]}, too: all that it depends on is the same")
    return told + _brought_up_to_date(workspace, how) + _evaluated(workspace)


def _brought_up_to_date(workspace: Workspace, how: Merge) -> list[str]:
    """Merge what the artefacts say into the stale documents that are in no conflict with it."""
    stale = [each.path for each in status(workspace, how).remarkable if each.stale]
    if not stale:
        return []
    from . import updating  # which few repairs need, as evaluating

    found = updating.patch(workspace, stale).proposals
    settled = {path: each for path, each in found.items() if not each.conflicts and not each.problems}
    written = updating.write_patch(workspace, Patch(settled))
    return [f"says what its artefacts say: {', '.join(written)}"] if written else []


def _evaluated(workspace: Workspace) -> list[str]:
    """Evaluate the newest of the commits that are not."""
    told: list[str] = []
    lost = _lost(workspace)[:_NEAR]
    if lost:
        from . import evaluating
    for commit in reversed(lost):  # parents first
        try:
            _, note = evaluating.of_commit(workspace, commit, None, workspace.report)
        except MdrepoError as error:
            told.append(f"{commit[:7]} cannot be evaluated: {error.message}")
            continue
        if note is not None:
            write_note(workspace.git, commit, note)
            told.append(f"{commit[:7]} is evaluated: {note['verdict']}")
    return told
