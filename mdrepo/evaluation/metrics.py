"""Outputs, label map and decision rule to answers, and answers to metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding

_EPSILON = 1e-7
"""The least probability that a logarithm is taken of, as in Keras' losses."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """One model's answers: for each example whether it is right, and its loss in nats."""

    correct: Flags
    losses: Floats

    def value(self, metric: str) -> float:
        """A metric over all examples."""
        return float(self.correct.mean()) if metric == "accuracy" else float(self.losses.mean())


def probabilities(outputs: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Outputs (examples x labels) as probabilities: as they are where they sum to 1, else as logits through softmax.

    A single column is the probability of the second of two labels. The temperature divides the logarithms.
    """
    raw = outputs.astype(np.float64)
    if raw.ndim != 2:
        raise Finding(f"the model's outputs have {raw.ndim} dimensions; a classification has examples x labels")
    if raw.shape[1] == 1:
        chance = raw if ((raw >= 0) & (raw <= 1)).all() else 1 / (1 + np.exp(-raw))
        raw = np.hstack([1 - chance, chance])
    sums_to_one = bool((raw >= 0).all() and np.allclose(raw.sum(axis=1), 1, atol=1e-3))
    logits = np.log(np.maximum(raw, _EPSILON)) if sums_to_one else raw
    if sums_to_one and temperature == 1:
        return raw
    logits = logits / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def score(outputs: NDArray[Any], model: Mapping[str, Any], truth: Sequence[str]) -> Scored:
    """The answers that a model document makes of a model's outputs; raises Finding where its label map does not fit them.

    An example whose class the label map does not know is answered wrong, with probability 0 (clipped at 1e-7).
    """
    labels, decision = model.get("labels"), model.get("decision") or {"rule": "argmax"}
    if not labels:
        raise Finding("the document has no labels, so the model's outputs mean nothing", "run 'mdrepo patch --apply'")
    chances = probabilities(outputs, float(decision.get("temperature", 1.0)))
    if len(chances) != len(truth):
        raise Finding(f"{len(chances)} outputs for {len(truth)} right answers: the inputs and the target differ in length")
    places = {label["name"]: label["index"] for label in labels}
    if sorted(places.values()) != list(range(chances.shape[1])):
        raise Finding(f"the label map's {len(places)} labels do not stand for the model's {chances.shape[1]} outputs, one each")
    answers = _answers(chances, places, decision)
    right = np.array([places.get(name, -1) for name in truth])
    chance = np.where(right >= 0, chances[np.arange(len(right)), right], 0.0)
    return Scored((answers == right) & (right >= 0), -np.log(np.clip(chance, _EPSILON, 1.0)))


def _answers(chances: Floats, places: Mapping[str, int], decision: Mapping[str, Any]) -> NDArray[np.int64]:
    """The output that each example is answered with; -1 for no answer."""
    if decision["rule"] == "argmax":
        return np.asarray(chances.argmax(axis=1))
    least = np.zeros(chances.shape[1])
    for name, threshold in decision["thresholds"].items():
        if name in places:
            least[places[name]] = threshold
    allowed = np.where(chances >= least, chances, -1.0)
    return np.where(allowed.max(axis=1) >= 0, allowed.argmax(axis=1), -1)
