"""The evaluation of a snapshot's model documents against its parent's: what git notes keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import __version__, carrying, pointers
from .carrying import AGAIN
from .catalogue import Catalogue
from .errors import Finding, MdrepoError, MissingExtra, UsageError
from .evaluation import WORST_FIRST
from .notes import Note, note_of
from .results import WorkerState
from .schemas import KINDS
from .subjects import Side, artefact, before_of, gate_of, known, prevents, request, same_questions, scored_of, unsound, views_of
from .workspace import Workspace

Report = Callable[[str], None]
Outputs = Callable[[Sequence[Any]], Any]
"""From requests (`subjects.request`) to the outputs, by view, of each; raises MdrepoError where they cannot be had."""

_PASSED = ("improved", "unchanged")
_SAME = "the model answers as the parent's: only how it is judged has changed"
_TAKEN_AWAY = "its evaluation was removed or turned off in this commit, so nothing is compared with the parent"


class Parent(NamedTuple):
    """A commit that a snapshot is compared with, and its own note."""

    id: str
    catalogue: Catalogue
    note: Note | None


def parents_at(workspace: Workspace, commits: Sequence[str]) -> list[Parent]:
    """The commits that a snapshot is compared with: a merge with each of its parents."""
    return [Parent(each, workspace.at(each), note_of(workspace.git, each)) for each in commits]


def evaluate(workspace: Workspace, child: Catalogue, parents: Sequence[Parent], report: Report) -> Note | None:
    """The note of a snapshot, compared with its parents; None where there is nothing to evaluate."""
    documents: dict[str, Any] = {}
    for path in child.paths:
        if gate_of(child, path) != "off":
            documents[path] = _compared(workspace, Side(child, path), parents, report)
        elif any(gate_of(each.catalogue, path) != "off" for each in parents):
            documents[path] = {"verdict": "failed", "reason": _TAKEN_AWAY}
    if not documents:
        return None
    verdict = min((each["verdict"] for each in documents.values()), key=WORST_FIRST.index)
    carried = all(carrying.is_carried(each) for each in documents.values())
    environment = {} if carried else {"environment": _environment()}
    first = parents[0].id if parents else None
    return {"$schema": KINDS["evaluation"], "parent": first, "verdict": verdict, **environment, "documents": documents}


def _compared(workspace: Workspace, child: Side, parents: Sequence[Parent], report: Report) -> dict[str, Any]:
    """The result of a document, against its only parent, or against each and combined."""
    if not parents:
        return _document(workspace, child, None, None, report)
    results = [(each.id, _document(workspace, child, each.catalogue, each.note, report)) for each in parents]
    if len(results) == 1:
        return results[0][1]
    from .evaluation import decisions

    return decisions.combine(results)


def of_commit(workspace: Workspace, revision: str, against: str | None, report: Report) -> tuple[str, Note | None]:
    """The evaluation of a commit against its first parent, or against another one; what was allowed of it still is."""
    commit, parents = compared_with(workspace, revision, against)
    note = evaluate(workspace, workspace.at(commit), parents, report)
    if note is not None and against is None:
        before = note_of(workspace.git, commit) or {}
        if "allowed" in before:
            note["allowed"] = before["allowed"]
    return commit, note


def compared_with(workspace: Workspace, revision: str, against: str | None) -> tuple[str, list[Parent]]:
    """A commit's id, and what it is compared with: its parents, or another commit."""
    git = workspace.git
    commit = git.commit_id(revision)
    parents = git.parents(commit)
    shallow = git.common / "shallow"
    if against is None and shallow.exists() and commit in shallow.read_text(encoding="ascii").split():
        raise MdrepoError(f"the parent of {commit[:7]} is not here: this clone is shallow", "run 'git fetch --unshallow'")
    return commit, parents_at(workspace, [git.commit_id(against)] if against else parents)


def in_range(workspace: Workspace, revisions: str) -> list[tuple[str, str]]:
    """The commits of A..B, parents first, each with its subject; raises UsageError for three dots."""
    first, _, last = revisions.partition("..")
    if last.startswith("."):
        raise UsageError(f"{revisions} names commits of both sides", "A..B names those of B that A does not have")
    ends = [workspace.git.commit_id(each or "HEAD") for each in (first, last)]
    words = ("-z", "--topo-order", "--reverse", "--format=%H %s", "--end-of-options", "..".join(ends), "--")
    found = (line.partition(" ") for line in workspace.git.items("log", *words))
    return [(commit, subject) for commit, _, subject in found]


def prepare(workspace: Workspace, child: Catalogue, parent: Catalogue | None) -> None:
    """Let TensorFlow be imported while a snapshot is validated, where its evaluation will run a model."""
    try:
        if any(_will_run(workspace, child, parent, path) for path in child.paths if gate_of(child, path) != "off"):
            from .evaluation import engines

            engines.engine(workspace.limits).warm()
    except (MdrepoError, ImportError, LookupError, TypeError, AttributeError):
        return  # whatever is wrong is said by the validation and the evaluation themselves


