"""What the verbs that look back return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .ancestry import Step
from .locks import Source
from .pointers import Path


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
