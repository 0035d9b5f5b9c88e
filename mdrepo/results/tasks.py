"""What was done to data, and found by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what holds a value need not know how it is made
    from .commits import Edited


@dataclass(frozen=True, slots=True)
class Tuned:
    """A decision block proposed for a model, by so many examples of a split: the edit, and its effect on each metric."""

    path: str
    split: str
    examples: int
    decision: Mapping[str, Any]
    edited: Edited
    effects: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Move:
    """How many examples went from one class to another."""

    old: str
    new: str
    count: int


@dataclass(frozen=True)
class Relabelled:
    """What became of a data set that was relabelled: the document, the data, how many examples there are and which moved.

    `renamed` are the files that needed another name in their new folder: (was, is); `retyped` is the type that the target had and
    the one that its new values need, where it could not stay.
    """

    path: str
    data: str
    examples: int
    moves: tuple[Move, ...]
    renamed: tuple[tuple[str, str], ...]
    written: bool
    retyped: tuple[str, str] | None = None


@dataclass(frozen=True)
class Augmented:
    """A data set that was made by a policy: the model's document, the data set's that it was made of, its own, its data."""

    path: str
    source: str
    target: str
    data: str
    examples: int
