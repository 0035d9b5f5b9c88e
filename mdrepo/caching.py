"""Results kept inside `.git/`, by what they were computed from; safe to delete at any time, shared between processes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_HEADER = 65  # a SHA-256 in hexadecimal and a line end


class Cache:
    """A folder of entries, each `kind/key`, checked by a SHA-256 in front of its bytes."""

    def __init__(self, folder: Path, limit: int = 2 << 30) -> None:
        self.folder = folder
        self.limit = limit

    def get(self, kind: str, key: str) -> bytes | None:
        """The bytes of an entry; None where there is none, or where it was cut short or changed."""
        path = self.folder / kind / key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        header, content = data[: _HEADER - 1], data[_HEADER:]
        if hashlib.sha256(content).hexdigest().encode() != header:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content

    def put(self, kind: str, key: str, content: bytes) -> bool:
        """Keep an entry; False where the disk would not take it, which costs time later and nothing else."""
        try:
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            self._make_room(len(content))
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                try:
                    file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                    file.close()
                    os.replace(file.name, self.folder / kind / key)
                except OSError:
                    with contextlib.suppress(OSError):
                        os.unlink(file.name)
                    raise
        except OSError:
            return False
        return True

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                if path.is_file():
                    yield stat.st_mtime, stat.st_size, path

    def _make_room(self, size: int) -> None:
        """Take away what was used longest ago until the limit holds; small entries are not worth the look."""
        if size < 1 << 16:
            return
        entries = sorted(self._entries())
        total = sum(each for _, each, _ in entries) + size
        for _, each, path in entries:
            if total <= self.limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= each