def _will_run(workspace: Workspace, child: Catalogue, parent: Catalogue | None, path: str) -> bool:
    """Whether a document's model, data or preprocessing differ from the parent's, and TensorFlow has to compute its outputs."""
    from .evaluation import predictions

    def matters(side: Catalogue) -> Any:
        content = side.content(path)
        dataset = pointers.get(content, ("evaluation", "dataset"))
        data = side.content(dataset) if isinstance(dataset, str) else None
        return content.get("weights"), content.get("preprocessing"), pointers.get(data, ("artefact", "md5"))

    if parent is not None and path in parent.paths and matters(child) == matters(parent):
        return False
    dataset_path = child.content(path)["evaluation"]["dataset"]
    test_data = artefact(Side(child, dataset_path), ("artefact",))
    asked = request(workspace, Side(child, path), child.content(dataset_path), test_data)
    return predictions.will_run(asked, workspace.cache, workspace.limits)


def worker(workspace: Workspace) -> WorkerState:
    """The process with TensorFlow that waits for the next command, if there is one, and how models are confined here."""
    from .evaluation import confinement, residents

    limits = workspace.limits
    held = confinement.held()
    holds = {name: (name in held, words) for name, words in confinement.HOLDS.items()}
    found = residents.look(limits.folder, limits.keep_alive) if limits.folder is not None else None
    if found is None:
        return WorkerState(None, False, False, 0, 0, 0.0, limits.keep_alive, holds)
    return WorkerState(found.pid, found.ready, found.current, found.running, found.served, found.since, limits.keep_alive, holds)


def stop_worker(workspace: Workspace) -> bool:
    """End the process with TensorFlow that waits, with what it runs; whether there was one."""
    from .evaluation import residents

    folder = workspace.limits.folder
    return folder is not None and residents.stop(folder)


def blocking(note: Note | None, child: Catalogue, parents: Sequence[Parent]) -> list[str]:
    """The documents whose verdict stops a commit: by their own gate, or by a parent's where they have given theirs up."""
    if note is None:
        return []
    stopped: list[str] = []
    for path, result in note["documents"].items():
        gates = [gate_of(each, path) for each in (child, *(each.catalogue for each in parents))]
        gate = next((each for each in gates if each != "off"), "off")
        stops = ("regressed", "failed", "inconclusive") if gate == "strict" else ("regressed", "failed")
        if result["verdict"] in stops and gate in ("block", "strict"):
            stopped.append(path)
    return stopped


