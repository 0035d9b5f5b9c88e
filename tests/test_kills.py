"""Commands killed at a random moment, with all that they started: the next one finds the state before or after, and nothing lost.

`MDREPO_KILLS` says at how many moments each command is killed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from conftest import DOCUMENT, State, copied, dvc, edit, git, keras_file, mdrepo, npz, settled, state, track

KILLS = int(os.environ.get("MDREPO_KILLS", "3"))
DATES = {"GIT_AUTHOR_DATE": "2026-11-25T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-25T12:00:00Z"}
TABLE = "metadata/pets.json"


@dataclass(frozen=True)
class Case:
    """A command, and what a user has done before it."""

    words: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None


def changed(root: Path) -> None:
    edit(root, lambda v: v.update(description="by hand"))
    (root / "notes.txt").write_text("nobody's business\n")


def stale(root: Path) -> None:
    edit(root, lambda v: v["structure"].update(framework="mine"))
    track(root, "models/net.keras", retrained())


@cache
def retrained() -> bytes:
    return keras_file(3, seed=9)


def forced(root: Path) -> None:
    edit(root, lambda v: v.update(description="not committed"))


def licensed(root: Path) -> None:
    edit(root, lambda v: v.update(license="MIT"))
    git("commit", "-qam", "Licence", cwd=root)


CASES = {
    "commit": Case(("commit", "--no-eval", "-am", "Second"), changed),
    "commit of a path": Case(("commit", "--no-eval", "-m", "Second", DOCUMENT), changed),
    "checkout": Case(("checkout", "other")),
    "checkout --force": Case(("checkout", "--force", "other"), forced),
    "checkout of a document": Case(("checkout", "other", "--", DOCUMENT)),
    "rollback": Case(("rollback", "--no-eval", "first")),
    "pull": Case(("pull",)),
    "pull of a merge": Case(("pull", "--no-rebase", "--no-eval"), licensed),
    "patch": Case(("patch", "--apply"), stale),
    "relabel": Case(("relabel", TABLE, "--rename", "dog=hound")),
}


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, a branch with other data, a table, and a remote that is a commit ahead, and has its evaluation."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "killed")
    with settled(base):
        git("tag", "first", cwd=root)
        git("checkout", "-q", "-b", "other", cwd=root)
        track(root, "models/net.keras", keras_file(3, seed=4))
        track(root, "data/net-test.npz", npz(x=[[float(i)] * 4 for i in range(15)], y=[0, 1, 2] * 5))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Other", cwd=root)
        mdrepo("checkout", "-", cwd=root)
        track(root, "models/net.keras", keras_file(3, seed=5))
        track(root, "data/pets.csv", b"size,kind\n" + b"1,dog\n2,cat\n3,dog\n" * 50)
        mdrepo("new", "dataset", "pets", cwd=root)
        mdrepo("patch", "--apply", cwd=root)
        edit(root, lambda v: v.update(target="kind"), TABLE)
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Pets", cwd=root)
        track(root, "models/net.keras", keras_file(3, seed=6))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Next", cwd=root)
        git("notes", "--ref=mdrepo", "add", "-m", json.dumps({"verdict": "improved", "documents": {}}), cwd=root)
        git("clone", "-q", "--mirror", ".", "../killed.git", cwd=root)
        git("remote", "add", "origin", "--fetch", str(base / "killed.git"), cwd=root)
        git("branch", "-q", "--set-upstream-to=origin/main", cwd=root)
        git("update-ref", "-d", "refs/notes/mdrepo", cwd=root)
        git("reset", "-q", "--hard", "HEAD~1", cwd=root)
        dvc("checkout", cwd=root)
        assert git("status", "--porcelain", cwd=root) == ""
    return root


def seen(root: Path) -> State:
    """The state of a repository; what DVC's cache has besides is nobody's loss."""
    found = state(root)
    files = tuple(each for each in found.files if not each[0].startswith(".dvc/cache"))
    return State(found.head, found.status, found.index, found.notes + git("stash", "list", "--format=%gs", cwd=root), files)


def unlike(now: State, **others: State) -> str:
    """In which it differs from either."""
    fields = ("head", "status", "index", "notes")
    told = [
        f"not as {name}: {field}"
        for name, other in others.items()
        for field in fields
        if getattr(now, field) != getattr(other, field)
    ]
    return "\n".join(
        told + [f"not as {name}: {each}" for name, other in others.items() for each in sorted({*now.files} ^ {*other.files})]
    )


def killed(root: Path, words: tuple[str, ...], delay: float) -> bool:
    """Run a command, and kill it and all that it started so long after it began to write; False where it had ended before."""
    command = [sys.executable, "-m", "mdrepo", *words]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    journal = root / ".git/mdrepo/journal.json"
    while not journal.exists() and process.poll() is None:
        time.sleep(0.0005)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.parametrize("name", CASES)
def test_the_next_command_finds_the_state_before_or_after(
    name: str, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in DATES.items():
        monkeypatch.setenv(key, value)
    case = CASES[name]
    before_root, after_root = copied(template, tmp_path / "before"), copied(template, tmp_path / "after")
    for root in (before_root, after_root):
        case.prepare(root)
    before = seen(before_root)
    start = time.monotonic()
    mdrepo(*case.words, cwd=after_root)
    whole = time.monotonic() - start
    after = seen(after_root)
    assert before != after
    moments = random.Random(name)
    for number in range(KILLS):
        root = copied(template, tmp_path / f"killed{number}")
        case.prepare(root)
        delay = moments.uniform(0, whole * 0.8)
        hit = killed(root, case.words, delay)
        told = mdrepo("status", cwd=root)
        now = seen(root)
        assert now in (before, after), (
            f"killed {delay:.3f} s after it began (hit: {hit})\n{told.err}\n{unlike(now, before=before, after=after)}"
        )
        assert now == after or hit
        assert not (root / ".git/mdrepo/journal.json").exists()
        assert not [*(root / ".git").glob("*.lock"), *(root / ".git/refs").rglob("*.lock")]
        git("fsck", "--strict", cwd=root)
        if now == after and name != "patch":
            assert "up to date" in dvc("status", cwd=root)
        shutil.rmtree(root)


@pytest.mark.parametrize("at_work", [False, True])
def test_a_lock_of_git_s_is_taken_away_only_where_no_git_is_at_work(repo: Path, at_work: bool) -> None:
    """Another git that holds a lock, as while somebody writes a message, has nothing to do with what was killed."""
    steps = {"version": 1, "what": "mdrepo commit", "pid": 1 << 30, "since": time.time() - 1, "root": str(repo)}
    (repo / ".git/mdrepo").mkdir(exist_ok=True)
    (repo / ".git/mdrepo/journal.json").write_text(json.dumps(steps))
    lock = repo / ".git/index.lock"
    lock.touch()
    words = ["git", "cat-file", "--batch"] if at_work else ["cat"]
    with subprocess.Popen(words, cwd=repo, stdin=subprocess.PIPE) as other:
        told = mdrepo("status", cwd=repo).err
        assert other.stdin is not None
        other.stdin.close()
    assert lock.exists() == at_work
    assert ("'mdrepo commit' was interrupted" in told) != at_work
    assert not (repo / ".git/mdrepo/journal.json").exists()
