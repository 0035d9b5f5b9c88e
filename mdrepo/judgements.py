"""What evaluating, verifying, timing and planning return: values, for programs to use and for reports to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .changes import Delta
from .errors import MdrepoError
from .notes import Note


@dataclass(frozen=True)
class Evaluated:
    """One commit of several that were evaluated: its note (None: nothing to evaluate), or why it could not be."""

    commit: str
    subject: str
    note: Note | None
    error: MdrepoError | None = None


@dataclass(frozen=True)
class Verified:
    """What became of a commit's note when all of it was computed anew: what differs, and whether it is the same bytes."""

    commit: str
    delta: Delta
    same: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a model takes for a batch of so many examples: the quartiles of so many runs, in seconds."""

    path: str
    batch: int
    runs: int
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a document's test data can prove of a commit's children: a line a metric and slice.

    `basis`: `outputs` of two models that differ (of the commit and of `against`), a `note`, or `assumed`.
    """

    path: str
    dataset: str
    examples: int
    confidence: float
    power: float
    basis: Literal["outputs", "note", "assumed"]
    against: str | None
    prospects: tuple[Mapping[str, Any], ...]
