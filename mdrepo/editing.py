"""Reading and changing one field of a document, or its text: what would make it less valid than it was is not written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from . import pointers
from .catalogue import Catalogue
from .changes import MISSING, Delta, no_keys
from .diffing import diff
from .documents import Document, DocumentError, read
from .errors import Finding, MdrepoError
from .files import write
from .guessing import nearest
from .locks import Source
from .patching import PatchError, apply
from .results import Edited
from .validation import Problem
from .workspace import Workspace
from .writing import no_order, rewrite


def field(workspace: Workspace, path: str, pointer: str = "", revision: str | None = None) -> Any:
    """The value of a field, in the work tree or at a revision; raises Finding where there is none."""
    catalogue = workspace.at(workspace.git.commit_id(revision)) if revision else workspace.work()
    document = catalogue.document(path)
    try:
        return pointers.resolve(document.value, pointers.parse(pointer))
    except KeyError:
        raise _nowhere(document, pointers.parse(pointer)) from None


def with_field(workspace: Workspace, path: str, pointer: str, value: Any) -> Edited:
    """A document with another value at a pointer (MISSING: without the field); raises Finding where the pointer leads nowhere."""
    work = workspace.work()
    before = text_of(workspace, path)
    document = work.document(path)
    tokens = pointers.parse(pointer)
    there = pointers.get(document.value, tokens, MISSING) is not MISSING
    operation = {"op": "add", "path": pointer, "value": value}
    if value is MISSING:
        operation = {"op": "remove", "path": pointer}
    elif there:
        operation["op"] = "replace"
    try:
        content = apply(document.value, [operation])
    except PatchError:
        raise _nowhere(document, tokens) from None
    schema = work.schema_or_none(path)
    text = rewrite(document, content, schema.key_order if schema else no_order)
    return _edited(workspace, work, path, before, document.value, text)


def with_text(workspace: Workspace, path: str, text: str) -> Edited:
    """A document with another text, whatever it was before; raises DocumentError where the new one is no JSON."""
    work = workspace.work()
    before = text_of(workspace, path)
    old = MISSING
    with suppress(DocumentError):  # what is broken may be repaired so
        old = work.document(path).value
    return _edited(workspace, work, path, before, old, text)


def text_of(workspace: Workspace, path: str) -> str:
    """The text of a document as it stands, JSON or not; raises Finding where there is none, or where it is no text."""
    if not workspace.configuration.is_document(path):
        raise Finding(f"{path} is no document by mdrepo.toml", "'mdrepo status' lists the documents")
    work = workspace.work()
    data = work.files.read(path)
    if data is None:
        work.document(path)  # says which there are
        data = b""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Finding(f"{path}: byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8") from None


def keep(workspace: Workspace, edited: Edited) -> None:
    """Write an edit; raises MdrepoError if somebody else has changed the document since."""
    if text_of(workspace, edited.path) != edited.before:
        raise MdrepoError(f"{edited.path} was changed by somebody else just now", "try again")
    write(workspace.root, edited.path, edited.text)


def _edited(workspace: Workspace, work: Catalogue, path: str, before: str, old: Any, text: str) -> Edited:
    content = read(text.encode("utf-8"), path).value
    changed = work.changed({path: text.encode("utf-8")})
    problems = tuple(_new(work.problems(path), changed.problems(path)))
    schema = changed.schema_or_none(path)
    delta = Delta() if old is MISSING else diff(old, content, schema.keys if schema else no_keys)
    return Edited(path, before, text, delta, problems, tuple(_overridden(work, path, delta)))


def _new(before: Sequence[Problem], after: Sequence[Problem]) -> list[Problem]:
    """The problems that an edit brings; not those that could not be seen before, as no reference is in what breaks its schema."""
    if _depth(after) > _depth(before):
        return []
    known = {(each.rule, each.pointer, each.message) for each in before}
    return [each for each in after if (each.rule, each.pointer, each.message) not in known]


def _depth(problems: Sequence[Problem]) -> int:
    """How far a document could be looked into."""
    kinds = {each.rule.partition("/")[0] for each in problems}
    return 0 if kinds & {"json", "document"} else 1 if "schema" in kinds else 2


def _overridden(work: Catalogue, path: str, delta: Delta) -> Iterator[tuple[pointers.Path, Source]]:
    """The derived fields that an edit changes, or that lie in what it changes, each with what it was read off."""
    places = [tuple(map(str, change.shown_path)) for change in delta]
    fields = {}
    with suppress(Finding):  # a broken lock file is a problem of its own
        fields = dict(work.lock(path).fields)
    for pointer, locked in fields.items():
        at = pointers.parse(pointer)
        if any(place[: len(at)] == at or at[: len(place)] == place for place in places):
            yield at, locked.source


def _nowhere(document: Document, tokens: tuple[str, ...]) -> Finding:
    """Why a pointer leads nowhere: the last part that is there, and what is in it."""
    value = document.value
    for place, token in enumerate(tokens):
        try:
            value = pointers.step(value, token)
        except KeyError:
            around = pointers.build(tokens[:place]) or "the document"
            return Finding(f"{document.path}: there is no {token!r} in {around}", _in(value, token))
    return Finding(f"{document.path}: {pointers.build(tokens)} cannot be changed")


def _in(value: Any, token: str) -> str:
    """What a pointer might have meant."""
    if isinstance(value, list):
        return f"it is a list of {len(value)}: its items count from 0, and '-' stands behind the last"
    if not isinstance(value, dict):
        return "it holds a single value"
    near = nearest(token, value)
    return f"did you mean {near!r}?" if near else f"it has {', '.join([*value][:8]) or 'nothing'}"
