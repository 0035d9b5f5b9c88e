"""The evaluation of a snapshot's model documents against its parent's: what git notes keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from . import __version__, pointers
from .artefacts import Artefact, tracked
from .catalogue import Catalogue
from .documents import digest
from .errors import Finding, MdrepoError, MissingExtra
from .evaluation import WORST_FIRST
from .notes import Note, note_of
from .pointers import Path
from .results import WorkerState
from .schemas import KINDS, Schema
from .workspace import Workspace

Report = Callable[[str], None]

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
        if gate(child, path) != "off":
            documents[path] = _compared(workspace, Side(child, path), parents, report)
        elif any(gate(each.catalogue, path) != "off" for each in parents):
            documents[path] = {"verdict": "failed", "reason": _TAKEN_AWAY}
    if not documents:
        return None
    verdict = min((each["verdict"] for each in documents.values()), key=WORST_FIRST.index)
    environment = {} if verdict == "skipped" else {"environment": _environment()}
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
    git = workspace.git
    commit = git.commit_id(revision)
    parents = git.parents(commit)
    shallow = git.common / "shallow"
    if against is None and shallow.exists() and commit in shallow.read_text(encoding="ascii").split():
        raise MdrepoError(f"the parent of {commit[:7]} is not here: this clone is shallow", "run 'git fetch --unshallow'")
    others = [git.commit_id(against)] if against else parents
    note = evaluate(workspace, workspace.at(commit), parents_at(workspace, others), report)
    if note is not None and against is None:
        before = note_of(git, commit) or {}
        if "allowed" in before:
            note["allowed"] = before["allowed"]
    return commit, note


def prepare(workspace: Workspace, child: Catalogue, parent: Catalogue | None) -> None:
    """Let TensorFlow be imported while a snapshot is validated, where its evaluation will run a model."""
    try:
        if any(_will_run(workspace, child, parent, path) for path in child.paths if gate(child, path) != "off"):
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


def gate(side: Catalogue, path: str) -> str:
    """What a regression of a document does: `block`, `strict`, `warn`, or `off` for what is not evaluated at all."""
    content = side.content(path) if path in side.paths else None
    block = content.get("evaluation") if isinstance(content, dict) else None
    if not isinstance(block, dict) or (schema := side.schema_or_none(path)) is None or schema.kind != "model":
        return "off"
    return str(block.get("gate", "block"))


def blocking(note: Note | None, child: Catalogue, parents: Sequence[Parent]) -> list[str]:
    """The documents whose verdict stops a commit: by their own gate, or by a parent's where they have given theirs up."""
    if note is None:
        return []
    stopped: list[str] = []
    for path, result in note["documents"].items():
        gates = [gate(each, path) for each in (child, *(each.catalogue for each in parents))]
        closed = next((each for each in gates if each != "off"), "off")
        stops = ("regressed", "failed", "inconclusive") if closed == "strict" else ("regressed", "failed")
        if result["verdict"] in stops and closed in ("block", "strict"):
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


@dataclass(frozen=True)
class Side:
    """One document at one snapshot."""

    catalogue: Catalogue
    path: str

    @property
    def content(self) -> Any:
        return self.catalogue.content(self.path)

    @property
    def key(self) -> str:
        """SHA-256 of all that the document's metrics are computed from: its own fields that matter, and its test data's."""
        dataset = pointers.get(self.content, ("evaluation", "dataset"))
        matters = [_mattering(self.content, self.catalogue.schema(self.path))]
        if isinstance(dataset, str) and (data := self.catalogue.content(dataset)) is not None:
            matters.append(_mattering(data, self.catalogue.schema(dataset)))
        return digest(matters)


def _document(workspace: Workspace, child: Side, parent: Catalogue | None, note: Note | None, report: Report) -> dict[str, Any]:
    before = _before(child, parent) if parent is not None else None
    known = (note or {}).get("documents", {}).get(before.path) if before else None
    key = child.key
    if before is not None and known and known.get("key") == key == before.key:
        carried = {name: known[name] for name in ("key", "dataset", "examples", "metrics") if name in known}
        return {"verdict": "skipped", "reason": "nothing that matters has changed", **carried}
    result = _computed(workspace, child, before, key, report)
    if before is not None and key == before.key:
        result |= {"verdict": "unchanged", "reason": "all that the metrics are computed from is the parent's"}
    return result


def _before(child: Side, parent: Catalogue) -> Side | None:
    """What a document is compared with: its version in the parent, under whatever path; None where it was never evaluated.

    A parent that cannot be read is no reason to compare with nothing: raises MdrepoError.
    """
    path = child.path if child.path in parent.paths else _renamed_from(child, parent)
    if path is None:
        return None
    problems = parent.problems(path)
    if parent.content(path) is None or any(each.rule.startswith(("json/", "schema/", "document/")) for each in problems):
        words = f"{path}: the parent's version is not valid, so nothing can be compared with it: {problems[0].message}"
        raise MdrepoError(words, "see 'mdrepo show HEAD', or commit with --no-eval")
    return Side(parent, path) if "evaluation" in parent.content(path) else None


