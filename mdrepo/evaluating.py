"""The evaluation of a snapshot's model documents against its parent's: what git notes keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import __version__, pointers
from .artefacts import Artefact, tracked
from .catalogue import Catalogue
from .documents import digest
from .errors import Finding, MdrepoError, MissingExtra
from .pointers import Path
from .results import Note
from .schemas import KINDS, Schema
from .workspace import Workspace

Report = Callable[[str], None]

WORST_FIRST = ("failed", "regressed", "inconclusive", "improved", "baseline", "unchanged", "skipped")


def evaluate(
    workspace: Workspace, child: Catalogue, parent: Catalogue | None, parent_id: str | None, known: Note | None, report: Report
) -> Note | None:
    """The note of a snapshot, compared with a parent whose own note is `known`; None where there is nothing to evaluate."""
    documents: dict[str, Any] = {}
    for path in child.paths:
        content = child.content(path)
        block = content.get("evaluation") if isinstance(content, dict) else None
        if isinstance(block, dict) and block.get("gate") != "off" and child.schema(path).kind == "model":
            before = (known or {}).get("documents", {}).get(path)
            documents[path] = _document(workspace, path, child, parent, before, report)
    if not documents:
        return None
    verdict = min((each["verdict"] for each in documents.values()), key=WORST_FIRST.index)
    environment = {} if verdict == "skipped" else {"environment": _environment()}
    return {"$schema": KINDS["evaluation"], "parent": parent_id, "verdict": verdict, **environment, "documents": documents}


def blocking(note: Note | None, child: Catalogue) -> list[str]:
    """The documents whose verdict stops a commit."""
    if note is None:
        return []
    return [
        path
        for path, result in note["documents"].items()
        if result["verdict"] in ("regressed", "failed") and child.content(path)["evaluation"].get("gate", "block") == "block"
    ]


def _environment() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"mdrepo": __version__}
    for name in ("tensorflow", "keras", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _document(
    workspace: Workspace, path: str, child: Catalogue, parent: Catalogue | None, known: Any, report: Report
) -> dict[str, Any]:
    key = _key(child, path)
    if parent is not None and not _was_evaluated(path, parent):
        parent = None
    if parent is not None and known and known.get("key") == key == _key(parent, path):
        carried = {name: known[name] for name in ("key", "dataset", "examples", "metrics") if name in known}
        return {"verdict": "skipped", "reason": "nothing that matters has changed", **carried}
    return _computed(workspace, path, child, parent, key, report)


def _was_evaluated(path: str, parent: Catalogue) -> bool:
    """Whether the parent has something to compare with; one that cannot be read is no reason to compare with nothing."""
    if path not in parent.paths:
        return False
    problems = parent.problems(path)
    if parent.content(path) is None or any(each.rule.startswith(("json/", "schema/", "document/")) for each in problems):
        hint = "see 'mdrepo show HEAD', or commit with --no-eval"
        raise MdrepoError(
            f"{path}: the parent's version is not valid, so nothing can be compared with it: {problems[0].message}", hint
        )
    return "evaluation" in parent.content(path)


def _computed(
    workspace: Workspace, path: str, child: Catalogue, parent: Catalogue | None, key: str, report: Report
) -> dict[str, Any]:
    try:
        from .evaluation import comparison, data, metrics, predictions
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    content = child.content(path)
    block = content["evaluation"]
    dataset_path = block["dataset"]
    dataset = child.content(dataset_path) or {}
    test_data = _artefact(child, dataset_path, dataset, ("artefact",))
    sides = [child] if parent is None else [child, parent]
    requests = [_request(workspace, side, path, dataset, test_data) for side in sides]
    limits = predictions.Limits(workspace.configuration.evaluation.timeout, workspace.configuration.evaluation.memory)
    outputs = predictions.outputs(requests, workspace.cache, limits, report)
    file = workspace.store.require([test_data])[test_data]
    scored = []
    whose = path
    try:
        truth = data.truth(file, _suffix(test_data.path), dataset)
        for out, side in zip(outputs, sides, strict=True):
            whose = path if side is child else f"{path} in the parent"
            scored.append(metrics.score(out, side.content(path), truth))
    except Finding as error:
        raise Finding(f"{whose}: {error.message}", error.hint) from None
    names = block.get("metrics", ["accuracy", "loss"])
    result: dict[str, Any] = {
        "verdict": "baseline",
        "key": key,
        "dataset": dataset_path,
        "examples": len(truth),
        "metrics": {name: round(scored[0].value(name), 6) for name in names},
    }
    if parent is not None:
        return result | comparison.compare(scored[1], scored[0], truth, block)
    if comparison.by_label(block):
        classes = sorted(comparison.recall(scored[0].correct, truth).items(), key=lambda item: (item[1][1], item[0]))
        result["recall"] = [{"label": name, "support": count, "value": round(share, 6)} for name, (count, share) in classes]
    return result


def _request(workspace: Workspace, side: Catalogue, path: str, dataset: Mapping[str, Any], test_data: Artefact) -> Any:
    from .evaluation.predictions import Request

    content = side.content(path)
    model = _artefact(side, path, content, ("weights", "artefact"))

    def locate() -> Any:
        found = workspace.store.require([model, test_data])
        return found[model], found[test_data]

    inputs = tuple(dataset.get("inputs") or ["x"])
    return Request(model.path, model.md5, test_data.path, test_data.md5, inputs, content.get("preprocessing", []), locate)


def _artefact(side: Catalogue, path: str, content: Any, where: Path) -> Artefact:
    name = pointers.get(content, (*where, "path"))
    found = tracked(side.files, name) if isinstance(name, str) else None
    if found is None:
        raise MdrepoError(f"{path}: {name or 'its artefact'} is not tracked by DVC there", "run 'dvc add' and commit its pointer")
    return found


def _suffix(path: str) -> str:
    dot = path.rfind(".")
    return path[dot:] if dot > path.rfind("/") else ""


def _key(side: Catalogue, path: str) -> str:
    """SHA-256 of all that a document's metrics are computed from: its own fields that matter, and its test data's."""
    content = side.content(path)
    dataset = pointers.get(content, ("evaluation", "dataset"))
    matters = [_mattering(content, side.schema(path))]
    if isinstance(dataset, str) and (data := side.content(dataset)) is not None:
        matters.append(_mattering(data, side.schema(dataset)))
    return digest(matters)


def _mattering(content: Any, schema: Schema, path: Path = ()) -> Any:
    """A content without the fields that its schema says change nothing (`x-mdrepo-affects`)."""
    if isinstance(content, dict):
        kept = ((key, value) for key, value in content.items() if schema.annotation((*path, key), "x-mdrepo-affects") != "nothing")
        return {key: _mattering(value, schema, (*path, key)) for key, value in kept}
    if isinstance(content, list):
        return [_mattering(item, schema, (*path, index)) for index, item in enumerate(content)]
    return content
