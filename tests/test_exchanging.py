"""`push`, `pull` and `clone`: data before evaluations before branches, two people's evaluations merged, nothing lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import DOCUMENT, State, copied, edit, git, keras_file, load, mdrepo, settled, state, track

MODEL = "models/net.keras"
NOTES = "refs/notes/mdrepo"
STORE = "[core]\n    remote = store\n['remote \"store\"']\n    url = {}\n"


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada has pushed; Bob has cloned. The remotes, `origin.git` and DVC's `store`, lie beside their clones."""
    base = tmp_path_factory.getbasetemp()
    world = base / "world"
    world.mkdir()
    with settled(base):
        ada = copied(repo_template, world / "ada")
        (ada / ".dvc/config").write_text(STORE.format("../../store"))
        git("commit", "-qam", "Store", cwd=ada)
        git("init", "-q", "--bare", "origin.git", cwd=world)
        git("remote", "add", "origin", "../origin.git", cwd=ada)
        noted(ada, "HEAD", verdict="baseline")
        mdrepo("push", "-u", cwd=ada)
        mdrepo("clone", "origin.git", "bob", cwd=world)
    return world


@pytest.fixture
def world(template: Path, tmp_path: Path) -> Path:
    place = tmp_path / "world"
    shutil.copytree(template, place, symlinks=True)
    for name in ("ada", "bob"):
        git("config", "remote.origin.url", str(place / "origin.git"), cwd=place / name)
        git("update-index", "-q", "--refresh", cwd=place / name)
    return place


@cache
def model(seed: int) -> bytes:
    return keras_file(3, seed=seed)


def noted(root: Path, revision: str, **members: object) -> None:
    note = {"$schema": "urn:mdrepo:evaluation:1", "parent": None, "documents": {}, **members}
    git("notes", f"--ref={NOTES}", "add", "-f", "-m", json.dumps(note), revision, cwd=root)


def note(root: Path, revision: str = "HEAD") -> dict[str, object]:
    found = json.loads(git("notes", f"--ref={NOTES}", "show", revision, cwd=root))
    assert isinstance(found, dict)
    return found


def head(root: Path, revision: str = "HEAD") -> str:
    return git("rev-parse", revision, cwd=root)


def retrained(root: Path, seed: int = 4) -> None:
    track(root, MODEL, model(seed))
    mdrepo("patch", "--apply", cwd=root)
    mdrepo("commit", "--no-eval", "-am", f"Retrained {seed}", cwd=root)


def seen(root: Path) -> State:
    """A repository's state; what came into DVC's cache does not show."""
    found = state(root)
    return replace(found, files=tuple(each for each in found.files if not each[0].startswith(".dvc/cache")))


def described(root: Path, words: str) -> None:
    edit(root, lambda v: v.update(description=words))
    mdrepo("commit", "--no-eval", "-am", words, cwd=root)


def licensed(root: Path) -> None:
    edit(root, lambda v: v.update(license="MIT"))
    mdrepo("commit", "--no-eval", "-am", "Licence", cwd=root)


def stored(world: Path) -> set[str]:
    return {path.parent.name + path.name for path in (world / "store").rglob("*") if path.is_file()}


