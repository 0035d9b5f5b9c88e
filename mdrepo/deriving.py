"""What the artefacts say should change in a document, merged with what people wrote: a three-way merge, field by field.

Base: the lock file. Theirs: what the extractors read now. Ours: the document as people left it.
"""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import pointers
from .artefacts import Artefact, Store, all_tracked, checked_path
from .caching import Cache
from .changes import MISSING, Delta
from .diffing import diff
from .documents import digest
from .extraction import ExtractionError, files_in
from .extraction.running import Run
from .files import Files
from .locks import Lock, Locked, Source, difference, never_read
from .merging import Conflict, Merged, merge
from .origins import DocumentReader, Origin, origins
from .patching import replaced
from .pointers import Path
from .schemas import Schema
from .temporaries import temporary


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that somebody changed by hand and whose source has changed too."""

    conflict: Conflict
    source: Source


@dataclass(frozen=True)
class Proposal:
    """What a patch makes of a document: its new content and lock, the changes, and where each comes from.

    `reasons` say why anything is read anew, `conflicts` are open, `problems` say what could not be derived, `kept` names what
    people wrote against the derived values, `settled` the conflicts that this patch settles.
    """

    old: Any
    new: Any
    lock: Lock
    delta: Delta
    sources: Mapping[Path, Source]
    conflicts: tuple[FieldConflict, ...] = ()
    problems: tuple[str, ...] = ()
    kept: tuple[Path, ...] = ()
    settled: tuple[Path, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether anything is to be done, and be it to record that a value was read off something else."""
        return bool(self.delta or self.conflicts or self.reasons)

    def source(self, path: Path) -> Source | None:
        """What the value at a path was read off."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return None


class Deriver:
    """Runs extractors, each once for an artefact and its options, and remembers what they read, or why they did not.

    `failed` has the reasons by artefact, MD5, kind of extractor and options; what fails is not tried again.
    """

    def __init__(self, store: Store, cache: Cache, run: Run) -> None:
        self.store = store
        self.cache = cache
        self.run = run
        self.failed: dict[tuple[str, str, str, str | None], str] = {}

    def values(self, origin: Origin) -> Mapping[str, Any] | str:
        """What the extractor reads, or the reason why it cannot."""
        assert origin.artefact is not None and origin.source is not None
        if origin.extractor is None:
            recorded = {"md5": origin.artefact.md5, "size": origin.artefact.size, "files": origin.artefact.files}
            return {key: value for key, value in recorded.items() if value is not None}
        source = origin.source
        key = digest([source.extractor, source.version, source.md5, source.options])
        if (known := self.cache.get("derived", key)) is not None:
            values: Mapping[str, Any] = json.loads(known)
            return values
        if reason := self.lacking(origin.artefact) or self.failure(origin):
            return reason
        path = self.store.root / origin.artefact.path
        with temporary("derive") as place:
            files: dict[str, pathlib.Path] = {}
            for option in files_in(origin.extractor):
                file = self.file(origin.options[option], str(place))
                if file is None:
                    return f"{origin.options[option]['path']}, which it is compared with, is not here as it was: run 'dvc fetch'"
                files[option] = file
            try:
                values = self.run(origin.extractor, path, origin.options, files)
            except ExtractionError as error:
                self.failed[source.artefact, source.md5, origin.extractor.kind, source.options] = error.reason
                return f"{origin.artefact.path}: {error.reason}"
        self.cache.put("derived", key, json.dumps(values, allow_nan=False).encode())
        return values

    def failure(self, origin: Origin) -> str | None:
        """Why a field's extractor failed before; those of other kinds that read a model do so by the one that reads models."""
        if origin.source is None or origin.extractor is None:
            return None
        bytes_, own = (origin.source.artefact, origin.source.md5), (origin.extractor.kind, origin.source.options)
        reason = self.failed.get((*bytes_, *own)) or self.failed.get((*bytes_, "model", None))
        return f"{origin.source.artefact}: {reason}" if reason else None

    def lacking(self, artefact: Artefact) -> str | None:
        """Why the work tree has not the bytes of an artefact; None where it has them."""
        if self.store.in_work_tree(artefact) is not None:
            return None
        if not (self.store.root / artefact.path).exists():
            return f"{artefact.path} is not here, its fields are left alone: run 'dvc pull {artefact.path}'"
        return f"{artefact.path} is not what {artefact.pointer} records: run '{artefact.recording}'"

    def file(self, named: Mapping[str, Any], place: str) -> pathlib.Path | None:
        """What has the bytes of an artefact that an option names, under its own name: itself, or links to it below `place`."""
        path, md5 = named.get("path"), named.get("md5")
        if not isinstance(path, str) or not isinstance(md5, str):
            return None
        artefact = Artefact(checked_path(path), md5, 0, f"{path}.dvc")
        return self.store.named(artefact, pathlib.Path(tempfile.mkdtemp(dir=place)))


class Reason(str):
    """Why a field cannot be derived."""

    __slots__ = ()


