"""Metrics by name: which way is better, the value over all examples, and the value under many weightings of them at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

from ..errors import Finding
from . import counting, ranking
from .scoring import Flags, Floats, Scored, Task

GROUP = "mdrepo.metrics"
"""The entry-point group of metrics that others bring; such a metric is named `package.metric`."""

CONFUSION = "confusion_matrix"
"""Named among the metrics, it puts the table into the note."""

Made = TypeVar("Made")
Weighted = Callable[[Floats], Floats]
"""Weightings (how often each example counts, one weighting a row) to the metric's value under each."""

CLASSIFICATION: tuple[Task, ...] = ("classification",)
LABELS: tuple[Task, ...] = ("classification", "multilabel")
REGRESSION: tuple[Task, ...] = ("regression",)
_BINS = 15


@dataclass(frozen=True)
class Metric:
    """What is measured. A value that is not defined, as of an area under the curve of one class, is NaN.

    `per_example` is there where the value is its mean: flags for a share, numbers else; `among` says of which examples, by their
    truth, where that is not all. `weighted` makes the bootstrap fast; where neither is there, each resample is measured by itself.
    `of_answers` says that only answers and truth count; `of_model` that none of the examples do: then a difference is exact.
    """

    name: str
    higher_is_better: bool
    tasks: tuple[Task, ...]
    value: Callable[[Scored], float]
    per_example: Callable[[Scored], Floats | Flags] | None = None
    weighted: Callable[[Scored], Weighted] | None = None
    of_answers: bool = False
    of_model: bool = False
    among: Callable[[Scored], Flags] | None = None

    @property
    def direction(self) -> str:
        """`higher` or `lower`, whichever is better."""
        return "higher" if self.higher_is_better else "lower"


def named(name: str, task: Task) -> Metric:
    """The metric of a name, for a task; raises Finding where there is none."""
    found = _BUILT_IN.get(name) or _with_parameter(name) or _brought().get(name)
    if found is None:
        raise Finding(f"no metric is called {name!r}", f"for {task} there are {', '.join(known(task))}")
    if isinstance(found, str):
        raise Finding(f"the metric {name!r} does not load: {found}")
    if task not in found.tasks:
        raise Finding(f"{name} is no metric for {task}", f"there are {', '.join(known(task))}")
    return found


def known(task: Task) -> list[str]:
    """The names of the metrics for a task."""
    brought = [name for name, each in _brought().items() if isinstance(each, Metric) and task in each.tasks]
    patterned = [pattern for pattern, (_, tasks) in _PATTERNS.items() if task in tasks]
    return [name for name, each in _BUILT_IN.items() if task in each.tasks] + patterned + brought


def recall(label: str, name: str = "recall") -> Metric:
    """The share of the examples of a class that are answered with it."""
    return Metric(
        name,
        True,
        LABELS,
        lambda scored: float(counting.shares("recall", label, scored)(np.ones((1, len(scored))))[0]),
        lambda scored: counting.answered(scored, label),
        among=lambda scored: counting.having(scored, label),
    )


def is_share(metric: Metric) -> bool:
    """Whether a metric is known to be a share of the examples, without any examples."""
    return metric.name == "accuracy" or metric.name.startswith("top_")


def measured(metric: Metric, scored: Scored) -> float:
    """The value, which must be a number; raises Finding where it is not defined on these examples."""
    value = float(tried(metric, metric.value, scored))
    if not np.isfinite(value):
        raise Finding(f"{metric.name} is not defined on these {len(scored)} examples: they lack a class, or they are all alike")
    return value


def tried(metric: Metric, of: Callable[[Scored], Made], scored: Scored) -> Made:
    """What one of a metric's functions makes of the answers; raises Finding where somebody else wrote it and it does not work."""
    try:
        return of(scored)
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"{metric.name} does not work on these examples: {type(error).__name__}: {error}") from None


def confusion(scored: Scored) -> dict[str, Any]:
    """How often each class (row) was answered with each label (column); `none` is no answer."""
    count = len(scored.names)
    table = np.zeros((count, count + 1), np.int64)
    np.add.at(table, (scored.truth, scored.answers), 1)
    return {"labels": list(scored.names), "counts": table[:, :count].tolist(), "none": table[:, count].tolist()}


