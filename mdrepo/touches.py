"""Every version of every document in a range of commits: one pass over git's log, no tree is listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from .ancestry import Version
from .edits import FILES
from .revisions import Span
from .snapshots import Git


@dataclass(frozen=True, slots=True)
class Touch:
    """A commit that changed a document: what it is in it, and what it was in each parent; renames are git's own."""

    commit: str
    now: Version
    before: tuple[Version, ...]


def touches(git: Git, span: Span, is_document: Callable[[str], bool]) -> list[Touch]:
    """What the commits of a range did to documents, newest first; of a merge, only what none of its parents has."""
    words = ["log", "-m", "--raw", "-z", "--no-abbrev", "-M", "--no-color", "--no-show-signature", "--format=%x01%H%x00%P"]
    out = git.run(*words, *span.words, "--").stdout
    known = cache(is_document)
    found: dict[tuple[str, str], list[tuple[Version, Version]]] = {}
    parents: dict[str, int] = {}
    for commit, number, now, before in _records(out):
        if known(now.path) or known(before.path):
            parents[commit] = number
            found.setdefault((commit, now.path), []).append((now, before))
    return [
        Touch(commit, sides[0][0], tuple(before for _, before in sides))
        for (commit, _), sides in found.items()
        if len(sides) >= parents[commit]
    ]


def _records(out: bytes) -> Iterator[tuple[str, int, Version, Version]]:
    """(commit, number of its parents, version in it, version before) of each changed file in the output of git log."""
    parts = iter(out.split(b"\0"))
    commit, number = "", 0
    for part in parts:
        head = part.lstrip(b"\n")
        if head.startswith(b"\x01"):
            commit, number = head[1:].decode("ascii"), len(next(parts).split())
        elif head.startswith(b":"):
            old_mode, new_mode, old, new, status = head[1:].decode("ascii").split()
            was = os.fsdecode(next(parts))
            will = os.fsdecode(next(parts)) if status[0] in "RC" else was
            before = Version(was, old if old_mode in FILES else None)
            yield commit, number, Version(will, new if new_mode in FILES else None), before
