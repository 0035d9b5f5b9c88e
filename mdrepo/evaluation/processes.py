"""Processes for what may do anything: each model is run in one of its own, with limits, and dies alone.

TensorFlow is imported once, in a server (`server.py`), which the first request starts, or `warm` before it; `Limits.keep_alive`
lets it stay after the command. Models in TFLite need no TensorFlow, and where forking is not safe there is no server: then each has
a program of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import MdrepoError
from ..temporaries import temporary
from . import admission, confinement, residents

FORKS = sys.platform == "linux"
"""Elsewhere a fork of a process with TensorFlow in it is not safe, or there is none."""

_AT_ONCE = 0.2  # seconds
_MEMORY = "raise evaluation.memory in mdrepo.toml"


@dataclass(frozen=True)
class Limits:
    """What a model's process may use, in seconds and GiB, and what is particular to a repository and its user."""

    seconds: int
    memory: int
    keep_alive: int = 0
    """For how many seconds without work the server stays; 0: it goes with the command."""
    folder: Path | None = None
    """Where a server that stays is found."""
    trusted: tuple[str, ...] = ()
    """The classes and functions that the user lets models have, beside those that are admitted."""
    report: Callable[[str], None] = lambda _: None
    engine: str = "local"
    """Where models are run (`engines.py`)."""
    ray_address: str = "local"


def warm(limits: Limits) -> None:
    """Let TensorFlow be imported while something else is done; it is never wrong, and costs what an import costs."""
    if FORKS:
        connection = _resident(limits)
        if connection is None:
            _servers.own().start()
        else:
            connection.close()


def ready(limits: Limits) -> bool:
    """Whether there is a server that stays, and answers at once: it has imported already what a task needs."""
    if not limits.keep_alive or limits.folder is None:
        return False
    found = residents.look(limits.folder, limits.keep_alive, _AT_ONCE)
    return found is not None and found.ready and found.current


def run(task: Mapping[str, Any], what: str, limits: Limits) -> list[str]:
    """Do a task (`worker.py`) to its end in a process of its own; what held of it (`confinement.HOLDS`).

    Raises MdrepoError with the task's own reason, or with how the process died, and what it ran.
    """
    admit(task, what, limits)
    with temporary("model") as home:
        request = {**task, "home": str(home), "memory": limits.memory, "seconds": limits.seconds, "trusted": list(limits.trusted)}
        alone = not FORKS or str(task.get("model", "")).endswith(".tflite")
        answer = _alone(request, what, limits) if alone else _served(request, what, limits)
        if "died" in answer:
            raise _death(answer["died"], home / "log", what)
    if "error" in answer:
        raise MdrepoError(f"{what}: {answer['error']}", answer.get("hint") or None)
    return list(answer["held"])


def admit(task: Mapping[str, Any], what: str, limits: Limits) -> None:
    """Refuse at once what needs no process to be refused; raises MdrepoError."""
    try:
        if "model" in task and "extract" not in task:  # an extractor runs nothing that a model says
            admission.declared(Path(task["model"]), limits.trusted)
    except admission.Refused as error:
        raise MdrepoError(f"{what}: {error.message}", error.hint) from None


def _late(what: str, limits: Limits) -> MdrepoError:
    return MdrepoError(
        f"{what} was not done after {limits.seconds} s", "raise evaluation.timeout in mdrepo.toml, or use less test data"
    )


def _death(code: int, log: Path, what: str) -> MdrepoError:
    """How a process died, with the last line that it said."""
    said = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = said[-1][:200] if said else "it said nothing"
    memory = code == -9 or any("alloc" in line for line in said[-5:])
    return MdrepoError(
        f"the process that ran {what} died ({how}): {last}", f"perhaps for want of memory: {_MEMORY}" if memory else None
    )


def _alone(request: Mapping[str, Any], what: str, limits: Limits) -> dict[str, Any]:
    """The answer of a program that is started for one request."""
    home = Path(request["home"])
    with (home / "log").open("ab") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "mdrepo.evaluation.worker"],  # -P: no module of the folder where it runs
                input=json.dumps(request).encode(),
                stdout=subprocess.PIPE,
                stderr=log,
                env=confinement.environment(home, os.environ),
                timeout=limits.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _late(what, limits) from None
    lines = done.stdout.splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1]) if lines and not done.returncode else {"died": done.returncode}
    except ValueError:
        answer = {"died": done.returncode}
    return answer


