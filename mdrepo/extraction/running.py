"""Runs extractors in a process of their own, with limits on time and memory; the process serves until its owner is gone.

It leads a session of its own, which ends as a whole: no process that an extractor starts outlives it, or can keep anybody waiting.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError, Extractor

Run = Callable[[Extractor, Path, Mapping[str, Any], Mapping[str, Path]], Mapping[str, Any]]
"""Runs an extractor on a path, with options and with the files that options name; raises ExtractionError."""

_QUIET = 1  # seconds after which it is said what takes so long
_GRACE = 2  # seconds from the end of a process's time to its answer, or its death


class Runner:
    """A process for one extractor after the other; one that dies, or is not done in time, is replaced by a new one."""

    def __init__(self, seconds: int, memory: int, report: Callable[[str], None] = lambda _: None) -> None:
        self.seconds = seconds
        self.memory = memory
        self.report = report
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(
        self, extractor: Extractor, path: Path, options: Mapping[str, Any], files: Mapping[str, Path]
    ) -> Mapping[str, Any]:
        """What the extractor reads; raises ExtractionError, MissingExtra."""
        request = {
            "extractor": extractor.name,
            "kind": extractor.kind,
            "module": type(extractor).__module__,
            "path": str(path.absolute()),
            "options": dict(options),
            "files": {option: str(file.absolute()) for option, file in files.items()},
            "seconds": self.seconds,
            "memory": self.memory,
        }
        answer = self._ask(json.dumps(request).encode() + b"\n", path)
        if "missing" in answer:
            raise MissingExtra(*answer["missing"])
        if "reason" in answer:
            raise ExtractionError(path, answer["reason"])
        values: Mapping[str, Any] = answer["values"]
        return values

    def _ask(self, request: bytes, path: Path) -> dict[str, Any]:
        process = self._process or self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended(path) from None
        line = self._line(process.stdout.fileno(), path)
        if not line:
            raise self._ended(path, in_time=line is not None)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self, source: int, path: Path) -> bytes | None:
        """The answer; nothing where the process is gone, None where the time is: others may hold its end of the pipe open."""
        start = time.monotonic()
        told, line = False, bytearray()
        while not line.endswith(b"\n"):
            spent = time.monotonic() - start
            if spent >= _QUIET and not told:
                told = True
                self.report(f"reading {path.name} ...")
            left = (self.seconds + _GRACE if told else _QUIET) - spent
            if left <= 0:
                return None
            if select.select([source], [], [], left)[0]:
                piece = os.read(source, 1 << 16)
                if not piece:
                    return b""
                line += piece
        return bytes(line)

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: nothing in the folder where the command runs is taken for a module
        words = [sys.executable, "-P", "-m", "mdrepo.extraction.worker"]
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._process = process
        weakref.finalize(self, _stop, process)
        return process

    def _ended(self, path: Path, in_time: bool = True) -> ExtractionError:
        """How the process died."""
        process, self._process = self._process, None
        assert process is not None
        if in_time:
            _await(process)
        _stop(process)
        code = process.returncode
        if not in_time or -code in (signal.SIGALRM, signal.SIGKILL):
            return ExtractionError(
                path, f"reading it was not done after {self.seconds} s ([extraction] in mdrepo.toml has the limit)"
            )
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ExtractionError(path, f"the process that read it died ({how})")


def _await(process: subprocess.Popen[bytes]) -> None:
    """Wait a little for the end of a process that has closed its pipe, so that it is known how it came."""
    end = time.monotonic() + _GRACE if process.returncode is None else 0.0
    while time.monotonic() < end and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, how it died if it did already, and all that it started."""
    assert process.stdin is not None and process.stdout is not None
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    if process.returncode is None:  # not waited for: its number is nobody else's
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
