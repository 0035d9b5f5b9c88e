"""The lock file beside a document: what the derived values were at the last patch, and what they were read off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .changes import MISSING
from .documents import DocumentError, read
from .errors import Finding
from .writing import Style, dumps

SUFFIX = ".lock"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """What a derived value was read off: an artefact with its DVC hash, by an extractor's version, with its options' digest."""

    artefact: str
    md5: str
    extractor: str
    version: str
    options: str | None = None

    def shown(self) -> str:
        return f"{self.artefact} by {self.extractor} {self.version}"


@dataclass(frozen=True, slots=True)
class Locked:
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
