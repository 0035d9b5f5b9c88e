"""The commits that made one document what it is, across renames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from .snapshots import Git

_FORMAT = "%x01%H%x00%P%x00%an%x00%aI%x00%s"
FILES = ("100644", "100755")


class Version(NamedTuple):
    """One file in history: its path and its blob, None where it is not there or no regular file."""

    path: str
    blob: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """A commit that changed a document: what the document is in it, and what it was in those parents that have another one."""

    commit: str
    author: str
    date: datetime
    subject: str
    now: Version
    before: tuple[Version, ...]
    cut: bool = False
    """Whether a shallow clone ends here: what was before is not known."""


@dataclass(frozen=True)
class Ancestry:
    """The steps of a document, newest first, and the paths that it had, the present one first."""

    steps: tuple[Step, ...]
    paths: tuple[str, ...]

    @property
    def cut(self) -> bool:
        return any(step.cut for step in self.steps)

    def blobs(self) -> list[str]:
        """Every version once."""
        found = (version.blob for step in self.steps for version in (step.now, *step.before))
        return sorted({blob for blob in found if blob is not None})


def ancestry(git: Git, tip: str, path: str) -> Ancestry:
    """What git knows of the document at a path in a commit.

    git's own `--follow` loses the edits that another branch made under the old path, so each rename is followed where it happened.
    """
    shallow = git.common / "shallow"
    grafts = set(shallow.read_text(encoding="ascii").split()) if shallow.exists() else set()
    steps: dict[str, Step] = {}
    paths: list[str] = []
    waiting = [(tip, path)]
    while waiting:
        start, name = waiting.pop(0)
        paths.append(name)
        passed: set[str] = set()
        for step in _touching(git, start, name):
            if step.commit in passed or step.commit in steps:
                continue
            if step.commit in grafts:
                steps[step.commit] = replace(step, before=(), cut=True)
                continue
            renamed = dict(_renames(git, step))
            for parent, version in renamed.values():
                waiting.append((parent, version.path))
                passed |= set(git.text("rev-list", parent, "--").split())  # there, another document had this path
            before = (renamed[place][1] if place in renamed else version for place, version in enumerate(step.before))
            steps[step.commit] = replace(step, before=tuple(before))
    return Ancestry(tuple(steps.values()), tuple(dict.fromkeys(paths)))


def nearest(git: Git, tip: str, paths: Sequence[str]) -> dict[str, list[str]]:
    """For each commit that changed a file of some names, those nearest before it that changed the file of that name."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for line in git.text("--literal-pathspecs", "rev-list", "--parents", tip, "--", path).splitlines():
            commit, *parents = line.split()
            found.setdefault(commit, []).extend(parents)
    return found


def _touching(git: Git, start: str, path: str) -> list[Step]:
    """The commits that changed a path, of a merge only one whose result is none of its parents'."""
    words = ["log", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-follow"]
    words += ["--topo-order", "--no-color", "--no-show-signature"]
    out = git.run("--literal-pathspecs", *words, f"--format={_FORMAT}", start, "--", path).stdout
    found: dict[str, Step] = {}
    for fields, raw in _records(out.split(b"\0"), os.fsencode(path)):
        commit, _, author, date, subject = fields
        old_mode, new_mode, old, new = raw.split()[:4]
        before = Version(path, old if old_mode in FILES else None)
        if commit in found:
            found[commit] = replace(found[commit], before=(*found[commit].before, before))
        else:
            now = Version(path, new if new_mode in FILES else None)
            found[commit] = Step(commit, author, datetime.fromisoformat(date), subject, now, (before,))
    return list(found.values())


def _records(parts: list[bytes], path: bytes) -> Iterator[tuple[list[str], str]]:
    """(fields of the commit, raw line of the change) of each change of a file in the output of git log."""
    at = 0
    while at + 6 < len(parts):
        commit, *fields = (part.decode("utf-8", "replace") for part in parts[at : at + 5])
        at += 5
        while (raw := parts[at].lstrip(b"\n")).startswith(b":"):
            if parts[at + 1] == path:  # and not a file in a folder that once had this name
                yield [commit.removeprefix("\x01"), *fields], raw[1:].decode("ascii")
            at += 2


def _renames(git: Git, step: Step) -> Iterator[tuple[int, tuple[str, Version]]]:
    """The parents, by their number, in which a file that a step made had another name, if git finds that it was renamed."""
    if step.now.blob is None or all(version.blob is not None for version in step.before):
        return
    for place, (parent, version) in enumerate(zip(git.parents(step.commit), step.before, strict=False)):
        if version.blob is None and (found := _renamed(git, parent, step)):
            yield place, (parent, found)


def _renamed(git: Git, parent: str, step: Step) -> Version | None:
    out = git.run("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--no-commit-id", parent, step.commit).stdout
    parts = [os.fsdecode(part) for part in out.split(b"\0")]
    for raw, old, new in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if new == step.now.path:
            return Version(old, raw.split()[2])
    return None


def blobs_at(git: Git, places: Sequence[tuple[str, str]]) -> list[str | None]:
    """The blob at each (commit, path), None where there is no file; paths without line ends."""
    if not places:
        return []
    asked = b"".join(os.fsencode(f"{commit}:{path}\n") for commit, path in places)
    lines = git.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=asked).stdout.split(b"\n")
    blobs = (line.decode("ascii").removeprefix("blob ") if line.startswith(b"blob ") else None for line in lines)
    return list(blobs)[: len(places)]
