"""New documents: from their schema, with what can be read off their artefacts filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from .artefacts import Artefact, all_tracked
from .catalogue import Catalogue
from .deriving import Proposal, propose
from .errors import Finding, UsageError
from .extraction import ExtractionError, extractor_for, extractors
from .files import write
from .locks import SUFFIX, Lock
from .origins import origins
from .results import Created
from .schemas import KINDS, Schema
from .workspace import Workspace
from .writing import fresh

_TARGETS = ("y", "target", "label", "labels", "class")
_WRITTEN = ("description", "license", "owners", "intended_use", "limitations", "origin", "preprocessing", "labels", "evaluation")


def create(workspace: Workspace, kind: str, name: str, artefact: str | None = None) -> list[Created]:
    """A new document of a kind; for a model also the one of its test data, where NAME-test is tracked and has none yet."""
    work = workspace.work()
    schema = work.schemas.find(KINDS[kind])
    if schema is None or kind not in ("model", "dataset"):
        raise UsageError(f"no documents are made of the kind {kind!r}", "kinds: model, dataset")
    if not re.fullmatch(schema.content["properties"]["name"]["pattern"], name):
        raise UsageError(f"{name!r} cannot be a document's name", "names are letters, digits, '.', '_' and '-', without spaces")
    path = f"metadata/{name}.json"
    if not workspace.configuration.is_document(path):
        raise Finding(f"{path} would be no document: [documents] in mdrepo.toml leaves it out")
    if work.find(path) is not None:
        raise Finding(f"{path} is there already", "'mdrepo patch' brings it up to date")
    source = _artefact(work, "model" if kind == "model" else "data", name, artefact)
    made: list[Created] = []
    if kind == "model":
        _propose(workspace, _model(name, source.path, None), schema)  # before a document of its test data is written
        dataset, also = _test_data(workspace, work, name)
        made += also
        content = _model(name, source.path, dataset)
    else:
        content = _dataset(workspace, name, source)
    return [*made, _write(workspace, path, content, schema, source)]


def _propose(workspace: Workspace, content: dict[str, Any], schema: Schema) -> Proposal:
    """What a new document is to be; raises Finding for an artefact that cannot be read, of which no document is made."""
    work, deriver = workspace.work(), workspace.deriver
    read = workspace.reader(work)
    proposal = propose(content, schema, work.files, read, Lock(), deriver)
    for origin in origins(content, schema, work.files, read):
        if reason := deriver.failure(origin):
            raise Finding(reason)
    return proposal


def _write(workspace: Workspace, path: str, content: dict[str, Any], schema: Schema, source: Artefact) -> Created:
    proposal = _propose(workspace, content, schema)
    order = schema.key_order
    with workspace.journal.together([path, path + SUFFIX]):
        write(workspace.root, path, fresh(proposal.new, order))
        write(workspace.root, path + SUFFIX, proposal.lock.text())
    missing = [name for name in _WRITTEN if name in order(()) and name not in proposal.new]
    return Created(path, source.path, proposal, tuple(missing))


def _artefact(work: Catalogue, kind: str, name: str, given: str | None) -> Artefact:
    """The artefact of a new document: the given one, else the one that DVC tracks under the document's name."""
    known = list(all_tracked(work.files))
    if given is not None:
        found = [each for each in known if each.path == given.rstrip("/")]
        if not found:
            raise Finding(f"DVC does not track {given}", f"run 'dvc add {given}'")
        if extractor_for(kind, found[0].shown) is None:
            raise UsageError(f"no extractor reads {found[0].shown} as a {kind}", f"they read {_suffixes(kind)}")
        return found[0]
    fitting = [each for each in known if PurePosixPath(each.path).stem == name and extractor_for(kind, each.shown)]
    if len(fitting) == 1:
        return fitting[0]
    naming = f"name it: mdrepo new {'model' if kind == 'model' else 'dataset'} {name} --artefact PATH"
    if fitting:
        raise Finding(f"several artefacts are called {name}: {', '.join(each.path for each in fitting)}", naming)
    here = next((path for path in work.files.paths() if PurePosixPath(path).stem == name and extractor_for(kind, path)), None)
    hint = f"run 'dvc add {here}'" if here else naming
    raise Finding(f"DVC tracks no {kind} file called {name}", hint)


def _suffixes(kind: str) -> str:
    found = (suffix for each in extractors() if each.kind == kind for suffix in each.suffixes)
    return ", ".join("folders" if suffix == "/" else suffix for suffix in found)


def _test_data(workspace: Workspace, work: Catalogue, name: str) -> tuple[str | None, list[Created]]:
    """The dataset document to evaluate a model on: NAME-test's, which is made where there is none."""
    path = f"metadata/{name}-test.json"
    if work.find(path) is not None:
        return path, []
    try:
        _artefact(work, "data", f"{name}-test", None)
    except Finding:
        return None, []
    return path, create(workspace, "dataset", f"{name}-test")


def _model(name: str, artefact: str, dataset: str | None) -> dict[str, Any]:
    evaluation = {"dataset": dataset, "metrics": ["accuracy", "loss"], "tolerance": {"accuracy": 0.01}, "gate": "block"}
    return {
        "$schema": KINDS["model"],
        "name": name,
        "task": "classification",
        "weights": {"artefact": {"path": artefact}},
        "decision": {"rule": "argmax"},
        **({"evaluation": evaluation} if dataset else {}),
    }


def _dataset(workspace: Workspace, name: str, source: Artefact) -> dict[str, Any]:
    content: dict[str, Any] = {"$schema": KINDS["dataset"], "name": name, "artefact": {"path": source.path}}
    extractor = extractor_for("data", source.shown)
    path = workspace.root / source.path
    if extractor is None or not path.exists():
        return content
    try:
        values = workspace.deriver.run(extractor, path, {}, {})
    except ExtractionError as error:
        raise Finding(f"{source.path}: {error.reason}") from None
    return content | _roles([each["name"] for each in values.get("arrays", values.get("columns", []))], values.get("format"))


def _roles(names: Sequence[str], form: Any) -> dict[str, Any]:
    """A first guess at which array or column is the target, and which are the inputs."""
    if len(names) < 2:
        return {}
    target = next((name for name in _TARGETS if name in names), names[-1])
    others = [name for name in names if name != target]
    return {"inputs": others[:1] if form == "npz" else others, "target": target}
