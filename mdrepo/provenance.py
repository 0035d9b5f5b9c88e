"""Where the fields of a document come from: read off an artefact, as its lock file says, or written by people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import pointers
from .changes import MISSING
from .diffing import diff
from .locks import Lock, Locked, Source
from .pointers import Path
from .schemas import Schema


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the value of a field comes from, and of all below it that is not named itself.

    `derived` by the lock file; `manual`: people wrote it; `overridden`: people wrote it against what its source says; `removed`:
    derived, and taken away by hand.
    """

    path: Path
    kind: Literal["derived", "manual", "overridden", "removed"]
    source: Source | None = None


def provenance(content: Any, lock: Lock, schema: Schema) -> list[Provenance]:
    """Where each field of a document comes from, in its order; the largest parts of one origin are named once."""
    derived = {pointers.parse(pointer): locked for pointer, locked in lock.fields.items() if locked.value is not MISSING}
    found = [*_parts(content, (), derived, schema)]
    gone = (path for path in derived if pointers.get(content, path, MISSING) is MISSING)
    return [*found, *(Provenance(path, "removed", derived[path].source) for path in gone)]


def _parts(value: Any, path: Path, derived: Mapping[tuple[str, ...], Locked], schema: Schema) -> Iterator[Provenance]:
    place = tuple(map(str, path))
    if place in derived:
        locked = derived[place]
        yield Provenance(path, "derived", locked.source)
        for change in diff(locked.value, value, schema.below(path)):
            yield Provenance((*path, *change.shown_path), "overridden", locked.source)
    elif any(each[: len(place)] == place for each in derived):
        for token, member in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            yield from _parts(member, (*path, token), derived, schema)
    else:
        yield Provenance(path, "manual")