def _derived(origin: Origin, lock: Lock, deriver: Deriver) -> Any:
    """A field's derived value (MISSING: the extractor has none), or a Reason; what the lock file knows is not read again."""
    if origin.source is None:
        return Reason(origin.reason)
    locked = lock.fields.get(pointers.build(origin.path))
    if locked is not None and locked.source == origin.source and not locked.open:
        return locked.value
    if locked is None and origin.source.options is None and any(each.source == origin.source for each in lock.fields.values()):
        return MISSING  # it was read, and had nothing for this field
    values = deriver.values(origin)
    return Reason(values) if isinstance(values, str) else values.get(origin.key, MISSING)


def _moved(origin: Origin, lock: Lock, files: Files) -> str:
    """Where an artefact that is not tracked any more has gone to, if another one has its bytes."""
    known = {each.source.md5 for each in lock.fields.values() if each.source.artefact == origin.untracked}
    found = next((each.path for each in all_tracked(files) if each.md5 in known), None) if known else None
    return f"; {found} has its bytes: name that in the document, if it was renamed" if found else ""


def propose(
    content: Any,
    schema: Schema,
    files: Files,
    read: DocumentReader,
    lock: Lock,
    deriver: Deriver,
    *,
    take: Sequence[Path] = (),
    keep: Sequence[Path] = (),
) -> Proposal:
    """The patch of a document; `take` and `keep` settle conflicts at and below these paths by the derived or the manual value."""
    draft = _Draft(content, schema, dict(lock.fields), take, keep)
    problems: list[str] = []
    for origin in origins(content, schema, files, read):
        derived = _derived(origin, lock, deriver)
        if isinstance(derived, Reason):
            problems.append(derived + _moved(origin, lock, files))
        else:
            draft.merge(origin, derived)
    delta = diff(content, draft.new, schema.keys)
    told, why = tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(draft.reasons))
    lists = tuple(draft.conflicts), told, tuple(draft.kept), tuple(draft.settled), why
    return Proposal(content, draft.new, Lock(draft.fields), delta, draft.sources, *lists)


@dataclass
class _Draft:
    """A document with some of its derived fields merged, and what there is to say of them."""

    new: Any
    schema: Schema
    fields: dict[str, Locked]
    take: Sequence[Path]
    keep: Sequence[Path]
    sources: dict[Path, Source] = field(default_factory=dict)
    conflicts: list[FieldConflict] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    settled: list[Path] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def merge(self, origin: Origin, derived: Any) -> None:
        """Merge what a field is derived as now (MISSING: not at all) with what people wrote."""
        assert origin.source is not None
        pointer = pointers.build(origin.path)
        locked = self.fields.get(pointer)
        if derived is MISSING and locked is None:
            # where no other field says that the source was read, and that it has no more
            if origin.source.options is not None or all(each.source != origin.source for each in self.fields.values()):
                self.reasons.append(never_read(origin.source))
                self.fields[pointer] = Locked(origin.source, MISSING)
            return
        if locked and (reason := difference(locked.source, origin.source)):
            self.reasons.append(reason)
        self.sources[origin.path] = origin.source
        ours = pointers.get(self.new, origin.path, MISSING)
        merged = merge(locked.value if locked else MISSING, ours, derived, self.schema.below(origin.path))
        result, still_open = self.resolved(origin, merged)
        self.new = replaced(self.new, origin.path, result)
        self.conflicts += still_open
        if still_open:
            self.fields[pointer] = self.advanced(origin, still_open, result, derived)
            return
        if result is not MISSING and derived is not MISSING:
            self.kept += [(*origin.path, *change.shown_path) for change in diff(derived, result, self.schema.keys)]
        self.fields[pointer] = Locked(origin.source, derived)

    def advanced(self, origin: Origin, still_open: Sequence[FieldConflict], result: Any, derived: Any) -> Locked:
        """The base for the next time, where conflicts are open: what is derived now, but for these, which stay as before both."""
        assert origin.source is not None
        before, after = result, result
        for each in reversed(still_open):
            path = each.conflict.path[len(origin.path) :]
            before, after = replaced(before, path, each.conflict.base), replaced(after, path, each.conflict.theirs)
        # places in the document and in the derived value differ where people have added or removed items
        carried = merge(after, derived, before, self.schema.below(origin.path))
        places = tuple(pointers.build(each.conflict.path[len(origin.path) :]) for each in still_open)
        return Locked(origin.source, carried.content, places)

    def resolved(self, origin: Origin, merged: Merged) -> tuple[Any, list[FieldConflict]]:
        """A merged field with its conflicts settled as it was asked, by hand where it was not, and those that are open."""
        assert origin.source is not None
        result, still_open = merged.content, list[FieldConflict]()
        for conflict in reversed(merged.conflicts):  # from the end, so that what is taken away moves no other
            place = (*origin.path, *conflict.path)
            taken = any(place[: len(path)] == path for path in self.take)
            result = replaced(result, conflict.path, conflict.theirs if taken else conflict.ours)
            if taken or any(place[: len(path)] == path for path in self.keep):
                self.settled.append(place)
            else:
                still_open.insert(0, FieldConflict(replace(conflict, path=place), origin.source))
        return result, still_open
