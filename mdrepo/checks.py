"""What no schema can state: references between documents, DVC's digests, and label maps that fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from . import pointers
from .artefacts import Files, tracked
from .deriving import DocumentReader
from .documents import Document
from .errors import Finding
from .schemas import Schema
from .validation import Problem, problem

Artefacts = Sequence[tuple[pointers.Path, dict[str, Any]]]
"""Where a document names artefacts, and what it says of each."""


def check(document: Document, schema: Schema, named: Artefacts, files: Files, read: DocumentReader) -> list[Problem]:
    """The problems of a document with what it refers to; for documents that their schema finds nothing wrong with."""
    found = [*_references(document, schema, files, read), *_artefacts(document, named, files)]
    if schema.kind == "model":
        found += [*_labels(document), *_classes(document, read)]
    return sorted(found, key=lambda p: (p.line, p.column, p.rule))


def _references(document: Document, schema: Schema, files: Files, read: DocumentReader) -> Iterator[Problem]:
    for path, _, value in schema.annotated(document.value, "x-mdrepo-reference"):
        if isinstance(value, str) and read(value) is None:
            near = difflib.get_close_matches(value, [p for p in files.paths() if p.endswith(".json")], 1)
            hint = f"did you mean {near[0]}?" if near else "'mdrepo new dataset NAME' makes one"
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
            yield problem(document, (*path, "path"), "artefact/untracked", message, f"run 'dvc add {value['path']}'")
        elif value.get("md5", found.md5) != found.md5:
            message = f"the document says {value['md5']}, {found.pointer} says {found.md5}"
            yield problem(document, (*path, "md5"), "artefact/digest", message, "run 'mdrepo patch --apply'")


def _labels(document: Document) -> Iterator[Problem]:
    labels = document.value.get("labels")
    if not isinstance(labels, list):
        return
    seen: dict[str, dict[Any, int]] = {"name": {}, "index": {}}
    for place, label in enumerate(labels):
        for member, values in seen.items():
            earlier = values.setdefault(label[member], place)
            if earlier != place:
                message = f"the {member} {label[member]!r} stands at label {earlier} already"
                yield problem(document, ("labels", place, member), f"labels/{member}", message)
    outputs = pointers.get(document.value, ("structure", "outputs"), [])
    shape = outputs[0].get("shape", []) if len(outputs) == 1 else []
    count = shape[-1] if len(shape) == 2 else None
    if count is not None and count > 1:
        if len(labels) != count:
            message = f"{len(labels)} labels for a model with {count} outputs"
            yield problem(document, ("labels",), "labels/outputs", message, "run 'mdrepo patch'", key=True)
        for place, label in enumerate(labels):
            if label["index"] >= count:
                message = f"the model has no output {label['index']}: its {count} outputs count from 0"
                yield problem(document, ("labels", place, "index"), "labels/outputs", message)
    names = [label["name"] for label in labels]
    for name in pointers.get(document.value, ("decision", "thresholds"), {}):
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else None
            message = f"a threshold for {name!r}, which is no label"
            yield problem(document, ("decision", "thresholds", name), "decision/threshold", message, hint, key=True)


def _classes(document: Document, read: DocumentReader) -> Iterator[Problem]:
    """Test data with a class that no label stands for cannot be answered right."""
    name = pointers.get(document.value, ("evaluation", "dataset"))
    labels = document.value.get("labels")
    classes = pointers.get(read(name), ("classes",)) if isinstance(name, str) else None
    if not isinstance(labels, list) or not isinstance(classes, list):
        return
    names = [label["name"] for label in labels]
    missing = [each["name"] for each in classes if isinstance(each, dict) and each.get("name") not in names]
    if missing:
        message = f"the test data {name} has classes without a label: {', '.join(map(str, missing[:10]))}"
        hint = "run 'mdrepo patch', or put the label map right"
        yield problem(document, ("labels",), "labels/classes", message, hint, key=True)
