"""Temporary folders: gone after whoever used them, also when that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOLD = """
import os, sys
from mdrepo.temporaries import temporary
with temporary("eval") as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
FORK = HOLD.replace("    print", "    if os.fork(): os._exit(0)\n    print")


def start(place: Path, program: str = HOLD) -> tuple[subprocess.Popen[str], Path]:
    """A process that has a folder there until its input ends."""
    words, pipe = [sys.executable, "-c", program], subprocess.PIPE
    process = subprocess.Popen(words, env={**os.environ, "TMPDIR": str(place)}, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("")
    assert process.returncode == 0


def old(folder: Path) -> Path:
    os.utime(folder, (0, 0))
    return folder


def test_a_folder_is_gone_with_the_work(tmp_path: Path) -> None:
    process, folder = start(tmp_path)
    assert folder.parent == tmp_path and folder.is_dir()
    end(process)
    assert not any(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_and_nothing_else(tmp_path: Path) -> None:
    killed, left = start(tmp_path)
    (left / "activations").mkdir()
    (left / "activations/0.npy").write_bytes(b"0")
    at_work, used = start(tmp_path)
    killed.kill()
    killed.communicate()
    beside = [tmp_path / name for name in ("mdrepo-eval-results1", "mdrepo-eval-results1.tmp.d")]
    for each in beside:
        each.mkdir()
        old(each)
    target = tmp_path / "data"
    target.mkdir()
    (target / "mine").write_text("mine")
    link = tmp_path / "mdrepo-eval-abcdefgh.tmp"
    link.symlink_to(target)
    new = tmp_path / "mdrepo-eval-ijklmnop.tmp"
    new.mkdir()

    end(start(tmp_path)[0])
    assert left.is_dir()  # it may be somebody's who has not locked it yet
    old(left)
    old(used)
    end(start(tmp_path)[0])
    assert {*tmp_path.iterdir()} == {used, *beside, target, link, new}
    assert (target / "mine").read_text() == "mine"
    end(at_work)
    assert not used.exists()


def test_a_folder_stays_as_long_as_a_fork_of_its_process(tmp_path: Path) -> None:
    process, folder = start(tmp_path, FORK)
    process.wait()
    old(folder)
    end(start(tmp_path)[0])
    assert folder.is_dir()
    process.communicate("")


def test_a_user_s_folder_is_left_alone_by_others(tmp_path: Path) -> None:
    """What is another user's cannot be made here without being root, so the question is answered in this user's place."""
    process, left = start(tmp_path)
    process.kill()
    process.communicate()
    old(left)
    other = HOLD.replace("import os, sys", "import os, sys; os.getuid = lambda: -1")
    end(start(tmp_path, other)[0])
    assert left.is_dir()


def test_a_place_that_cannot_be_listed_is_as_good(tmp_path: Path) -> None:
    """Root may list everything, so that the system's answer is given here in its place."""
    refused = HOLD.replace("import os, sys", "import os, sys, pathlib\ndef no(_): raise PermissionError\npathlib.Path.iterdir = no")
    process, folder = start(tmp_path, refused)
    assert folder.is_dir()
    end(process)
    assert not folder.exists()
