"""What the verbs that look back return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .ancestry import Step
from .locks import Source
from .pointers import Path
from .snapshots import Commit


@dataclass(frozen=True, slots=True)
class Blamed:
    """A leaf of a document, the step that made it what it is, where it comes from, and the document's evaluation in that commit.

    `kind` is `derived`, `manual` or `overridden`, by the lock file at the revision that was asked about.
    """

    path: Path
    value: Any
    step: Step
    kind: str
    source: Source | None = None
    evaluation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """The leaves of a document, or of a field, in their order, at a commit."""

    path: str
    commit: str
    lines: tuple[Blamed, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A document that a query found: its path, the commit, and the fields that the expression names."""

    path: str
    commit: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Queried:
    """The documents for which an expression holds, and the fields that it names."""

    expression: str
    fields: tuple[str, ...]
    rows: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A document in a commit that changed or evaluated it: the verdict (None: not evaluated), and the metrics by name."""

    commit: Commit
    path: str
    verdict: str | None
    metrics: Mapping[str, float]
