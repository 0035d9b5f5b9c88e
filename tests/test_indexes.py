"""git's index after a commit of mdrepo's: what git's own commit would leave there, and what somebody else staged meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DOCUMENT, copied, edit, git, load, mdrepo

from mdrepo.committing import Terms
from mdrepo.repository import Repository
from mdrepo.snapshots import Git

OTHERS = ("hidden.txt", "assumed.txt", "staged.txt", "gone.txt")


def indexed(root: Path) -> list[str]:
    """The index's entries with their flags, and what it differs in from HEAD and the work tree."""
    return [git(*words, cwd=root) for words in (("ls-files", "-v", "--stage"), ("status", "--porcelain"), ("write-tree",))]


def test_a_commit_leaves_the_index_as_git_s_own_does(repo: Path, tmp_path: Path) -> None:
    for name in OTHERS:
        (repo / name).write_text("1")
    git("add", *OTHERS, cwd=repo)
    git("commit", "-qm", "Others", cwd=repo)
    for name in OTHERS[:3]:
        (repo / name).write_text("2")
    git("update-index", "--skip-worktree", "hidden.txt", cwd=repo)
    git("update-index", "--assume-unchanged", "assumed.txt", cwd=repo)
    git("add", "staged.txt", cwd=repo)
    (repo / "staged.txt").write_text("1")  # as HEAD has it
    (repo / "gone.txt").unlink()
    (repo / "meant.txt").write_text("new")
    git("add", "-N", "meant.txt", cwd=repo)
    edit(repo, lambda v: v.update(description="changed"))
    other = copied(repo, tmp_path / "other")
    mdrepo("commit", "--no-eval", "-am", "All", cwd=repo)
    git("commit", "-qam", "All", cwd=other)
    assert indexed(repo) == indexed(other)
    assert git("rev-parse", "HEAD^{tree}", cwd=repo) == git("rev-parse", "HEAD^{tree}", cwd=other)


def test_what_is_staged_while_a_commit_is_made_stays_staged(repo: Path) -> None:
    (repo / "other.txt").write_text("x")
    edit(repo, lambda v: v.update(description="changed"))
    hook = repo / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nenv -u GIT_INDEX_FILE git add other.txt\n")
    hook.chmod(0o755)
    mdrepo("commit", "--no-eval", "-am", "Document", cwd=repo)
    assert git("show", "--name-only", "--format=", "HEAD", cwd=repo) == DOCUMENT
    assert git("status", "--porcelain", cwd=repo) == "A  other.txt"


def test_what_a_hook_stages_for_the_commit_is_committed_and_clean(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="changed"))
    hook = repo / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho x > made.txt && git add made.txt\n")
    hook.chmod(0o755)
    mdrepo("commit", "--no-eval", "-am", "Document", cwd=repo)
    assert git("show", "--name-only", "--format=", "HEAD", cwd=repo).splitlines() == ["made.txt", DOCUMENT]
    assert git("status", "--porcelain", cwd=repo) == ""


def test_a_candidate_is_adopted_under_git_s_lock_and_where_nobody_wrote_meanwhile(repo: Path) -> None:
    runner = Git.find(repo)
    index, lock = repo / ".git/index", repo / ".git/index.lock"
    (repo / "other.txt").write_text("x")
    before = index.read_bytes()
    with runner.candidate_index() as candidate:
        runner.stage(["other.txt"], candidate.path)
        lock.touch()
        assert not runner.adopt(candidate)
        assert lock.exists()
        lock.unlink()
        git("update-index", "--force-write-index", cwd=repo)
        assert not runner.adopt(candidate)
        assert index.read_bytes() == before
    with runner.candidate_index() as candidate:
        runner.stage(["other.txt"], candidate.path)
        assert runner.adopt(candidate)
    assert not lock.exists()
    assert git("status", "--porcelain", cwd=repo) == "A  other.txt"


