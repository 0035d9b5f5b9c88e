"""Patches to files: everything is computed and checked before anything is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .documents import Document, DocumentError, read
from .errors import Finding, MdrepoError, UsageError
from .files import write
from .patching import apply, merge_patch, reversed_operations
from .writing import KeyOrder, fresh, no_order, rewrite

if TYPE_CHECKING:
    from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Mode:
    """How a patch is meant: RFC 6902 or (merge) RFC 7396, forwards or backwards."""

    merge: bool = False
    reverse: bool = False


def load(data: bytes, name: str) -> Any:
    """The content of a patch file; raises DocumentError."""
    return read(data, name).value


def is_own(patch: Any) -> bool:
    """Whether a patch is one of mdrepo's own, which name their documents."""
    return isinstance(patch, dict) and "mdrepo" in patch and isinstance(patch.get("documents"), list)


def patched(content: Any, patch: Any, mode: Mode) -> Any:
    """The content after a patch; raises PatchError, UsageError."""
    if mode.merge:
        if mode.reverse:
            raise UsageError("a merge patch does not say what was there, so it cannot be reversed")
        return merge_patch(content, patch)
    if not isinstance(patch, list):
        raise UsageError("the patch is no list of operations (RFC 6902)", "--merge-patch applies an RFC 7396 patch")
    return apply(content, reversed_operations(patch) if mode.reverse else patch)


def to_text(text: bytes, name: str, patch: Any, mode: Mode) -> str:
    """The text of one file after a patch, changed in the lines that must change."""
    document = read(text, name)
    return _readable(name, lambda: rewrite(document, patched(document.value, patch, mode)))


def _readable(name: str, make: Callable[[], str]) -> str:
    """A text that a patch makes, if mdrepo can read it again: values may end up nested too deep; raises Finding."""
    try:
        text = make()
        read(text.encode("utf-8"), name)
    except RecursionError:
        raise Finding(f"{name}: the patch nests values too deep", "nothing was written") from None
    except DocumentError as error:
        raise Finding(f"{name}: the patch makes what cannot be read again: {error.problem}", "nothing was written") from None
    return text


def to_documents(workspace: Workspace, patch: Mapping[str, Any], mode: Mode) -> list[str]:
    """Apply one of mdrepo's own patches to the documents that it names, all or none; the paths that changed."""
    work = workspace.work()
    texts: dict[str, str | None] = {}
    for number, part in enumerate(patch["documents"], start=1):
        path, state = _named(number, part, mode)
        if not workspace.configuration.is_document(path):
            raise Finding(f"{path} is no document by mdrepo.toml, and patches change no other files", "nothing was written")
        if path in texts:
            raise Finding(f"{path}: the patch names it twice", "nothing was written")
        document = work.find(path)
        if (document is None) != (state == "new"):
            verb, is_there = ("makes", "there already") if state == "new" else ("changes", "not there")
            raise Finding(f"{path}: the patch {verb} it, but it is {is_there}", "nothing was written")
        text = _readable(path, partial(_text, workspace, path, document, part["operations"], mode))
        texts[path] = None if state == "deleted" else text
    try:
        with workspace.journal.together(texts):
            for changed, now in texts.items():
                _put(workspace.root, changed, now)
    except MdrepoError as error:
        raise MdrepoError(error.message, "nothing was changed") from None
    return list(texts)


def _named(number: int, part: Any, mode: Mode) -> tuple[str, str]:
    """The path of a document in a patch, and what the patch makes of it: new, changed or deleted; raises UsageError."""
    if not isinstance(part, dict) or not isinstance(part.get("path"), str) or not isinstance(part.get("operations"), list):
        raise UsageError(f"document {number} of the patch has no 'path' or no 'operations'")
    path, state = part["path"], part.get("state", "changed")
    undone = {"new": "deleted", "deleted": "new", "changed": "changed"}
    if not isinstance(state, str) or state not in undone:
        raise UsageError(f"{path}: {state!r} is no state of a document: new, changed, deleted")
    return path, undone[state] if mode.reverse else state


def _text(workspace: Workspace, path: str, document: Document | None, operations: list[Any], mode: Mode) -> str:
    """The text of a document after a patch; raises Finding."""
    try:
        content = patched(document.value if document else {}, operations, mode)
    except Finding as error:
        raise Finding(f"{path}: {error.message}", "nothing was written") from None
    order: KeyOrder = no_order
    with contextlib.suppress(Finding):  # a document without a schema has no order of keys
        order = workspace.work().schemas.bound(content, path, workspace.configuration.bound_schema(path)).key_order
    return fresh(content, order) if document is None else rewrite(document, content, order)


def _put(root: Path, path: str, text: str | None) -> None:
    if text is not None:
        write(root, path, text)
        return
    try:
        (root / path).unlink()
    except OSError as error:
        raise MdrepoError(f"{path} cannot be removed: {error.strerror}") from None
