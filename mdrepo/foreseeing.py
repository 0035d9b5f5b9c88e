"""What can be proved of a model with the test data that it has, before any child is made; no model is run."""

from __future__ import annotations

from typing import Any

from .errors import Finding, MissingExtra
from .judgements import Foreseen
from .notes import note_of
from .subjects import Side, artefact, before_of, gate_of, kept_of, known, refuse_unsound, scored_of
from .workspace import Workspace


def foresee(workspace: Workspace, revision: str, against: str | None) -> tuple[str, list[Foreseen]]:
    """For each model document of a commit: what its metrics and tolerances can be shown to hold by, with the data at hand.

    By the outputs of the commit and its first parent (or `against`), where the cache has both and they differ; else by the
    commit's note; else for several shares of examples that a child may answer otherwise.
    """
    git = workspace.git
    commit = git.commit_id(revision)
    parents = [git.commit_id(against)] if against else git.parents(commit)
    child = workspace.at(commit)
    note = (note_of(git, commit) or {}) if against is None else {}
    found = []
    for path in child.paths:
        if gate_of(child, path) != "off":
            side = Side(child, path)
            before = before_of(side, workspace.at(parents[0])) if parents else None
            result = note.get("documents", {}).get(path, {})
            found.append(_foreseen(workspace, side, before, parents[0] if before else None, result))
    return commit, found


def _foreseen(workspace: Workspace, side: Side, before: Side | None, parent: str | None, result: Any) -> Foreseen:
    try:
        from .evaluation import planning, prospects, terms
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    refuse_unsound(side)
    name = side.content["evaluation"]["dataset"]
    dataset = side.catalogue.content(name) or {}
    test_data = artefact(Side(side.catalogue, name), ("artefact",))
    sides = [side] if before is None else [side, before]
    try:
        asked = terms.terms(side.content, before.content if before else None)
        taken = known(workspace, asked, dataset, test_data)
        kept = [kept_of(workspace, each, dataset, test_data, asked, taken) for each in sides]
        truth = taken.truth
        cuts = [each for each in taken.cuts if each.view is None or all(each.view in outputs for outputs in kept)]
        scored = [scored_of(each, outputs, truth) if None in outputs else None for outputs, each in zip(kept, sides, strict=True)]
        head = (side.path, name, len(truth), asked.confidence, planning.POWER)
        child, other = [*scored, None][:2]
        if child is not None and other is not None and (rows := prospects.measured(other, child, asked, cuts)):
            return Foreseen(*head, "outputs", parent, tuple(rows))
        turned = planning.changed_of(result)
        if turned is not None:
            return Foreseen(*head, "note", parent, tuple(prospects.assumed(child, len(truth), asked, [turned])))
        return Foreseen(*head, "assumed", None, tuple(prospects.assumed(child, len(truth), asked)))
    except Finding as error:
        raise Finding(f"{side.path}: {error.message}", error.hint) from None