def test_a_clone_has_evaluations_and_data_and_merges_by_field(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    assert head(bob) == head(ada)
    assert (bob / MODEL).read_bytes() == (ada / MODEL).read_bytes()
    assert note(bob)["verdict"] == "baseline"
    assert "mdrepo merge-driver" in git("config", "merge.mdrepo.driver", cwd=bob)
    assert git("status", "--porcelain", cwd=bob) == ""


def test_what_one_pushes_the_other_pulls(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    retrained(ada)
    noted(ada, "HEAD", verdict="improved")
    pushed = mdrepo("push", "--json", cwd=ada).json
    assert (pushed["refs"], pushed["notes"], pushed["data"]["artefacts"]) == (["main"], 1, [MODEL])
    again = mdrepo("push", "--json", cwd=ada).json
    assert (again["notes"], again["data"]["files"]) == (0, 0)
    said = mdrepo("pull", cwd=bob)
    assert said.out == f"[main {head(ada)[:7]}] moved here, improved\n"
    assert "evaluations of others came from origin" in said.err
    assert head(bob) == head(ada)
    assert (bob / MODEL).read_bytes() == model(4)
    assert note(bob)["verdict"] == "improved"
    assert "has all of it already" in mdrepo("pull", cwd=bob).out


def test_data_that_are_missing_stop_a_push_before_anything_is_published(world: Path) -> None:
    ada = world / "ada"
    retrained(ada)
    before = git("for-each-ref", cwd=world / "origin.git")
    digest = head_md5(ada)
    cached = ada / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    cached.unlink()
    (ada / MODEL).unlink()
    licensed_by_git(ada)
    said = mdrepo("push", cwd=ada, code=3)
    assert MODEL in said.err
    assert "neither here nor in DVC's remote" in said.err
    assert git("for-each-ref", cwd=world / "origin.git") == before
    cached.write_bytes(b"something else")
    assert "DVC's cache has other bytes" in mdrepo("push", cwd=ada, code=3).err
    assert git("for-each-ref", cwd=world / "origin.git") == before
    cached.write_bytes(model(4))
    mdrepo("push", cwd=ada)


def head_md5(root: Path) -> str:
    return (root / f"{MODEL}.dvc").read_text().partition("md5: ")[2].split()[0]


def licensed_by_git(root: Path) -> None:
    edit(root, lambda v: v.update(license="MIT"))
    git("commit", "-qam", "Licence", cwd=root)


def test_data_of_commits_in_between_are_pushed_too(world: Path) -> None:
    ada = world / "ada"
    for seed in (4, 5):
        retrained(ada, seed)
    before = stored(world)
    mdrepo("push", cwd=ada)
    assert len(stored(world) - before) == 2


def test_what_a_push_left_half_is_pushed_again(world: Path) -> None:
    ada = world / "ada"
    digest = head_md5(ada)
    there = next(path for path in (world / "store").rglob("*") if path.parent.name + path.name == digest)
    there.chmod(0o644)
    there.write_bytes(there.read_bytes()[:100])
    assert mdrepo("push", "--json", cwd=ada).json["data"]["artefacts"] == [MODEL]
    assert there.read_bytes() == (ada / MODEL).read_bytes()


def test_a_push_that_is_killed_publishes_no_commit_without_its_data_and_goes_on(world: Path) -> None:
    ada, origin = world / "ada", world / "origin.git"
    moments = random.Random(4)
    for seed in (4, 5, 6):
        retrained(ada, seed)
        process = subprocess.Popen(
            [sys.executable, "-m", "mdrepo", "push"],
            cwd=ada,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(moments.uniform(0.5, 2))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert head(origin, "main") != head(ada) or head_md5(ada) in stored(world)
    mdrepo("push", cwd=ada)
    assert head(origin, "main") == head(ada)
    for revision in ("HEAD", "HEAD~1", "HEAD~2"):
        assert git("show", f"{revision}:{MODEL}.dvc", cwd=ada).partition("md5: ")[2].split()[0] in stored(world)


def test_two_people_s_evaluations_are_merged_by_a_push_that_was_outrun(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    described(ada, "of Ada")
    noted(ada, "HEAD", verdict="improved")
    noted(ada, "HEAD~1", verdict="baseline", environment={"mdrepo": "0.10.0"})
    noted(bob, "HEAD", verdict="failed", environment={"mdrepo": "0.9.1"})
    noted(bob, "HEAD~1", verdict="unchanged")
    git("push", "-q", "origin", NOTES, cwd=bob)
    mdrepo("push", cwd=ada)
    assert note(ada, "HEAD~1")["verdict"] == "baseline"  # by the newer mdrepo
    assert note(ada, "HEAD~2")["verdict"] == "unchanged"  # bob's alone
    assert head(world / "origin.git", NOTES) == head(ada, NOTES)
    assert head(bob, NOTES) in git("rev-list", NOTES, cwd=ada)
    mdrepo("pull", cwd=bob)
    assert head(bob, NOTES) == head(ada, NOTES)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"verdict": "failed"}, None),
        ({"$schema": "urn:mdrepo:evaluation:2", "verdict": "failed"}, {"verdict": "improved", "allowed": {"reason": "x"}}),
        ({"verdict": "regressed", "allowed": {"reason": "x"}}, {"verdict": "improved", "environment": {"mdrepo": "9"}}),
        ({"verdict": "failed", "environment": {"mdrepo": "1.10"}}, {"verdict": "improved", "environment": {"mdrepo": "1.9"}}),
    ],
)
def test_of_two_notes_of_a_commit_both_sides_keep_the_same_one(
    world: Path, better: dict[str, object], worse: dict[str, object] | None
) -> None:
    from mdrepo import remotes
    from mdrepo.snapshots import Git

    ada = world / "ada"
    base = head(ada, NOTES)
    sides = []
    for each in (better, worse):
        git("update-ref", NOTES, base, cwd=ada)
        if each is None:
            git("notes", f"--ref={NOTES}", "add", "-f", "-m", "no evaluation", "HEAD", cwd=ada)
        else:
            noted(ada, "HEAD", **each)
        sides.append(head(ada, NOTES))
    for one, other in (sides, sides[::-1]):
        git("update-ref", NOTES, one, cwd=ada)
        remotes.join_notes(Git.find(ada), other)
        assert note(ada)["verdict"] == better["verdict"]


