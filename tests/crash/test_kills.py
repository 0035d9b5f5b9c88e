"""Commands killed at a random moment, with all that they started: the next one finds the state before or after, and nothing lost.

`MDREPO_KILLS` says at how many moments they are killed, all together.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import forks
import pytest
from conftest import DOCUMENT, State, copied, dvc, edit, git, keras_file, mdrepo, npz, settled, state, track
from dvc_objects.fs.utils import tmp_fname

from mdrepo.journal import VERSION

KILLS = int(os.environ.get("MDREPO_KILLS", "300"))
DATES = {"GIT_AUTHOR_DATE": "2026-11-25T12:00:00Z", "GIT_COMMITTER_DATE": "2026-11-25T12:00:00Z"}
TABLE = "metadata/pets.json"


@dataclass(frozen=True)
class Case:
    """A command, and what a user has done before it."""

    words: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None
    code: int = 0


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


def diverged(root: Path) -> None:
    edit(root, lambda v: v.update(license="MIT"))
    mdrepo("commit", "--no-eval", "-am", "Licence", cwd=root)
    (root / "notes.txt").write_text("nobody's business\n")


def described(root: Path) -> None:
    edit(root, lambda v: v.update(description="ours"))
    mdrepo("commit", "--no-eval", "-am", "Ours", cwd=root)


def decided(root: Path) -> None:
    edit(root, lambda v: v.update(decision={"rule": "argmax", "temperature": 2.0}))


def in_conflict(root: Path) -> None:
    described(root)
    mdrepo("merge", "--no-eval", "topic", cwd=root, code=1)


def settled_conflict(root: Path) -> None:
    in_conflict(root)
    mdrepo("resolve", DOCUMENT, "--theirs", "--add", cwd=root)
    git("add", "-A", cwd=root)


def licensed(root: Path) -> None:
    edit(root, lambda v: v.update(license="MIT"))
    git("commit", "-qam", "Licence", cwd=root)


def patched(root: Path) -> None:
    for path in (DOCUMENT, TABLE):
        edit(root, lambda v: v.update(description="by a patch"), path)
    (root / "mine.json").write_text(mdrepo("diff", "--format", "patch", cwd=root).out)
    git("checkout", "-q", "--", ".", cwd=root)


CASES = {
    "commit": Case(("commit", "--no-eval", "-am", "Second"), changed),
    "commit of a path": Case(("commit", "--no-eval", "-m", "Second", DOCUMENT), changed),
    "commit that is evaluated": Case(("commit", "-am", "Second"), decided),
    "checkout": Case(("checkout", "other")),
    "checkout --force": Case(("checkout", "--force", "other"), forced),
    "checkout of a document": Case(("checkout", "other", "--", DOCUMENT)),
    "rollback": Case(("rollback", "--no-eval", "first")),
    "rollback that is evaluated": Case(("rollback", "first")),
    "pull": Case(("pull",)),
    "pull of a merge": Case(("pull", "--no-rebase", "--no-eval"), licensed),
    "patch": Case(("patch", "--apply"), stale),
    "relabel": Case(("relabel", TABLE, "--rename", "dog=hound")),
    "merge": Case(("merge", "--no-eval", "topic"), diverged),
    "merge that moves": Case(("merge", "--no-eval", "topic")),
    "merge in conflict": Case(("merge", "--no-eval", "topic"), described, 1),
    "merge --continue": Case(("merge", "--continue", "--no-eval"), settled_conflict),
    "merge --abort": Case(("merge", "--abort"), in_conflict),
    "rollback of a field": Case(("rollback", "--no-eval", "first", f"{DOCUMENT}#/description"), described),
    "resolve": Case(("resolve", DOCUMENT, "--theirs", "--add"), in_conflict),
    "apply": Case(("apply", "mine.json"), patched),
}


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, a branch with other data, a table, and a remote that is a commit ahead, and has its evaluation."""
    base = tmp_path_factory.mktemp("crash")
    root = copied(repo_template, base / "killed")
    with settled(tmp_path_factory.getbasetemp()):
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
        git("checkout", "-q", "-b", "topic", cwd=root)
        edit(root, lambda v: v.update(description="of the topic"))
        track(root, "models/net.keras", keras_file(3, seed=6))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Topic", cwd=root)
        mdrepo("checkout", "main", cwd=root)
        track(root, "models/net.keras", keras_file(3, seed=6))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Next", cwd=root)
        git("notes", "--ref=mdrepo", "add", "-m", json.dumps({"verdict": "improved", "documents": {}}), cwd=root)
        git("clone", "-q", "--mirror", ".", "../killed.git", cwd=root)
        git("remote", "add", "origin", "--fetch", str(base / "killed.git"), cwd=root)
        git("branch", "-q", "--set-upstream-to=origin/main", cwd=root)
        git("reset", "-q", "--hard", "HEAD~1", cwd=root)
        dvc("checkout", cwd=root)
        for commit in ("first", "HEAD"):  # so that evaluations take their outputs from the cache
            mdrepo("eval", commit, cwd=root)
        git("update-ref", "-d", "refs/notes/mdrepo", cwd=root)
        assert git("status", "--porcelain", cwd=root) == ""
    return root


def seen(root: Path) -> State:
    """The state of a repository; what DVC's cache has besides is nobody's loss."""
    found = state(root)
    files = tuple(each for each in found.files if not each[0].startswith(".dvc/cache"))
    return State(found.head, found.status, found.index, found.notes + git("stash", "list", "--format=%gs", cwd=root), files)


