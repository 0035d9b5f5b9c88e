"""The fields of one document through its history: the commits that changed one, and the one that made each what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any, NamedTuple

from . import pointers
from .ancestry import Step, Version
from .changes import MISSING, Delta, KeyFinder, no_keys
from .differences import DocumentDiff
from .documents import DocumentError
from .errors import Finding
from .guessing import meant
from .history import History
from .pointers import Path
from .provenance import Provenance, provenance
from .records import Blame, Blamed
from .schemas import Schema
from .searching import Search
from .tracing import Address, Earlier, Marks, address, changed, combined, earlier, leaves, located, marked
from .workspace import Workspace

EVERYTHING = Search()


@dataclass(frozen=True)
class Link:
    """A step with the document's content, and the contents before it, each with the number of the link that it is from."""

    step: Step
    content: Any
    before: tuple[tuple[int | None, Any], ...]


class Then(NamedTuple):
    """Where a field was in an older version (None: nowhere), and what the document was called."""

    path: str
    place: Path | None


class _Turn(NamedTuple):
    """Where a field is in a version (None: nowhere), and the contents before it, each with where the field was."""

    link: Link
    there: Path | None
    before: Sequence[tuple[Any, Earlier]]


class Fields:
    """One document's fields up to a revision; a version that is no JSON counts as the one before it."""

    def __init__(self, space: Workspace, path: str, revision: str) -> None:
        self.history = History(space, path, revision)
        self.path = path

    @cached_property
    def links(self) -> list[Link]:
        """The versions, newest first."""
        steps = self.history.steps
        numbers = {step.commit: number for number, step in enumerate(steps)}
        made: dict[int, Link] = {}
        for number in range(len(steps) - 1, -1, -1):
            step = steps[number]
            before = []
            for version, commit in zip_longest(step.before, step.sources):
                source = None if commit is None else numbers[commit]
                if source is not None and steps[source].now.path != version.path:
                    source = None  # that commit is in the history under another of the document's names
                content = self._content(version, MISSING) if source is None else made[source].content
                before.append((source, content))
            made[number] = Link(step, self._content(step.now, before[0][1] if before else MISSING), tuple(before))
        return [made[number] for number in range(len(steps))]

    def _content(self, version: Version, otherwise: Any) -> Any:
        try:
            return self.history.content(version)
        except DocumentError:
            return otherwise

    @cached_property
    def schema(self) -> Schema | None:
        """The schema of the newest version that has one."""
        known = (link.content for link in self.links if link.content is not MISSING)
        return next((found for content in known if (found := self.history.schema(self.path, content))), None)

    @property
    def _keys(self) -> KeyFinder:
        return self.schema.keys if self.schema else no_keys

    def changes(self, pointer: str, search: Search = EVERYTHING) -> list[tuple[str, DocumentDiff]]:
        """The commits that changed a field, or what is below it, newest first, with what each changed; raises Finding."""
        found: list[tuple[str, DocumentDiff]] = []
        ever = False
        for turn in self._followed(None, pointers.parse(pointer)):
            link, there = turn.link, turn.there
            ever = ever or there is not None
            deltas = [changed((old, link.content), (was.path, there), was.renames, self._keys) for old, was in turn.before]
            old = link.before[0][1] if link.before else MISSING
            if all(deltas) and (delta := search.among(deltas[0], old, link.content)):
                found.append((link.step.commit, self._diff(link, old, delta)))
        if not ever:
            hint = f"'mdrepo get {self.path}' shows its fields"
            raise Finding(f"{self.path} never had a field {pointer} up to {self.history.tip[:7]}", hint)
        return found

    def then(self, commit: str, there: Path) -> Then | None:
        """Where the field at a place of the newest version was in a commit; None where the history does not lead there."""
        step = self.history.ancestry.at(commit)
        turns = self._followed(there, ()) if step is not None else ()
        return next((Then(each.link.step.now.path, each.there) for each in turns if each.link.step is step), None)

    def _followed(self, there: Path | None, wanted: Address) -> Iterator[_Turn]:
        """A field through the versions, newest first, from where it is in the newest one, else from where an address leads."""
        places: dict[int, tuple[Path | None, Address]] = {0: (there, wanted)}
        for number, link in enumerate(self.links):
            if number not in places:
                continue
            there, wanted = places[number]
            there = self._located(link.content, wanted) if there is None else there
            wanted = wanted if there is None else address(link.content, there, self._keys)
            before = []
            for source, content in link.before or ((None, MISSING),):
                was = self._earlier(link.content, content, there, wanted)
                before.append((content, was))
                if source is not None and (source not in places or (places[source][0] is None and was.path is not None)):
                    places[source] = (was.path, wanted)  # one side of a merge may have lost it
            yield _Turn(link, there, before)

    def _located(self, content: Any, wanted: Address) -> Path | None:
        return None if content is MISSING else located(content, wanted, self._keys)

    def _earlier(self, new: Any, old: Any, there: Path | None, wanted: Address) -> Earlier:
        """Where a field was; one that is not there any more, where its address leads."""
        if there is None or old is MISSING:
            return Earlier(self._located(old, wanted))
        return earlier(new, old, there, self._keys)

    def _diff(self, link: Link, old: Any, delta: Delta) -> DocumentDiff:
        state = "new" if old is MISSING else "deleted" if link.content is MISSING else "changed"
        return DocumentDiff(link.step.now.path, state, delta, old, link.content, self.schema)

    def blame(self, pointer: str) -> Blame:
        """The commit that made each leaf of the document, or of a field, what it is at the revision; raises Finding."""
        if self.history.now is None:
            self.history.version()  # says which commit took it away
        else:
            self.history.content(self.history.now)  # says where it is no JSON
        content = self.links[0].content
        place = self._located(content, pointers.parse(pointer))
        if place is None:
            around = tuple(pointers.build(path) for path, _ in leaves(content, ()))
            known = meant(pointer, around, f"'mdrepo log {self.path}#{pointer}' finds when it was")
            raise Finding(f"{self.path} has no field {pointer} at {self.history.tip[:7]}", known)
        marks = self._marks()
        origins = self._origins(content)
        lines = []
        for path, value in leaves(pointers.resolve(content, place), place):
            link = self.links[_mark(marks, path)]
            origin = next(origins[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in origins)
            lines.append(Blamed(path, value, link.step, origin.kind, origin.source, self._evaluation(link.step)))
        return Blame(self.path, self.history.tip, tuple(lines))

    def _marks(self) -> Marks:
        """For each leaf of the newest version, the number of the link that made it what it is."""
        made: dict[int, Marks] = {}
        for number in range(len(self.links) - 1, -1, -1):
            link = self.links[number]
            marks: Marks = number
            for source, content in link.before:
                before = marked(content, link.content, number if source is None else made[source], number, self._keys)
                marks = combined(marks, before, number)
            made[number] = marks
        return made[0]

    def _origins(self, content: Any) -> dict[Path, Provenance]:
        """Where the parts of the document come from, by the lock file at the revision."""
        lock = self.history.there.lock(self.path)
        schema = self.schema or Schema(self.path, {}, self.history.there.schemas)
        return {(): Provenance((), "manual"), **{each.path: each for each in provenance(content, lock, schema)}}

    def _evaluation(self, step: Step) -> dict[str, Any] | None:
        note = self.history.notes.get(step.commit)
        found = note["documents"].get(step.now.path) if note else None
        return found if isinstance(found, dict) else None


def _mark(marks: Marks, path: Path) -> int:
    for token in path:
        if isinstance(marks, int):
            break
        marks = marks[token]  # type: ignore[index]
    assert isinstance(marks, int)
    return marks


def blame(space: Workspace, path: str, pointer: str, revision: str) -> Blame:
    """Who made each leaf of a document, or of a field, what it is at a revision."""
    return Fields(space, path, revision).blame(pointer)