def _mean(name: str, better: str, tasks: tuple[Task, ...], per_example: Callable[[Scored], Any]) -> Metric:
    return Metric(name, better == "higher", tasks, lambda scored: float(per_example(scored).mean()), per_example)


def _resampled(
    name: str, better: str, tasks: tuple[Task, ...], weighted: Callable[[Scored], Weighted], answers: bool = False
) -> Metric:
    def value(scored: Scored) -> float:
        return float(weighted(scored)(np.ones((1, len(scored))))[0])

    return Metric(name, better == "higher", tasks, value, None, weighted, answers)


# shares and means


def _top(count: int, scored: Scored) -> Flags:
    """Whether the right output is among the `count` best; of equal ones the later counts as better, as in scikit-learn."""
    known = scored.truth < scored.outputs.shape[1]
    order = np.argsort(scored.outputs, axis=1, kind="stable")[:, -count:]
    return np.asarray((order == scored.truth[:, None]).any(axis=1) & known)


def _brier(scored: Scored) -> Floats:
    """The squared distance of the probabilities from the truth: of one of two labels, summed over more, the mean for multilabel."""
    if scored.task == "multilabel":
        return np.asarray(((scored.outputs - scored.truth) ** 2).mean(axis=1))
    right = scored.truth[:, None] == np.arange(max(len(scored.names), scored.outputs.shape[1]))
    padded = np.pad(scored.outputs, ((0, 0), (0, right.shape[1] - scored.outputs.shape[1])))
    whole = ((padded - right) ** 2).sum(axis=1)
    return np.asarray(whole / 2 if right.shape[1] == 2 else whole)


def _pinball(quantile: float, scored: Scored) -> Floats:
    gap = scored.truth - scored.answers
    return np.asarray(np.maximum(quantile * gap, (quantile - 1) * gap))


# calibration, ranks and errors of numbers


def _calibration(scored: Scored) -> Weighted:
    """The expected calibration error over 15 bins of equal width of the best probability (M. P. Naeini et al., AAAI 2015)."""
    best = scored.outputs.max(axis=1)
    right = scored.outputs.argmax(axis=1) == scored.truth
    bins = np.minimum((best * _BINS).astype(int), _BINS - 1)
    gaps = whole(np.where(bins[:, None] == np.arange(_BINS), (best - right)[:, None], 0.0))
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def _area(area: Callable[[Floats, Flags], Weighted], label: str | None, scored: Scored) -> Weighted:
    """An area under a curve: of the second of two labels, or the mean over the labels that occur, each against the rest."""
    many = scored.task == "multilabel"
    if label is not None:
        places = [counting.place(scored, label)]
    else:
        places = list(range(len(scored.names))) if many or len(scored.names) != 2 else [1]
    unknown = np.zeros((len(scored), len(scored.names) - scored.outputs.shape[1]))
    outputs = np.hstack([scored.outputs, unknown])  # a class that the model has no output for
    parts = [area(outputs[:, k], scored.truth[:, k] if many else scored.truth == k) for k in places]

    def under(weights: Floats) -> Floats:
        each = np.array([part(weights) for part in parts])
        there = np.isfinite(each).sum(axis=0)
        return np.asarray(np.divide(np.nansum(each, axis=0), there, out=np.full(len(there), np.nan), where=there > 0))

    return under


