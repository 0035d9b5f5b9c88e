"""What the artefacts say should change in a document, merged with what people wrote: a three-way merge, field by field.

Base: the lock file. Theirs: what the extractors read now. Ours: the document as people left it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import pointers
from .artefacts import Artefact, Store, tracked
from .caching import Cache
from .changes import MISSING, Delta
from .diffing import diff
from .documents import digest
from .extraction import ExtractionError, Extractor, extractor_for
from .files import Files
from .locks import Lock, Locked, Source
from .merging import Conflict, merge
from .patching import replaced
from .pointers import Path
from .schemas import Schema

DocumentReader = Callable[[str], Any]
"""The content of the document at a path; None where there is none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a field's derived value is to be had now: its source, or the reason why it cannot be derived."""

    path: Path
    key: str
    source: Source | None = None
    extractor: Extractor | None = None
    artefact: Artefact | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """A derived field that was read off something that is not what it was."""

    path: Path
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that somebody changed by hand and whose source has changed too."""

    conflict: Conflict
    source: Source


@dataclass(frozen=True)
class Proposal:
    """What a patch makes of a document: its new content and lock, the changes, and where each comes from.

    `conflicts` are open, `problems` say what could not be derived, `kept` names what people wrote against the derived values,
    `settled` the conflicts that this patch settles.
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

    def source(self, path: Path) -> Source | None:
        """What the value at a path was read off."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return None


def origins(content: Any, schema: Schema, files: Files, read: DocumentReader) -> Iterator[Origin]:
    """Each derivable field of a document, with what it is derived from now; no artefact is opened."""
    for path, annotation in schema.sources():
        where = pointers.parse(annotation["artefact"]) if "artefact" in annotation else path[:-1]
        name = pointers.get(content, (*where, "path"))
        if not isinstance(name, str):
            continue
        kind, key = annotation["kind"], annotation["key"]
        artefact = tracked(files, name)
        if artefact is None:
            yield Origin(path, key, reason=f"{name} is not tracked by DVC: run 'dvc add {name}'")
            continue
        if kind == "dvc":
            source = Source(artefact.path, artefact.md5, "dvc", "1")
            yield Origin(path, key, source, None, artefact)
            continue
        extractor = extractor_for(kind, name)
        if extractor is None:
            yield Origin(path, key, reason=f"no extractor reads {name} as {kind}")
            continue
        options = {option: _option(content, option, read) for option in annotation.get("options", ())}
        stamp = digest(options) if options else None
        yield Origin(path, key, Source(name, artefact.md5, extractor.name, extractor.version, stamp), extractor, artefact, options)


def _option(content: Any, option: str, read: DocumentReader) -> Any:
    """The value that an option names: POINTER in this document, or POINTER#POINTER in the document that it refers to."""
    pointer, _, beyond = option.partition("#")
    value = pointers.get(content, pointers.parse(pointer))
    if not beyond or not isinstance(value, str):
        return value if not beyond else None
    return pointers.get(read(value), pointers.parse(beyond))


def stale(content: Any, schema: Schema, files: Files, read: DocumentReader, lock: Lock) -> list[Stale]:
    """The derived fields whose sources have changed since the last patch, from pointers and locks alone."""
    found: list[Stale] = []
    read_before = {(locked.source.artefact, locked.source.extractor) for locked in lock.fields.values()}
    for origin in origins(content, schema, files, read):
        if origin.source is None:
            continue
        locked = lock.fields.get(pointers.build(origin.path))
        if locked is None and (origin.source.artefact, origin.source.extractor) in read_before:
            continue  # the extractor has nothing to say of this field; should it now, the fields that it has say so
        reason = _difference(locked.source, origin.source) if locked else f"{origin.source.artefact} was never read"
        if reason:
            found.append(Stale(origin.path, origin.source, reason))
    return found


def _difference(old: Source, new: Source) -> str | None:
    if old == new:
        return None
    if (old.artefact, old.md5) != (new.artefact, new.md5):
        return f"{new.artefact} has changed since the last patch"
    if (old.extractor, old.version) != (new.extractor, new.version):
        return f"{new.shown()} reads it now, {old.extractor} {old.version} did before"
    return "what it is derived with has changed in this document, or in one that it refers to"


