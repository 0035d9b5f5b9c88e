"""One document's history up to a revision: its releases, what changed since, and who changed what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from . import tags
from .ancestry import Step, Version, ancestry, blobs_at
from .changes import MISSING, Delta
from .differences import DocumentDiff, compare
from .documents import DocumentError
from .edits import FILES, Edits
from .errors import Finding, MdrepoError
from .files import TreeFiles
from .notes import Note, noted, parse_note
from .results import Entry, Release, Section, Versioned
from .schemas import Schema, SchemaStore
from .sharing import Reader
from .tags import FIRST, Tag, artefact_name
from .workspace import Workspace


class History:
    """One document's history up to a revision, each version of it read once."""

    def __init__(self, space: Workspace, path: str, revision: str) -> None:
        self._space, self._git, self.path = space, space.git, path
        if space.git.head() is None and revision == "HEAD":
            raise Finding("there is no commit yet", "'mdrepo commit' makes one")
        self.tip = space.git.commit_id(revision)
        self.there = space.at(self.tip)
        assert isinstance(self.there.files, TreeFiles)
        self._files = self.there.files
        if "\n" in path:  # git's lists for programs, which are kept, have a name a line
            raise Finding(
                f"the history of {path!r} cannot be told: there is a newline in its name", "'git mv' gives it another one"
            )
        if not space.configuration.is_document(path):
            if self._files.entry(path) is None:
                self.there.document(path)
            raise Finding(f"{path} is no document by mdrepo.toml", "'mdrepo status' lists the documents")
        self.ancestry = ancestry(Edits(space.git, space.cache, self.tip), path)
        if not self.ancestry.steps and (space.root / path).exists():
            raise Finding(f"{path} is in no commit of {revision} yet", "'mdrepo commit' commits it")
        if not self.ancestry.steps:
            self.there.document(path)
        self.steps = self.ancestry.steps
        self._data = space.git.blobs(self.ancestry.blobs())
        self._contents: dict[str, Any] = {}
        self._reader = Reader()

    @property
    def now(self) -> Version | None:
        """The document at the revision; None where it was deleted."""
        entry = self._files.entry(self.path)
        return Version(self.path, entry.blob) if entry is not None and entry.mode in FILES else None

    def content(self, version: Version) -> Any:
        """The content of one version, MISSING where there is none; raises DocumentError."""
        if version.blob is None:
            return MISSING
        if version.blob not in self._contents:
            self._contents[version.blob] = self._reader.read(self._data[version.blob], version.path).value
        return self._contents[version.blob]

    def _known(self, version: Version) -> Any:
        try:
            return self.content(version)
        except DocumentError:
            return MISSING

    @cached_property
    def name(self) -> str:
        """The name of the document's tags."""
        last = self.now or next((step.before[0] for step in self.steps if step.before), self.steps[0].now)
        return artefact_name(last.path, self._known(last))

    @cached_property
    def tags(self) -> list[Tag]:
        """The tags under the names that the document ever had."""
        names = {artefact_name(step.now.path, self._known(step.now)) for step in self.steps if step.now.blob} | {self.name}
        return [each for each in tags.all_tags(self._git) if each.name in names]

    @cached_property
    def _here(self) -> set[str]:
        return tags.reachable(self._git, self.tip) if self.tags else set()

    @cached_property
    def releases(self) -> list[Release]:
        """The versions that were tagged in this history, the highest first."""
        spoken: dict[str, Tag] = {}
        stages: dict[tuple[str, str], str] = {}
        for each in self.tags:
            if each.commit is None or each.ref not in self._here:
                continue
            if each.stage is not None:
                if not each.cancels:
                    stages[each.name, each.stage] = each.commit
                elif stages.get((each.name, each.stage)) == each.commit:
                    del stages[each.name, each.stage]
            elif each.version is not None:
                spoken[f"{each.name}@{each.text}"] = each
        standing = [each for each in spoken.values() if not each.cancels]
        paths = self.ancestry.paths
        blobs = blobs_at(self._git, [(str(each.commit), path) for each in standing for path in paths])
        found: list[Release] = []
        for place, each in enumerate(standing):
            blob = next(filter(None, blobs[place * len(paths) : (place + 1) * len(paths)]), None)
            if blob is not None and each.commit and each.date and each.version:
                names = tuple(sorted(stage for (_, stage), commit in stages.items() if commit == each.commit))
                found.append(Release(each.version, each.ref, each.commit, each.date, blob, names))
        return sorted(found, key=lambda release: release.version.rank, reverse=True)

    @cached_property
    def remarks(self) -> list[str]:
        """The tags that look like releases of this document and are none, and what else is not known."""
        taken = {each.tag for each in self.releases}
        told: list[str] = []
        elsewhere: list[str] = []
        for each in self.tags:
            if each.stage is not None or each.cancels or each.ref in taken:
                continue
            if each.version is None:
                told.append(f"the tag {each.ref} names no semantic version, such as v1.2.3, so it does not count")
            elif each.commit is None:
                told.append(f"the tag {each.ref} is no annotated tag of a commit, so neither GTO nor mdrepo counts it")
            elif each.ref not in self._here:
                elsewhere.append(each.ref)
            elif each.version.rank not in (release.version.rank for release in self.releases):
                told.append(f"the tag {each.ref} is on a commit that does not have {self.path}, so it does not count")
        if elsewhere:
            more = f" (and {len(elsewhere) - 1} more)" if len(elsewhere) > 1 else ""
            told.append(f"the tag {elsewhere[-1]}{more} is on a commit that is not in this history")
        if self.ancestry.cut:
            told.append("this clone is shallow: what was before is not here ('git fetch --unshallow --tags')")
        return told

    def schema(self, path: str, *contents: Any) -> Schema | None:
        """The schema of the first content that has one, as the schemas are at the revision."""
        for content in contents:
            try:
                bound = self._space.configuration.bound_schema(path)
                return self._schemas.bound(content, path, bound)
            except Finding:
                continue
        return None

    @cached_property
    def _schemas(self) -> SchemaStore:
        return self.there.schemas

    def _compared(self, path: str, old: Any, new: Any) -> DocumentDiff:
        return compare(path, old, new, self.schema(path, *(side for side in (new, old) if side is not MISSING)))

    def version(self) -> Versioned:
        """The version at the revision; raises Finding where the document is not there, or not enough of its history."""
        if self.now is None:
            gone = self.steps[0].commit[:7]
            raise Finding(
                f"{self.path} is not there any more: {gone} took it away", f"'mdrepo show {gone}' shows what became of it"
            )
        if not self.releases:
            if self.ancestry.cut:
                hint = "run 'git fetch --unshallow --tags'"
                raise MdrepoError(f"this clone is shallow, and no release of {self.path} is in it", hint)
            return Versioned(self.path, self.name, FIRST, False, remarks=tuple(self.remarks))
        last = self.releases[0]
        full = next((each for each in self.releases if not each.version.prerelease), None)
        if self._since(last) is None:
            return Versioned(self.path, self.name, last.version, True, last, remarks=tuple(self.remarks))
        diff = self._since(full) if full else None
        needed = full.version.after(diff.highest_class if diff else "descriptive") if full else FIRST
        if last.version.prerelease:
            needed = max(needed, last.version.core, key=lambda each: each.rank)
        return Versioned(self.path, self.name, needed, False, last, diff, tuple(self.remarks))

    def _since(self, release: Release) -> DocumentDiff | None:
        """What changed since a release; None for nothing."""
        now = self.now
        assert now is not None
        if now.blob == release.blob:
            return None
        if release.blob not in self._data:
            self._data |= self._git.blobs([release.blob])
        old = self.content(Version(self.path, release.blob))
        found = self._compared(self.path, old, self.content(now))
        return found if found.delta else None

    def sections(self) -> list[Section]:
        """The entries of what is not released, then of each release, newest first; one that changed nothing has none."""
        left = {step.commit: step for step in self.steps}
        of_releases: list[Section] = []
        earlier: list[str] = []
        for release in reversed(self.releases):
            inside = set(self._git.text("rev-list", release.commit, *(f"^{each}" for each in earlier), "--").split())
            steps = [left.pop(step.commit) for step in self.steps if step.commit in inside and step.commit in left]
            of_releases.insert(0, Section(release, self._entries(steps)))
            earlier.append(release.commit)
        unreleased = self._entries([step for step in self.steps if step.commit in left])
        return [*([Section(None, unreleased)] if unreleased else []), *of_releases]

    @cached_property
    def notes(self) -> dict[str, Note | None]:
        """The evaluations of the commits that have one."""
        known = noted(self._git)
        wanted = {step.commit: known[step.commit] for step in self.steps if step.commit in known}
        blobs = self._git.blobs(sorted(set(wanted.values())))
        return {commit: parse_note(blobs[blob]) for commit, blob in wanted.items()}

    def _entries(self, steps: Sequence[Step]) -> tuple[Entry, ...]:
        entries = (self._entry(step) for step in steps)
        return tuple(each for each in entries if each.problem or each.renamed_from or (each.diff and each.diff.delta))

    def _entry(self, step: Step) -> Entry:
        path = step.now.path
        note = self.notes.get(step.commit)
        verdict = note["documents"].get(path, note).get("verdict") if note else None
        if step.cut:
            return Entry(step, verdict=verdict, problem="what was before is not in this shallow clone")
        renamed = None if any(each.path == path for each in step.before) else step.before[0].path
        try:
            new, *old = (self.content(each) for each in (step.now, *step.before))
        except DocumentError as error:
            return Entry(step, None, renamed, verdict, f"{error.path} was no strict JSON: {error.problem}")
        found = self._compared(path, old[0], new)
        for other in old[1:]:  # of a merge, what is on none of its sides
            here = {change.shown_path for change in self._compared(path, other, new).delta}
            found = replace(found, delta=Delta(tuple(change for change in found.delta if change.shown_path in here)))
        return Entry(step, found, renamed, verdict)
