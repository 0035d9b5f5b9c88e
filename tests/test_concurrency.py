"""Commands at the same time, in one work tree and in two: nothing is lost, and who only reads never fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import DOCUMENT, edit, git, mdrepo


def documents(root: Path, count: int) -> list[str]:
    """So many new documents, not committed."""
    names = [f"metadata/d{number}.json" for number in range(count)]
    for name in names:
        shutil.copy(root / "metadata/net-test.json", root / name)
        shutil.copy(root / "metadata/net-test.json.lock", root / f"{name}.lock")
        edit(root, lambda v, stem=Path(name).stem: v.update(name=stem), name)  # type: ignore[misc]
    return names


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mdrepo", *words]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def commits(roots: list[tuple[Path, str]]) -> None:
    """Commit a document in each of some work trees, all at once, and read meanwhile."""
    running = [start(root, "commit", "--no-eval", "-m", f"Add {name}", name) for root, name in roots]
    while any(each.poll() is None for each in running):
        for words in (("status",), ("log", "-n", "3"), ("diff",)):
            mdrepo(*words, cwd=roots[0][0])
    for each in running:
        out, err = each.communicate()
        assert each.returncode == 0, out + err
        assert "Traceback" not in err


def test_commits_of_many_documents_at_once(repo: Path) -> None:
    names = documents(repo, 32)
    commits([(repo, name) for name in names])
    subjects = git("log", "--format=%s", cwd=repo).splitlines()
    assert sorted(subjects) == sorted(["First", *(f"Add {name}" for name in names)])
    assert git("status", "--porcelain", cwd=repo) == ""
    git("fsck", "--strict", cwd=repo)


def test_commits_in_two_work_trees_at_once(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git("worktree", "add", "-q", "-b", "other", str(other), cwd=repo)
    shutil.copytree(repo / "models", other / "models", dirs_exist_ok=True)
    shutil.copytree(repo / "data", other / "data", dirs_exist_ok=True)
    places = [(root, name) for root in (repo, other) for name in documents(root, 4)]
    commits(places)
    for root in (repo, other):
        names = [f"Add {name}" for place, name in places if place == root]
        assert sorted(git("log", "--format=%s", cwd=root).splitlines()) == sorted(["First", *names])
        assert git("status", "--porcelain", cwd=root) == ""
    git("fsck", "--strict", cwd=repo)


def test_edits_of_one_document_at_once(repo: Path) -> None:
    words = [("set", f"{DOCUMENT}#/extensions/e{number}", str(number)) for number in range(8)]
    edit(repo, lambda v: v.update(extensions={}))
    running = [start(repo, *each) for each in words]
    for each in running:
        out, err = each.communicate()
        assert each.returncode == 0, out + err
    assert mdrepo("get", f"{DOCUMENT}#/extensions", cwd=repo).json == {f"e{number}": number for number in range(8)}
