"""Outputs, label map and decision rule to answers beside the truth: what every metric is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding

EPSILON = 1e-7
"""The least probability that a logarithm is taken of, as in Keras' losses."""

CLOSE = 1e-3
"""Two best outputs that are closer than this can change places by rounding alone."""

Task = Literal["classification", "multilabel", "regression"]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scored:
    """One model's answers on some examples, beside the truth.

    Classification: `outputs` are probabilities (examples x labels), `answers` and `truth` are places in `names`; an answer of -1
    is none, and a truth past the outputs is a class that the label map does not know. Multilabel: `outputs` are the probability
    of each label by itself, `answers` and `truth` flags of the same shape. Regression: all three are numbers, one an example.
    `facts` are what is known of the model itself, by the metric that reports it; `views` its answers on the same examples as
    policies change them, by the slices that name these.
    """

    task: Task
    names: tuple[str, ...]
    outputs: Floats
    answers: Any
    truth: Any
    facts: Mapping[str, float] = field(default_factory=dict)
    views: Mapping[str, Scored] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.outputs)

    def take(self, positions: Any) -> Scored:
        """The same for some of the examples: positions, which may repeat, or flags."""
        answers, truth = self.answers[positions], self.truth[positions]
        views = {name: view.take(positions) for name, view in self.views.items()}
        return replace(self, outputs=self.outputs[positions], answers=answers, truth=truth, views=views)

    @cached_property
    def correct(self) -> Flags:
        """Whether each example is answered right: all of its labels for multilabel; never for regression, which has no right."""
        same = np.asarray(self.answers == self.truth)
        if self.task == "multilabel":
            return np.asarray(same.all(axis=1))
        return same if self.task == "classification" else np.zeros(len(self), bool)

    @cached_property
    def losses(self) -> Floats:
        """The log loss of each example in nats; the mean over labels for multilabel."""
        if self.task == "multilabel":
            chances = np.where(self.truth, self.outputs, 1 - self.outputs)
            return np.asarray(-np.log(np.clip(chances, EPSILON, 1.0)).mean(axis=1))
        known = self.truth < self.outputs.shape[1]
        chances = np.where(known, self.outputs[np.arange(len(self)), np.where(known, self.truth, 0)], 0.0)
        return np.asarray(-np.log(np.clip(chances, EPSILON, 1.0)))

    @cached_property
    def close(self) -> Flags:
        """The examples whose answer rounding can change: whose two best outputs are closer than 1e-3."""
        if self.task == "regression":
            return np.zeros(len(self), bool)
        if self.task == "multilabel":
            return np.asarray((np.abs(self.outputs - 0.5) < CLOSE / 2).any(axis=1))
        best = np.sort(self.outputs, axis=1)[:, -2:]
        return np.asarray(best[:, 1] - best[:, 0] < CLOSE)


def require_finite(outputs: NDArray[Any]) -> None:
    """Raise Finding, with the examples, for outputs of which nothing can be said."""
    wrong = np.unique(np.nonzero(~np.isfinite(outputs))[0])
    if wrong.size:
        where = f"for {len(wrong)} of {len(outputs)} examples, first for the one at position {wrong[0]}"
        hint = "look at those inputs, at the preprocessing, and for layers that divide by zero"
        raise Finding(f"the model's outputs are not all finite numbers (NaN or infinity), {where}", hint)


def score(outputs: NDArray[Any], model: Mapping[str, Any], truth: Any, task: Task | None = None) -> Scored:
    """The answers that a model document makes of a model's outputs; raises Finding where they do not fit each other or the truth.

    `truth` is what `data.truth` gives: names for classification, sets of names for multilabel, numbers for regression. The task
    is the document's evaluation's, or the document's own. An example of a class that the label map does not know is answered
    wrong, with probability 0 (clipped at 1e-7).
    """
    task = task or task_of(model)
    require_finite(outputs)
    if len(outputs) != len(truth):
        raise Finding(f"{len(outputs)} outputs for {len(truth)} right answers: the inputs and the target differ in length")
    if not len(outputs):
        raise Finding("there are no examples to evaluate")
    if task == "regression":
        return _regression(outputs, truth)
    places = _places(model)
    decision = model.get("decision") or {"rule": "argmax"}
    temperature = float(decision.get("temperature", 1.0))
    chances = separate(outputs, temperature) if task == "multilabel" else probabilities(outputs, temperature)
    if sorted(places.values()) != list(range(chances.shape[1])):
        raise Finding(f"the label map's {len(places)} labels do not stand for the model's {chances.shape[1]} outputs, one each")
    return _multilabel(chances, places, decision, truth) if task == "multilabel" else _classes(chances, places, decision, truth)


def task_of(model: Mapping[str, Any]) -> Task:
    """The task that a model document is judged by."""
    found: Task = (model.get("evaluation") or {}).get("task") or model.get("task") or "classification"
    return found


