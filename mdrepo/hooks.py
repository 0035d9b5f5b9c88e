"""git's own hooks in a clone: put there beside those that are there, and taken away so that these are what they were.

Where git looks for hooks is git's to say (githooks(5)): `core.hooksPath`, worktrees and submodules included.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from .errors import Finding, MdrepoError
from .files import write
from .results import Step
from .snapshots import Git

HOOKS = ("pre-commit", "pre-merge-commit", "post-commit", "post-merge")
"""`post-merge`, since a merge without conflicts runs no `post-commit`."""
_MARK = "# A hook of mdrepo"
_KEPT = ".before-mdrepo"
_SCRIPT = """#!/bin/sh
{mark}: 'mdrepo hooks uninstall' takes it away, and puts back what was here before.
kept="$(dirname "$0")/{hook}{suffix}"
if [ -x "$kept" ]; then "$kept" "$@" || exit $?; fi
if [ -x {python} ]; then exec {python} -m mdrepo hook {hook}; fi
if command -v mdrepo >/dev/null 2>&1; then exec mdrepo hook {hook}; fi
echo >&2 "{words}"
exit {code}
"""
_BEFORE = (
    "mdrepo is gone, so that nothing checks the documents of this commit: install it again (pip install mdrepo-ml), commit"
    " with --no-verify, or remove the hook $0"
)
_AFTER = "mdrepo is gone, so that this commit has no evaluation: install it again (pip install mdrepo-ml), or remove the hook $0"


def script(hook: str) -> str:
    """What is put there for git to run."""
    words, code = (_BEFORE, 1) if hook.startswith("pre-") else (_AFTER, 0)
    python = shlex.quote(sys.executable)
    return _SCRIPT.format(mark=_MARK, hook=hook, suffix=_KEPT, python=python, words=words, code=code)


def _folder(git: Git) -> Path:
    """Where git looks for this clone's hooks; raises Finding where they are not this clone's alone."""
    setting = git.run("config", "--show-scope", "--get", "core.hooksPath", codes=(0, 1)).stdout
    folder = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "hooks"))
    if setting.startswith((b"global\t", b"system\t")):
        raise Finding(
            f"the hooks in {folder} are those of all your repositories (core.hooksPath)",
            "call 'mdrepo hook pre-commit' and the like from them, or: git config --local core.hooksPath .git/hooks",
        )
    return folder


def _is_ours(place: Path) -> bool:
    try:
        return not place.is_symlink() and _MARK in place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _is_there(place: Path) -> bool:
    return place.is_symlink() or place.exists()


def _is_changed(place: Path, hook: str) -> bool:
    """Whether somebody has written into a hook of ours; the Python of an earlier environment is no such change."""
    had, made = place.read_text(encoding="utf-8", errors="replace").split("\n"), script(hook).split("\n")
    return [line for line in had if " -m mdrepo hook " not in line] != [line for line in made if " -m mdrepo hook " not in line]


def install(git: Git) -> list[Step]:
    """Put the hooks there; those that are there are kept beside them, and run first. Raises Finding, MdrepoError."""
    folder = _folder(git)
    steps: list[Step] = []
    for hook in HOOKS:
        place, kept = folder / hook, folder / (hook + _KEPT)
        if _is_there(place) and not _is_ours(place) and _is_there(kept):
            raise Finding(f"both {place} and {kept} are there", "which of the two is yours? remove the other")
    for hook in HOOKS:
        place, kept = folder / hook, folder / (hook + _KEPT)
        there = _is_there(place)
        if there and not _is_ours(place):
            _moved(place, kept)
        elif there and place.read_text(encoding="utf-8") == script(hook):
            steps.append(Step(hook, "kept", f"{place}"))
            continue
        _make(place, script(hook))
        beside = ", after the hook that was there" if kept.exists() else ""
        steps.append(Step(hook, "done", f"{place}{beside}"))
    return steps


def uninstall(git: Git) -> list[Step]:
    """Take the hooks away; those that were there before are what they were."""
    folder = _folder(git)
    steps: list[Step] = []
    for hook in HOOKS:
        place, kept = folder / hook, folder / (hook + _KEPT)
        if not _is_ours(place):
            steps.append(Step(hook, "kept", f"{place} is not mdrepo's" if place.exists() else "not installed"))
            continue
        if _is_changed(place, hook):
            steps.append(Step(hook, "left", f"{place} was changed after mdrepo made it: take out what is yours, and remove it"))
            continue
        place.unlink()
        if _is_there(kept):
            _moved(kept, place)
        steps.append(Step(hook, "done", f"{place} is what it was" if place.exists() else f"{place} is gone"))
    return steps


def installed(git: Git) -> list[tuple[str, bool]]:
    """Each hook, and whether it is there."""
    folder = Path(git.text("rev-parse", "--path-format=absolute", "--git-path", "hooks"))
    return [(hook, _is_ours(folder / hook)) for hook in HOOKS]


def _moved(place: Path, other: Path) -> None:
    try:
        place.rename(other)
    except OSError as error:
        raise MdrepoError(f"{place}: {error.strerror}") from None


def _make(place: Path, text: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place.parent, place.name, text)
        place.chmod(0o755)
    except OSError as error:
        raise MdrepoError(f"{place}: {error.strerror}") from None