def test_whatever_became_of_a_path_is_staged_as_git_stages_it(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    for name in ("a", "b/x", "c", "d/y", "e", "f*?[g]\n.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "x", cwd=tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("a file became a folder")
    (tmp_path / "b/x").unlink()
    (tmp_path / "b").rmdir()
    (tmp_path / "b").write_text("a folder became a file")
    (tmp_path / "c").unlink()
    (tmp_path / "d/y").chmod(0o755)
    (tmp_path / "e").unlink()
    (tmp_path / "e").symlink_to("d/y")
    (tmp_path / "f*?[g]\n.txt").write_text("changed")
    for inner in (False, True):
        if inner:
            git("init", "-q", "inner", cwd=tmp_path)
            git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "inner")
        runner = Git.find(tmp_path)
        with runner.candidate_index() as ours, runner.candidate_index() as theirs:
            runner.stage([each.path for each in runner.status()], ours.path)
            runner.run("add", "-A", index=theirs.path)
            listed = [runner.items("ls-files", "-z", "--stage", index=each.path) for each in (ours, theirs)]
            assert listed[0] == listed[1]
            assert any("inner" in each for each in listed[0]) == inner


def test_an_index_that_nobody_else_wrote_is_not_put_together_again(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(repo, lambda v: v.update(description="changed"))
    monkeypatch.setattr(Git, "set_entries", lambda *_: pytest.fail("the candidate was not adopted"))
    assert Repository.open(repo).commit(["-m", "x"], terms=Terms(evaluate=False)).status == "committed"
    assert git("status", "--porcelain", cwd=repo) == ""


def test_a_document_that_a_sparse_checkout_leaves_out_is_not_removed(repo: Path) -> None:
    git("update-index", "--skip-worktree", DOCUMENT, cwd=repo)
    (repo / DOCUMENT).unlink()
    runner = Git.find(repo)
    with runner.candidate_index() as candidate:
        runner.stage([DOCUMENT], candidate.path)
        assert DOCUMENT in runner.index_entries([DOCUMENT], candidate.path)


def test_a_submodule_where_a_document_might_be_is_none(repo: Path) -> None:
    git("init", "-q", "metadata/inner.json", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=repo / "metadata/inner.json")
    git("add", "metadata/inner.json", cwd=repo)
    edit(repo, lambda v: v.update(description="changed"))
    git("add", DOCUMENT, cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "x", cwd=repo)
    assert git("show", "--name-only", "--format=", "HEAD", cwd=repo).splitlines() == ["metadata/inner.json", DOCUMENT]


KILLED = """
import os, sys
from mdrepo.cli import main

replace = os.replace

def killed(source, target):
    at = str(target).endswith("/.git/index")
    if at and sys.argv[1] == "before":
        os.kill(os.getpid(), 9)
    replace(source, target)
    if at:
        os.kill(os.getpid(), 9)

os.replace = killed
main(["commit", "--no-eval", "-am", "x"])
"""


@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_command_completes_the_index_of_one_that_was_killed(repo: Path, moment: str, meanwhile: bool) -> None:
    (repo / "other.txt").write_text("x")
    edit(repo, lambda v: v.update(description="staged"))
    git("add", DOCUMENT, cwd=repo)
    edit(repo, lambda v: v.update(description="changed"))
    assert subprocess.run([sys.executable, "-c", KILLED, moment], cwd=repo, check=False).returncode == -9
    assert load(repo)["description"] == json.loads(git("show", f"HEAD:{DOCUMENT}", cwd=repo))["description"] == "changed"
    lock = repo / ".git/index.lock"
    assert lock.exists()
    if meanwhile:  # people take the lock away, too
        lock.unlink()
        git("add", "other.txt", cwd=repo)
    assert "stands, and is complete now" in mdrepo("status", cwd=repo).err
    assert git("status", "--porcelain", cwd=repo) == ("A  other.txt" if meanwhile else "?? other.txt")
    assert not lock.exists()