def _environment() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"mdrepo": __version__}
    for name in ("tensorflow", "keras", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _document(workspace: Workspace, child: Side, parent: Catalogue | None, note: Note | None, report: Report) -> dict[str, Any]:
    if problems := unsound(child):  # which 'mdrepo validate' stops
        wrong = problems[0]
        verdict = "failed" if prevents(child, wrong) else "inconclusive"
        return {"verdict": verdict, "reason": f"{wrong.path}:{wrong.line}: {wrong.message}"}
    before = before_of(child, parent) if parent is not None else None
    noted = (note or {}).get("documents", {}).get(before.path) if before else None
    key = child.key
    if before is not None and (found := carrying.skipped(child, before, noted)) is not None:
        return found
    from .evaluation import modelfiles

    with modelfiles.equipped(workspace.cache, workspace.limits, report) as means:
        if before is not None and (found := carrying.saved_again(workspace, child, before, noted, means)) is not None:
            return found
        result = _computed(workspace, child, before, key, means)
        if before is not None and key == before.key and result["verdict"] != "failed":
            result |= {"verdict": "unchanged", "reason": "all that the metrics are computed from is the parent's"}
        elif before is not None:

            def run(requests: Sequence[Any]) -> Any:
                from .evaluation import predictions

                return predictions.of_views([[each] for each in requests], means)

            result = confirmed(workspace, child, before, result, run, report)
        return result


def confirmed(
    workspace: Workspace, child: Side, parent: Side, result: dict[str, Any], outputs: Outputs, report: Report
) -> dict[str, Any]:
    """A result, `inconclusive` where it is a pass on other test data than the parent's, and none on those."""
    if result["verdict"] not in _PASSED or result.get("reason") in (_SAME, AGAIN) or same_questions(child, parent):
        return result
    there = _on_the_parents_data(workspace, child, parent, outputs, report)
    if there in (*_PASSED, "inconclusive"):
        return result
    words = f"it is {result['verdict']} on these test data, and {there} on those of the parent"
    return result | {"verdict": "inconclusive", "reason": words}


def _on_the_parents_data(workspace: Workspace, child: Side, parent: Side, outputs: Outputs, report: Report) -> str:
    """The verdict on the test data that the parent was evaluated on, or that it could not be come to."""
    from .evaluation import comparison, terms

    name = parent.content["evaluation"]["dataset"]
    dataset = parent.catalogue.content(name) or {}
    try:
        test_data = artefact(Side(parent.catalogue, name), ("artefact",))
        asked = terms.of_both(child.content, parent.content)
        taken = known(workspace, asked, dataset, test_data)
        sides = child, parent
        given = outputs([request(workspace, side, dataset, test_data, sample=taken.samples[0]) for side in sides])
        after, before = (scored_of(side, each, taken.truth) for side, each in zip(sides, given, strict=True))
        return str(comparison.compare(before, after, asked, taken.cuts)["verdict"])
    except MdrepoError as error:
        report(f"{child.path}: nothing is known of the parent's test data: {error.message}")
        return "not evaluated"


def _computed(workspace: Workspace, child: Side, parent: Side | None, key: str, means: Any) -> dict[str, Any]:
    try:
        from .evaluation import predictions, terms
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    dataset_path = child.content["evaluation"]["dataset"]
    dataset = child.catalogue.content(dataset_path) or {}
    test_data = artefact(Side(child.catalogue, dataset_path), ("artefact",))
    sides = [child] if parent is None else [child, parent]
    head = {"verdict": "baseline", "key": key, "dataset": dataset_path}
    parts: list[Any] = []
    try:
        asked = terms.terms(child.content, parent.content if parent else None)
        taken = known(workspace, asked, dataset, test_data)
        for look, sample in enumerate(taken.samples, start=1):
            requests = [views_of(workspace, side, dataset, test_data, asked, sample) for side in sides]
            parts.append(predictions.of_views(requests, means))
            same = parent is not None and requests[0][0].key == requests[1][0].key and _decides(child) == _decides(parent)
            seen = taken.first(look)
            outputs = [seen.joined(each) for each in zip(*parts, strict=True)]
            if len(seen) < len(taken):
                found = None if parent is None else _looked(child, parent, seen, outputs, asked, same)
                if found is not None:
                    means.report(f"{child.path}: {found['verdict']}, established by {len(seen):,} of {len(taken):,} examples")
                    return head | found | {"of": len(taken)}
        found = _judged(child, parent, taken, outputs, asked, same)
        if parent is not None and found["verdict"] == "inconclusive" and _answers(child) == _answers(parent):
            found |= {"verdict": "unchanged", "reason": AGAIN} if carrying.same_model(workspace, child, parent, means) else {}
        return head | found
    except predictions.Incomparable as error:
        alone = _computed(workspace, child, None, key, means)
        return alone | {"verdict": "failed", "reason": f"the parent's cannot be run: {error.message}"}
    except Finding as error:
        raise Finding(f"{child.path}: {error.message}", error.hint) from None


def _looked(child: Side, parent: Side, seen: Any, outputs: Any, asked: Any, same: bool) -> dict[str, Any] | None:
    """What an early look has established; None where that is nothing yet, or what more examples could overturn."""
    try:
        found = _judged(child, parent, seen, outputs, asked, same)
    except Finding:
        return None  # what means nothing on so few examples may on more; what is wrong with all of them, the last look says
    passed = found["verdict"] in ("improved", "unchanged") and (same or not asked.may_refuse)
    return found if passed or found["verdict"] == "regressed" else None


def _judged(child: Side, parent: Side | None, seen: Any, outputs: Any, asked: Any, same: bool) -> dict[str, Any]:
    """The result by the outputs on some examples; `same` says that child and parent answer alike. Raises Finding."""
    from .evaluation import comparison, terms

    scored = scored_of(child, outputs[0], seen.truth)
    own = {"examples": len(scored), **comparison.measure(scored, asked, seen.cuts)}
    if parent is None:
        return own
    if (reason := terms.given_up(parent.content, child.content)) is not None:
        return own | {"verdict": "failed", "reason": reason}
    try:
        before = scored_of(parent, outputs[1], seen.truth)
    except Finding as error:
        return own | {"verdict": "failed", "reason": f"{parent.path} in the parent: {error.message}"}
    result = {"examples": len(scored), **comparison.compare(before, scored, asked, seen.cuts, seen.names)}
    if result["verdict"] != "failed" and same:
        result |= {"verdict": "unchanged", "reason": _SAME}
    return result


def _decides(side: Side) -> Any:
    """The fields that make answers of outputs."""
    return [side.content.get(name) for name in ("labels", "decision")]


def _answers(side: Side) -> Any:
    """The fields that make answers of examples, beside the model."""
    return [side.content.get("preprocessing"), _decides(side)]
