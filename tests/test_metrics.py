"""Metrics against scikit-learn's, on random problems with ties, rare and missing classes; bad input to them."""

from __future__ import annotations

import math
import warnings
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from mdrepo.errors import Finding
from mdrepo.evaluation import metrics, ranking
from mdrepo.evaluation.comparison import measure
from mdrepo.evaluation.metrics import Metric, confusion, known, measured, named
from mdrepo.evaluation.scoring import EPSILON, Scored, score
from mdrepo.evaluation.spreads import spread
from mdrepo.evaluation.terms import terms

PROBLEMS = range(200)


def classes(seed: int) -> tuple[Scored, Any, Any, Any]:
    """(scored, truth, answers, outputs) of 2 to 6 labels; the outputs of every other problem are coarse, so that they tie."""
    random = np.random.default_rng(seed)
    count, labels = int(random.integers(20, 120)), int(random.integers(2, 7))
    outputs = random.dirichlet(np.ones(labels), count)
    if seed % 2:
        outputs = np.round(outputs * 5) + 0.2
        outputs /= outputs.sum(axis=1, keepdims=True)
    shares = random.dirichlet(np.full(labels, 0.4))  # rare classes, and some that do not occur
    truth = random.choice(labels, count, p=shares)
    truth[:2] = (0, 1)
    names = [f"c{i}" for i in range(labels)]
    model = {"labels": [{"name": name, "index": index} for index, name in enumerate(names)]}
    return score(outputs, model, [names[i] for i in truth]), truth, outputs.argmax(axis=1), outputs


def value(name: str, scored: Scored) -> float:
    return measured(named(name, scored.task), scored)