class Deriver:
    """Runs extractors, each once for an artefact and its options, and remembers what they read."""

    def __init__(self, store: Store, cache: Cache) -> None:
        self.store = store
        self.cache = cache

    def values(self, origin: Origin) -> Mapping[str, Any] | str:
        """What the extractor reads, or the reason why it cannot."""
        assert origin.artefact is not None and origin.source is not None
        if origin.extractor is None:
            return {"md5": origin.artefact.md5, "size": origin.artefact.size}
        key = digest([origin.source.extractor, origin.source.version, origin.source.md5, origin.source.options])
        if (known := self.cache.get("derived", key)) is not None:
            values: Mapping[str, Any] = json.loads(known)
            return values
        path = self.store.root / origin.artefact.path
        if not path.exists():
            return f"{origin.artefact.path} is not here, its fields are left alone: run 'dvc pull {origin.artefact.path}'"
        if self.store.in_work_tree(origin.artefact) is None:
            return f"{origin.artefact.path} is not what {origin.artefact.pointer} records: run 'dvc add {origin.artefact.path}'"
        try:
            values = origin.extractor.derive(path, origin.options)
        except ExtractionError as error:
            return f"{origin.artefact.path}: {error.reason}"
        self.cache.put("derived", key, json.dumps(values, allow_nan=False).encode())
        return values


class Reason(str):
    """Why a field cannot be derived."""

    __slots__ = ()


def _derived(origin: Origin, lock: Lock, deriver: Deriver) -> Any:
    """A field's derived value (MISSING: the extractor has none), or a Reason; what the lock file knows is not read again."""
    if origin.source is None:
        return Reason(origin.reason)
    locked = lock.fields.get(pointers.build(origin.path))
    if locked is not None and locked.source == origin.source:
        return locked.value
    if locked is None and origin.source.options is None and any(each.source == origin.source for each in lock.fields.values()):
        return MISSING  # it was read, and had nothing for this field
    values = deriver.values(origin)
    return Reason(values) if isinstance(values, str) else values.get(origin.key, MISSING)


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
    new, fields = content, dict(lock.fields)
    problems: list[str] = []
    kept: list[Path] = []
    conflicts: list[FieldConflict] = []
    sources: dict[Path, Source] = {}
    settled: list[Path] = []
    for origin in origins(content, schema, files, read):
        derived = _derived(origin, lock, deriver)
        if isinstance(derived, Reason):
            problems.append(derived)
            continue
        assert origin.source is not None
        pointer = pointers.build(origin.path)
        base = fields[pointer].value if pointer in fields else MISSING
        if derived is MISSING and base is MISSING:
            continue
        sources[origin.path] = origin.source
        ours = pointers.get(new, origin.path, MISSING)
        merged = merge(base, ours, derived, lambda path, at=origin.path: schema.keys((*at, *path)))  # type: ignore[misc]
        result, open_ones = merged.content, list[FieldConflict]()
        for conflict in reversed(merged.conflicts):  # from the end, so that what is taken away moves no other
            place = (*origin.path, *conflict.path)
            if any(place[: len(p)] == p for p in (*take, *keep)):
                settled.append(place)
            if any(place[: len(p)] == p for p in take):
                result = replaced(result, conflict.path, conflict.theirs)
            elif not any(place[: len(p)] == p for p in keep):
                named = Conflict(place, conflict.base, conflict.ours, conflict.theirs)
                open_ones.insert(0, FieldConflict(named, origin.source))
                result = replaced(result, conflict.path, conflict.ours)
            else:
                result = replaced(result, conflict.path, conflict.ours)
        new = replaced(new, origin.path, result)
        conflicts += open_ones
        if open_ones:
            continue
        if derived is not MISSING and result is not MISSING:
            kept += [(*origin.path, *change.shown_path) for change in diff(derived, result, schema.keys)]
        if derived is MISSING:
            fields.pop(pointer, None)
        else:
            fields[pointer] = Locked(origin.source, derived)
    delta = diff(content, new, schema.keys)
    told = tuple(dict.fromkeys(problems))
    return Proposal(content, new, Lock(fields), delta, sources, tuple(conflicts), told, tuple(kept), tuple(settled))
