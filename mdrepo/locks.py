"""The lock file beside a document: what the derived values were at the last patch, and what they were read off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .changes import MISSING
from .documents import DocumentError, read
from .errors import Finding
from .writing import Style, dumps

SUFFIX = ".lock"
VERSION = 1


class Source(NamedTuple):
    """What a derived value was read off: an artefact with its DVC hash, by an extractor's version, with its options' digest."""

    artefact: str
    md5: str
    extractor: str
    version: str
    options: str | None = None

    def shown(self) -> str:
        return f"{self.artefact} by {self.extractor} {self.version}"


class Locked(NamedTuple):
    """A derived value (MISSING: the source was read, and has none), and its source.

    At and below the pointers in `open` people and the source contradict each other: there it is the value before both.
    """

    source: Source
    value: Any
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """The derived fields of one document, by pointer."""

    fields: Mapping[str, Locked] = field(default_factory=dict)

    def text(self) -> str:
        """The lock file: deterministic, one scalar a line."""
        fields = {
            pointer: {
                "artefact": locked.source.artefact,
                "md5": locked.source.md5,
                "extractor": locked.source.extractor,
                "version": locked.source.version,
                **({"options": locked.source.options} if locked.source.options else {}),
                **({"open": list(locked.open)} if locked.open else {}),
                **({"value": locked.value} if locked.value is not MISSING else {}),
            }
            for pointer, locked in sorted(self.fields.items())
        }
        return dumps({"lock_version": VERSION, "fields": fields}, Style()) + "\n"


def parse(data: bytes | None, path: str) -> Lock:
    """The lock in a file's bytes (None: an empty one); raises Finding where it is broken or of a newer mdrepo."""
    if data is None:
        return Lock()
    hint = "restore it from git, or delete it and run 'mdrepo patch'"
    try:
        content = read(data, path).value
    except DocumentError as error:
        raise DocumentError(path, error.place, error.problem, error.hint or hint) from None
    if not isinstance(content, dict) or content.get("lock_version") != VERSION:
        raise Finding(f"{path}: not a lock file that this mdrepo knows (version {VERSION})", hint)
    try:
        return Lock(
            {
                pointer: Locked(
                    Source(raw["artefact"], raw["md5"], raw["extractor"], raw["version"], raw.get("options")),
                    raw.get("value", MISSING),
                    tuple(raw.get("open", ())),
                )
                for pointer, raw in content["fields"].items()
            }
        )
    except (KeyError, TypeError, AttributeError):
        raise Finding(f"{path}: not a lock file: a field is incomplete", hint) from None


def never_read(source: Source) -> str:
    """In words, that a source is new."""
    return f"{source.artefact} was never read"


def difference(old: Source, new: Source) -> str | None:
    """In words, why a field is to be read anew; None where its source is what it was."""
    if old == new:
        return None
    if (old.artefact, old.md5) != (new.artefact, new.md5):
        return f"{new.artefact} has changed since the last patch"
    if (old.extractor, old.version) != (new.extractor, new.version):
        return f"{new.shown()} reads it now, {old.extractor} {old.version} did before"
    return "what it is derived with has changed in this document, or in one that it refers to"
