"""What is new, changed, invalid, stale or in conflict: from git, DVC's pointers and lock files alone."""

from __future__ import annotations

from collections.abc import Sequence

from . import conflicts
from .artefacts import all_tracked, md5
from .catalogue import Catalogue
from .conflicts import Merge
from .errors import Finding
from .locks import SUFFIX
from .notes import note_of
from .provenance import Provenance, provenance
from .results import DocumentStatus, Status
from .snapshots import State
from .staleness import stale
from .workspace import Workspace


def status(workspace: Workspace, merge: Merge) -> Status:
    """The state of the work tree; `merge` makes the merge of a document in conflict again."""
    git, work = workspace.git, workspace.work()
    head = git.head()
    states = {state.path: state for state in git.status()}
    is_document = workspace.configuration.is_document
    gone = [path for path in states if path not in work.paths and is_document(path)]
    documents = [_document_status(workspace, work, path, states.get(path), merge) for path in sorted({*work.paths, *gone})]
    note = note_of(git, head) if head else None
    unrecorded = [each.path for each in all_tracked(work.files) if _unrecorded(workspace, each.path, each.md5)]
    others = [each for path, each in states.items() if workspace.is_ours(path) and not is_document(path)]
    files = tuple((each.path, each.word) for each in others)
    locks = (path for path in work.files.paths() if path.endswith(SUFFIX) and is_document(path.removesuffix(SUFFIX)))
    orphans = (path for path in locks if workspace.exists(path) and not workspace.exists(path.removesuffix(SUFFIX)))
    verdict = note["verdict"] if note else None
    return Status(git.branch(), head, verdict, tuple(documents), tuple(unrecorded), files, tuple(orphans))


def _unrecorded(workspace: Workspace, path: str, recorded: str) -> bool:
    place = workspace.root / path
    found = md5(place, workspace.cache) if place.exists() else None
    return found is not None and found != recorded


def _document_status(workspace: Workspace, work: Catalogue, path: str, found_state: State | None, merge: Merge) -> DocumentStatus:
    code = found_state.code if found_state else "  "
    if found_state and found_state.unmerged:
        return conflicts.document_status(workspace, path, work.problems(path), merge)
    if "D" in code and not workspace.exists(path):
        return DocumentStatus(path, "deleted")
    state = "new" if code == "??" or code[0] == "A" else "changed" if code.strip() else "unchanged"
    problems = work.problems(path)
    try:
        found = stale(work.document(path).value, work.schema(path), work.files, workspace.reader(work), work.lock(path))
    except Finding:
        found = []  # what it is that cannot be read stands among the problems
    return DocumentStatus(path, state, tuple(problems), tuple(found))


def origins(workspace: Workspace, paths: Sequence[str]) -> dict[str, list[Provenance]]:
    """Where the fields of some documents come from; raises Finding where a document or its lock file cannot be read."""
    work = workspace.work()
    return {path: provenance(work.document(path).value, work.lock(path), work.schema(path)) for path in paths}
