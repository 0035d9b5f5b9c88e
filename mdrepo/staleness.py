"""Which derived fields were read off something that is not what it was: from pointers and locks alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import pointers
from .deriving import DocumentReader, origins
from .files import Files
from .locks import Lock, Source, difference, never_read
from .pointers import Path
from .schemas import Schema


@dataclass(frozen=True, slots=True)
class Stale:
    """A derived field that was read off something that is not what it was."""

    path: Path
    source: Source
    reason: str


def stale(self) -> bool:
        """Whether anything is to be done, and be it to record that a value was read off something else."""
        return bool(self.delta or self.conflicts or self.reasons)

    def source(self, path: Path) -> Source | None:
        """What the value at a path was read off."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return None


def origins(content: Any, schema: Schema, files: Files, read: DocumentReader) -> Iterator[Origin]:
    """Each derivable field of a document, with what it is derived from now; no artefact is opened."""
    found: dict[str, Artefact | None] = {}
    for path, annotation in schema.sources():
        where = pointers.parse(annotation["artefact"]) if "artefact" in annotation else path[:-1]
        name = pointers.get(content, (*where, "path"))
        if not isinstance(name, str):
            continue
        kind, key = annotation["kind"], annotation["key"]
        if name not in found:
            found[name] = tracked(files, name)
        artefact = found[name]
        if artefact is None:
            yield Origin(path, key, reason=f"{name} is not tracked by DVC: run 'dvc add {name}'")
            continue
        if kind == "dvc":
            source = Source(artefact.path, artefact.md5, "dvc", "1")
            yield Origin(path, key, source, None, artefact)
            continue
        extractor = extractor_for(kind, artefact.shown)
        if extractor is None:
            failed = "".join(f"; the extractor {each} cannot be loaded ({why})" for each, why in broken().items())
            yield Origin(path, key, reason=f"no extractor reads {artefact.shown} as {kind}{failed}")
            continue
        options = {option: _option(content, option, read) for option in annotation.get("options", ())}
        lacking = [option for option in files_in(extractor) if not isinstance(options.get(option), dict)]
        if lacking:  # it reads a second artefact
            named = pointers.get(content, pointers.parse(lacking[0].partition("#")[0]))
            if named is not None:
                yield Origin(path, key, reason=f"there is no {lacking[0].partition('#')[2]} in {json.dumps(named)}")
            continue
        stamp = digest(options) if options else None
        yield Origin(path, key, Source(name, artefact.md5, extractor.name, extractor.version, stamp), extractor, artefact, options)


def _option(content: Any, option: str, read: DocumentReader) -> Any:
    """The value that an option names: POINTER in this document, or POINTER#POINTER in the document that it refers to."""
    pointer, _, beyond = option.partition("#")
    value = pointers.get(content, pointers.parse(pointer))
    if not beyond:
        return value
    if isinstance(value, dict) and isinstance(value.get("document"), str):
        value = f"{value['commit']}:{value['document']}" if "commit" in value else value["document"]
    return pointers.get(read(value), pointers.parse(beyond)) if isinstance(value, str) else None


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
        reason = difference(locked.source, origin.source) if locked else never_read(origin.source)
        if locked and locked.open:
            reason = f"people and {origin.source.artefact} contradict each other"
        if reason:
            found.append(Stale(origin.path, origin.source, reason))
    return found
