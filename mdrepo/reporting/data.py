"""Values as JSON for other programs: every answer is an object with the version of its form in `mdrepo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import pointers, wildcards
from ..changes import MISSING, Change

if TYPE_CHECKING:  # the values' types alone: a command loads what it makes, not what others make
    from ..judgements import Evaluated, Foreseen, Latency
    from ..locks import Source
    from ..merging import Conflict
    from ..provenance import Provenance
    from ..reconciling import Reconciled
    from ..results import (
        Augmented,
        DocumentDiff,
        DocumentStatus,
        Edited,
        Inherited,
        Logged,
        Outcome,
        Patch,
        Relabelled,
        Resolved,
        Status,
        Tuned,
    )
    from ..staleness import Stale
    from ..validation import Problem

VERSION = 1


def answer(command: str, **content: Any) -> dict[str, Any]:
    """The envelope of every JSON answer."""
    return {"mdrepo": VERSION, "command": command, **content}


def problem(each: Problem) -> dict[str, Any]:
    names = ("path", "line", "column", "pointer", "rule", "message", "hint")
    return {name: getattr(each, name) for name in names}


def evaluated(each: Evaluated) -> dict[str, Any]:
    error = {"message": each.error.message, "hint": each.error.hint} if each.error else None
    return {"commit": each.commit, "subject": each.subject, "evaluation": each.note, "error": error}


def latency(each: Latency) -> dict[str, Any]:
    return {name: getattr(each, name) for name in ("path", "batch", "runs", "lower", "median", "upper")}


def foreseen(each: Foreseen) -> dict[str, Any]:
    names = ("path", "dataset", "examples", "confidence", "power", "basis", "against", "prospects")
    return {name: getattr(each, name) for name in names}


def change(each: Change) -> dict[str, Any]:
    """A change; a side that is not there is left out, so that it differs from null."""
    made: dict[str, Any] = {"kind": each.kind, "pointer": pointers.build(each.shown_path)}
    if each.old_path is not None:
        made["old_pointer"] = pointers.build(each.old_path)
    if each.old is not MISSING:
        made["old"] = each.old
    if each.new is not MISSING:
        made["new"] = each.new
    return made


def document_diff(each: DocumentDiff) -> dict[str, Any]:
    """The changes of a document; the classes are null where it has no schema."""
    return {"path": each.path, "state": each.state, "class": each.highest_class, "changes": changes(each)}


def changes(each: DocumentDiff) -> list[dict[str, Any]]:
    return [{**change(item), "class": meaning} for item, meaning in zip(each.delta, each.classes, strict=True)]


def document_patch(each: DocumentDiff) -> dict[str, Any]:
    from ..patching import operations

    return {"path": each.path, "state": each.state, "operations": operations(each.delta)}


def stale(each: Stale) -> dict[str, Any]:
    return {"pointer": pointers.build(each.path), "artefact": each.source.artefact, "reason": each.reason}


def document_status(each: DocumentStatus) -> dict[str, Any]:
    return {
        "path": each.path,
        "state": each.state,
        "problems": [problem(item) for item in each.problems],
        "stale": [stale(item) for item in each.stale],
        "conflicts": [conflict(item) for item in each.conflicts],
        "remark": ": ".join(each.remark) or None,
    }


def status(found: Status) -> dict[str, Any]:
    return answer(
        "status",
        branch=found.branch,
        head=found.head,
        verdict=found.verdict,
        documents=[document_status(each) for each in found.documents],
        unrecorded=[each.path for each in found.unrecorded],
        files=[{"path": path, "state": state} for path, state in found.files],
        orphans=list(found.orphans),
    )


def provenance(each: Provenance) -> dict[str, Any]:
    return {"pointer": pointers.build(each.path), "kind": each.kind, "source": source(each.source)}


def source(found: Source | None) -> dict[str, str] | None:
    """What a derived value was read off."""
    return {name: getattr(found, name) for name in ("artefact", "md5", "extractor", "version")} if found else None


def patch(found: Patch) -> dict[str, Any]:
    from ..patching import operations

    documents = []
    for path, proposal in found.proposals.items():
        changes = []
        for each in proposal.delta:
            source = proposal.source(each.shown_path)
            origin = {"artefact": source.artefact, "extractor": source.extractor, "version": source.version} if source else None
            changes.append({**change(each), "source": origin})
        conflicts = [
            {
                "pointer": pointers.build(c.conflict.path),
                **{
                    name: side
                    for name, side in (("base", c.conflict.base), ("manual", c.conflict.ours), ("derived", c.conflict.theirs))
                    if side is not MISSING
                },
            }
            for c in proposal.conflicts
        ]
        documents.append(
            {
                "path": path,
                "reasons": list(proposal.reasons),
                "changes": changes,
                "kept": [pointers.build(place) for place in proposal.kept],
                "conflicts": conflicts,
                "operations": operations(proposal.delta),
            }
        )
    return answer("patch", documents=documents, problems=list(found.problems))


def logged(each: Logged) -> dict[str, Any]:
    commit = each.commit
    return {
        "commit": commit.id,
        "parents": list(commit.parents),
        "author": {"name": commit.author, "email": commit.email},
        "date": commit.date.isoformat(),
        "subject": commit.subject,
        "message": commit.message,
        "verdict": each.note["verdict"] if each.note else None,
        "evaluation": each.note,
        **({"documents": [document_diff(item) for item in each.documents]} if each.documents else {}),
    }


def outcome(command: str, found: Outcome) -> dict[str, Any]:
    return answer(
        command,
        status=found.status,
        commit=found.id,
        branch=found.branch,
        problems=[problem(each) for each in found.problems],
        blocking=list(found.blocking),
        evaluation=found.note,
        conflicts=[document_status(each) for each in found.conflicts],
    )


def conflict_names(found: Reconciled) -> list[str]:
    """The pointers of a merge's conflicts; of one that recurs below every item of something, one with a wildcard."""
    named = []
    for group in wildcards.grouped([each.path for each in found.conflicts]):
        number = len(group.numbers)
        named.append((pointers.build(group.path) or "(the whole document)") + (f" ({number} fields)" if number > 1 else ""))
    return named


