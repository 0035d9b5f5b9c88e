"""The commits that made one document what it is, across renames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .edits import Edit, Edits
from .snapshots import Git


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
    sources: tuple[str | None, ...] = ()
    """For each version before it, the commit that made it; None where there was none."""
    cut: bool = False
    """Whether a shallow clone ends here: what was before is not known."""


class _Place(NamedTuple):
    """A file by its name in one commit."""

    commit: str
    path: str


@dataclass(frozen=True)
class Ancestry:
    """The steps of a document, newest first, and the paths that it had, the present one first."""

    steps: tuple[Step, ...]
    paths: tuple[str, ...]
    passed: Mapping[_Place, _Place]
    """Of the places where the document did not change, where it came from as it was."""

    def at(self, commit: str) -> Step | None:
        """The step that made the document what it is in a commit; None where its history leads to none there."""
        steps = {(step.commit, step.now.path): step for step in self.steps if step.now.blob is not None}
        return next((step for path in self.paths if (step := steps.get(_source(_Place(commit, path), self.passed)))), None)

    @property
    def cut(self) -> bool:
        return any(step.cut for step in self.steps)

    def blobs(self) -> list[str]:
        """Every version once."""
        found = (version.blob for step in self.steps for version in (step.now, *step.before))
        return sorted({blob for blob in found if blob is not None})


class _Turn(NamedTuple):
    """What a commit did to a file that it changed: by parents what the file was, and where it was that."""

    edit: Edit
    now: Version
    before: tuple[Version, ...]
    sources: tuple[_Place, ...]


def ancestry(edits: Edits, path: str) -> Ancestry:
    """What git knows of the document at a path in the commit whose history it is.

    As in `git log`, a merge that has the file of one of its parents is passed by to that parent, and counts for nothing. git's own
    `--follow` loses the edits that another branch made under the old path, so each rename is followed where it happened.
    """
    turns, passed = _walked(edits, path)
    order = {commit: number for number, commit in enumerate(edits.graph)}
    steps: dict[str, Step] = {}
    for place in sorted(turns, key=lambda each: order[each.commit]):
        turn = turns[place]
        cut = place.commit in edits.grafts
        sources = tuple(_made(source, turns, passed) for source in turn.sources)
        when = datetime.fromisoformat(turn.edit.date)
        before = () if cut else turn.before
        step = Step(place.commit, turn.edit.author, when, turn.edit.subject, turn.now, before, sources, cut)
        steps.setdefault(place.commit, step)
    return Ancestry(tuple(steps.values()), tuple(dict.fromkeys((path, *(each.path for each in turns)))), passed)


def _walked(edits: Edits, path: str) -> tuple[dict[_Place, _Turn], dict[_Place, _Place]]:
    """The places where a document changed, and of all others before the tip where it came from as it was."""
    turns: dict[_Place, _Turn] = {}
    passed: dict[_Place, _Place] = {}
    waiting = [_Place(commit, path) for commit in [*edits.graph][:1]]
    for place in waiting:  # which grows
        if place in turns or place in passed:
            continue
        commit, name = place
        parents = edits.graph[commit]
        edit = edits.of(name).get(commit)
        same = next((parent for parent in parents if edit is None or parent not in edit.sides), None)
        if same is not None:
            passed[place] = _Place(same, name)
            waiting.append(passed[place])
        elif edit is not None:
            turns[place] = _turn(edits.git, edit, place, parents)
            waiting += turns[place].sources
    return turns, passed


def _turn(git: Git, edit: Edit, place: _Place, parents: Sequence[str]) -> _Turn:
    now = Version(place.path, next(iter(edit.sides.values())).new)
    before = [Version(place.path, edit.sides[parent].old) for parent in parents or ("",)]
    if now.blob is not None:
        for number, parent in enumerate(parents):
            if before[number].blob is None:
                before[number] = _renamed(git, parent, place) or before[number]
    sources = (_Place(parent, version.path) for parent, version in zip(parents, before, strict=False))
    return _Turn(edit, now, tuple(before), tuple(sources))


def _made(place: _Place, turns: Mapping[_Place, _Turn], passed: Mapping[_Place, _Place]) -> str | None:
    """The commit that made a file what it is in another one."""
    place = _source(place, passed)
    return place.commit if place in turns else None


def _source(place: _Place, passed: Mapping[_Place, _Place]) -> _Place:
    """The place that a file came from as it is."""
    while place in passed:
        place = passed[place]
    return place


def _renamed(git: Git, parent: str, place: _Place) -> Version | None:
    """What a file that came was in a parent, if git finds that it was renamed."""
    found = (Version(old, blob) for old, new, blob in _renames(git, parent, place.commit) if new == place.path)
    return next(found, None)


def _renames(git: Git, parent: str, commit: str) -> Iterator[tuple[str, str, str]]:
    """The files that git finds renamed since a parent: the old name, the new one, and the blob that it was."""
    out = git.run("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--no-commit-id", parent, commit).stdout
    parts = [os.fsdecode(part) for part in out.split(b"\0")]
    for raw, old, new in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        yield old, new, raw.split()[2]


def successor(edits: Edits, path: str) -> str:
    """What a file is called since it was last renamed; its path where it never was."""
    known = [path]
    while True:
        edited = edits.of(known[-1])
        went = ((commit, parent) for commit in edits.graph if commit in edited for parent in _left(edited[commit]))
        renames = (new for commit, parent in went for old, new, _ in _renames(edits.git, parent, commit) if old == known[-1])
        name = next((new for new in renames if new not in known), None)
        if name is None:
            return known[-1]
        known.append(name)


def _left(edit: Edit) -> Iterator[str]:
    """The parents that have a file which a commit has no more."""
    return (parent for parent, sides in edit.sides.items() if parent and sides.old is not None and sides.new is None)


def blobs_at(git: Git, places: Sequence[tuple[str, str]]) -> list[str | None]:
    """The blob at each (commit, path), None where there is no file; paths without line ends."""
    if not places:
        return []
    asked = b"".join(os.fsencode(f"{commit}:{path}\n") for commit, path in places)
    lines = git.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=asked).stdout.split(b"\n")
    blobs = (line.decode("ascii").removeprefix("blob ") if line.startswith(b"blob ") else None for line in lines)
    return list(blobs)[: len(places)]
