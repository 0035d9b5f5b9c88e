"""Results kept inside `.git/`, by what they were computed from; safe to delete at any time, shared between processes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

_HEADER = 65  # a SHA-256 in hexadecimal and a line end
_PIECE = 1 << 20
_STALE = 3600  # seconds after which an unfinished entry is somebody's who was killed
_UNFINISHED = ".part-"

_Write = Callable[[IO[bytes]], str]
"""Writes an entry's bytes to a file; their SHA-256."""


class Usage(NamedTuple):
    """What there is of one kind of entries."""

    kind: str
    entries: int
    bytes: int


class Cache:
    """A folder of entries, each `kind/key`, checked by a SHA-256 in front of its bytes."""

    def __init__(self, folder: Path, limit: int = 2 << 30) -> None:
        self.folder = folder
        self.limit = limit
        self._added = 0
        self._enough = 0  # bytes that this process may add before it looks for room again

    def get(self, kind: str, key: str) -> bytes | None:
        """The bytes of an entry; None where there is none, or where it was cut short or changed."""
        path = self.folder / kind / key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = data[_HEADER:]
        return content if self._sound(path, data[:_HEADER], hashlib.sha256(content).hexdigest()) else None

    def take(self, kind: str, key: str, target: Path) -> bool:
        """Copy an entry into a file, piece by piece; False, and no file, where there is none that is whole."""
        path = self.folder / kind / key
        total = hashlib.sha256()
        try:
            with path.open("rb") as source, target.open("wb") as copy:
                header = source.read(_HEADER)
                while piece := source.read(_PIECE):
                    total.update(piece)
                    copy.write(piece)
            whole = self._sound(path, header, total.hexdigest())
        except OSError:
            whole = False
        if not whole:
            target.unlink(missing_ok=True)
        return whole

    def has(self, kind: str, key: str) -> bool:
        """Whether there is an entry; whether it is whole, `get` and `take` tell."""
        return (self.folder / kind / key).is_file()

    def _sound(self, path: Path, header: bytes, digest: str) -> bool:
        if header != f"{digest}\n".encode():
            with contextlib.suppress(OSError):
                path.unlink()
            return False
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def put(self, kind: str, key: str, content: bytes) -> bool:
        """Keep an entry; False where the disk would not take it, which costs time later and nothing else."""

        def write(file: IO[bytes]) -> str:
            file.write(content)
            return hashlib.sha256(content).hexdigest()

        return self._put(kind, key, len(content), write)

    def add(self, kind: str, key: str, path: Path) -> bool:
        """Keep a file's bytes as an entry, as `put` does."""

        def write(file: IO[bytes]) -> str:
            total = hashlib.sha256()
            with path.open("rb") as source:
                while piece := source.read(_PIECE):
                    total.update(piece)
                    file.write(piece)
            return total.hexdigest()

        try:
            return self._put(kind, key, path.stat().st_size, write)
        except OSError:
            return False

    def _put(self, kind: str, key: str, size: int, write: _Write) -> bool:
        if size + _HEADER > self.limit:
            return False
        from tempfile import NamedTemporaryFile  # reading needs it not, and loading it takes as long as a git process

        try:
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            self._added += size + _HEADER
            # to look at all entries takes long where there are many: about once in a 64th of the limit
            due = zlib.crc32(key.encode()) < (size + _HEADER) * 64 / self.limit * 2**32
            if self._added >= self._enough and due:
                self._make_room(size + _HEADER)
            with NamedTemporaryFile(dir=self.folder, prefix=_UNFINISHED, delete=False) as file:
                try:
                    file.seek(_HEADER)
                    digest = write(file)
                    file.seek(0)
                    file.write(f"{digest}\n".encode())
                    file.close()
                    os.replace(file.name, self.folder / kind / key)
                except OSError:
                    with contextlib.suppress(OSError):
                        os.unlink(file.name)
                    raise
        except OSError:
            return False
        return True

    def usage(self) -> list[Usage]:
        """What there is, by kind."""
        found: dict[str, list[int]] = {}
        for _, size, path in self._entries():
            if path.parent != self.folder:
                found.setdefault(path.relative_to(self.folder).parts[0], []).append(size)
        return [Usage(kind, len(sizes), sum(sizes)) for kind, sizes in sorted(found.items())]

    def clear(self) -> None:
        """Take everything away; raises OSError where that is not allowed."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                if path.is_file():
                    yield stat.st_mtime, stat.st_size, path

    def _make_room(self, size: int) -> None:
        """Take away what was used longest ago until the limit holds; one process at a time, or two would take twice as much."""
        with (self.folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = sorted(self._entries())
            total = sum(each for _, each, _ in entries) + size
            now = time.time()
            for at, each, path in entries:
                unfinished = path.parent == self.folder
                if unfinished and (now - at < _STALE or path.name == "lock"):
                    continue  # somebody is at it
                if not unfinished and total <= self.limit:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                total -= each
            self._enough = self._added + max(0, self.limit - total) // 8
