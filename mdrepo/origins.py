"""Where derivable fields come from: which artefact, as DVC's pointers name it, which extractor, and with which options."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from . import pointers
from .artefacts import Artefact, tracked
from .documents import digest
from .extraction import Extractor, broken, extractor_for, files_in
from .files import Files
from .locks import Source
from .pointers import Path
from .schemas import Schema

DocumentReader = Callable[[str], Any]
"""The content of the document at a path, or at REV:PATH; None where there is none."""


class Origin(NamedTuple):
    """Where a field's derived value is to be had now: its source, or the reason why it cannot be derived."""

    path: Path
    key: str
    source: Source | None = None
    extractor: Extractor | None = None
    artefact: Artefact | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    reason: str | None = None
    untracked: str | None = None
    """The artefact's path, where DVC does not track it."""


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
            yield Origin(path, key, reason=f"{name} is not tracked by DVC: run 'dvc add {name}'", untracked=name)
            continue
        if kind == "dvc":
            source = Source(artefact.path, artefact.md5, "dvc", "1")
            yield Origin(path, key, source, None, artefact)
            continue
        extractor = extractor_for(kind, artefact.shown)
        if extractor is None:
            failed = "".join(f"; the extractor {each} cannot be loaded ({why})" for each, why in broken().items())
            yield Origin(path, key, artefact=artefact, reason=f"no extractor reads {artefact.shown} as {kind}{failed}")
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
