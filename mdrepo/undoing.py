"""What a checkout or a merge writes down before it changes the work tree, and how the next command finishes or undoes it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .artefacts import all_tracked
from .deliveries import copy, deliver, different, dropped, protect_data, unlike
from .errors import MdrepoError
from .files import removed
from .snapshots import Git
from .workspace import Workspace

_STASH = "refs/stash"


def about_to(
    workspace: Workspace,
    target: str | None,
    paths: Sequence[str],
    own: Collection[str],
    stashed: Sequence[str],
    *,
    sources: Sequence[str] = (),
    merging: bool = False,
) -> None:
    """Write down what a checkout, or a merge, will change; files with the user's `own` changes only when the stash has them.

    `target` is where HEAD will be if that is another commit, and `sources` are others that git takes the files from.
    """
    require_writable(workspace, paths)
    git = workspace.git
    clean = [path for path in paths if path not in own]
    workspace.journal.note(
        checkout={
            "head": git.head(),
            "target": target,
            "paths": clean,
            "sources": [target, *sources] if target else [*sources],
            "stashed": stashed,
            "stash": _stash(git),
            "merging": merging,
        }
    )


def require_writable(workspace: Workspace, paths: Iterable[str]) -> None:
    """Raise MdrepoError where files cannot be changed: git goes on without them, and its exit code says that all is well."""
    for folder in {path.rpartition("/")[0] for path in paths}:
        place = workspace.root / folder
        while not place.is_dir():
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK):
            words = f"{folder or 'the work tree'} cannot be written to, and nothing has changed"
            raise MdrepoError(words, "see its permissions, and how it is mounted")


def resume(workspace: Workspace, steps: Mapping[str, Any]) -> str | None:
    """Finish a checkout that git had done when it was interrupted, and undo any other; what was done, in words."""
    git = workspace.git
    head, target = steps["head"], steps["target"]
    before = workspace.at(head) if head else None
    here = list(all_tracked(before.files)) if before else []
    if target is not None and git.head() == target != head:
        there = workspace.at(target)
        wanted, gone = different(workspace, all_tracked(there.files)), dropped(here, there)
        if wanted or gone:
            deliver(workspace, wanted, gone, protect_data(workspace, here, [*wanted, *gone], force=True))
        return f"{target[:7]} is checked out, with its data" + _stashed(git, steps)
    if steps["merging"]:
        git.run("merge", "--quit")
    stashed = _stash(git) != steps["stash"]
    if stashed:
        put_back(workspace, head, steps["stashed"])
    changed = put_back(workspace, head, steps["paths"], over=steps["sources"])
    tracked = different(workspace, (each for each in here if each.pointer in steps["paths"]))
    if tracked:
        aside = protect_data(workspace, here, tracked, force=True)
        deliver(workspace, tracked, [], aside)
    if stashed:
        popped = git.run("stash", "pop", "--index", "--quiet", codes=(0, 1, 128)).returncode == 0
        return "it was undone" + ("" if popped else "; your changes are in the stash: 'git stash pop'")
    return "it was undone" if changed or tracked else None


def put_back(workspace: Workspace, commit: str | None, paths: Sequence[str], *, over: Sequence[str] | None = None) -> list[str]:
    """Give files what a commit has of them; the paths of those that were something else.

    After a kill, what is `over`written is put aside, unless one of these commits has it: somebody may have written it since.
    """
    git = workspace.git
    known = git.tree(commit) if commit else {}
    files = {state.path for state in git.status()}
    changed = [path for path in paths if path in files]
    aside = unlike(workspace, changed, over) if over is not None else ()
    for path in changed:
        if path in aside:
            copy(workspace.root / path, workspace.journal.aside(path))
        if path not in known:
            removed(workspace.root / path)
    present = [path for path in changed if path in known]
    if present:
        git.run("--literal-pathspecs", "checkout", "--quiet", str(commit), "--", *present)
    git.set_entries({path: None for path in changed if path not in known})
    return changed


def _stash(git: Git) -> str:
    return git.run("rev-parse", "--verify", "--quiet", _STASH, codes=(0, 1, 128)).stdout.decode().strip()


def _stashed(git: Git, steps: Mapping[str, Any]) -> str:
    return "; what you had changed is in the stash" if _stash(git) != steps["stash"] else ""
