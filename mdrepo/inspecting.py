"""What is new, changed, invalid, stale or in conflict: from git, DVC's pointers and lock files alone."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .artefacts import Artefact, all_tracked, md5
from .catalogue import Catalogue
from .errors import Finding
from .ledger import Examined
from .locks import SUFFIX
from .notes import note_of
from .results import DocumentStatus, Status
from .snapshots import State
from .staleness import Stale, stale
from .surveying import Survey, Surveyor, contains
from .validation import Problem
from .workspace import Workspace

if TYPE_CHECKING:  # few documents are in conflict
    from .conflicts import Merge
    from .provenance import Provenance


def status(workspace: Workspace, merge: Merge) -> Status:
    """The state of the work tree; `merge` makes the merge of a document in conflict again."""
    git = workspace.git
    branch, head, tree, _ = tip = git.tip()
    work = workspace.work(tip)
    states = {state.path: state for state in git.status()}
    is_document = workspace.configuration.is_document
    survey = Surveyor(workspace).work(work, [*states.values()], tree)
    seen: dict[str, DocumentStatus] = {}
    examined: dict[str, Examined] = {}
    for path in survey.examine:
        with work.seen() as needs:
            seen[path] = each = _document_status(workspace, work, path, states.get(path), merge)
        examined[path] = Examined(not each.problems and not each.stale, frozenset(needs))
    survey.record(examined)
    gone = [path for path in states if is_document(path) and not workspace.exists(path)]
    seen |= {path: _document_status(workspace, work, path, states[path], merge) for path in gone}
    note = note_of(git, head) if head else None
    new = [path for path, each in states.items() if each.code == "??" and f"/{path}".endswith((".dvc", "/dvc.lock", SUFFIX))]
    named = sorted({*git.tracked("*.dvc", "dvc.lock", "*/dvc.lock", f"*{SUFFIX}"), *new})
    unrecorded = tuple(each for each in all_tracked(work.files, named) if _unrecorded(workspace, each))
    ours = [each for path, each in states.items() if workspace.is_ours(path) and not is_document(path)]
    files = tuple((each.path, each.word) for each in ours)
    stems = [path.removesuffix(SUFFIX) for path in named if path.endswith(SUFFIX)]
    here = survey.listing() if stems else ()
    alone = [stem for stem in stems if not contains(here, stem) and is_document(stem)]
    orphans = [stem + SUFFIX for stem in alone if workspace.exists(stem + SUFFIX) and not workspace.exists(stem)]
    verdict = note["verdict"] if note else None
    remarkable = tuple(each for _, each in sorted(seen.items()) if each.state != "unchanged" or each.problems or each.stale)
    listing = partial(_all, survey, gone)
    return Status(branch, head, verdict, listing, remarkable, unrecorded, files, tuple(orphans))


def _all(survey: Survey, gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted([*survey.listing(), *gone]))


def problems(workspace: Workspace, paths: Sequence[str]) -> list[Problem]:
    """All the problems of all the documents, or of those at some paths."""
    tip = workspace.git.tip()
    work = workspace.work(tip)
    chosen = workspace.chosen(work, paths) if paths else Surveyor(workspace).work(work, workspace.git.status(), tip.tree).examine
    return [problem for path in chosen for problem in work.problems(path)]


def staged_problems(workspace: Workspace, index: Path | None, commit: str | None) -> list[Problem]:
    """The problems of the documents in an index (git's own, or that of a partial commit)."""
    child, examine = Surveyor(workspace).candidate(_tree(workspace, index, commit))
    return [problem for path in examine for problem in child.problems(path)]


def staged_stale(workspace: Workspace, index: Path | None, commit: str | None) -> dict[str, list[Stale]]:
    """The stale fields of the documents in an index, by its pointers and lock files alone; what cannot be read has none."""
    child, examine = Surveyor(workspace).candidate(_tree(workspace, index, commit))
    found: dict[str, list[Stale]] = {}
    for path in examine:
        with contextlib.suppress(Finding):
            reader = workspace.reader(child)
            found[path] = stale(child.document(path).value, child.schema(path), child.files, reader, child.lock(path))
    return {path: fields for path, fields in found.items() if fields}


def _tree(workspace: Workspace, index: Path | None, commit: str | None) -> str:
    git = workspace.git
    return git.index_tree(index) if commit is None else git.text("rev-parse", f"{git.commit_id(commit)}^{{tree}}")


def unrecorded(workspace: Workspace) -> list[Artefact]:
    """The artefacts that are here, and are not what DVC recorded."""
    return [each for each in all_tracked(workspace.work().files) if _unrecorded(workspace, each)]


def _unrecorded(workspace: Workspace, artefact: Artefact) -> bool:
    place = workspace.root / artefact.path
    found = md5(place, workspace.cache) if place.exists() else None
    return found is not None and found != artefact.md5


def _document_status(workspace: Workspace, work: Catalogue, path: str, found_state: State | None, merge: Merge) -> DocumentStatus:
    code = found_state.code if found_state else "  "
    if found_state and found_state.unmerged:
        from . import conflicts

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
    from .provenance import provenance

    work = workspace.work()
    return {path: provenance(work.document(path).value, work.lock(path), work.schema(path)) for path in paths}
