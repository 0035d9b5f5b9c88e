"""Where models are run: in processes on this machine (`local`), or in shards on a Ray cluster (`ray`), by `evaluation.engine`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any, Protocol

from ..errors import MdrepoError, MissingExtra
from . import processes
from .processes import Limits

_SPARE = 300  # seconds for a cluster to start, and for its workers to be lost and found again, beside the model's own


class Engine(Protocol):
    """Runs tasks (`worker.py`); what it makes of one does not depend on which engine it is."""

    def warm(self) -> None:
        """Begin with what takes time, for a task that will come."""

    def run(self, task: Mapping[str, Any], what: str) -> list[str]:
        """Do a task to its end, each model in a confined process; what held of it. Raises MdrepoError."""


def engine(limits: Limits) -> Engine:
    """The engine that the configuration names."""
    return Ray(limits) if limits.engine == "ray" else Local(limits)


@dataclass(frozen=True)
class Local:
    """Processes on this machine."""

    limits: Limits

    def warm(self) -> None:
        processes.warm(self.limits)

    def run(self, task: Mapping[str, Any], what: str) -> list[str]:
        return processes.run(task, what, self.limits)


@dataclass(frozen=True)
class Ray:
    """The workers of a Ray cluster, which a program of its own asks (`clusters.py`)."""

    limits: Limits

    def warm(self) -> None:
        """There is nothing to begin with: the cluster's workers import TensorFlow."""

    def run(self, task: Mapping[str, Any], what: str) -> list[str]:
        limits, address = self.limits, self.limits.ray_address
        processes.admit(task, what, limits)
        if find_spec("ray") is None:
            raise MissingExtra("ray", "ray")
        if address != "local" and address not in limits.trusted:
            words = f"mdrepo.toml names the Ray cluster {address}, whose answers could run code here"
            raise MdrepoError(words, f"if it is yours: git config --add mdrepo.trust '{address}'")
        asked = [limits.seconds, limits.memory, list(limits.trusted)]
        request = {"task": dict(task), "address": address, "what": what, "limits": asked}
        answer = self._asked(request, what)
        if "error" in answer:
            raise MdrepoError(answer["error"], answer["hint"])
        return list(answer["held"])

    def _asked(self, request: Mapping[str, Any], what: str) -> dict[str, Any]:
        """The last word of the program, of which it tells the progress."""
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [sys.executable, "-P", "-m", "mdrepo.evaluation.clusters"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            assert process.stdin is not None and process.stdout is not None
            late = threading.Timer(2 * self.limits.seconds + _SPARE, _end, [process])
            late.start()
            try:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(json.dumps(request).encode() + b"\n")
                    process.stdin.flush()
                if (answer := self._heard(process.stdout, what)) is not None:
                    return answer
            finally:
                late.cancel()
                _end(process)
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            log.seek(0)
            said = log.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise MdrepoError(f"Ray died while it ran {what} (exit code {process.returncode}): {said[-1][:200]}")

    def _heard(self, lines: IO[bytes], what: str) -> dict[str, Any] | None:
        start = time.monotonic()
        for line in lines:
            answer: dict[str, Any] = json.loads(line)
            if "workers" in answer:
                self.limits.report(
                    f"{what}: in shards, on {answer['workers']} workers of a Ray cluster ({self.limits.ray_address})"
                )
            elif "done" in answer:
                self.limits.report(processes.progress(what, answer["done"], answer["of"], time.monotonic() - start))
            else:
                return answer
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program with all that it started; it has said its last word, or will not."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
