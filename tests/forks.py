"""Commands as processes that are forked from one which has imported what they need: most of a command's time is its start.

`python forks.py SOCKET MODULE...` serves: each connection sends a job and its two outputs, and is told a process and how it ended.
What the start itself decides (Python's own settings, the locale) cannot be changed by a job: see `Forks.takes`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_AT_START = ("PYTHON", "LC_", "LANG")
MODULES = ("git", "jsonschema", "referencing", "rich.table", "numpy", "dvc.cli", "dvc.repo", "dvc.stage.utils")


class Forked:
    """A command that runs."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = int(self._line())

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            if not (part := self._connection.recv(1)):
                raise RuntimeError("the process that commands are forked from has died")
            line += part
        return line

    def wait(self) -> int:
        """Its exit code; of one that was killed, less than 0."""
        with self._connection:
            return int(self._line())

    def kill(self) -> None:
        """Kill it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Forks:
    """The process to fork from, started when it is first asked."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self._at = f"{self._folder.name}/socket"
        self._environment = _at_start()
        words = [sys.executable, __file__, self._at, *MODULES]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE)
        atexit.register(self._process.kill)
        while not Path(self._at).exists():
            assert self._process.poll() is None
            time.sleep(0.01)

    def takes(self, env: Mapping[str, str] | None) -> bool:
        """Whether a job with this environment beside ours runs as it would by itself."""
        return self._environment == _at_start({**os.environ, **(env or {})})

    def begin(self, words: Sequence[str], cwd: Path, out: IO[Any], err: IO[Any], env: Mapping[str, str] | None = None) -> Forked:
        """Start `python -m WORDS`."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._at)
        job = {"words": words, "cwd": str(cwd), "env": {**os.environ, **(env or {})}, "mask": _mask()}
        data = json.dumps(job).encode() + b"\n"
        socket.send_fds(connection, [data[:1]], [out.fileno(), err.fileno()])
        connection.sendall(data[1:])
        return Forked(connection)


@cache
def forks() -> Forks:
    return Forks()


def run(words: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run `python -m WORDS`: its exit code and what it said."""
    if not forks().takes(env):
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = forks().begin(words, cwd, out, err, env).wait()
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(), err.read().decode()


def _at_start(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_AT_START)}


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _serve(at: str, modules: Sequence[str]) -> None:
    for command in ("", *import_module("mdrepo.cli").COMMANDS):
        import_module(f"mdrepo.cli.{command.replace('-', '_')}".rstrip("."))
    for name in modules:
        import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{at}.new")
    listener.listen(64)
    os.replace(f"{at}.new", at)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _job(connection)
        connection.close()


def _job(connection: socket.socket) -> None:
    """Run one job in a process of its own, in a session of its own, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, outputs, _, _ = socket.recv_fds(connection, 1, 2)
    while not data.endswith(b"\n"):
        data += connection.recv(1 << 16)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
            os.close(output)
        _command(**json.loads(data))
    for output in outputs:
        os.close(output)
    connection.sendall(b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _command(words: Sequence[str], cwd: str, env: Mapping[str, str], mask: int) -> None:
    code: Any = 1
    try:
        os.chdir(cwd)
        os.umask(mask)
        os.environ.clear()
        os.environ.update(env)
        time.tzset()
        sys.argv = [words[0], *words[1:]]
        sys.path[0] = cwd
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
