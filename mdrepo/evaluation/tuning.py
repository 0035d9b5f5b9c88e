"""Cached outputs and the truth of a tuning split to a better decision: thresholds and a temperature, with what they would do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding
from .metrics import Metric, named
from .planning import order
from .rows import Row, compared
from .scoring import Floats, Scored, logits, score, separate_logits, task_of

_FOLDS = 5
_CANDIDATES = 32
_ROUNDS = 2
_LEAST, _MOST = 0.05, 20.0
_OBJECTIVE = {"classification": "accuracy", "multilabel": "f1_macro"}


@dataclass(frozen=True)
class Proposal:
    """A decision block to put into the document, and its expected effects: one line a metric, the present one as `parent`.

    Effects are measured on examples that the values were not chosen by: each fifth with the values chosen by the others.
    """

    decision: Mapping[str, Any]
    effects: tuple[Row, ...]


def refuse_test_data(model: Mapping[str, Any], split: str, same_bytes: bool) -> None:
    """Raise Finding where the split is the one that the model is judged by: what is tuned on it says nothing about it any more."""
    if split == (model.get("evaluation") or {}).get("dataset") or same_bytes:
        raise Finding(
            f"{split} is what the model is evaluated on: tuning on it would make its evaluation worthless", "name another split"
        )


def refuse_what_teaches_nothing(outputs: NDArray[Any], model: Mapping[str, Any], truth: Any) -> None:
    """Raise Finding for examples of one class alone, or of classes that the model has no output for."""
    if task_of(model) != "classification":
        return
    scored = score(outputs, model, truth)
    there = np.unique(scored.truth)
    if unknown := [scored.names[place] for place in there if place >= scored.outputs.shape[1]]:
        raise Finding(f"the model has no output for {', '.join(unknown)}", "correct the label map, or the data")
    if len(there) < 2:
        raise Finding(f"all of the examples are of the class {scored.names[there[0]]}", "take examples of every class")


def propose(
    outputs: NDArray[Any],
    model: Mapping[str, Any],
    truth: Any,
    *,
    temperature: bool = True,
    thresholds: bool = True,
    objective: str | None = None,
    confidence: float = 0.95,
) -> Proposal:
    """A temperature that makes the log loss least, and thresholds that make the objective (accuracy, or macro F1) most."""
    task = task_of(model)
    if task == "regression":
        raise Finding("a regression has neither thresholds nor a temperature to tune")
    aim = named(objective or _OBJECTIVE[task], task)
    now = score(outputs, model, truth)
    if len(now) < 2 * _FOLDS:
        raise Finding(f"{len(now)} examples are too few to tune on", f"take {2 * _FOLDS} or more")
    every = np.arange(len(now))

    def held_out(temperature: bool, thresholds: bool) -> Scored:
        fold = order(len(now), "tuning") % _FOLDS
        held = now
        for number in range(_FOLDS):
            out = fold == number
            decision = _chosen(outputs, model, truth, every[~out], temperature, thresholds, aim)
            tuned = score(outputs, {**model, "decision": decision}, truth)
            mask = out[:, None]
            answers = np.where(mask if held.answers.ndim == 2 else out, tuned.answers, held.answers)
            held = replace(held, outputs=np.where(mask, tuned.outputs, held.outputs), answers=answers)
        return held

    temperature = temperature and _gain(named("loss", task), now, held_out(True, False)) > 0
    held = held_out(temperature, thresholds)
    shown = dict.fromkeys([aim.name, "loss", "calibration_error"] if task == "classification" else [aim.name, "loss"])
    effects = []
    for name in shown:
        metric = named(name, task)
        row, _ = compared(metric, now, held, confidence)
        effects.append({"metric": name, "direction": metric.direction, **row})
    return Proposal(_chosen(outputs, model, truth, every, temperature, thresholds, aim), tuple(effects))


def _gain(metric: Metric, before: Scored, after: Scored) -> float:
    """How much better a metric is; a share of a millionth is nothing."""
    gained = metric.value(after) - metric.value(before)
    return gained - 1e-6 if metric.higher_is_better else -gained - 1e-6


def _chosen(
    outputs: NDArray[Any], model: Mapping[str, Any], truth: Any, rows: Any, temperature: bool, thresholds: bool, aim: Metric
) -> dict[str, Any]:
    """The decision block that does best on some of the examples."""
    present = model.get("decision") or {"rule": "argmax"}
    made = dict(present)
    if temperature:
        plain = score(outputs, {**model, "decision": {"rule": "argmax"}}, truth).take(rows)
        made["temperature"] = best_temperature(plain, outputs[rows])
    if thresholds:
        scored = score(outputs, {**model, "decision": {**made, "rule": "argmax"}}, truth).take(rows)
        best = _for_each_label(scored) if scored.task == "multilabel" else _for_classes(scored, aim)
        made.pop("thresholds", None)
        made |= {"rule": "threshold", "thresholds": best} if best else {"rule": "argmax"}
    return made


def best_temperature(scored: Scored, outputs: NDArray[Any]) -> float:
    """The temperature (C. Guo et al., ICML 2017) of the least log loss, between 0.05 and 20.

    The loss is convex in the temperature's inverse, so that halving an interval on the sign of its slope finds it.
    """
    many = scored.task == "multilabel"
    logs = separate_logits(outputs) if many else logits(outputs)
    right = scored.truth[:, : logs.shape[1]] if many else scored.truth[:, None] == np.arange(logs.shape[1])

    def slope(inverse: float) -> float:
        scaled = logs * inverse
        if many:
            chances: Floats = 1 / (1 + np.exp(-np.clip(scaled, -700, 700)))
        else:
            powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            chances = powers / powers.sum(axis=1, keepdims=True)
        known = 1.0 if many else right.any(axis=1, keepdims=True)  # a class without an output has the same loss at any temperature
        return float(np.sum(known * (chances - right) * logs))

    low, high = 1 / _MOST, 1 / _LEAST
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return round(1 / math.sqrt(low * high), 4)


def _for_each_label(scored: Scored) -> dict[str, float]:
    """For each label by itself the threshold of the highest F1; a label for which none beats 0.5 keeps that."""
    best: dict[str, float] = {}
    for place, name in enumerate(scored.names):
        chances, right = scored.outputs[:, place], scored.truth[:, place]
        if not right.any() or right.all():
            continue
        falling = np.argsort(-chances, kind="stable")
        value, hits = chances[falling], np.cumsum(right[falling])
        last = np.append(np.diff(value) != 0, True)
        score_of = np.where(last, 2 * hits / (np.arange(1, len(value) + 1) + right.sum()), -1.0)
        top = int(score_of.argmax())
        below = value[top + 1] if top + 1 < len(value) else 0.0
        threshold = round(float(value[top] + below) / 2, 4)
        half = 2 * (right & (chances >= 0.5)).sum() / max(1, (chances >= 0.5).sum() + right.sum())
        gained = 2 * (right & (chances >= threshold)).sum() / max(1, (chances >= threshold).sum() + right.sum())
        if gained > half + 1e-12:
            best[name] = threshold
    return best


def _for_classes(scored: Scored, aim: Metric) -> dict[str, float]:
    """Thresholds that raise the objective, one label after another; a label that none helps has none."""
    labels = scored.outputs.shape[1]
    least = np.zeros(labels)
    best = aim.value(_with(scored, least))
    sign = 1 if aim.higher_is_better else -1
    for _ in range(_ROUNDS):
        before = best
        for place in range(labels):
            answered = scored.outputs[scored.outputs.argmax(axis=1) == place, place]
            if not len(answered):
                continue
            for candidate in np.unique(np.round(np.quantile(answered, np.linspace(0, 1, _CANDIDATES)) + 5e-5, 4)):
                tried = least.copy()
                tried[place] = min(candidate, 1.0)
                found = aim.value(_with(scored, tried))
                if sign * (found - best) > 1e-12:
                    least, best = tried, found
        if best == before:
            break
    return {scored.names[place]: float(least[place]) for place in range(labels) if least[place]}


def _with(scored: Scored, least: Floats) -> Scored:
    allowed = np.where(scored.outputs >= least, scored.outputs, -1.0)
    return replace(scored, answers=np.where(allowed.max(axis=1) >= 0, allowed.argmax(axis=1), -1))
