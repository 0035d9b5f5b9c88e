"""What a command that was killed had begun: finished where git had done its part, and undone where not."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import joining, resolving
from .committing import complete_index
from .exchanging import undo_notes
from .files import UNFINISHED
from .intents import whole
from .journal import Steps
from .notes import SCRATCH, write_note
from .reverting import complete
from .snapshots import EMPTY_TREE, Git
from .undoing import of_asides, of_stash, resume
from .workspace import Workspace

_OF_DVC = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")
"""How DVC calls a file that it is writing (dvc_objects.fs.utils.tmp_fname)."""


def recover(workspace: Workspace, steps: Steps) -> None:
    """Bring a repository into the state before or after the command whose journal this is, and say which."""
    if not whole(steps):
        damaged = workspace.journal.damaged()
        workspace.report(f"{damaged.message} ({damaged.hint})")
        return
    root = Path(steps["root"])
    if root != workspace.root:
        if not root.is_dir():
            return  # a work tree that was removed since
        workspace = Workspace.open(root, workspace.report)
    journal = workspace.journal
    try:
        told = _recovered(workspace, steps, root)
    finally:
        if journal.kept:
            workspace.report(f"what {', '.join(journal.kept)} had been until now is kept in {journal.keeping}")
    if told:
        workspace.report(f"'{steps['what']}' was interrupted: {'; '.join(told)}")


def _recovered(workspace: Workspace, steps: Steps, root: Path) -> list[str]:
    """Finish or undo it; what was done, in words."""
    git = workspace.git
    locks = _unlocked(git, steps["since"]) if steps["pid"] != os.getpid() else []  # who failed alive has left none
    told: list[str] = []
    if steps.get("files"):
        changed = workspace.journal.restore(steps["files"], root, aside=True)
        told += [f"{', '.join(changed)} is as it was"] if changed else []
    made = steps.get("made")
    if steps.get("commit") and (made := _made(git, steps["commit"])):
        commit = steps["commit"]
        complete_index(git, git.changed(commit["head"] or EMPTY_TREE, made), Path(commit["index"]))
        if commit["note"] is not None:
            write_note(git, made, commit["note"])
        told.append(f"its commit {made[:7]} stands, and is complete now")
    if steps.get("rollback") and made:
        complete(workspace, made, steps["rollback"]["paths"])
        told.append("its files and data are there" + of_stash(git, steps["rollback"]) + of_asides(steps["rollback"]))
    if made and steps.get("merged"):
        joining.complete(workspace, steps["merged"]["before"], made)
        told.append("its data are there")
    elif steps.get("checkout") and (words := resume(workspace, steps["checkout"])):
        told.append(words)
    if (settled := steps.get("settled")) and resolving.complete(workspace, settled["path"], settled["blob"]):
        told.append(f"{settled['path']} is settled, and added")
    if steps.get("notes") and undo_notes(git, steps["notes"]):
        told.append("the evaluations of others are not taken over")
    _without_scratch(git)
    _without_unfinished(git)
    if steps["pid"] != os.getpid():
        _without_unfinished_of_dvc(git, steps["since"])
    return told or (["nothing of it was done"] if locks else [])


def _made(git: Git, commit: Mapping[str, Any]) -> str | None:
    """The commit that was about to be made, if git has made it."""
    head, since = git.head(), commit["head"]
    if head is None or head == since:
        return None
    after = git.text("rev-list", "--first-parent", "--reverse", head, *([f"^{since}"] if since else [])).split()
    first = after[0] if after else None
    if first is None or git.parents(first)[:1] != ([since] if since else []):
        return None
    return first if git.text("rev-parse", f"{first}^{{tree}}") == commit["tree"] else None


def _unlocked(git: Git, since: float) -> list[Path]:
    """Take away git's locks, and what it gives merge drivers, made since, if no git is at work here: of the command that died."""
    if _at_work("git", git.root):
        return []
    places = [git.folder, git.common, git.common / "refs", git.common / "logs"]
    found = {lock for place in places for lock in (place.rglob if place.name in ("refs", "logs") else place.glob)("*.lock")}
    found.update(git.root.glob(".merge_file_??????"))
    left = [lock for lock in sorted(found) if lock.stat().st_mtime >= since - 1]
    for lock in left:
        lock.unlink(missing_ok=True)
    return left


def _at_work(program: str, root: Path) -> bool:
    """Whether git, or dvc, runs in a work tree (Linux tells; elsewhere what it left stays for people to take away).

    That nobody has a lock open says nothing: git closes it while people write the message of a commit.
    """
    if sys.platform != "linux":
        return True
    for process in Path("/proc").iterdir():
        try:
            is_it = process.name.isdecimal() and (process / "comm").read_text().strip() == program
            if is_it and (process / "cwd").readlink().is_relative_to(root.resolve()):
                return True
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return False


def _without_scratch(git: Git) -> None:
    """Take away the references that were made on the way to a note."""
    for name in git.text("for-each-ref", "--format=%(refname)", f"{SCRATCH}*").splitlines():
        git.run("update-ref", "-d", name)


def _without_unfinished(git: Git) -> None:
    """Take away the files that were being written: nobody has them open, since whoever writes has the turn."""
    for path in git.items("ls-files", "-z", "--others", "--", f":(glob)**/.*{UNFINISHED}"):
        (git.root / path).unlink(missing_ok=True)


def _without_unfinished_of_dvc(git: Git, since: float) -> None:
    """The same for what DVC was writing beside the data in the command that died, if no dvc is at work here."""
    if _at_work("dvc", git.root):
        return
    for path in git.items("ls-files", "-z", "--others", "--", ":(glob)**/.*.tmp"):
        place = git.root / path
        if _OF_DVC.fullmatch(place.name) and place.lstat().st_mtime >= since - 1:
            place.unlink()
