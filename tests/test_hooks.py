"""git's own hooks, with real git: `git commit` gates as `mdrepo commit` does, and what was there before stays."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import DOCUMENT, edit, git, mdrepo, note, swap

HOOKS = ("pre-commit", "pre-merge-commit", "post-commit", "post-merge")


def tried(*words: str, cwd: Path, code: int = 0, env: dict[str, str] | None = None) -> str:
    """What a git command, and the hooks that it runs, say."""
    done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def hooked(repo: Path) -> Path:
    edit(repo, lambda v: v["evaluation"].update(gate="off"))
    git("commit", "-qam", "Gate off", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)
    return repo


def invalid(root: Path) -> None:
    edit(root, lambda v: v.update(labels="none"))


def described(root: Path) -> None:
    edit(root, lambda v: v.update(description="better"))


def test_a_bad_commit_is_stopped_and_a_good_one_is_made(hooked: Path) -> None:
    invalid(hooked)
    head = git("rev-parse", "HEAD", cwd=hooked)
    assert "labels" in tried("commit", "-qam", "Bad", cwd=hooked, code=1)
    assert git("rev-parse", "HEAD", cwd=hooked) == head
    tried("commit", "-qam", "Bad, on purpose", "--no-verify", cwd=hooked)
    tried("reset", "-q", "--hard", "HEAD~1", cwd=hooked)
    described(hooked)
    tried("commit", "-qam", "Good", cwd=hooked)
    assert git("log", "-1", "--format=%s", cwd=hooked).strip() == "Good"


def test_only_what_is_staged_counts(hooked: Path) -> None:
    invalid(hooked)
    git("add", DOCUMENT, cwd=hooked)
    (hooked / DOCUMENT).write_text(git("show", f"HEAD:{DOCUMENT}", cwd=hooked))
    assert "labels" in tried("commit", "-qm", "Bad in the index", cwd=hooked, code=1)
    git("reset", "-q", "--hard", cwd=hooked)
    described(hooked)
    git("add", DOCUMENT, cwd=hooked)
    invalid(hooked)
    tried("commit", "-qm", "Good in the index", cwd=hooked)
    assert '"labels": "none"' in (hooked / DOCUMENT).read_text()
    (hooked / "notes.txt").write_text("of no document\n")
    git("add", "notes.txt", cwd=hooked)
    tried("commit", "-qm", "A path alone", "notes.txt", cwd=hooked)
    tried("commit", "-qm", "The document alone", DOCUMENT, cwd=hooked, code=1)


def test_a_bad_merge_is_stopped(hooked: Path) -> None:
    git("checkout", "-qb", "topic", cwd=hooked)
    invalid(hooked)
    tried("commit", "-qam", "Bad, not looked at", "--no-verify", cwd=hooked)
    git("checkout", "-q", "-", cwd=hooked)
    (hooked / "other.txt").write_text("x\n")
    git("add", "other.txt", cwd=hooked)
    tried("commit", "-qm", "Other", cwd=hooked)
    assert "labels" in tried("merge", "--no-edit", "topic", cwd=hooked, code=1)
    assert (hooked / ".git/MERGE_HEAD").exists(), "as git leaves a merge whose hook said no"
    tried("commit", "-qm", "Bad all the same", cwd=hooked, code=1)


def test_the_evaluation_of_a_commit_that_git_made_is_noted(judged: Path) -> None:
    mdrepo("hooks", "install", cwd=judged)
    edit(judged, lambda v: v.update(description="better"))
    assert "nothing that matters has changed" in tried("commit", "-qam", "Described", cwd=judged)
    whole = json.loads(git("notes", "--ref=mdrepo", "show", "HEAD", cwd=judged))
    assert whole["parent"] == git("rev-parse", "HEAD~1", cwd=judged)
    assert not (judged / ".git/mdrepo/gated.json").exists()
    swap(judged)
    said = tried("commit", "-qam", "Swapped", cwd=judged, code=1)
    assert "regressed" in said
    assert "mdrepo commit --allow-regression REASON" in said
    mdrepo("commit", "--allow-regression", "to see", "-am", "Swapped", cwd=judged)
    assert json.loads(git("notes", "--ref=mdrepo", "show", "HEAD", cwd=judged))["allowed"] == {"reason": "to see"}
    git("commit", "-q", "--amend", "-m", "Swapped labels", cwd=judged)
    assert git("notes", "--ref=mdrepo", "list", cwd=judged).count("\n") >= 2


def test_hooks_that_are_there_stay_and_come_back(repo: Path) -> None:
    folder = repo / ".git/hooks"
    folder.mkdir(exist_ok=True)
    mine = b"#!/bin/sh\n# \xff\necho mine\nexit ${MINE:-0}\n"
    (folder / "pre-commit").write_bytes(mine)
    (folder / "pre-commit").chmod(0o750)
    (repo.parent / "tool").write_text("#!/bin/sh\necho a tool\n")
    (folder / "post-commit").symlink_to(repo.parent / "tool")
    assert mdrepo("hooks", cwd=repo, code=1).out.count("not") == 4
    mdrepo("hooks", "install", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)  # again: as it is
    assert mdrepo("hooks", "status", cwd=repo).out.count("ok") == 4
    invalid(repo)
    said = tried("commit", "-qam", "Bad", cwd=repo, code=1)
    assert "mine" in said
    assert "labels" in said
    assert "labels" not in tried("commit", "-qam", "Bad", cwd=repo, code=1, env={"MINE": "3"})
    mdrepo("hooks", "uninstall", cwd=repo)
    assert (folder / "pre-commit").read_bytes() == mine
    assert (folder / "pre-commit").stat().st_mode & 0o777 == 0o750
    assert (folder / "post-commit").readlink() == repo.parent / "tool"
    assert {each.name for each in folder.iterdir() if not each.name.endswith(".sample")} == {"pre-commit", "post-commit"}
    (folder / "pre-commit.before-mdrepo").write_bytes(b"left")
    assert "which of the two is yours" in mdrepo("hooks", "install", cwd=repo, code=1).err


def test_where_git_looks_for_hooks(repo: Path, tmp_path: Path) -> None:
    git("config", "core.hooksPath", "tools/hooks", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)
    assert os.access(repo / "tools/hooks/pre-commit", os.X_OK)
    git("worktree", "add", "-q", "../second", cwd=repo)
    git("config", "--unset", "core.hooksPath", cwd=repo)
    mdrepo("hooks", "install", cwd=tmp_path / "second")
    invalid(tmp_path / "second")
    assert "labels" in tried("commit", "-qam", "Bad", cwd=tmp_path / "second", code=1)
    shared = tmp_path / "shared"
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {shared}\n")
    found = mdrepo("hooks", "install", cwd=repo, code=1, env={"GIT_CONFIG_GLOBAL": str(settings)})
    assert "all your repositories" in found.err
    assert not shared.exists()


def test_mdrepo_is_gone(hooked: Path) -> None:
    for hook in HOOKS:
        place = hooked / ".git/hooks" / hook
        place.write_text(place.read_text().replace("/bin/python", "/bin/no-python"))
    described(hooked)
    nowhere = {"PATH": "/usr/bin:/bin"}
    said = tried("commit", "-qam", "Unchecked", cwd=hooked, code=1, env=nowhere)
    assert "pip install mdrepo-ml" in said
    assert "--no-verify" in said
    said = tried("commit", "-qam", "Unchecked", "--no-verify", cwd=hooked, env=nowhere)
    assert "no evaluation" in said


def test_what_waits_is_for_one_commit_alone(judged: Path) -> None:
    """A note for a commit that was not made, and rubbish in its place, go to nobody."""
    mdrepo("hooks", "install", cwd=judged)
    edit(judged, lambda v: v.update(description="better"))
    git("add", "-A", cwd=judged)
    tried("commit", "-q", cwd=judged, code=1, env={"GIT_EDITOR": "false"})
    assert (judged / ".git/mdrepo/gated.json").exists()
    git("reset", "-q", "--hard", cwd=judged)
    edit(judged, lambda v: v.update(description="something else"))
    tried("commit", "-qam", "Else", "--no-verify", cwd=judged)
    assert subprocess.run(["git", "notes", "--ref=mdrepo", "show"], cwd=judged, capture_output=True, check=False).returncode
    (judged / ".git/mdrepo/gated.json").write_bytes(b"\xff{")
    edit(judged, lambda v: v.update(description="and more"))
    tried("commit", "-qam", "More", cwd=judged)
    assert note(judged)["verdict"]
