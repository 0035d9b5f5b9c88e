"""Commands on a disk without room: they end with an error, in the state before.

Where git had made a commit already, and only its data were lacking, the room that was kept may bring them: then it is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import mdrepo
from test_kills import CASES, DATES, copied, seen, template, unlike

__all__ = ["template"]

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


@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_leaves_the_state_before(
    name: str, template: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {**DATES, "GIT_OPTIONAL_LOCKS": "0"}.items():
        monkeypatch.setenv(key, value)
    case = CASES[name]
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