def test_many_notes_are_merged_and_stay_git_s(world: Path) -> None:
    """More than fit into one folder of git's: none is lost, and git reads them all."""
    ada, bob = world / "ada", world / "bob"
    made = [f"{n:040x}" for n in range(300)]
    blob = git("notes", f"--ref={NOTES}", "list", "HEAD", cwd=ada)
    for root, numbers in ((ada, made[:200]), (bob, made[100:])):
        lines = "".join(f"100644 {blob}\t{each}\n" for each in numbers)
        env = {**os.environ, "GIT_INDEX_FILE": str(root / ".git/few")}
        subprocess.run(["git", "read-tree", NOTES], cwd=root, env=env, check=True)
        subprocess.run(["git", "update-index", "--index-info"], input=lines.encode(), cwd=root, env=env, check=True)
        tree = subprocess.run(["git", "write-tree"], cwd=root, env=env, capture_output=True, text=True, check=True).stdout.strip()
        git("update-ref", NOTES, git("commit-tree", tree, "-p", NOTES, "-m", "many", cwd=root), cwd=root)
    mdrepo("push", cwd=ada)
    mdrepo("pull", cwd=bob)
    listed = git("notes", f"--ref={NOTES}", "list", cwd=bob).splitlines()
    assert len(listed) == 301
    assert {line.split()[1] for line in listed} >= set(made)


