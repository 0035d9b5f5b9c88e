"""How a repository is set up, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the set-up: `done` now, `kept` as it was, or `left` out with the reason."""

    name: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that doctor looked at: whether it is well, and what to type where it is not."""

    name: str
    ok: bool
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The process with TensorFlow that waits for the next command, and what holds of the processes that run models here.

    `current`: whether it is of this environment, else the next evaluation replaces it; `since`: seconds since 1970;
    `idle`: after how many seconds without work it goes; `confinement`: by name, whether it holds, and what it is.
    """

    pid: int | None
    ready: bool
    current: bool
    running: int
    served: int
    since: float
    idle: int
    confinement: Mapping[str, tuple[bool, str]]
