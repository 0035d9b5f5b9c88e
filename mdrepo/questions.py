"""What a person has to decide in a merge: each open conflict, where its values come from, and how each side was evaluated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import conflicts, pointers
from .changes import MISSING
from .conflicts import Merge
from .documents import canonical, same
from .errors import MdrepoError
from .merging import Conflict
from .notes import Note, note_of
from .pointers import Path
from .provenance import Provenance, provenance
from .workspace import Workspace

SIDES = ("base", "ours", "theirs")


@dataclass(frozen=True)
class Question:
    """One conflict: its field, its values, where each side's comes from (where that is known), and what tells it from others."""

    pointer: str
    conflict: Conflict
    origins: Mapping[str, Provenance]
    mark: str


@dataclass(frozen=True)
class Asked:
    """A document in conflict: its open questions, what each side's commit says of it, and a remark where there is no question."""

    path: str
    questions: tuple[Question, ...]
    evaluations: Mapping[str, Mapping[str, Any]]
    remark: tuple[str, ...] = ()
    pending: bool = False  # no field is open, and the merge itself is to be taken


def questions(workspace: Workspace, paths: Sequence[str], merge: Merge) -> list[Asked]:
    """What is open in all unmerged files, or those at some paths; one that cannot be settled by field has a remark."""
    unmerged = workspace.git.unmerged()
    sides = _commits(workspace)
    return [_asked(workspace, path, merge, sides) for path in sorted(unmerged) if not paths or path in paths]


def _commits(workspace: Workspace) -> dict[str, str]:
    """The commit of each side, where there is one: a stash has none."""
    head, incoming = workspace.git.head(), workspace.git.incoming()
    return {**({"ours": head} if head else {}), **({"theirs": incoming[0]} if incoming else {})}


def _asked(workspace: Workspace, path: str, merge: Merge, sides: Mapping[str, str]) -> Asked:
    try:
        found = conflicts.unsettled(workspace, path, workspace.git.unmerged().get(path, {}), merge)
    except MdrepoError as error:
        return Asked(path, (), {}, tuple(filter(None, (error.message, error.hint))))
    origins = {side: _origins(workspace, path, commit) for side, commit in sides.items()}
    asked = tuple(_question(path, each, origins) for each in found.open)
    return Asked(path, asked, _evaluations(workspace, path, sides), conflicts.remark(path, found), found.pending)


def mark_of(path: str, *parts: str) -> str:
    """What tells a question from others, and from what it was before."""
    return hashlib.sha256("\0".join([path, *parts]).encode("utf-8", "surrogateescape")).hexdigest()


def _question(path: str, conflict: Conflict, origins: Mapping[str, tuple[Any, list[Provenance]]]) -> Question:
    parts = ["-" if value is MISSING else canonical(value) for value in (getattr(conflict, side) for side in SIDES)]
    found = {}
    for side, (content, known) in origins.items():
        value = getattr(conflict, side)
        there = pointers.get(content, conflict.path, MISSING)
        # where an item has another place on this side, nothing is said rather than something wrong
        if value is not MISSING and there is not MISSING and same(there, value) and (origin := _of(known, conflict.path)):
            found[side] = origin
    place = pointers.build(conflict.path)
    return Question(place, conflict, found, mark_of(path, place, *parts))


def _of(known: Sequence[Provenance], path: Path) -> Provenance | None:
    """Where a field comes from: what is said of the smallest part around it."""
    wanted = tuple(map(str, path))
    around = [each for each in known if wanted[: len(each.path)] == tuple(map(str, each.path))]
    return max(around, key=lambda each: len(each.path), default=None)


def _origins(workspace: Workspace, path: str, commit: str) -> tuple[Any, list[Provenance]]:
    with suppress(MdrepoError):
        then = workspace.at(commit)
        content = then.document(path).value
        return content, provenance(content, then.lock(path), then.schema(path))
    return None, []


def _evaluations(workspace: Workspace, path: str, sides: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    notes: dict[str, Note | None] = {side: note_of(workspace.git, commit) for side, commit in sides.items()}
    found = {side: note["documents"].get(path) for side, note in notes.items() if note}
    return {side: each for side, each in found.items() if isinstance(each, dict)}
