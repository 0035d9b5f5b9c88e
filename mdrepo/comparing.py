"""What changed between two snapshots: in one document, or in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import pointers
from .catalogue import Catalogue
from .changes import MISSING, Delta
from .differences import DocumentDiff, Tolerance, compare
from .errors import UsageError
from .guessing import meant
from .snapshots import EMPTY_TREE
from .tracing import leaves
from .workspace import Workspace


def document_diff(path: str, before: Catalogue, after: Catalogue, wanted: Sequence[str]) -> DocumentDiff | None:
    """What changed in a document between two snapshots, at and below some pointers; None where nothing did."""
    old, new = before.find(path), after.find(path)
    if old is not None and new is not None and old.data == new.data:
        return None
    schema = (after.schema_or_none(path) if new else None) or (before.schema_or_none(path) if old else None)
    found = compare(path, old.value if old else MISSING, new.value if new else MISSING, schema)
    if wanted:
        prefixes = [pointers.parse(pointer) for pointer in wanted]
        below = [c for c in found.delta if any(tuple(map(str, c.shown_path))[: len(p)] == p for p in prefixes)]
        found = replace(found, delta=Delta(tuple(below)))
    return found if found.delta else None


def _there(path: str, pointer: str, sides: Sequence[Catalogue]) -> None:
    """Raise UsageError for a field that a document, where it is there, has on no side: it is mistyped, and not unchanged."""
    known = [document.value for side in sides if (document := side.find(path))]
    if known and all(pointers.get(value, pointers.parse(pointer), MISSING) is MISSING for value in known):
        around = (pointers.build(field) for value in reversed(known) for field, _ in leaves(value, ()))
        hint = meant(pointer, around, f"'mdrepo log {path}#{pointer}' finds when there was one")
        raise UsageError(f"{path} has no field {pointer} on either side", hint)


def diff_snapshots(
    space: Workspace, old: str | None, new: str | None, fields: Sequence[str], staged: bool, tolerance: Tolerance | None
) -> list[DocumentDiff]:
    """What changed, by document: index to work tree, HEAD to index (staged), a revision to either, or two revisions."""
    if staged and new is not None:
        raise UsageError("--staged compares the index with one revision, not with two")
    git = space.git
    first, second = (git.commit_id(each) if each else None for each in (old, new))
    if staged:
        first = first or git.head() or EMPTY_TREE
    before = space.at(first) if first else space.staged()
    after = space.at(second) if second else space.staged() if staged else space.work()
    sides = [*(["--cached"] if staged else []), *filter(None, (first, second))]
    changed = git.differing(*sides)
    if first and not second and not staged:  # git compares with what it tracks, and mdrepo with what is there
        changed += [state.path for state in git.status() if state.code == "??"]
    paths = sorted({path for path in changed if space.configuration.is_document(path)})
    for side in (before, after):
        side.files.prefetch(paths)
    chosen = [pointers.split(name) for name in fields]
    for name, pointer in chosen:
        if pointer:
            _there(name, pointer, (before, after))
    found: list[DocumentDiff] = []
    for path in paths:
        wanted = [pointer for name, pointer in chosen if path == name or path.startswith(name.rstrip("/") + "/") or name == "."]
        if chosen and not wanted:
            continue
        if each := document_diff(path, before, after, [p for p in wanted if p is not None]):
            each = tolerance.applied(each) if tolerance else each
            if each.delta:
                found.append(each)
    return found
