"""A document's evaluation block as a value: defaults filled in, metrics found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Finding
from . import metrics, slices
from .metrics import CONFUSION, Metric
from .scoring import Task, task_of

_METRICS: Mapping[str, tuple[str, ...]] = {
    "classification": ("accuracy", "loss"),
    "multilabel": ("f1_micro", "loss"),
    "regression": ("mae", "r2"),
}
_TOLERANCE: Mapping[str, Mapping[str, float]] = {
    "classification": {"accuracy": 0.01},
    "multilabel": {"f1_micro": 0.01},
    "regression": {"r2": 0.01},
}
_CONFIDENCE = 0.95
SUPPORT = 20
"""How many examples a class or a slice has at least, to be judged."""


@dataclass(frozen=True)
class Terms:
    """How two models are compared. `slices` is None where the block names none: then the classes are only reported."""

    task: Task
    metrics: tuple[Metric, ...]
    tolerance: Mapping[str, float]
    slices: tuple[Mapping[str, Any], ...] | None
    confidence: float
    support: int
    budget: int | None
    confusion: bool
    early_stop: bool = False

    @property
    def by_label(self) -> bool:
        """Whether the recall of each class is reported."""
        return self.slices is None or any(each.get("by") == "label" for each in self.slices)

    @property
    def may_refuse(self) -> bool:
        """Whether there are slices that decide only where they are worse: a pass of the whole leaves those open."""
        return any("tolerance" not in each for each in self.slices or ())

    @property
    def views(self) -> dict[str, Mapping[str, Any]]:
        """The policies that change the examples, by the slice that names them."""
        return {slices.name(each): each["augmentation"] for each in self.slices or () if "augmentation" in each}

    @property
    def columns(self) -> list[str]:
        """The columns of the data that slices are cut by."""
        named = [each.get("column") or each.get("where", {}).get("column") for each in self.slices or ()]
        return list(dict.fromkeys(name for name in named if name is not None))


def terms(model: Mapping[str, Any], parent: Mapping[str, Any] | None = None) -> Terms:
    """The terms of a model document; raises Finding for a metric that there is not.

    What has a tolerance is measured too, whether it is listed or not: a metric that decides cannot be missing. Where the `parent`
    was judged more strictly, so is this one: looser terms are for what comes after the commit that brings them.
    """
    block, task = model.get("evaluation") or {}, task_of(model)
    if parent is not None and task_of(parent) == task:
        block = _as_strict_as(parent.get("evaluation") or {}, block, task)
    listed = block.get("metrics", _METRICS[task])
    tolerance = block.get("tolerance", _TOLERANCE[task])
    named = block.get("slices")
    also = [name for each in named or () for name in each.get("tolerance", ()) if name != "recall"]
    of_model = [name for name in also if metrics.named(name, task).of_model]
    if of_model:
        raise Finding(f"{of_model[0]} is the model's, whatever the examples: a slice has no tolerance of it")
    early = bool(block.get("early_stop", False))
    if early:
        _stoppable([*tolerance, *also], task)
    names = [name for name in dict.fromkeys([*listed, *tolerance, *also]) if name != CONFUSION]
    if CONFUSION in listed and task != "classification":
        raise Finding(f"{CONFUSION} is for classification, and this is {task}")
    return Terms(
        task,
        tuple(metrics.named(name, task) for name in names),
        tolerance,
        None if named is None else tuple(named),
        float(block.get("confidence", _CONFIDENCE)),
        int(block.get("minimum_support", SUPPORT)),
        block.get("budget"),
        CONFUSION in listed,
        early,
    )


def of_both(model: Mapping[str, Any], parent: Mapping[str, Any]) -> Terms:
    """The terms on the parent's test data: those, but for slices that the parent does not name and ones that change the data."""
    found = terms(model, parent)
    known = {slices.identity(each) for each in _slices(parent)}
    both = tuple(each for each in found.slices or () if slices.identity(each) in known and "augmentation" not in each)
    return replace(found, slices=both or None, early_stop=False)


def _as_strict_as(before: Mapping[str, Any], block: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    """An evaluation block with another one's tolerances and support where those are less."""
    usual = _TOLERANCE[task]
    had, has = before.get("tolerance", usual), block.get("tolerance", usual)
    found = {
        **block,
        "tolerance": {name: min(value, had.get(name, value)) for name, value in has.items()},
        "minimum_support": min(block.get("minimum_support", SUPPORT), before.get("minimum_support", SUPPORT)),
        "confidence": before.get("confidence", _CONFIDENCE),
    }
    if "slices" in block:
        known = {slices.identity(each): each for each in before.get("slices", ())}
        whole = {**had, "recall": had.get("accuracy", 0.0)}  # what decides on a slice that has no tolerance
        found["slices"] = [_slice_as_strict_as(known.get(slices.identity(each)), each, whole) for each in block["slices"]]
    return found


def _slice_as_strict_as(before: Mapping[str, Any] | None, each: Mapping[str, Any], whole: Mapping[str, float]) -> Mapping[str, Any]:
    if before is None:
        return each
    has, had = each.get("tolerance", {}), before.get("tolerance")
    if had is None:
        return {**each, "tolerance": {name: min(value, whole.get(name, value)) for name, value in has.items()}} if has else each
    least = {name: min(value, has.get(name, value)) for name, value in had.items()}
    return {**each, "tolerance": {**has, **least}}


def _stoppable(deciding: Sequence[str], task: Task) -> None:
    """Raise Finding where what decides is not known to hold at each look of an early stop: all that is no share of the examples."""
    for name in deciding:
        if not metrics.is_share(metric := metrics.named(name, task)) and not metric.of_model:
            raise Finding(f"{name} decides, and an early stop is for shares of right answers", "as accuracy is")


def given_up(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Why a document cannot be held against its parent: another task, or a metric or slice that decided there is gone."""
    if (old := task_of(before)) != (new := task_of(after)):
        return f"the parent's task is {old}, this one's is {new}: their metrics cannot be compared"
    had = before.get("evaluation", {}).get("tolerance", _TOLERANCE[old])
    has = after.get("evaluation", {}).get("tolerance", _TOLERANCE[new])
    lost = [name for name in had if name not in has]
    if lost:
        return f"the parent was judged by {', '.join(lost)}, which has no tolerance here any more"
    kept = {slices.identity(each) for each in _slices(after)}
    gone = sorted(slices.name(each) for each in _slices(before) if slices.identity(each) not in kept)
    return f"the parent was judged on slices that are not named here any more: {', '.join(gone)}" if gone else None


def _slices(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = model.get("evaluation", {}).get("slices", ())
    return found
