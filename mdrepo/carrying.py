"""The figures of a parent's note that are a commit's too, and need not be computed again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import MdrepoError
from .subjects import Side, artefact
from .workspace import Workspace

AGAIN = "the model is the parent's, saved again"
OWN = ("dataset", "examples", "metrics", "unstable", "confusion")
"""What a note says of a commit by itself, whatever it is compared with."""
_COMPARED = ("improved", "unchanged", "inconclusive", "regressed")


def skipped(child: Side, parent: Side, noted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The result of a document of which all that matters is its parent's, by what the parent's note says; None for others."""
    if noted is None or not _stands(child, parent, noted) or child.key != parent.key:
        return None
    return {"verdict": "skipped", "reason": "nothing that matters has changed", "key": child.key, **_own(noted)}


def saved_again(
    workspace: Workspace, child: Side, parent: Side, noted: Mapping[str, Any] | None, means: Any
) -> dict[str, Any] | None:
    """The result of a document that differs from its parent's in the model's file alone, which holds the same model; or None."""
    if noted is None or not _stands(child, parent, noted) or not _comparable(child, noted) or child.setting != parent.setting:
        return None
    if not same_model(workspace, child, parent, means):
        return None
    return {"verdict": "unchanged", "reason": AGAIN, "key": child.key, **_own(noted)}


def is_carried(result: Mapping[str, Any]) -> bool:
    """Whether a result has the figures of the parent's note, and none of its own."""
    return result["verdict"] == "skipped" or (result.get("reason") == AGAIN and "differences" not in result)


def same_model(workspace: Workspace, child: Side, parent: Side, means: Any) -> bool:
    """Whether a model gives its parent's outputs because it is the same one, in a file with the same bytes or with others."""
    from .evaluation import modelfiles

    try:
        return modelfiles.alike(*(_file(workspace, side, means) for side in (child, parent)))
    except MdrepoError:
        return False  # what is wrong with either, running them says


def _file(workspace: Workspace, side: Side, means: Any) -> Any:
    from .evaluation.modelfiles import ModelFile

    model = artefact(side, ("weights", "artefact"))
    return ModelFile(model.path, model.md5, lambda: workspace.store.require([model])[model], means.folder / model.md5, means)


def _own(noted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: noted[name] for name in OWN if name in noted}


def _stands(child: Side, parent: Side, noted: Mapping[str, Any]) -> bool:
    """Whether a note is about what the parent is; its figures are of fewer examples where its verdict took no more."""
    return noted.get("key") == parent.key and not child.content["evaluation"].get("early_stop")


def _comparable(side: Side, noted: Mapping[str, Any]) -> bool:
    """Whether the same answers can be compared: the note has compared some, or has figures for all that decides.

    A metric that is not defined on a slice is no figure of a commit by itself, and the verdict on any other is `failed`.
    """
    block, metrics = side.content["evaluation"], noted.get("metrics")
    if not metrics:
        return False
    defined = all(value is not None for value in metrics.values()) and metrics.keys() >= set(block.get("tolerance", ()))
    return noted.get("verdict") in _COMPARED or (defined and not block.get("slices"))
