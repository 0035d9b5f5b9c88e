"""What no schema can state: references between documents, DVC's digests, items that a merge left twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from . import consistency, pointers
from .artefacts import all_tracked, tracked
from .changes import MISSING
from .consistency import Measured
from .documents import Document, canonical
from .errors import Finding
from .files import Files
from .guessing import nearest
from .origins import DocumentReader
from .pairing import identifying_members
from .schemas import Schema
from .validation import Problem, problem, shown

Artefacts = Sequence[tuple[pointers.Path, dict[str, Any]]]
"""Where a document names artefacts, and what it says of each."""


class Origin(NamedTuple):
    """A document's content on the sides of the merge that it came out of, and (of a merge that is committed) in its result."""

    sides: Sequence[Any]
    result: Any = MISSING


def check(
    document: Document,
    schema: Schema,
    named: Artefacts,
    files: Files,
    read: DocumentReader,
    origin: Callable[[], Origin] | None = None,
    measured: Callable[[], Measured | None] = lambda: None,
) -> list[Problem]:
    """The problems of a document with what it refers to; for documents that their schema finds nothing wrong with."""
    found = [*_references(document, schema, files, read), *_artefacts(document, named, files)]
    found += [*_doubles(document, schema), *(_doubled(document, schema, origin) if origin else ())]
    if schema.kind == "model":
        found += consistency.check(document, read, measured)
    if schema.kind == "dataset":
        found += consistency.check_data(document)
    return sorted(found, key=lambda p: (p.line, p.column, p.rule))


def _references(document: Document, schema: Schema, files: Files, read: DocumentReader) -> Iterator[Problem]:
    for path, _, value in schema.annotated(document.value, "x-mdrepo-reference"):
        if isinstance(value, str) and read(value) is None:
            near = nearest(value, (p for p in files.paths() if p.endswith(".json")))
            hint = f"did you mean {near}?" if near else "'mdrepo new dataset NAME' makes one"
            yield problem(document, path, "reference/missing", f"there is no document {value} here", hint)


def _artefacts(document: Document, named: Artefacts, files: Files) -> Iterator[Problem]:
    for path, value in named:
        try:
            found = tracked(files, value["path"])
        except Finding as error:
            yield problem(document, (*path, "path"), "artefact/path", error.message, error.hint)
            continue
        if found is None:
            message = f"DVC does not track {value['path']} here"
            same = next((each.path for each in all_tracked(files) if each.md5 == value.get("md5")), None)
            hint = f"{same} has its bytes: name that, if it was renamed" if same else f"run 'dvc add {value['path']}'"
            yield problem(document, (*path, "path"), "artefact/untracked", message, hint)
        elif value.get("md5", found.md5) != found.md5:
            message = f"the document says {value['md5']}, {found.pointer} says {found.md5}"
            yield problem(document, (*path, "md5"), "artefact/digest", message, "run 'mdrepo patch --apply'")


def _doubles(document: Document, schema: Schema) -> Iterator[Problem]:
    """Items of a list that the schema says are one (`x-mdrepo-key`): a text merge keeps both where each side added one."""
    for path, keys, items in schema.annotated(document.value, "x-mdrepo-key"):
        if isinstance(items, list) and not (schema.kind == "model" and path == ("labels",)):  # the label map has its own check
            yield from _twice(document, path, items, [keys] if isinstance(keys, str) else keys)


def _doubled(document: Document, schema: Schema, merged: Callable[[], Origin]) -> Iterator[Problem]:
    """Items that a merge left twice in a list without a key: a member tells them apart on every side, and none does any more."""
    for path, items in _lists(document.value, ()):
        if schema.keys(path) or identifying_members([items], None):
            continue
        origin = merged()
        if len(origin.sides) < 2:
            return  # nothing was merged: one side alone has it
        names = identifying_members(_at_place(origin.sides, path), None)
        if names and (origin.result is MISSING or not identifying_members(_at_place([origin.result], path), None)):
            yield from _twice(document, path, items, names)


def _twice(document: Document, path: pointers.Path, items: list[Any], names: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for place, item in enumerate(items):
        if isinstance(item, dict) and all(name in item for name in names):
            earlier = first.setdefault(canonical([item[name] for name in names]), place)
            if earlier != place:
                told = ", ".join(f"{name} {shown(item[name])}" for name in names)
                line = document.position((*path, earlier)).line
                message = f"the item with {told} stands here twice, first in line {line}"
                yield problem(document, (*path, place), "merge/duplicate-item", message, "keep one, with what is right of both")


def _lists(value: Any, path: pointers.Path) -> Iterator[tuple[pointers.Path, list[Any]]]:
    """The lists of objects in a content, with their paths."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield path, value
    for token, each in members:
        if isinstance(each, dict | list):
            yield from _lists(each, (*path, token))


def _at_place(contents: Sequence[Any], path: pointers.Path) -> list[list[Any]]:
    """The lists at a path in some contents, and in all other items of the lists on the way, which may have moved."""
    values = list(contents)
    for token in path:
        if isinstance(token, int):
            values = [item for value in values if isinstance(value, list) for item in value]
        else:
            values = [value[token] for value in values if isinstance(value, dict) and token in value]
    return [value for value in values if isinstance(value, list)]