def _renamed_from(child: Side, parent: Catalogue) -> str | None:
    """The parent's document that has gone and had the same `name` and schema: a new path makes no new model."""
    members = ("name", "$schema")
    for path in parent.paths:
        content = parent.content(path) if path not in child.catalogue.paths else None
        if isinstance(content, dict) and all(content.get(member) == child.content.get(member) for member in members):
            return path
    return None


def _computed(workspace: Workspace, child: Side, parent: Side | None, key: str, report: Report) -> dict[str, Any]:
    try:
        from .evaluation import comparison, predictions, scoring, terms
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    dataset_path = child.content["evaluation"]["dataset"]
    dataset = child.catalogue.content(dataset_path) or {}
    test_data = artefact(Side(child.catalogue, dataset_path), ("artefact",))
    sides = [child] if parent is None else [child, parent]
    requests = [request(workspace, side, dataset, test_data) for side in sides]
    outputs = predictions.outputs(requests, workspace.cache, workspace.limits, report)
    try:
        asked = terms.terms(child.content)
        truth, taken, cuts, ids = _known(workspace, asked, dataset, test_data)
        scored = scoring.score(outputs[0], child.content, truth).take(taken)
        own = comparison.measure(scored, asked, cuts)
    except Finding as error:
        raise Finding(f"{child.path}: {error.message}", error.hint) from None
    result: dict[str, Any] = {"verdict": "baseline", "key": key, "dataset": dataset_path, "examples": len(scored)}
    if parent is None:
        return result | own
    if (reason := terms.given_up(parent.content, child.content)) is not None:
        return result | own | {"verdict": "failed", "reason": reason}
    try:
        before = scoring.score(outputs[1], parent.content, truth).take(taken)
    except Finding as error:
        return result | own | {"verdict": "failed", "reason": f"{parent.path} in the parent: {error.message}"}
    result |= comparison.compare(before, scored, asked, cuts, ids)
    if result["verdict"] != "failed" and requests[0].key == requests[1].key and _decides(child) == _decides(parent):
        result |= {"verdict": "unchanged", "reason": "the model answers as the parent's: only how it is judged has changed"}
    return result


def _decides(side: Side) -> Any:
    """The fields that make answers of outputs."""
    return [side.content.get(name) for name in ("labels", "decision")]


def _known(workspace: Workspace, asked: Any, dataset: Mapping[str, Any], test_data: Artefact) -> tuple[Any, Any, Any, Any]:
    """What the test data say: all right answers; which examples are taken, the slices that they are in, and their names."""
    from .evaluation import data, planning, slices

    file, suffix = workspace.store.require([test_data])[test_data], _suffix(test_data.path)
    truth = data.truth(file, suffix, dataset, asked.task)
    named = dataset.get("id")
    wanted = [*asked.columns, *([named] if named else [])]
    columns = data.columns(file, suffix, wanted) if wanted else {}
    taken = planning.sample(len(truth), asked.budget or len(truth), test_data.md5)
    cuts = [each.of(taken) for each in slices.cut(asked.slices or (), columns)]
    return truth, taken, cuts, columns[named][taken].tolist() if named else taken.tolist()


def request(workspace: Workspace, side: Side, dataset: Mapping[str, Any], test_data: Artefact) -> Any:
    """What it takes to run a document's model over the data of a dataset document."""
    from .evaluation.predictions import Request

    model = artefact(side, ("weights", "artefact"))

    def locate(place: FilePath) -> Any:
        found = workspace.store.require([model, test_data])
        here = found[model]
        return workspace.store.named(model, place) if model.is_folder and not here.is_dir() else here, found[test_data]

    inputs = tuple(dataset.get("inputs") or ["x"])
    steps = side.content.get("preprocessing", [])
    return Request(model.path, model.md5, test_data.path, test_data.md5, inputs, steps, locate)


def artefact(side: Side, where: Path) -> Artefact:
    """The artefact that a document names; raises MdrepoError where DVC does not track it."""
    name = pointers.get(side.content, (*where, "path"))
    found = tracked(side.catalogue.files, name) if isinstance(name, str) else None
    if found is None:
        what = f"{side.path}: {name or 'its artefact'} is not tracked by DVC there"
        raise MdrepoError(what, "run 'dvc add' and commit its pointer")
    return found


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix


def _mattering(content: Any, schema: Schema, path: Path = ()) -> Any:
    """A content without the fields that its schema says change nothing (`x-mdrepo-affects`)."""
    if isinstance(content, dict):
        kept = ((key, value) for key, value in content.items() if schema.annotation((*path, key), "x-mdrepo-affects") != "nothing")
        return {key: _mattering(value, schema, (*path, key)) for key, value in kept}
    if isinstance(content, list):
        return [_mattering(item, schema, (*path, index)) for index, item in enumerate(content)]
    return content
