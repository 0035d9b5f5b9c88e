"""Better decisions from outputs that are there: thresholds and a temperature, proposed as a patch of a model's document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from .artefacts import Artefact
from .editing import with_field
from .errors import Finding, MdrepoError, MissingExtra
from .evaluating import Report
from .results import Tuned
from .subjects import Side, artefact, refuse_unsound, request
from .workspace import Workspace


def tune(workspace: Workspace, path: str, split: str, report: Report) -> Tuned:
    """The decision block that does best on the data of `split`, a dataset document, with its expected effect; nothing is written.

    Raises Finding for the data that the model is evaluated on.
    """
    try:
        from .evaluation import data, predictions, tuning
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    work = workspace.work()
    content, dataset = work.document(path).value, work.document(split).value
    if work.schema(path).kind != "model" or work.schema(split).kind != "dataset":
        raise Finding(f"{path} is no model document, or {split} no dataset document", "'mdrepo status' lists the documents")
    side, source = Side(work, path), artefact(Side(work, split), ("artefact",))
    refuse_unsound(side)
    tuning.refuse_test_data(content, split, _judged_on(workspace, side, dataset, source))
    [outputs] = predictions.outputs([request(workspace, side, dataset, source)], workspace.cache, workspace.limits, report)
    file = workspace.store.require([source])[source]
    try:
        truth = data.truth(file, PurePosixPath(source.path).suffix, dataset, content.get("task", "classification"))
        tuning.refuse_what_teaches_nothing(outputs, content, truth)
        found = tuning.propose(outputs, content, truth)
    except Finding as error:
        raise Finding(f"{path} on {split}: {error.message}", error.hint) from None
    edited = with_field(workspace, path, "/decision", dict(found.decision))
    return Tuned(path, split, len(truth), found.decision, edited, found.effects)


def _judged_on(workspace: Workspace, side: Side, dataset: Mapping[str, Any], source: Artefact) -> bool:
    """Whether the model is evaluated on data with these bytes, or, where both are here, on these examples in another file."""
    from .evaluation import data

    block = side.content.get("evaluation")
    name = block.get("dataset") if isinstance(block, dict) else None
    if not isinstance(name, str) or side.catalogue.find(name) is None:
        return False
    try:
        judging = artefact(Side(side.catalogue, name), ("artefact",))
        files = workspace.store.require([judging, source])
    except MdrepoError:
        return False  # what it is evaluated on is not there, so it is not this
    described = side.catalogue.content(name)
    sides = [(files[each], PurePosixPath(each.path).suffix, what) for each, what in ((judging, described), (source, dataset))]
    return judging.md5 == source.md5 or all(
        data.same(*(data.columns(file, suffix, names(what)) for file, suffix, what in sides)) for names in (_target, _inputs)
    )


def _target(dataset: Mapping[str, Any]) -> list[str]:
    return [dataset["target"]] if isinstance(dataset.get("target"), str) else []


def _inputs(dataset: Mapping[str, Any]) -> list[str]:
    return list(dataset.get("inputs") or ["x"])
