"""What the commits of a history did to one file: asked of git once, then remembered, so that no tree is searched twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from .caching import Cache
from .snapshots import Git

FILES = ("100644", "100755")
_KIND = "history"
_FORMAT = "%x01%H%x00%P%x00%an%x00%aI%x00%s"
_CHECKPOINTS = 64  # of other branches, and of a history before it was written anew


class Sides(NamedTuple):
    """A file's blob before and after, None where it is not there or no regular file."""

    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A commit that changed a file: who and when, and the file's sides by each parent that has another one (a root: by "")."""

    author: str
    date: str
    subject: str
    sides: Mapping[str, Sides]


class Edits:
    """The edits of files in the history of one commit.

    What a commit did to a file never changes, so it holds for every history that the commit is in. For each file the cache
    has the edits, and checkpoints: commits up to which they are all known. Only the commits beyond those are asked of git.
    """

    def __init__(self, git: Git, cache: Cache, tip: str) -> None:
        self.git, self._cache, self._tip = git, cache, tip
        self._files: dict[str, dict[str, Edit]] = {}

    @cached_property
    def graph(self) -> dict[str, list[str]]:
        """The commits of the history, each before its parents, with those of its parents that are here."""
        lines = self.git.text("rev-list", "--parents", "--topo-order", self._tip, "--").splitlines()
        return {commit: parents for commit, *parents in map(str.split, lines)}

    @cached_property
    def grafts(self) -> frozenset[str]:
        """Where a shallow clone ends."""
        shallow = self.git.common / "shallow"
        return frozenset(shallow.read_text(encoding="ascii").split() if shallow.exists() else ())

    @cached_property
    def _view(self) -> str:
        """What changes the parents that git shows: another depth of the clone, replaced commits, old grafts."""
        replaced = self.git.text("for-each-ref", "--format=%(objectname) %(refname)", "refs/replace/")
        grafts = self.git.common / "info" / "grafts"
        joined = grafts.read_text(encoding="utf-8", errors="replace") if grafts.exists() else ""
        return "\n".join([*sorted(self.grafts), replaced, joined])

    def of(self, path: str) -> Mapping[str, Edit]:
        """The edits of a file by commit; there may be some of commits that are not in the history."""
        if path not in self._files:
            key = hashlib.sha256(os.fsencode(f"1\0{path}\0{self._view}")).hexdigest()
            edits, checkpoints = _read(self._cache.get(_KIND, key))
            unknown = self._beyond(checkpoints)
            if unknown:
                edits |= self._asked(path, unknown)
                self._cache.put(_KIND, key, _written(edits, self._checkpoints(checkpoints)))
            self._files[path] = edits
        return self._files[path]

    def _beyond(self, checkpoints: Sequence[str]) -> list[str]:
        """The commits of the history that are no checkpoints, nor before one."""
        known: set[str] = set()
        waiting = [each for each in checkpoints if each in self.graph]
        while waiting:
            commit = waiting.pop()
            if commit not in known:
                known.add(commit)
                waiting += self.graph[commit]
        return [commit for commit in self.graph if commit not in known]

    def _checkpoints(self, before: Sequence[str]) -> list[str]:
        """The tip, then ever fewer of the commits before it: a history that is written anew still has some of them."""
        order = list(self.graph)
        found = order[:1] + [order[1 << power] for power in range(len(order).bit_length()) if 1 << power < len(order)]
        return [*found, *(each for each in before if each not in self.graph)][:_CHECKPOINTS]

    def _asked(self, path: str, commits: Sequence[str]) -> dict[str, Edit]:
        """What git says that some commits did to a file, each compared with each of its parents."""
        pairs = (f"{commit} {parent}".rstrip() for commit in commits for parent in self.graph[commit] or ("",))
        words = ("diff-tree", "--stdin", "--root", "--raw", "-r", "-z", "--no-abbrev", "--no-renames", f"--pretty={_FORMAT}")
        asked = "".join(f"{pair}\n" for pair in pairs).encode("ascii")
        out = self.git.run("--literal-pathspecs", *words, "--", path, stdin=asked).stdout
        found: dict[str, Edit] = {}
        for (commit, parent, author, date, subject), sides in _records(out.split(b"\0"), os.fsencode(path)):
            known = found[commit].sides if commit in found else {}
            found[commit] = Edit(author, date, subject, {**known, parent: sides})
        return found


def _records(parts: Sequence[bytes], path: bytes) -> Iterator[tuple[list[str], Sides]]:
    """(commit, parent, author, date and subject; what is there before and after) in the output of git diff-tree."""
    at = 0
    while at < len(parts):
        if not parts[at].startswith(b"\x01"):
            at += 1  # what separates the commits
            continue
        fields = [part.decode("utf-8", "replace").removeprefix("\x01") for part in parts[at : at + 5]]
        at += 5
        while at < len(parts) and (raw := parts[at].lstrip(b"\n")).startswith(b":"):
            if parts[at + 1] == path:  # and not a file in a folder that once had this name
                old_mode, new_mode, old, new = raw[1:].decode("ascii").split()[:4]
                yield fields, Sides(old if old_mode in FILES else None, new if new_mode in FILES else None)
            at += 2


def _read(data: bytes | None) -> tuple[dict[str, Edit], list[str]]:
    if data is None:
        return {}, []
    found: dict[str, Any] = json.loads(data)
    edits = {
        commit: Edit(author, date, subject, {parent: Sides(*each) for parent, each in sides.items()})
        for commit, (author, date, subject, sides) in found["edits"].items()
    }
    return edits, found["checkpoints"]


def _written(edits: Mapping[str, Edit], checkpoints: Sequence[str]) -> bytes:
    known = {commit: (each.author, each.date, each.subject, each.sides) for commit, each in edits.items()}
    return json.dumps({"checkpoints": checkpoints, "edits": known}, separators=(",", ":")).encode()
