"""The cache: bounded, shared between processes, checked, and never in the way when a disk is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import mdrepo

from mdrepo.caching import Cache, Usage


def test_entries_come_back_as_bytes_and_as_files(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    file = tmp_path / "file"
    file.write_bytes(os.urandom(3_000_000))
    assert cache.add("big", "k", file)
    assert cache.has("big", "k")
    assert cache.take("big", "k", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes() == cache.get("big", "k")
    assert cache.put("small", "k", b"")
    assert cache.get("small", "k") == b""
    assert not cache.take("big", "none", tmp_path / "copy")
    assert not cache.add("big", "k", tmp_path / "none")
    assert cache.usage() == [Usage("big", 1, 3_000_065), Usage("small", 1, 65)]
    cache.clear()
    cache.clear()
    assert cache.usage() == []


@pytest.mark.parametrize("at", [0, 3, 64, 65, 70, -1])
def test_one_changed_byte_is_seen_wherever_it_is(at: int, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for read in (lambda: cache.get("k", "e"), lambda: cache.take("k", "e", tmp_path / "copy") or None):
        cache.put("k", "e", b"some content")
        file = tmp_path / "cache/k/e"
        data = bytearray(file.read_bytes())
        data[at] ^= 1
        file.write_bytes(data)
        assert read() is None
        assert not file.exists()


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=350_000)
    for number in range(3):
        cache.put("k", str(number), bytes(100_000))
        os.utime(tmp_path / "cache/k" / str(number), (number + 1, number + 1))
    assert cache.get("k", "0") is not None  # used just now
    cache.put("k", "3", bytes(100_000))
    assert [name for name in "0123" if cache.has("k", name)] == ["0", "2", "3"]
    assert not cache.put("k", "4", bytes(400_000))  # more than the limit: nothing else goes for it
    assert [name for name in "0123" if cache.has("k", name)] == ["0", "2", "3"]


def test_small_entries_are_bounded_too(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=100_000)
    for number in range(1500):
        cache.put("k", f"{number:064x}", bytes(1000))
    [usage] = cache.usage()
    assert usage.bytes < 400_000
    assert cache.has("k", f"{1499:064x}")


def test_what_was_begun_and_left_goes_after_a_while(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=1_000_000)
    cache.put("k", "a", bytes(100_000))
    old, new = tmp_path / "cache/.part-old", tmp_path / "cache/.part-new"
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    Cache(tmp_path / "cache", limit=1_000_000).put("k", "b", bytes(100_000))
    assert not old.exists()
    assert new.exists()  # somebody may be at it
    assert [each.kind for each in cache.usage()] == ["k"]


FILL = """
import sys
from pathlib import Path
from mdrepo.caching import Cache
cache = Cache(Path(sys.argv[1]), limit=2_000_000)
for number in range(60):
    key = f"{number % 20}"
    content = key.encode() * 100_000
    assert cache.put("k", key, content)
    found = cache.get("k", str((number * 7) % 20))
    assert found is None or found == str((number * 7) % 20).encode() * 100_000
"""


def test_several_processes_fill_it_at_once(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FILL, str(tmp_path / "cache")]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(4)]
    for each in running:
        _, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
    cache = Cache(tmp_path / "cache", limit=2_000_000)
    [usage] = cache.usage()
    assert 1_000_000 < usage.bytes <= 2_000_000 + 4 * 200_000  # no more than what was being written, and not emptied by two
    assert not list((tmp_path / "cache").glob(".part-*"))


def test_a_full_disk_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put("k", "before", b"content")
    real = tempfile.NamedTemporaryFile

    def full(*arguments: Any, **options: Any) -> Any:
        file = real(*arguments, **options)

        def write(_: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.write = write  # type: ignore[method-assign]
        return file

    (tmp_path / "file").write_bytes(b"x" * 100)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    assert cache.put("k", "e", b"content") is False
    assert cache.add("k", "e", tmp_path / "file") is False
    assert cache.get("k", "before") == b"content"
    assert [each.name for each in (tmp_path / "cache").iterdir() if each.name.startswith(".part")] == []


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        cache = Cache(place / "cache")
        assert cache.put("k", "small", bytes(1000))
        assert cache.put("k", "large", bytes(1_000_000)) is False
        assert cache.get("k", "small") == bytes(1000)
        assert cache.put("k", "again", bytes(1000))  # what did not fit was taken away
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_the_command_shows_and_clears(repo: Path) -> None:
    (repo / "mdrepo.toml").write_text("[evaluation]\ncache = 7\n")
    folder = repo / ".git/mdrepo/cache"
    Cache(folder).put("outputs", "k", bytes(2 << 20))
    shown = mdrepo("cache", cwd=repo).out
    assert "outputs" in shown
    assert "1 entry" in shown
    assert "of 7.0 MiB" in shown
    answer = mdrepo("cache", "--json", cwd=repo).json
    assert answer["limit"] == 7 << 20
    assert {"kind": "outputs", "entries": 1, "bytes": (2 << 20) + 65} in answer["kinds"]
    mdrepo("cache", "--clear", cwd=repo)
    assert mdrepo("cache", "--json", cwd=repo).json["kinds"] == []
    mdrepo("status", cwd=repo)  # and all that was kept is made again
    assert mdrepo("cache", "--nonsense", cwd=repo, code=2).out == ""


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    assert "repository" in mdrepo("cache", cwd=tmp_path, code=3).err
