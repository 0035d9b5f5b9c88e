"""Commands on a disk without room: they end with an error, in the state before.

Where git had made a commit already, and only its data were lacking, the room that was kept may bring them: then it is said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import DOCUMENT, dvc, edit, git, load, mdrepo, npz, track
from test_kills import CASES, DATES, Case, copied, seen, template, unlike

__all__ = ["template"]


def unformatted(root: Path) -> None:
    (root / DOCUMENT).write_text(json.dumps(load(root), indent=7))


def with_data(root: Path) -> None:
    track(root, "data/more.npz", npz(x=[[1.0] * 4] * 6, y=[0, 1, 2] * 2))


def with_pictures(root: Path) -> None:
    images = np.random.default_rng(1).integers(0, 17, (12, 8, 8)).astype("uint8")
    track(root, "data/train.npz", npz(x=images, y=np.array([0, 1, 2] * 4, "uint8")))
    mdrepo("new", "dataset", "train", cwd=root)
    policy = {"seed": 1, "copies": 1, "layers": [{"layer": "RandomFlip", "parameters": {"mode": "horizontal"}}]}
    edit(root, lambda v: v.update(training={"dataset": "metadata/train.json", "augmentation": policy}))
    mdrepo("commit", "--no-eval", "-am", "Pictures", cwd=root)


WRITING = CASES | {
    "set": Case(("set", f"{DOCUMENT}#/description", '"by hand"')),
    "format": Case(("format", DOCUMENT), unformatted),
    "new": Case(("new", "dataset", "more"), with_data),
    "tag": Case(("tag", DOCUMENT, "1.0.0")),
    "augment": Case(("augment", DOCUMENT), with_pictures),
    "eval": Case(("eval",)),
    "doctor --fix": Case(("doctor", "--fix")),
}
SIZE = 64 << 20
ROOM = [0, 3, 256, 258, 261, 265, 275, 300, 400, 600]
"""How many blocks of 4 KiB are left."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system in memory."""
    place = tmp_path_factory.mktemp("disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, blocks: int) -> Path:
    """Leave only so much room."""
    found = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, found.f_bavail - blocks) * found.f_bsize)
    return filler


@pytest.mark.parametrize("name", WRITING)
def test_a_full_disk_leaves_the_state_before(
    name: str, template: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {**DATES, "GIT_OPTIONAL_LOCKS": "0"}.items():
        monkeypatch.setenv(key, value)
    case = WRITING[name]
    ready = copied(template, tmp_path / "ready")
    case.prepare(ready)
    shutil.rmtree(disk / "repo", ignore_errors=True)
    (disk / "filler").unlink(missing_ok=True)
    root = copied(ready, disk / "repo")
    after_root = copied(ready, tmp_path / "after")
    mdrepo(*case.words, cwd=after_root, code=case.code)
    before, after, refused = seen(root), seen(after_root), 0
    for blocks in ROOM:
        filler = fill(disk, blocks)
        result = mdrepo(*case.words, cwd=root, code=None)
        left = seen(root)
        filler.unlink()
        if result.code == case.code:
            break
        refused += 1
        assert result.code == 3, f"{blocks} blocks: {result.out}\n{result.err}"
        if left == after and "was interrupted: its data are there" in result.err:
            break
        assert left == before, f"{blocks} blocks: {result.err}\n{unlike(left, before=before)}"
        mdrepo("status", cwd=root)
        assert seen(root) == before
    assert refused
    assert left == after


def test_a_clone_without_room_leaves_nothing_or_what_goes_on(template: Path, disk: Path, tmp_path: Path) -> None:
    """What git has cloned stays where only the data did not fit: the next pull brings them."""
    shutil.rmtree(disk / "repo", ignore_errors=True)
    root, store = copied(template, tmp_path / "origin"), tmp_path / "store"
    dvc("remote", "add", "-d", "store", str(store), cwd=root)
    git("commit", "-qam", "Remote", cwd=root)
    dvc("push", cwd=root)
    place, refused = disk / "clone", 0
    for blocks in ROOM:
        filler = fill(disk, blocks)
        result = mdrepo("clone", str(root), str(place), cwd=tmp_path, code=None)
        filler.unlink()
        if result.code == 0:
            break
        refused += 1
        assert result.code == 3, f"{blocks} blocks: {result.err}"
        if place.exists():
            assert "mdrepo pull" in result.err
            mdrepo("pull", cwd=place)
            assert git("status", "--porcelain", cwd=place) == ""
            assert dvc("status", cwd=place) == dvc("status", cwd=root)
            shutil.rmtree(place)
    assert refused
    assert (place / DOCUMENT).read_bytes() == (root / DOCUMENT).read_bytes()


@pytest.mark.parametrize("full", ["the remote's", "one's own"])
def test_a_push_without_room_publishes_no_commit_without_its_data(full: str, template: Path, disk: Path, tmp_path: Path) -> None:
    shutil.rmtree(disk / "repo", ignore_errors=True)
    (disk / "filler").unlink(missing_ok=True)
    places = {"own": tmp_path, "remote": tmp_path} | {"own" if full == "one's own" else "remote": disk / "repo"}
    (disk / "repo").mkdir()
    root = copied(template, places["own"] / "pushing")
    bare, store = places["remote"] / "origin.git", places["remote"] / "store"
    git("clone", "-q", "--bare", str(root), str(bare), cwd=tmp_path)
    git("remote", "set-url", "origin", str(bare), cwd=root)
    git("fetch", "-q", cwd=root)
    dvc("remote", "add", "-d", "store", str(store), cwd=root)
    track(root, "data/pets.csv", b"size,kind\n" + b"4,hound\n2,cat\n3,dog\n" * 50_000)
    mdrepo("patch", "--apply", cwd=root)
    mdrepo("commit", "--no-eval", "-am", "More", cwd=root)
    before, refused = seen(root), 0
    published, made = (git("rev-parse", "main", cwd=place) for place in (bare, root))
    for blocks in ROOM:
        filler = fill(disk, blocks)
        result = mdrepo("push", cwd=root, code=None)
        filler.unlink()
        assert seen(root) == before
        data = {each.parent.name + each.name for each in (store / "files/md5").glob("*/*")}
        now = git("rev-parse", "main", cwd=bare)
        assert now == published or (now == made and load(root, "metadata/pets.json")["artefact"]["md5"] in data)
        git("fsck", "--strict", cwd=bare)
        if result.code == 0:
            break
        refused += 1
        refusing = full == "the remote's" and "origin refused" in result.err
        assert result.code == (1 if refusing else 3), f"{blocks} blocks: {result.out}\n{result.err}"
        assert "Traceback" not in result.err
    assert refused
    assert now == made