def whole_cache(root: Path) -> bool:
    """Whether every file of DVC's cache has the bytes that it is called by."""
    files = [each for each in (root / ".dvc/cache/files/md5").glob("*/*") if each.is_file() and not each.name.startswith(".")]
    return all(
        f"{each.parent.name}{each.name.removesuffix('.dir')}" == hashlib.md5(each.read_bytes()).hexdigest() for each in files
    )


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


def begun(root: Path, words: tuple[str, ...]) -> forks.Forked:
    """A command that has begun to write."""
    with Path(os.devnull).open("w") as nowhere:
        running = forks.forks().begin(["mdrepo", *words], root, nowhere, nowhere)
    journal = root / ".git/mdrepo/journal.json"
    while not journal.exists() and running.runs():
        time.sleep(0.0005)
    return running


def killed(root: Path, words: tuple[str, ...], delay: float) -> bool:
    """Kill a command and all that it started so long after it began to write; False where it had ended before."""
    running = begun(root, words)
    time.sleep(delay)
    running.kill()
    return running.wait() < 0


@pytest.mark.parametrize("name", CASES)
def test_the_next_command_finds_the_state_before_or_after(
    name: str, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in DATES.items():
        monkeypatch.setenv(key, value)
    case = CASES[name]
    ready = copied(template, tmp_path / "ready")
    case.prepare(ready)
    before_root, after_root = copied(ready, tmp_path / "before"), copied(ready, tmp_path / "after")
    states = {seen(before_root): dvc("status", cwd=before_root)}
    running = begun(after_root, case.words)
    start = time.monotonic()
    assert running.wait() == case.code
    whole = time.monotonic() - start
    states[seen(after_root)] = dvc("status", cwd=after_root)
    before, after = states
    moments, hits, number, wanted = random.Random(name), 0, 0, -(-KILLS // len(CASES))
    while hits < wanted:  # one that had ended before is none that was killed
        number += 1
        assert number <= 4 * wanted, "most were too late: nothing was tried"
        root = copied(ready, tmp_path / f"killed{number}")
        delay = moments.uniform(0, whole * 0.9)
        hit = killed(root, case.words, delay)
        hits += hit
        told = mdrepo("status", cwd=root)
        now = seen(root)
        assert now in states, (
            f"killed {delay:.3f} s after it began (hit: {hit})\n{told.err}\n{unlike(now, before=before, after=after)}"
        )
        assert now == after or hit
        assert not (root / ".git/mdrepo/journal.json").exists()
        assert not [*(root / ".git").glob("*.lock"), *(root / ".git/refs").rglob("*.lock")]
        git("fsck", "--strict", cwd=root)
        assert whole_cache(root)
        if number % 3 == 0:  # DVC's own word for it, which takes as long as all else
            assert dvc("status", cwd=root) == states[now]
    print(f"{name}: {hits} of {number} were killed")


@pytest.mark.parametrize("name", ["checkout", "rollback"])
def test_what_is_written_after_a_kill_is_in_its_place_or_where_it_is_said_to_be(name: str, template: Path, tmp_path: Path) -> None:
    case = CASES[name]
    ready = copied(template, tmp_path / "ready")
    case.prepare(ready)
    running = begun(copied(ready, tmp_path / "whole"), case.words)
    start = time.monotonic()
    running.wait()
    whole = time.monotonic() - start
    asides = 0
    for number in range(6):
        root = copied(ready, tmp_path / f"killed{number}")
        killed(root, case.words, whole * (number + 0.5) / 7)
        written = {DOCUMENT: b'{"mine": "since"}\n', "models/net.keras": b"trained since"}
        for path, data in written.items():
            (root / path).unlink(missing_ok=True)  # as editors and DVC write: a new file
            (root / path).write_bytes(data)
        told = mdrepo("status", cwd=root, code=None).err
        for path, data in written.items():
            if not (root / path).exists() or (root / path).read_bytes() != data:
                asides += 1
                kept = Path(told.partition("had been until now is kept in ")[2].partition("\n")[0])
                assert (kept / path).is_file() and (kept / path).read_bytes() == data, told
        assert not (root / ".git/mdrepo/journal.json").exists()
    assert asides, "nothing was in the way"


@pytest.mark.parametrize("at_work", [False, True])
def test_a_lock_of_git_s_is_taken_away_only_where_no_git_is_at_work(repo: Path, at_work: bool) -> None:
    """Another git that holds a lock, as while somebody writes a message, has nothing to do with what was killed."""
    steps = {"version": VERSION, "what": "mdrepo commit", "pid": 1 << 30, "since": time.time() - 1, "root": str(repo)}
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


def test_what_dvc_was_writing_is_taken_away_and_nothing_else(repo: Path) -> None:
    since = time.time()
    steps = {"version": VERSION, "what": "mdrepo relabel", "pid": 1 << 30, "since": since, "root": str(repo)}
    (repo / ".git/mdrepo").mkdir(exist_ok=True)
    (repo / ".git/mdrepo/journal.json").write_text(json.dumps(steps))
    of_dvc, before, mine = (repo / "data" / name for name in (tmp_fname(), tmp_fname(), ".mine.tmp"))
    for path in (of_dvc, before, mine):
        path.touch()
    os.utime(before, (since - 60, since - 60))
    mdrepo("status", cwd=repo)
    assert [path.exists() for path in (of_dvc, before, mine)] == [False, True, True]