@pytest.mark.parametrize("seed", PROBLEMS)
def test_classification_is_scikit_learns(seed: int) -> None:
    scored, truth, answers, outputs = classes(seed)
    labels = list(range(outputs.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected: dict[str, float] = {
            "accuracy": sk.accuracy_score(truth, answers),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, answers),
            "loss": sk.log_loss(truth, np.clip(outputs, EPSILON, 1), labels=labels),
            "brier": sk.brier_score_loss(truth, outputs if len(labels) > 2 else outputs[:, 1], labels=labels),
        }
        for average in ("micro", "macro"):
            found = sk.precision_recall_fscore_support(truth, answers, average=average, zero_division=0)
            expected |= {f"{kind}_{average}": found[place] for place, kind in enumerate(("precision", "recall", "f1"))}
        each = sk.precision_recall_fscore_support(truth, answers, labels=labels, average=None, zero_division=0)
        for label in labels:
            expected |= {f"{kind}:c{label}": each[place][label] for place, kind in enumerate(("precision", "recall", "f1"))}
        for k in labels[1:] if len(labels) > 2 else ():
            expected[f"top_{k}"] = sk.top_k_accuracy_score(truth, outputs, k=k, labels=labels)
        there = sorted(set(truth))
        areas = {label: sk.roc_auc_score(truth == label, outputs[:, label]) for label in there}
        precisions = {label: sk.average_precision_score(truth == label, outputs[:, label]) for label in there}
        expected |= {f"roc_auc:c{label}": area for label, area in areas.items()}
        expected |= {f"pr_auc:c{label}": area for label, area in precisions.items()}
        expected["roc_auc"] = areas[1] if len(labels) == 2 else np.mean(list(areas.values()))
        expected["pr_auc"] = precisions[1] if len(labels) == 2 else np.mean(list(precisions.values()))
    for name, wanted in expected.items():
        assert value(name, scored) == pytest.approx(wanted, abs=1e-9), name
    assert confusion(scored)["counts"] == sk.confusion_matrix(truth, answers, labels=labels).tolist()
    best = outputs.max(axis=1)
    gaps = [
        abs((best[held] - (answers == truth)[held]).sum())
        for low in range(15)
        if (held := np.minimum((best * 15).astype(int), 14) == low).any()
    ]
    assert value("calibration_error", scored) == pytest.approx(sum(gaps) / len(truth))
    if not seed % 2:  # without ties, which may lie on the edge of two bins
        shares, chances = calibration_curve(answers == truth, best, n_bins=15)
        counts, _ = np.histogram(best, 15, (0, 1))
        error = (np.abs(shares - chances) * counts[counts > 0]).sum() / len(truth)
        assert value("calibration_error", scored) == pytest.approx(error)


def test_several_labels_an_example_are_scikit_learns() -> None:
    for seed in PROBLEMS:
        random = np.random.default_rng(seed)
        count, labels = int(random.integers(20, 80)), int(random.integers(2, 6))
        outputs = np.round(random.random((count, labels)), 1 + seed % 3)
        truth = random.random((count, labels)) < random.uniform(0.05, 0.6)
        truth[0], truth[1] = True, False
        names = [f"c{i}" for i in range(labels)]
        model = {"task": "multilabel", "labels": [{"name": name, "index": index} for index, name in enumerate(names)]}
        scored = score(outputs, model, [frozenset(name for name, on in zip(names, row, strict=True) if on) for row in truth])
        answers = outputs >= 0.5
        expected = {
            "accuracy": sk.accuracy_score(truth, answers),
            "roc_auc": sk.roc_auc_score(truth, outputs),
            "pr_auc": sk.average_precision_score(truth, outputs),
            "brier": np.mean([sk.brier_score_loss(truth[:, k], outputs[:, k]) for k in range(labels)]),
            "loss": np.mean([sk.log_loss(truth[:, k], np.clip(outputs[:, k], EPSILON, 1 - EPSILON)) for k in range(labels)]),
        }
        for average in ("micro", "macro"):
            found = sk.precision_recall_fscore_support(truth, answers, average=average, zero_division=0)
            expected |= {f"{kind}_{average}": found[place] for place, kind in enumerate(("precision", "recall", "f1"))}
        each = sk.precision_recall_fscore_support(truth, answers, average=None, zero_division=0)
        for k, label in enumerate(names):
            expected |= {f"{kind}:{label}": each[place][k] for place, kind in enumerate(("precision", "recall", "f1"))}
            expected[f"roc_auc:{label}"] = sk.roc_auc_score(truth[:, k], outputs[:, k])
            expected[f"pr_auc:{label}"] = sk.average_precision_score(truth[:, k], outputs[:, k])
        for name, wanted in expected.items():
            assert value(name, scored) == pytest.approx(wanted, abs=1e-6), (seed, name)


def test_numbers_are_scikit_learns() -> None:
    for seed in PROBLEMS:
        random = np.random.default_rng(seed)
        truth = random.normal(random.uniform(-1e3, 1e3), random.uniform(0.1, 50), int(random.integers(5, 200)))
        outputs = truth + random.normal(0, 5, len(truth))
        scored = score(outputs[:, None] if seed % 2 else outputs, {"task": "regression"}, truth)
        expected = {
            "mae": sk.mean_absolute_error(truth, outputs),
            "rmse": sk.root_mean_squared_error(truth, outputs),
            "r2": sk.r2_score(truth, outputs),
            **{f"pinball_{share}": sk.mean_pinball_loss(truth, outputs, alpha=share) for share in (0.05, 0.5, 0.9)},
        }
        for name, wanted in expected.items():
            assert value(name, scored) == pytest.approx(wanted, rel=1e-9), (seed, name)


@pytest.mark.parametrize("seed", range(5))
def test_many_weightings_at_once_are_scikit_learns_weights(seed: int) -> None:
    """The bootstrap's fast path: the value under weights is that of the examples repeated."""
    scored, truth, answers, outputs = classes(seed)
    weights = np.random.default_rng(seed).multinomial(len(truth), np.full(len(truth), 1 / len(truth)), 4).astype(float)
    weights[:, :2] += 1
    for name in ("balanced_accuracy", "f1_macro", "f1_micro", "calibration_error", "roc_auc:c1", "pr_auc:c1"):
        metric = named(name, "classification")
        assert metric.weighted is not None
        found = metric.weighted(scored)(weights)
        repeated = [metric.value(scored.take(np.repeat(np.arange(len(truth)), row.astype(int)))) for row in weights]
        assert found == pytest.approx(repeated), name
    wanted = [sk.roc_auc_score(truth == 1, outputs[:, 1], sample_weight=row) for row in weights]
    assert ranking.roc(outputs[:, 1], truth == 1)(weights) == pytest.approx(wanted)
    wanted = [sk.f1_score(truth, answers, average="macro", sample_weight=row, zero_division=0) for row in weights]
    assert named("f1_macro", "classification").weighted(scored)(weights) == pytest.approx(wanted)  # type: ignore[misc]


def test_every_metric_that_is_known_can_be_named() -> None:
    for task in ("classification", "multilabel", "regression"):
        for name in known(task):
            shown = name.replace("LABEL", "x").replace("_K", "_3").replace("_Q", "_0.5")
            assert named(shown, task).direction in ("higher", "lower")
    for name, task in (
        ("acuracy", "classification"),
        ("mae", "classification"),
        ("top_2", "multilabel"),
        ("top_0", "classification"),
    ):
        with pytest.raises(Finding, match="no metric"):
            named(name, task)  # type: ignore[arg-type]


def test_a_metric_that_another_package_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(scored: Scored) -> float:
        return float((scored.answers != scored.truth).mean() * 7)

    brought = {"acme.cost": Metric("acme.cost", False, ("classification",), cost), "acme.broken": "ImportError: no"}
    monkeypatch.setattr(metrics, "_brought", lambda: brought)
    scored, truth, answers, _ = classes(3)
    metric = named("acme.cost", "classification")
    assert measured(metric, scored) == pytest.approx((answers != truth).mean() * 7)
    lower = spread(metric, scored, scored.take(np.arange(len(scored))[::-1])).interval(0.95)
    assert lower.low < lower.high
    with pytest.raises(Finding, match="does not load: ImportError"):
        named("acme.broken", "classification")
    lists = Metric("acme.lists", False, ("classification",), cost, lambda scored: scored.outputs)
    with pytest.raises(Finding, match="does not give one value an example"):
        spread(lists, scored, scored)
    seldom = Metric("acme.seldom", True, ("classification",), lambda s: 1.0 if np.array_equal(s.truth, truth) else 1 / 0)
    with pytest.raises(Finding, match="ZeroDivisionError"):
        spread(seldom, scored, scored)
    failing = Metric("acme.bad", True, ("classification",), lambda scored: 1 / 0)
    with pytest.raises(Finding, match=r"acme.bad does not work on these examples: ZeroDivisionError"):
        measured(failing, scored)


def test_entry_points_are_loaded_and_what_does_not_load_is_kept_as_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("acme.top", "mdrepo.evaluation.metrics:CONFUSION", metrics.GROUP),
        EntryPoint("acme.gone", "no_such_module_of_ours:METRIC", metrics.GROUP),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == metrics.GROUP else [])
    metrics._brought.cache_clear()
    try:
        found = metrics._brought()
    finally:
        metrics._brought.cache_clear()
    assert "ModuleNotFoundError" in str(found["acme.gone"])
    assert "is no mdrepo.evaluation.metrics.Metric" in str(found["acme.top"])