def settled_pointers(found: Reconciled) -> list[str]:
    return [f"{pointers.build(each.conflict.path)} ({each.rule})" for each in found.settled]


def conflict(each: Conflict) -> dict[str, Any]:
    """A conflict; a side that does not have the field is left out, so that it differs from null."""
    sides = (("base", each.base), ("ours", each.ours), ("theirs", each.theirs))
    return {"pointer": pointers.build(each.path), **{name: side for name, side in sides if side is not MISSING}}


def reconciled(found: Reconciled) -> dict[str, Any]:
    """A merge of files."""
    conflicts = [conflict(each) for each in found.conflicts]
    settled = [{"pointer": pointers.build(each.conflict.path), "rule": each.rule} for each in found.settled]
    return {"clean": found.clean, "how": found.how, "reason": found.reason, "conflicts": conflicts, "settled": settled}


def resolved(found: Resolved) -> dict[str, Any]:
    """What was settled; a field that was taken away has no value."""
    settled = [{"pointer": pointers.build(path), **({} if value is MISSING else {"value": value})} for path, value in found.settled]
    return answer(
        "resolve",
        path=found.path,
        settled=settled,
        left=[conflict(each) for each in found.left],
        problems=[problem(each) for each in found.problems],
        added=found.added,
    )


def edited(found: Edited) -> dict[str, Any]:
    overridden = [{"pointer": pointers.build(place), "artefact": source.artefact} for place, source in found.overridden]
    return {
        "path": found.path,
        "written": not found.problems and found.text != found.before,
        "changes": [change(each) for each in found.delta],
        "problems": [problem(each) for each in found.problems],
        "overridden": overridden,
    }


def inherited(found: Inherited) -> dict[str, Any]:
    return {
        "path": found.path,
        "base": found.base,
        "before": found.before,
        "now": found.now,
        "changes": [change(each) for each in found.delta],
        "conflicts": [conflict(each) for each in found.conflicts],
    }


def tuned(found: Tuned) -> dict[str, Any]:
    return {"split": found.split, "examples": found.examples, **edited(found.edited), "effects": list(found.effects)}


def relabelled(found: Relabelled) -> dict[str, Any]:
    moves = [{"was": each.old, "is": each.new, "examples": each.count} for each in found.moves]
    renamed = [{"was": was, "is": now} for was, now in found.renamed]
    told = {"path": found.path, "data": found.data, "examples": found.examples, "moves": moves, "renamed": renamed}
    retyped = {"was": found.retyped[0], "is": found.retyped[1]} if found.retyped else None
    return {**told, "retyped": retyped, "written": found.written}


def augmented(found: Augmented) -> dict[str, Any]:
    names = ("path", "source", "target", "data", "examples")
    return {name: getattr(found, name) for name in names}
