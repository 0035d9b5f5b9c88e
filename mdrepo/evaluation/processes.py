"""A worker process for one task, with limits on time and memory: what it is given to load may do anything, and dies alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import MdrepoError


@dataclass(frozen=True)
class Limits:
    """What a worker may use: seconds, GiB."""

    seconds: int
    memory: int


def run(task: Mapping[str, Any], what: str, limits: Limits) -> None:
    """Run a worker over a task to its end; raises MdrepoError with its own reason, or with how it died, and what it ran."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mdrepo.evaluation.worker"],  # -P: no module of the folder where it runs
            input=json.dumps({**task, "memory": limits.memory}).encode(),
            env={**os.environ, **quiet},
            capture_output=True,
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        hint = "raise evaluation.timeout in mdrepo.toml, or use less test data"
        raise MdrepoError(f"{what} was not done after {limits.seconds} s", hint) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise MdrepoError(f"the process that ran {what} died ({how}): {last[0][:200]}") from None
    if answer:
        raise MdrepoError(f"{what}: {answer['error']}", answer.get("hint") or None)
