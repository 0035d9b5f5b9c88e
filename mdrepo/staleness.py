"""Which derived fields were read off something that is not what it was: from pointers and locks alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from . import pointers
from .files import Files
from .locks import Lock, Locked, Source, difference, never_read
from .origins import DocumentReader, Origin, origins
from .pointers import Path
from .schemas import Schema


class Stale(NamedTuple):
    """A derived field that was read off something that is not what it was."""

    path: Path
    source: Source
    reason: str


def stale(content: Any, schema: Schema, files: Files, read: DocumentReader, lock: Lock) -> list[Stale]:
    """The derived fields whose sources have changed since the last patch, from pointers and locks alone."""
    found: list[Stale] = []
    read_before = {(locked.source.artefact, locked.source.extractor) for locked in lock.fields.values()}
    for origin in origins(content, schema, files, read):
        locked = lock.fields.get(pointers.build(origin.path))
        if origin.source is None:
            found += _unread(origin, locked)
            continue
        if locked is None and (origin.source.artefact, origin.source.extractor) in read_before:
            continue  # the extractor has nothing to say of this field; should it now, the fields that it has say so
        reason = difference(locked.source, origin.source) if locked else never_read(origin.source)
        if locked and locked.open:
            reason = f"people and {origin.source.artefact} contradict each other"
        if reason:
            found.append(Stale(origin.path, origin.source, reason))
    return found


def _unread(origin: Origin, locked: Locked | None) -> Iterator[Stale]:
    """A field that was read off an artefact, which has changed since, by an extractor that is not installed here."""
    artefact = origin.artefact
    if locked and artefact and locked.source.artefact == artefact.path and locked.source.md5 != artefact.md5:
        now = locked.source._replace(md5=artefact.md5)
        yield Stale(origin.path, now, f"{difference(locked.source, now)}, and its extractor is not installed here")