def _served(request: Mapping[str, Any], what: str, limits: Limits) -> dict[str, Any]:
    """The answer of a process that a server forks; a server that was killed is replaced, once."""
    for _ in range(2):
        for left in Path(request["home"]).iterdir():
            left.unlink() if left.is_file() else None
        try:
            with _connection(limits) as connection, connection.makefile("rb") as lines:
                answer = _asked(connection, lines, request, what, limits)
        except ConnectionError:
            continue
        if answer is not None:
            return answer
    raise MdrepoError(f"the worker was killed twice while it ran {what}", "'mdrepo worker status' says more; try again")


def _asked(
    connection: socket.socket, lines: IO[bytes], request: Mapping[str, Any], what: str, limits: Limits
) -> dict[str, Any] | None:
    """One request over a connection; None where the server died."""
    start = time.monotonic()
    try:
        connection.settimeout(limits.seconds)
        connection.sendall(json.dumps(request).encode() + b"\n")
        while True:
            connection.settimeout(max(0.001, start + limits.seconds - time.monotonic()))
            line = lines.readline()
            if not line.endswith(b"\n"):
                return None
            answer: dict[str, Any] = json.loads(line)
            if "done" not in answer:
                return answer
            limits.report(progress(what, answer["done"], answer["of"], time.monotonic() - start))
    except TimeoutError:
        raise _late(what, limits) from None


def progress(what: str, done: int, of: int, seconds: float) -> str:
    """How far a task is, how fast it goes, and how long it will take."""
    rate = done / max(seconds, 1e-3)
    return f"{what}: {done:,} of {of:,} examples, {rate:,.0f} a second, {(of - done) / max(rate, 1e-3):,.0f} s left"


class _Own:
    """A server that goes with this process."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.lock = threading.Lock()

    def start(self) -> None:
        """Start it, unless it runs."""
        with self.lock:
            if self.process is not None and self.process.poll() is None and not _closed(self.control):
                return
            self._end()
            ours, its = socket.socketpair()
            with its:
                self.process = residents.started([str(its.fileno())], its)
            self.control = ours

    def connection(self) -> socket.socket:
        """A new connection; raises ConnectionError where it has just gone."""
        self.start()
        ours, its = socket.socketpair()
        with its, self.lock:
            assert self.control is not None
            try:
                socket.send_fds(self.control, [b"+"], [its.fileno()])
            except OSError:
                ours.close()
                raise ConnectionError from None
        return ours

    def stop(self) -> None:
        with self.lock:
            self._end()

    def _end(self) -> None:
        if self.control is not None:
            self.control.close()
        if self.process is not None:
            self.process.kill()  # its processes go with it: each asked for that (PR_SET_PDEATHSIG)
            self.process.wait()
        self.process = self.control = None


def _closed(control: socket.socket | None) -> bool:
    """Whether the other end is gone: a process that was killed closes its sockets before it can be waited for."""
    if control is None:
        return True
    poll = select.poll()
    poll.register(control, 0)
    return bool(poll.poll(0))


class _Servers:
    """The server of this process; after a fork the new process has none."""

    def __init__(self) -> None:
        self.pid = 0
        self.found = _Own()

    def own(self) -> _Own:
        if self.pid != os.getpid():
            self.pid, self.found = os.getpid(), _Own()
            atexit.register(self.stop)
        return self.found

    def stop(self) -> None:
        if self.pid == os.getpid():
            self.found.stop()


_servers = _Servers()


def _connection(limits: Limits) -> socket.socket:
    """A connection to the resident server where there may be one, else to our own; raises ConnectionError."""
    return _resident(limits) or _servers.own().connection()


def _resident(limits: Limits) -> socket.socket | None:
    return residents.connection(limits.folder, limits.keep_alive) if limits.keep_alive and limits.folder is not None else None
