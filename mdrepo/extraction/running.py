"""Runs extractors in a process of their own, with limits on time and memory; the process serves until its owner is gone."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import subprocess
import sys
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
        if not select.select([process.stdout], [], [], _QUIET)[0]:
            self.report(f"reading {path.name} ...")
            if not select.select([process.stdout], [], [], self.seconds + _GRACE - _QUIET)[0]:
                process.kill()
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended(path)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: nothing in the folder where the command runs is taken for a module
        words = [sys.executable, "-P", "-m", "mdrepo.extraction.worker"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._process = process
        weakref.finalize(self, _stop, process)
        return process

    def _ended(self, path: Path) -> ExtractionError:
        """How the process died."""
        process, self._process = self._process, None
        assert process is not None
        _stop(process)
        code = process.returncode
        if -code in (signal.SIGALRM, signal.SIGKILL):
            return ExtractionError(
                path, f"reading it was not done after {self.seconds} s ([extraction] in mdrepo.toml has the limit)"
            )
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ExtractionError(path, f"the process that read it died ({how})")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.wait()
