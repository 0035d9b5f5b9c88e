"""Where a resident server is found: a pointer and a socket in `.git/mdrepo`, which only their owner can use."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..journal import runs

_LONGEST = 100  # bytes of a socket's path: Linux takes 107, other systems 103


class Place:
    """A folder that may have one resident server; of two that start at once the later one stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pointer = folder / "worker.json"

    def told(self) -> dict[str, Any] | None:
        """What the pointer says: `pid`, `socket`, `environment`; None without a server."""
        try:
            found = json.loads(self.pointer.read_bytes())
            return found if isinstance(found["pid"], int) and isinstance(found["socket"], str) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def is_ours(self, pid: int) -> bool:
        told = self.told()
        return told is not None and told["pid"] == pid

    def connected(self, seconds: float) -> socket.socket | None:
        """A connection to the server, with a time limit; None where there is none, of which nothing stays."""
        told = self.told()
        if told is None:
            return None
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
        try:
            with _address(self.folder, Path(told["socket"]).name) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            if not runs(told["pid"]):
                self._forget(told)
            return None
        return connection

    @contextmanager
    def listening(self, environment: str) -> Iterator[socket.socket]:
        """A socket that listens here, with the pointer to it; both go at the end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        name = f"worker-{os.getpid()}.sock"
        told = {"pid": os.getpid(), "socket": name, "environment": environment}
        with socket.socket(socket.AF_UNIX) as listener:
            mask = os.umask(0o177)
            try:
                with _address(self.folder, name) as address:
                    listener.bind(address)
            finally:
                os.umask(mask)
            listener.listen(16)
            scratch = self.folder / f"worker-{os.getpid()}.json"
            scratch.write_text(json.dumps(told))
            os.replace(scratch, self.pointer)
            try:
                yield listener
            finally:
                self._forget(told)

    def _forget(self, told: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            (self.folder / Path(told["socket"]).name).unlink()
        if self.is_ours(told["pid"]):
            with contextlib.suppress(OSError):
                self.pointer.unlink()

    def _sweep(self) -> None:
        """Take away the sockets of servers that were killed."""
        for path in self.folder.glob("worker-*.sock"):
            number = path.stem.removeprefix("worker-")
            if not runs(number):
                with contextlib.suppress(OSError):
                    path.unlink()


@contextmanager
def _address(folder: Path, name: str) -> Iterator[str]:
    """The path of a socket; a long one by way of a descriptor of its folder, where /proc is."""
    direct = str(folder / name)
    if len(os.fsencode(direct)) <= _LONGEST:
        yield direct
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