def probabilities(outputs: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Outputs (examples x labels) as probabilities: as they are where they sum to 1, else as logits through softmax.

    A single column is the probability of the second of two labels. The temperature divides the logarithms.
    """
    raw = _columns(outputs)
    if temperature == 1 and _sums_to_one(raw):
        return raw
    scaled = logits(outputs) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def logits(outputs: NDArray[Any]) -> Floats:
    """What the temperature divides: logits as they are, probabilities as their logarithms."""
    raw = _columns(outputs)
    return np.asarray(np.log(np.maximum(raw, EPSILON))) if _sums_to_one(raw) else raw


def _columns(outputs: NDArray[Any]) -> Floats:
    raw = _matrix(outputs, "a classification")
    if raw.shape[1] > 1:
        return raw
    chance = raw if ((raw >= 0) & (raw <= 1)).all() else _sigmoid(raw)
    return np.hstack([1 - chance, chance])


def _sums_to_one(raw: Floats) -> bool:
    return bool((raw >= 0).all() and np.allclose(raw.sum(axis=1), 1, atol=1e-3))


def separate(outputs: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Outputs as the probability of each label by itself: as they are where all lie in [0, 1], else as logits."""
    raw = _matrix(outputs, "a multilabel model")
    if temperature == 1 and ((raw >= 0) & (raw <= 1)).all():
        return raw
    return _sigmoid(separate_logits(outputs) / temperature)


def separate_logits(outputs: NDArray[Any]) -> Floats:
    """The same where each label has a probability by itself."""
    raw = _matrix(outputs, "a multilabel model")
    if not ((raw >= 0) & (raw <= 1)).all():
        return raw
    kept = np.clip(raw, EPSILON, 1 - EPSILON)
    return np.asarray(np.log(kept / (1 - kept)))


def answered(chances: Floats, places: Mapping[str, int], decision: Mapping[str, Any]) -> Places:
    """The output that each example of a classification is answered with; -1 for no answer."""
    if decision["rule"] == "argmax":
        return np.asarray(chances.argmax(axis=1))
    least = least_of(chances.shape[1], places, decision, 0.0)
    allowed = np.where(chances >= least, chances, -1.0)
    return np.where(allowed.max(axis=1) >= 0, allowed.argmax(axis=1), -1)


def least_of(count: int, places: Mapping[str, int], decision: Mapping[str, Any], otherwise: float) -> Floats:
    """The least probability at which each output is answered."""
    least = np.full(count, otherwise)
    for name, threshold in (decision.get("thresholds") or {}).items():
        if name in places:
            least[places[name]] = threshold
    return least


def _classes(chances: Floats, places: Mapping[str, int], decision: Mapping[str, Any], truth: Sequence[str]) -> Scored:
    unknown = sorted({name for name in truth if name not in places})
    named = {**places, **{name: len(places) + number for number, name in enumerate(unknown)}}
    right = np.array([named[name] for name in truth], np.int64)
    return Scored("classification", _names(named), chances, answered(chances, places, decision), right)


def _multilabel(chances: Floats, places: Mapping[str, int], decision: Mapping[str, Any], truth: Sequence[frozenset[str]]) -> Scored:
    unknown = sorted({name for names in truth for name in names if name not in places})
    named = {**places, **{name: len(places) + number for number, name in enumerate(unknown)}}
    right = np.zeros((len(truth), len(named)), bool)
    for example, names in enumerate(truth):
        right[example, [named[name] for name in names]] = True
    chances = np.hstack([chances, np.zeros((len(chances), len(unknown)))])
    least = least_of(chances.shape[1], named, decision, 0.5)
    return Scored("multilabel", _names(named), chances, chances >= np.maximum(least, EPSILON), right)


def _regression(outputs: NDArray[Any], truth: Any) -> Scored:
    numbers = np.asarray(truth, np.float64)
    if outputs.ndim > 2 or (outputs.ndim == 2 and outputs.shape[1] != 1):
        raise Finding(f"a regression has one output an example; the model's have the shape {outputs.shape[1:]}")
    if not np.isfinite(numbers).all():
        first = int(np.flatnonzero(~np.isfinite(numbers))[0])
        hint = "fill them in, or take these examples out"
        raise Finding(f"the target has missing values (NaN) or infinities, first at position {first}", hint)
    flat = np.asarray(outputs, np.float64).reshape(len(outputs))
    return Scored("regression", (), flat, flat, numbers)


def _places(model: Mapping[str, Any]) -> dict[str, int]:
    labels = model.get("labels")
    if not labels:
        hint = "'mdrepo patch --apply' names them where the data's classes are the outputs' numbers from 0; else write them"
        raise Finding("the document has no labels, so the model's outputs mean nothing", hint)
    return {label["name"]: label["index"] for label in labels}


def _names(places: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(places, key=lambda name: places[name]))


def _matrix(outputs: NDArray[Any], what: str) -> Floats:
    if outputs.ndim != 2 or not outputs.shape[1]:
        raise Finding(f"the model's outputs have {outputs.ndim} dimensions; {what} has examples x labels")
    return outputs.astype(np.float64)


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))