def _squared(root: bool, scored: Scored) -> Weighted:
    """The root of the mean squared error, or the share of the target's variance that is explained (R2)."""
    errors = whole((scored.truth - scored.answers) ** 2)
    centred = scored.truth - scored.truth.mean()
    first, second = whole(centred), whole(centred**2)

    def under(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        unexplained = weights @ errors
        if root:
            return np.asarray(np.sqrt(unexplained / total))
        spread = weights @ second - (weights @ first) ** 2 / total
        return np.asarray(1 - np.divide(unexplained, spread, out=np.full(len(total), np.nan), where=spread > 1e-12 * second.sum()))

    return under


def whole(values: Floats) -> Floats:
    """Values rounded to multiples of a step so small that no figure shows it, and so large that sums of them are exact.

    Thus a sum does not depend on the order of its terms: neither on threads, nor on the processor.
    """
    top = float(np.abs(values).max(initial=0.0))
    if not top or not np.isfinite(top):
        return values
    step = 2.0 ** (np.ceil(np.log2(top)) + np.ceil(np.log2(len(values) + 1)) - 50)
    return np.asarray(np.rint(values / step) * step)


def _fact(name: str, lacking: str) -> Metric:
    def value(scored: Scored) -> float:
        if name not in scored.facts:
            raise Finding(lacking, "run 'mdrepo patch', or take it out of the evaluation block")
        return float(scored.facts[name])

    return Metric(name, False, (*LABELS, *REGRESSION), value, of_model=True)


_AREAS = {"roc_auc": ranking.roc, "pr_auc": ranking.precision_recall}
_KINDS = ("precision", "recall", "f1")

_BUILT_IN: Mapping[str, Metric] = {
    each.name: each
    for each in (
        _mean("accuracy", "higher", LABELS, lambda scored: scored.correct),
        _resampled("balanced_accuracy", "higher", CLASSIFICATION, counting.balanced, True),
        *(
            _resampled(f"{kind}_{average}", "higher", LABELS, partial(counting.shares, kind, average), True)
            for kind in _KINDS
            for average in ("micro", "macro")
        ),
        _mean("loss", "lower", LABELS, lambda scored: scored.losses),
        _mean("brier", "lower", LABELS, _brier),
        _resampled("calibration_error", "lower", CLASSIFICATION, _calibration),
        *(_resampled(name, "higher", LABELS, partial(_area, area, None)) for name, area in _AREAS.items()),
        _mean("mae", "lower", REGRESSION, lambda scored: np.abs(scored.truth - scored.answers)),
        _resampled("rmse", "lower", REGRESSION, partial(_squared, True)),
        _resampled("r2", "higher", REGRESSION, partial(_squared, False)),
        _fact("size", "it is not known how many bytes the model has"),
        _fact("parameters", "the document does not say how many parameters the model has"),
    )
}

_PATTERNS: Mapping[str, tuple[str, tuple[Task, ...]]] = {
    "top_K": (r"top_([1-9]\d{0,5})", CLASSIFICATION),
    "precision:LABEL": (r"(precision|recall|f1):(.+)", LABELS),
    "recall:LABEL": (r"(precision|recall|f1):(.+)", LABELS),
    "f1:LABEL": (r"(precision|recall|f1):(.+)", LABELS),
    "roc_auc:LABEL": (r"(roc_auc|pr_auc):(.+)", LABELS),
    "pr_auc:LABEL": (r"(roc_auc|pr_auc):(.+)", LABELS),
    "pinball_Q": (r"pinball_(0\.\d+)", REGRESSION),
}


def _with_parameter(name: str) -> Metric | None:
    fitting = ((found, tasks) for pattern, tasks in _PATTERNS.values() if (found := re.fullmatch(pattern, name)))
    if (fits := next(fitting, None)) is None:
        return None
    found, tasks = fits
    if name.startswith("top_"):
        return _mean(name, "higher", tasks, partial(_top, int(found[1])))
    if name.startswith("pinball_"):
        return _mean(name, "lower", tasks, partial(_pinball, float(found[1])))
    if found[1] in _AREAS:
        return _resampled(name, "higher", tasks, partial(_area, _AREAS[found[1]], found[2]))
    if found[1] == "recall":
        return recall(found[2], name)
    return _resampled(name, "higher", tasks, partial(counting.shares, found[1], found[2]), True)


@cache
def _brought() -> dict[str, Metric | str]:
    from importlib.metadata import entry_points

    found: dict[str, Metric | str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            made = point.load()
        except Exception as error:  # a plugin's own mistake, of any kind, is no reason to do without the others
            found[point.name] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        else:
            found[point.name] = made if isinstance(made, Metric) else "it is no mdrepo.evaluation.metrics.Metric"
    return found