LABELS = [{"name": "a", "index": 0}, {"name": "b", "index": 1}]


@pytest.mark.parametrize(
    ("outputs", "model", "truth", "words"),
    [
        ([[0.5, math.nan]], {"labels": LABELS}, ["a"], "not all finite"),
        ([[0.5, math.inf]], {"labels": LABELS}, ["a"], "not all finite"),
        ([[]], {"labels": LABELS}, ["a"], "has examples x labels"),
        (np.zeros((0, 2)), {"labels": LABELS}, [], "no examples"),
        ([[0.5, 0.5]], {"labels": LABELS}, ["a", "b"], "1 outputs for 2 right answers"),
        ([[0.5, 0.4, 0.1]], {"labels": LABELS}, ["a"], "2 labels do not stand for the model's 3 outputs"),
        ([[0.5, 0.4]], {"task": "regression"}, [1.0], "one output an example"),
        ([[0.5]], {"task": "regression"}, [math.nan], "missing values"),
        ([[0.5, 0.4]], {"task": "multilabel"}, [frozenset()], "has no labels"),
    ],
)
def test_outputs_and_truth_that_make_no_sense(outputs: Any, model: Any, truth: Any, words: str) -> None:
    with pytest.raises(Finding, match=words):
        score(np.array(outputs, float), model, truth)


@pytest.mark.parametrize(
    ("model", "outputs", "truth", "metric"),
    [
        ({"labels": LABELS}, [[0.9, 0.1], [0.2, 0.8]], ["a", "a"], "roc_auc"),
        ({"labels": LABELS}, [[0.9, 0.1], [0.2, 0.8]], ["a", "a"], "pr_auc"),
        ({"task": "regression"}, [1.0, 2.0], [3.0, 3.0], "r2"),
    ],
)
def test_a_metric_that_one_class_alone_leaves_undefined(model: Any, outputs: Any, truth: Any, metric: str) -> None:
    asked = terms({**model, "evaluation": {"metrics": [metric], "tolerance": {metric: 0.01}}})
    with pytest.raises(Finding, match=f"{metric} is not defined on these 2 examples"):
        measure(score(np.array(outputs), model, truth), asked)


def test_a_label_that_there_is_not() -> None:
    scored = score(np.array([[0.9, 0.1]]), {"labels": LABELS}, ["a"])
    with pytest.raises(Finding, match="no label 'z'"):
        value("recall:z", scored)


def test_a_class_that_the_label_map_does_not_know_counts_against_the_model() -> None:
    scored = score(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), {"labels": LABELS}, ["a", "b", "z"])
    assert scored.correct.tolist() == [True, True, False]
    assert value("recall:z", scored) == 0
    assert value("balanced_accuracy", scored) == pytest.approx(2 / 3)
    assert value("roc_auc:z", scored) == 0.5
    assert value("top_2", scored) == pytest.approx(2 / 3)


def test_sums_are_exact_whatever_their_order() -> None:
    values = metrics.whole(np.random.default_rng(0).normal(0, 1e3, 10_000))
    assert values.sum() == values[::-1].sum() == sum(values.tolist()) == math.fsum(values)
    assert np.abs(values - np.random.default_rng(0).normal(0, 1e3, 10_000)).max() < 1e-7