def test_both_have_commits(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    retrained(ada)
    mdrepo("push", cwd=ada)
    licensed(bob)
    said = mdrepo("push", cwd=bob, code=1)
    assert "origin refused main" in said.err
    assert "'mdrepo pull'" in said.err
    before = seen(bob)
    assert "it is not said how they come together" in mdrepo("pull", cwd=bob, code=1).err
    git("config", "pull.rebase", "true", cwd=bob)
    assert "git rebase origin/main" in mdrepo("pull", cwd=bob, code=1).err
    git("config", "pull.ff", "only", cwd=bob)
    assert "cannot just follow" in mdrepo("pull", cwd=bob, code=1).err
    assert seen(bob) == before
    mdrepo("pull", "--no-rebase", "--no-eval", cwd=bob)
    assert git("log", "-1", "--format=%s", cwd=bob) == "Merge remote-tracking branch 'origin/main'"
    assert load(bob)["license"] == "MIT"
    assert (bob / MODEL).read_bytes() == model(4)
    assert git("status", "--porcelain", cwd=bob) == ""
    mdrepo("push", cwd=bob)
    mdrepo("pull", "--ff-only", cwd=ada)
    assert head(ada) == head(bob)


def test_a_pull_in_conflict_waits_as_a_merge_does(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    described(ada, "of Ada")
    mdrepo("push", cwd=ada)
    described(bob, "of Bob")
    git("config", "pull.rebase", "false", cwd=bob)
    assert "mdrepo merge --continue" in mdrepo("pull", "--no-eval", cwd=bob, code=1).err
    assert "the merge before is not finished" in mdrepo("pull", cwd=bob, code=1).err
    mdrepo("resolve", DOCUMENT, "--theirs", "--add", cwd=bob)
    mdrepo("merge", "--continue", "--no-eval", cwd=bob)
    assert load(bob)["description"] == "of Ada"


def test_changes_that_no_commit_has_are_never_lost(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    retrained(ada)
    mdrepo("push", cwd=ada)
    edit(bob, lambda v: v.update(description="not committed"))
    before = state(bob)
    said = mdrepo("pull", cwd=bob, code=1)
    assert DOCUMENT in said.err
    assert "commit your changes" in said.err
    git("checkout", "-q", "--", ".", cwd=bob)
    (bob / MODEL).unlink()
    (bob / MODEL).write_bytes(b"mine")
    assert "has changes that DVC does not have" in mdrepo("pull", cwd=bob, code=1).err
    assert (bob / MODEL).read_bytes() == b"mine"
    assert state(bob).head == before.head
    assert state(bob).notes == before.notes


def test_data_that_nobody_pushed_stop_a_pull_before_anything_changes(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    retrained(ada)
    git("push", "-q", cwd=ada)
    before = state(bob)
    said = mdrepo("pull", cwd=bob, code=3)
    assert MODEL in said.err
    assert state(bob) == before
    clone = mdrepo("clone", "origin.git", "eve", cwd=world, code=3)
    assert "is cloned, but the bytes of models/net.keras" in clone.err
    assert (world / "eve/data/net-test.npz").exists()  # as much as there is
    mdrepo("push", cwd=ada)
    mdrepo("-C", "eve", "pull", cwd=world)
    assert (world / "eve" / MODEL).read_bytes() == model(4)


def test_a_pull_brings_data_that_plain_git_left_behind(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    retrained(ada)
    mdrepo("push", cwd=ada)
    git("pull", "-q", "--ff-only", cwd=bob)
    (bob / "data/net-test.npz").unlink()
    said = mdrepo("pull", cwd=bob)
    assert f"data brought: data/net-test.npz, {MODEL}" in said.err
    assert (bob / MODEL).read_bytes() == model(4)


@pytest.mark.parametrize("command", ["push", "pull"])
def test_where_nothing_can_be_exchanged(world: Path, command: str) -> None:
    ada = world / "ada"
    licensed(ada)
    before = state(ada)
    assert "there is no remote 'nowhere' here" in mdrepo(command, "nowhere", cwd=ada, code=3).err
    git("checkout", "-q", "--detach", cwd=ada)
    assert "HEAD is detached" in mdrepo(command, cwd=ada, code=1).err
    git("checkout", "-q", "main", cwd=ada)
    git("config", "remote.origin.url", str(world / "gone.git"), cwd=ada)
    said = mdrepo(command, cwd=ada, code=3)
    assert "the remote origin cannot be reached" in said.err
    assert "Traceback" not in said.err
    git("remote", "remove", "origin", cwd=ada)
    assert "this repository has no remote" in mdrepo(command, cwd=ada, code=3).err
    assert state(ada) == before
    empty = world / "empty"
    mdrepo("init", str(empty), cwd=world)
    assert "there is no commit yet" in mdrepo(command, cwd=empty, code=1).err


def test_without_a_dvc_remote_no_data_and_so_no_commits_are_pushed(world: Path) -> None:
    ada = world / "ada"
    (ada / ".dvc/config").write_text("")
    licensed(ada)
    before = git("for-each-ref", cwd=world / "origin.git")
    said = mdrepo("push", cwd=ada, code=1)
    assert "DVC has no remote" in said.err
    assert "dvc remote add -d storage URL" in said.err
    (ada / ".dvc/config").write_text(STORE.format("s4://nowhere"))
    mdrepo("push", cwd=ada, code=3)
    (ada / ".dvc/config").write_text(STORE.format("/dev/null/store"))
    assert "the DVC remote store cannot be used" in mdrepo("push", cwd=ada, code=3).err
    assert git("for-each-ref", cwd=world / "origin.git") == before


def test_a_remote_that_refuses_says_so(world: Path) -> None:
    ada = world / "ada"
    licensed(ada)
    hook = world / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\nwhile read -r old new name; do case $name in *main) echo no; exit 1;; esac; done\n")
    hook.chmod(0o755)
    assert "origin refused main: [remote rejected] (pre-receive hook declined)" in mdrepo("push", cwd=ada, code=1).err
    hook.write_text("#!/bin/sh\nexit 1\n")
    noted(ada, "HEAD", verdict="unchanged")
    assert "origin does not take the evaluations" in mdrepo("push", cwd=ada, code=1).err
    hook.unlink()
    own = ada / ".git/hooks/pre-push"
    own.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    own.chmod(0o755)
    assert "a hook of this clone stopped it" in mdrepo("push", cwd=ada, code=1).err
    own.unlink()
    mdrepo("push", cwd=ada)


@pytest.mark.parametrize("ref", [":main", "main:", "+", "HEAD~1", "HEAD:x/../y"])
def test_what_names_nothing_is_not_pushed(world: Path, ref: str) -> None:
    before = git("for-each-ref", cwd=world / "origin.git")
    assert mdrepo("push", "origin", "--", ref, cwd=world / "ada", code=None).code in (2, 3)
    assert git("for-each-ref", cwd=world / "origin.git") == before
    assert mdrepo("push", "origin", "--", "--all", cwd=world / "ada", code=3).err.startswith("mdrepo: there is no revision")


def test_branches_and_tags_by_name(world: Path) -> None:
    ada, origin = world / "ada", world / "origin.git"
    git("tag", "-a", "-m", "x", "net@v1.0.0", cwd=ada)
    git("branch", "topic", cwd=ada)
    assert mdrepo("push", "origin", "topic", "net@v1.0.0", "main:other", cwd=ada).out.startswith(
        "origin has topic, net@v1.0.0, other"
    )
    assert git("cat-file", "-t", "net@v1.0.0", cwd=origin) == "tag"
    git("commit", "-q", "--amend", "-m", "Amended", cwd=ada)
    mdrepo("push", cwd=ada, code=1)
    mdrepo("push", "--force-with-lease", cwd=ada)
    assert head(origin, "main") == head(ada)


def test_a_shallow_and_a_partial_clone(world: Path) -> None:
    licensed(world / "ada")
    mdrepo("push", cwd=world / "ada")
    origin = world / "origin.git"
    git("config", "uploadpack.allowFilter", "true", cwd=origin)
    mdrepo("clone", "--depth", "1", f"file://{origin}", "shallow", cwd=world)
    git("clone", "-q", "--filter=blob:none", f"file://{origin}", "partial", cwd=world)
    for name in ("shallow", "partial"):
        root = world / name
        mdrepo("pull", cwd=root)
        assert (root / MODEL).read_bytes() == (world / "ada" / MODEL).read_bytes()
        described(root, f"of {name}")
        mdrepo("pull", "--no-rebase", "--no-eval", cwd=root)
        mdrepo("push", cwd=root)
        assert head(origin, "main") == head(root)
        assert git("log", "--format=%s", "main", cwd=origin).splitlines()[-1] == "First"


def test_clones_that_cannot_be(world: Path) -> None:
    assert "nothing cloned" in mdrepo("clone", "nowhere", cwd=world, code=3).err
    assert not (world / "nowhere").exists()
    before = state(world / "bob")
    assert "already exists" in mdrepo("clone", "origin.git", "bob", cwd=world, code=3).err
    assert state(world / "bob") == before
    assert mdrepo("clone", "--", "--upload-pack=touch x", "d", cwd=world, code=3).err
    assert not (world / "x").exists()
    mdrepo("clone", "/", cwd=world, code=2)
    git("init", "-q", "--bare", "empty.git", cwd=world)
    assert "there is no commit yet" in mdrepo("clone", "empty.git", cwd=world).out
    assert (world / "empty/.git").is_dir()
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=world / "origin.git")
    assert "HEAD of origin.git names no branch" in mdrepo("clone", "origin.git", "headless", cwd=world, code=3).err
    mdrepo("clone", "-b", "main", "origin.git", "headed", cwd=world)
    git("switch", "-q", "-c", "local", "--track", "main", cwd=world / "headed")
    assert "has all of it already" in mdrepo("pull", cwd=world / "headed").out


@pytest.fixture
def daemon(world: Path) -> Iterator[str]:
    """A `git daemon` that serves the world on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={world}", "--export-all"]
    process = subprocess.Popen([*words, "--enable=receive-pack", "--reuseaddr"], cwd=world, start_new_session=True)
    for _ in range(200):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"git://127.0.0.1:{port}"
    os.killpg(process.pid, 15)
    process.wait()


def test_what_is_a_branch_and_a_tag_is_pushed_by_its_full_name(world: Path) -> None:
    ada = world / "ada"
    retrained(ada)
    git("branch", "both", cwd=ada)
    git("tag", "both", "HEAD~1", cwd=ada)
    for ref in ("both", "both:refs/heads/other"):
        said = mdrepo("push", "origin", ref, cwd=ada, code=2).err
        assert "both is a branch and a tag" in said
        assert "refs/heads/both or refs/tags/both" in said
    mdrepo("push", "origin", "refs/heads/both", "refs/tags/both", cwd=ada)
    there = [head(world / "origin.git", f"refs/{kind}/both") for kind in ("heads", "tags")]
    assert there == [head(ada, "HEAD"), head(ada, "HEAD~1")]


def test_many_push_their_evaluations_at_once_over_the_network_and_none_is_lost(world: Path, daemon: str) -> None:
    clones = []
    for number in range(4):
        root = world / f"clone{number}"
        shutil.copytree(world / "ada", root, symlinks=True)
        git("config", "remote.origin.url", f"{daemon}/origin.git", cwd=root)
        git("switch", "-q", "-c", f"branch{number}", cwd=root)
        git("commit", "-q", "--allow-empty", "-m", str(number), cwd=root)
        noted(root, "HEAD", verdict="unchanged", number=number)
        clones.append(root)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda root: mdrepo("push", "origin", "HEAD", cwd=root), clones))
    mdrepo("clone", f"{daemon}/origin.git", "all", cwd=world)
    assert [note(world / "all", f"origin/branch{number}")["number"] for number in range(4)] == [0, 1, 2, 3]


def test_data_in_s3(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("moto", "flask_cors", "dvc_s3"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed (extra dev)")
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    log = world / "moto.log"
    with log.open("w") as file:
        server = subprocess.Popen(words, stderr=file, stdout=file)
    try:
        while "Running on" not in log.read_text():
            assert server.poll() is None, log.read_text()
            time.sleep(0.05)
        url = log.read_text().partition("Running on ")[2].split()[0]
        import boto3

        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="models")
        ada = world / "ada"
        (ada / ".dvc/config").write_text(STORE.format("s3://models/dvc") + f"    endpointurl = {url}\n")
        git("commit", "-qam", "To S3", cwd=ada)
        retrained(ada)
        assert mdrepo("push", "--json", cwd=ada).json["data"]["files"] == 3
        assert mdrepo("push", "--json", cwd=ada).json["data"]["files"] == 0
        mdrepo("clone", "origin.git", "eve", cwd=world)
        assert (world / "eve" / MODEL).read_bytes() == model(4)
    finally:
        server.terminate()
        server.wait()


def test_a_branch_that_the_remote_has_no_more_is_named(world: Path) -> None:
    ada, bob = world / "ada", world / "bob"
    git("checkout", "-qb", "topic", cwd=ada)
    described(ada, "of Ada")
    mdrepo("push", "-u", cwd=ada)
    git("fetch", "-q", cwd=bob)
    git("checkout", "-q", "topic", cwd=bob)
    assert "has all of it already" in mdrepo("pull", cwd=bob).out
    git("push", "-q", "origin", "--delete", "topic", cwd=ada)
    before = state(bob)
    for words in (["pull"], ["pull", "origin"]):
        said = mdrepo(*words, cwd=bob, code=1)
        assert "origin has no branch topic any more" in said.err
        assert said.out == ""
    assert state(bob) == before
    git("config", "fetch.prune", "true", cwd=bob)
    assert "any more" in mdrepo("pull", cwd=bob, code=1).err
    git("checkout", "-q", "main", cwd=bob)
    assert "has all of it already" in mdrepo("pull", cwd=bob).out
    git("checkout", "-q", "topic", cwd=bob)
    git("config", "fetch.prune", "false", cwd=bob)
    mdrepo("push", cwd=bob)
    assert "has all of it already" in mdrepo("pull", cwd=bob).out
