"""The process that imports TensorFlow once, and forks one fresh process for each model.

It never runs an operation: a process forked after one hangs, for TensorFlow's threads are not in it. It is either the child of one
command, which hands it connections over a socket pair and takes it along when it ends, or resident: then it listens on a socket in
`.git/mdrepo`, and goes when nothing was asked for some time. A connection carries one request, a line of JSON (`worker.py`), or
`{"ask": "status"}`, or `{"ask": "stop"}`. When a connection is closed, its process is killed; when a process dies without an
answer, the server says how.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ..temporaries import temporary
from . import confinement, worker
from .rendezvous import Place

_REQUEST_LIMIT = 64 << 20
_SECONDS_TO_ASK = 10


def prepare() -> None:
    """Import all that running a model needs, and run nothing; what is not installed is missed by the process that needs it."""
    with temporary("keras") as home:  # Keras writes its settings, and must not find any
        os.environ.update(confinement.at_home(home))
        with contextlib.suppress(ImportError):
            from . import data, graphs, heads, loading, preprocessing, tasks  # noqa: F401

            loading.tensorflow()


class Server:
    """Connections from a source, and the processes that were forked for them."""

    def __init__(self, source: socket.socket, idle: int, place: Place | None = None) -> None:
        self.source = source
        self.idle = idle
        self.place = place
        self.children: dict[int, socket.socket] = {}
        self.started = time.time()
        self.served = 0
        self.over = False
        self.waking, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve until the command is gone, or, if resident, until nothing was asked for `idle` seconds."""
        while not self.over:
            poll = select.poll()
            for descriptor in (self.source.fileno(), self.waking):
                poll.register(descriptor, select.POLLIN)
            for connection in self.children.values():
                poll.register(connection.fileno(), 0)  # that it was closed is told anyway
            events = poll.poll(None if self.children else self.idle * 1000)
            if not events and not self.children:
                break
            for descriptor, _ in events:
                if descriptor == self.source.fileno():
                    self.accept()
                elif descriptor == self.waking:
                    os.read(self.waking, 1 << 12)
                else:
                    self.gone(descriptor)
            self.reap()
            if self.place is not None and not self.children and not self.place.is_ours(os.getpid()):
                break  # another one has taken our place
        for child in self.children:
            kill(child)

    def accept(self) -> None:
        """Take a connection, read its request, and fork a process for it."""
        if self.place is not None:
            connection, _ = self.source.accept()
        else:
            _, handles, _, _ = socket.recv_fds(self.source, 1, 1)
            if not handles:
                self.over = True
                return
            connection = socket.socket(fileno=handles[0])
        connection.settimeout(_SECONDS_TO_ASK)
        try:
            with connection.makefile("rb") as lines:
                line = lines.readline(_REQUEST_LIMIT)
            request = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            request = None
        if not isinstance(request, dict):
            connection.close()
        elif "ask" in request:
            self.over = request["ask"] == "stop"
            answer(connection, self.status())
            connection.close()
        else:
            self.fork(connection, request)

    def status(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "running": len(self.children), "served": self.served, "since": self.started, "idle": self.idle}

    def fork(self, connection: socket.socket, request: dict[str, Any]) -> None:
        """A process for one request."""
        self.served += 1
        connection.settimeout(None)
        child = os.fork()
        if child:
            with contextlib.suppress(OSError):
                os.setpgid(child, child)
            self.children[child] = connection
            return
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            log = os.open(Path(request["home"], "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            for other in (self.source, *self.children.values()):
                other.close()
            worker.serve(request, connection.makefile("w", encoding="utf-8"))
        except BaseException as error:  # nothing of the server's own may run in here
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)

    def gone(self, descriptor: int) -> None:
        """The one who asked is gone: so goes the process."""
        for child, connection in self.children.items():
            if connection.fileno() == descriptor:
                kill(child)

    def reap(self) -> None:
        """Take leave of the processes that have ended, and say how where they had no answer."""
        while self.children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            connection = self.children.pop(child, None)
            if connection is not None:
                if status:
                    answer(connection, {"died": os.waitstatus_to_exitcode(status)})
                connection.close()


def answer(connection: socket.socket, words: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(words).encode() + b"\n")


def kill(child: int) -> None:
    """End a process that we forked, with all that it started."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """`FD`: serve over a socket pair; or `FOLDER IDLE ENVIRONMENT`: be resident in a folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command that has us decides
    if len(arguments) == 1:
        with socket.socket(fileno=int(arguments[0])) as source:
            prepare()
            Server(source, 60).run()
        return 0
    folder, idle, environment = arguments
    place = Place(Path(folder))
    with place.listening(environment) as source:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        prepare()
        Server(source, int(idle), place).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
