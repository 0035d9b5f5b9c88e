"""The server that stays after a command (`evaluation.keep_alive`): found, started, replaced, asked and stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import confinement
from .rendezvous import Place

_TO_START = 20  # seconds in which a server must listen
_TO_ANSWER = 3.0  # seconds for a word; one that still imports TensorFlow does not answer

_starting = threading.Lock()


@dataclass(frozen=True)
class Resident:
    """A resident server: its process, whether it answers yet, whether it is of this environment, and what it says of itself."""

    pid: int
    ready: bool
    current: bool
    running: int = 0
    served: int = 0
    since: float = 0.0
    idle: int = 0


def started(arguments: list[str], *sockets: socket.socket, resident: bool = False) -> subprocess.Popen[bytes]:
    """A server's process (`server.py`)."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mdrepo.evaluation.server", *arguments],  # -P: no module of the folder where it runs
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=confinement.environment(Path("/nonexistent"), os.environ),
        cwd="/",
        pass_fds=[each.fileno() for each in sockets],
        start_new_session=resident,
    )


def connection(folder: Path, keep_alive: int) -> socket.socket | None:
    """A connection to a server of this environment, which is started where there is none; None where it does not start."""
    place, wanted = Place(folder.absolute()), environment(keep_alive)
    with _starting:
        told = place.told()
        if told is not None and told.get("environment") != wanted:
            _ask(place, "stop")
        elif (found := place.connected(_TO_START)) is not None:
            return found
        process = started([str(place.folder), str(keep_alive), wanted], resident=True)
        end = time.monotonic() + _TO_START
        while time.monotonic() < end and process.poll() is None:
            told = place.told()
            if told is not None and told.get("environment") == wanted and (found := place.connected(_TO_START)) is not None:
                return found
            time.sleep(0.02)
    return None


@cache
def environment(keep_alive: int) -> str:
    """A digest of what a resident server depends on: the interpreter, the packages and mdrepo's own code."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [sys.executable, sys.version, str(keep_alive)]
    for name in ("tensorflow", "keras", "numpy", "h5py"):
        with contextlib.suppress(PackageNotFoundError):
            parts.append(f"{name} {version(name)}")
    here = Path(__file__).parents[1]
    for path in sorted([*here.glob("*.py"), *here.glob("evaluation/*.py"), *here.glob("extraction/*.py")]):
        stat = path.stat()
        parts.append(f"{path} {stat.st_mtime_ns} {stat.st_size}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def look(folder: Path, keep_alive: int, seconds: float = _TO_ANSWER) -> Resident | None:
    """The server of a folder, as it is, which has so many seconds to answer; None where there is none."""
    place = Place(folder.absolute())
    told = place.told()
    opened = place.connected(seconds)
    if told is None or opened is None:
        return None
    opened.close()
    current = told.get("environment") == environment(keep_alive)
    said = _ask(place, "status", seconds)
    if said is None:
        return Resident(told["pid"], False, current)
    return Resident(told["pid"], True, current, said["running"], said["served"], said["since"], said["idle"])


def stop(folder: Path) -> bool:
    """End the server of a folder, with all that it runs; whether there was one."""
    place = Place(folder.absolute())
    opened = place.connected(_TO_ANSWER)
    if opened is None:
        return False
    with opened:
        pid = _peer(opened)
    if _ask(place, "stop") is None and pid is not None:  # it imports, or hangs
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + _TO_ANSWER
    while (opened := place.connected(_TO_ANSWER)) is not None and time.monotonic() < end:
        opened.close()
        time.sleep(0.02)
    return True


def _peer(opened: socket.socket) -> int | None:
    """Which process listens at the other end, by the kernel's word (unix(7), SO_PEERCRED)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    return int.from_bytes(opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder)


def _ask(place: Place, what: str, seconds: float = _TO_ANSWER) -> dict[str, Any] | None:
    """What a server says when it is asked for its `status`, or to `stop`; None without an answer in time."""
    opened = place.connected(seconds)
    if opened is None:
        return None
    with opened, contextlib.suppress(OSError, ValueError):
        opened.sendall(json.dumps({"ask": what}).encode() + b"\n")
        with opened.makefile("rb") as lines:
            found: dict[str, Any] = json.loads(lines.readline())
            return found
    return None
