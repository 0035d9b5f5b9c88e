"""Intervals against published ones and scipy's, verdicts, classes and slices, and what cannot be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import jsonschema
import numpy as np
import pytest
from conftest import ROOT
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from mdrepo.errors import Finding
from mdrepo.evaluation.comparison import compare, measure
from mdrepo.evaluation.decisions import combine, needed
from mdrepo.evaluation.intervals import Interval, Pairs, holm, resampled_mean, tango
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.planning import needed_unpaired
from mdrepo.evaluation.scoring import Scored, score
from mdrepo.evaluation.slices import Slice, cut
from mdrepo.evaluation.spreads import spread
from mdrepo.evaluation.terms import given_up, terms
from mdrepo.reporting import evaluations

NAMES = "abc"
MODEL = {"labels": [{"name": name, "index": index} for index, name in enumerate(NAMES)]}
SCHEMA = json.loads((ROOT / "schemas/evaluation.schema.json").read_text())


def pair(count: int, lost: float, won: float = 0.0, seed: int = 0, right: float = 0.9) -> tuple[Scored, Scored]:
    """(parent, child): the child loses a share of the parent's right answers and wins a share of its wrong ones."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, count)
    parent = np.where(random.random(count) < right, truth, (truth + 1) % 3)
    good = parent == truth
    draw = random.random(count)
    child = np.where(good & (draw < lost), (truth + 1) % 3, np.where(~good & (draw < won), truth, parent))
    names = [NAMES[i] for i in truth]
    outputs = [np.full((count, 3), 0.1) + 0.7 * (each[:, None] == np.arange(3)) for each in (parent, child)]
    noisy = [each + random.uniform(0, 0.05, each.shape) for each in outputs]
    old, new = (score(each / each.sum(axis=1, keepdims=True), MODEL, names) for each in noisy)
    return old, new


def asked(**block: Any) -> Any:
    return terms({**MODEL, "evaluation": {"dataset": "d.json", **block}})


def valid(result: dict[str, Any]) -> dict[str, Any]:
    """The result as a note's part, by the shipped schema."""
    note = {"$schema": "urn:mdrepo:evaluation:1", "parent": None, "verdict": result["verdict"], "documents": {"m.json": result}}
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(note)))
    return result


# intervals


@pytest.mark.parametrize(
    ("better", "worse", "total", "confidence", "low", "high"),
    [
        (0, 1, 44, 0.90, "-0.096", "0.037"),  # T. Tango, Statistics in Medicine 17, 1998: two ways to disinfect contact lenses
        (9, 3, 32, 0.95, "-0.027", "0.390"),  # the same, as R's ratesci has it among its tests
        (16, 8, 86, 0.95, "-0.020", "0.207"),  # A. Agresti and Y. Min, Statistics in Medicine 24, 2005; ratesci too
        (28, 25, 618, 0.90, "-0.0148", "0.0247"),  # R's PropCIs, scoreci.mp(25, 28, 618)
        (1, 7, 21, 0.95, "-0.517", "-0.026"),  # airway hyper-responsiveness: M. Fagerland et al., Statistics in Medicine 33, 2014
        (6, 16, 161, 0.95, "-0.1240", "-0.0054"),  # complete response: the same authors' contingencytables
    ],
)
def test_tango_s_interval_is_the_published_one(better: int, worse: int, total: int, confidence: float, low: str, high: str) -> None:
    found = tango(better, worse, total, confidence)
    places = len(low) - 3
    assert (f"{found.low:.{places}f}", f"{found.high:.{places}f}") == (low, high)


def test_the_interval_and_the_p_value_agree() -> None:
    for better, worse, total in ((3, 12, 200), (0, 0, 50), (9, 1, 80)):
        pairs = Pairs(better, worse, total)
        ends = pairs.interval(0.95)
        assert pairs.below(ends.high) == pytest.approx(0.025, abs=1e-4)
        assert 1 - pairs.below(ends.low) == pytest.approx(0.025, abs=1e-4)
    values = np.random.default_rng(0).gamma(2, 1, 300) - 2
    known = resampled_mean(values, lambda: 0.0)
    assert known.below(known.interval(0.95).high) == pytest.approx(0.025, abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_bootstrap_is_scipy_s(seed: int) -> None:
    values = np.random.default_rng(seed).gamma(1, 2, 150)
    theirs = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=5000, rng=np.random.default_rng(1)).confidence_interval
    ours = resampled_mean(values, lambda: 0.0).interval(0.95)
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=width * 0.06)
    assert ours.high == pytest.approx(theirs.high, abs=width * 0.06)


@pytest.mark.parametrize("name", ["f1_macro", "calibration_error", "roc_auc"])
def test_the_bootstrap_of_what_is_no_mean_is_scipy_s(name: str) -> None:
    parent, child = pair(200, 0.1, 0.2)
    metric = named(name, "classification")

    def difference(rows: Any) -> float:
        return metric.value(child.take(rows)) - metric.value(parent.take(rows))

    made = stats.bootstrap(
        (np.arange(200),), difference, method="BCa", n_resamples=2000, vectorized=False, rng=np.random.default_rng(1)
    ).confidence_interval
    ours = spread(metric, parent, child).interval(0.95)
    width = made.high - made.low
    assert ours.low == pytest.approx(made.low, abs=width * 0.1)
    assert ours.high == pytest.approx(made.high, abs=width * 0.1)


def test_very_many_examples_are_resampled_in_blocks() -> None:
    """Sorted data too: the blocks are made by chance, so that they vary as examples do."""
    values = np.sort(np.random.default_rng(0).gamma(1, 2, 400_000))
    start = time.process_time()
    interval = resampled_mean(values, lambda: 0.0).interval(0.95)
    assert time.process_time() - start < 3
    error = values.std() / np.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


@pytest.mark.parametrize(("better", "worse", "total"), [(3, 12, 200), (16, 8, 86), (0, 5, 40), (30, 31, 1000)])
def test_the_test_of_no_difference_is_statsmodels_mcnemar(better: int, worse: int, total: int) -> None:
    """statsmodels has no interval of a paired difference; where the difference is none, Tango's statistic is McNemar's."""
    theirs = mcnemar([[total - better - worse, better], [worse, 0]], exact=False, correction=False).pvalue
    below = Pairs(better, worse, total).below(0.0)
    assert 2 * min(below, 1 - below) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("total", [20, 100, 5000])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_without_disagreement_the_ends_are_statsmodels_wilson_s(total: int, confidence: float) -> None:
    """Then each end is that of Wilson's interval of a share of none."""
    end = proportion_confint(0, total, 1 - confidence, "wilson")[1]
    found = tango(0, 0, total, confidence)
    assert (found.low, found.high) == (pytest.approx(-end, abs=1e-9), pytest.approx(end, abs=1e-9))


def test_p_values_and_unpaired_plans_are_statsmodels() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 7, 30):
        values = random.random(count) ** 3
        assert holm(values.tolist()) == pytest.approx(list(multipletests(values, method="holm")[1]))
    for accuracy, tolerance in ((0.9, 0.01), (0.7, 0.05)):
        effect = tolerance / np.sqrt(accuracy * (1 - accuracy))
        theirs = NormalIndPower().solve_power(effect, alpha=0.025, power=0.8, alternative="larger")
        assert needed_unpaired(accuracy, tolerance, 0.95) == pytest.approx(theirs, abs=1)


def test_the_mean_s_interval_is_statsmodels_where_there_is_no_skew() -> None:
    values = np.random.default_rng(4).normal(size=2000)
    low, high = DescrStatsW(values).zconfint_mean(0.05)
    ours = resampled_mean(values, lambda: 0.0).interval(0.95)
    assert (ours.low, ours.high) == (pytest.approx(low, abs=0.05 * (high - low)), pytest.approx(high, abs=0.05 * (high - low)))


def test_holm_s_p_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    "name", ["f1_macro", "balanced_accuracy", "loss", "brier", "roc_auc", "calibration_error", "accuracy", "top_2"]
)
def test_two_equal_models_on_few_examples_prove_little(name: str) -> None:
    parent, _ = pair(60, 0)
    interval = spread(named(name, "classification"), parent, parent).interval(0.95)
    assert interval.low < -0.004
    assert interval.high > 0.004


def test_ten_thousand_examples_take_little_time() -> None:
    parent, child = pair(10_000, 0.02, 0.1)
    took = {}
    for name in ("accuracy", "loss", "f1_macro", "roc_auc:a"):
        start = time.process_time()
        spread(named(name, "classification"), parent, child)
        took[name] = time.process_time() - start
    assert took["accuracy"] < 0.1
    assert took["loss"] < 1
    assert took["f1_macro"] < 2
    assert took["roc_auc:a"] < 4


# verdicts


@pytest.mark.parametrize(
    ("count", "lost", "won", "verdict"),
    [
        (3000, 0.1, 0.0, "regressed"),
        (3000, 0.0, 0.5, "improved"),
        (3000, 0.002, 0.02, "unchanged"),
        (100, 0.02, 0.1, "inconclusive"),
    ],
)
def test_the_verdict_is_about_the_tolerance(count: int, lost: float, won: float, verdict: str) -> None:
    parent, child = pair(count, lost, won)
    found = valid(compare(parent, child, asked()))
    assert found["verdict"] == verdict
    [accuracy, loss] = found["differences"]
    assert (accuracy["direction"], loss["direction"]) == ("higher", "lower")
    assert ("needed" in accuracy) == (verdict == "inconclusive")
    if verdict == "inconclusive":
        assert accuracy["needed"] > count


def test_a_lower_value_is_better_where_it_is() -> None:
    parent, child = pair(2000, 0.2)
    block = {"metrics": ["loss"], "tolerance": {"loss": 0.02}}
    assert compare(parent, child, asked(**block))["verdict"] == "regressed"
    assert compare(child, parent, asked(**block))["verdict"] == "improved"


def test_what_has_a_tolerance_is_measured_listed_or_not() -> None:
    parent, child = pair(1000, 0.2)
    found = compare(parent, child, asked(metrics=["loss"], tolerance={"f1_macro": 0.01}))
    assert [row["metric"] for row in found["differences"]] == ["loss", "f1_macro"]
    assert found["verdict"] == "regressed"


def test_without_any_tolerance_nothing_is_a_pass() -> None:
    parent, _ = pair(1000, 0)
    found = compare(parent, parent, asked(tolerance={}))
    assert (found["verdict"], found["reason"]) == ("inconclusive", "no metric has a tolerance, so nothing decides")


def test_how_many_examples_would_decide() -> None:
    assert needed(0.0, Interval(-0.02, 0.02), 0.01, 500, 0.95, higher_is_better=True) == pytest.approx(500 * 4 * 2.04, rel=0.01)
    assert needed(-0.01, Interval(-0.02, 0.0), 0.01, 500, 0.95, higher_is_better=True) is None


def test_flips_are_listed_by_position_or_by_name_and_not_without_end() -> None:
    parent, child = pair(1000, 0.1, 0.3)
    found = valid(compare(parent, child, asked()))
    lost = np.flatnonzero(parent.correct & ~child.correct)
    assert (found["negative_flips"], found["flips"]["negative"]) == (len(lost), lost[:20].tolist())
    by_name = valid(compare(parent, child, asked(), ids=[f"img-{i}" for i in range(1000)]))
    assert by_name["flips"]["negative"][0] == f"img-{lost[0]}"


def test_answers_that_rounding_can_change_are_counted() -> None:
    outputs = np.array([[0.5004, 0.4996, 0.0], [0.8, 0.1, 0.1], [0.34, 0.33, 0.33]])
    assert measure(score(outputs, MODEL, ["a", "a", "a"]), asked())["unstable"] == 1
    assert "unstable" not in measure(score(outputs[1:], MODEL, ["a", "a"]), asked())


def test_the_same_bytes_every_time() -> None:
    block = {"metrics": ["loss", "f1_macro", "roc_auc", "pr_auc", "calibration_error", "brier"], "tolerance": {"roc_auc": 0.01}}
    made = {json.dumps(compare(*pair(300, 0.05, 0.1), asked(**block))) for _ in range(3)}
    assert len(made) == 1


def test_the_order_of_labels_in_the_map_makes_no_difference() -> None:
    parent, child = pair(400, 0.1, 0.1)
    order = [2, 0, 1]
    model = {"labels": [{"name": NAMES[place], "index": index} for index, place in enumerate(order)]}
    turned = score(child.outputs[:, order], model, [NAMES[i] for i in child.truth])
    block = {"metrics": ["f1_macro", "roc_auc", "loss"], "tolerance": {"f1_macro": 0.01}}
    one, other = (compare(parent, each, asked(**block)) for each in (child, turned))
    assert [row["value"] for row in one["differences"]] == [row["value"] for row in other["differences"]]
    assert one["verdict"] == other["verdict"]


# classes and slices


def cuts(count: int, **columns: Any) -> dict[str, Any]:
    return {name: np.asarray(values) for name, values in columns.items()}


def test_a_class_that_got_worse_is_named_and_decides_where_it_is_asked_for() -> None:
    parent, child = pair(3000, 0.0, 0.9, right=0.8)
    hurt = child.truth == 1
    child.answers[hurt & (np.arange(3000) % 4 == 0)] = 2  # the whole improves, one class loses a quarter
    silent = valid(compare(parent, child, asked()))
    assert silent["verdict"] == "improved"
    assert (silent["recall"][0]["label"], silent["recall"][0]["verdict"]) == ("b", "regressed")
    spoken = valid(compare(parent, child, asked(slices=[{"by": "label"}])))
    assert (spoken["verdict"], spoken["reason"]) == ("regressed", "the class b is regressed")


def test_slices_by_column_and_by_condition() -> None:
    parent, child = pair(2000, 0.0)
    age = np.arange(2000) % 100
    child.answers[(age >= 90) & parent.correct] = -1
    named_slices = [{"where": {"column": "age", "at_least": 65}}, {"where": {"column": "age", "below": 65}}, {"column": "site"}]
    site = np.where(np.arange(2000) % 2 == 0, "north", "south")
    found = valid(compare(parent, child, asked(slices=named_slices), cut(named_slices, cuts(2000, age=age, site=site))))
    assert found["slices"][0]["slice"] == "age >= 65"
    rows = {row["slice"]: row for row in found["slices"]}
    assert set(rows) == {"age >= 65", "age < 65", "site = north", "site = south"}
    assert rows["age >= 65"]["verdict"] == "regressed"
    assert "verdict" not in rows["age < 65"]


def test_a_slice_with_a_tolerance_of_its_own_must_be_established() -> None:
    parent, child = pair(3000, 0.0)
    flags = np.arange(3000) < 60
    loose = Slice("small", flags, {"accuracy": 0.2})
    tight = Slice("small", flags, {"accuracy": 0.01})
    tiny = Slice("tiny", np.arange(3000) < 5, {"accuracy": 0.9})
    assert compare(parent, child, asked(), [loose])["verdict"] == "unchanged"
    found = valid(compare(parent, child, asked(), [tight]))
    assert (found["verdict"], found["reason"]) == ("inconclusive", "small is inconclusive")
    assert compare(parent, child, asked(), [tiny])["verdict"] == "inconclusive", "too few examples are no pass"
    assert "verdict" not in compare(parent, child, asked(), [Slice("tiny", tiny.members)])["slices"][0]


def test_a_metric_that_means_nothing_in_a_slice() -> None:
    parent, child = pair(500, 0.05)
    block = {"metrics": ["roc_auc"], "tolerance": {"roc_auc": 0.05}}
    only = Slice("one class", child.truth == 0)
    found = valid(compare(parent, child, asked(**block), [only]))
    assert found["verdict"] == "failed"
    assert found["reason"].startswith("one class, roc_auc: roc_auc is not defined")
    few = Slice("few", np.arange(500) == np.flatnonzero(child.truth == 0)[0])
    assert valid(compare(parent, child, asked(**block), [few]))["slices"][0] == {"slice": "few", "metric": "roc_auc", "support": 1}


def test_twenty_equal_slices_raise_few_alarms() -> None:
    """Without correction 20 slices would raise one in 40 % of runs, at 2.5 % each."""
    alarms = 0
    for seed in range(120):
        parent, child = pair(2000, 0.03, 0.27, seed=seed)  # as many won as lost, on average
        parts = [Slice(str(i), np.arange(2000) % 20 == i) for i in range(20)]
        found = compare(parent, child, asked(metrics=["accuracy"], tolerance={"accuracy": 0.0}), parts)
        alarms += any(row.get("verdict") == "regressed" for row in found["slices"])
    assert alarms / 120 < 0.075


def test_several_metrics_raise_few_alarms() -> None:
    """Seven metrics of an equal child, each with a tolerance: without correction one of them is worse in 12 % of these runs."""
    names = ["accuracy", "balanced_accuracy", *(f"{kind}:{label}" for kind in ("recall", "precision") for label in NAMES)][:7]
    terms_of = asked(metrics=names, tolerance=dict.fromkeys(names, 0.0))
    found = [compare(*pair(1000, 0.03, 0.27, seed=seed), terms_of) for seed in range(160)]
    alarms = [any(row["verdict"] == "regressed" for row in each["differences"]) for each in found]
    plain = [any(row["interval"][1] < 0 for row in each["differences"]) for each in found]
    assert sum(alarms) / 160 <= 0.055
    assert sum(plain) > sum(alarms), "which is what the correction is for"
    assert all(0 <= row["p"] <= 1 for row in valid(found[0])["differences"])


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"where": {"column": "age", "at_least": 500}}, "age >= 500 has no members"),
        ({"where": {"column": "site", "above": 3}}, "has no numbers"),
        ({"column": "age"}, "has 1000 values"),
        ({"column": "picture"}, "has 2 dimensions"),
        ({"where": {"column": "site", "one_of": ["x"], "equals": "y"}}, "has no members"),
    ],
)
def test_slices_that_cannot_be_cut(wanted: Any, words: str) -> None:
    columns = cuts(1000, age=np.arange(1000) / 10, site=np.array(["n", "s"] * 500), picture=np.zeros((1000, 2)))
    columns["age"][999] = np.nan
    with pytest.raises(Finding, match=words):
        cut([wanted], columns)


def test_values_of_a_column_are_told_apart_as_people_write_them() -> None:
    columns = {"n": np.array([1.0, 2.0, np.nan]), "flag": np.array([True, False, True])}
    assert [each.name for each in cut([{"column": "n"}], columns)] == ["n = 1", "n = 2", "n = missing"]
    assert cut([{"where": {"column": "n", "equals": 1}}], columns)[0].members.tolist() == [True, False, False]
    assert cut([{"where": {"column": "flag", "equals": True}}], columns)[0].members.tolist() == [True, False, True]


# what cannot be compared never passes


def test_other_data_another_task_and_other_lengths_fail() -> None:
    parent, child = pair(200, 0)
    others = Scored(child.task, child.names, child.outputs, child.answers, np.roll(child.truth, 1))
    numbers = score(np.arange(200.0), {"task": "regression"}, np.arange(200.0))
    for other, words in ((others, "other data"), (parent.take(np.arange(100)), "100 examples"), (numbers, "task is regression")):
        found = valid(compare(other, child, asked()))
        assert found["verdict"] == "failed"
        assert words in found["reason"]
        assert found["metrics"]["accuracy"] > 0.8, "its own figures are there all the same"


@pytest.mark.parametrize("kind", ["recall", "precision", "f1"])
def test_a_class_that_the_data_do_not_have_any_more_fails(kind: str) -> None:
    parent, _ = pair(400, 0)
    two = parent.take(parent.truth != 2)
    two = Scored(two.task, two.names, two.outputs, np.where(two.answers == 2, 0, two.answers), two.truth)
    found = valid(compare(two, two, asked(tolerance={f"{kind}:c": 0.05})))
    assert found["verdict"] == "failed"
    assert f"{kind}:c" in found["reason"]
    assert valid(compare(parent, parent, asked(tolerance={f"{kind}:c": 0.5})))["verdict"] == "unchanged"


def test_a_class_that_few_have_is_not_known_exactly() -> None:
    """One of 2,000 examples: that two models agree on it proves nothing of the others to come."""
    parent, _ = pair(2000, 0)
    rare = np.flatnonzero(parent.truth == 2)[1:]
    kept = np.setdiff1d(np.arange(2000), rare)
    one = parent.take(kept)
    for kind in ("recall", "f1"):
        found = valid(compare(one, one, asked(tolerance={f"{kind}:c": 0.001})))
        assert found["verdict"] == "inconclusive", kind


def test_the_recall_of_a_class_is_a_share_of_its_examples() -> None:
    parent, child = pair(900, 0.1, 0.2)
    of_a = parent.truth == 0
    got, lost = ((one.answers == 0) & (two.answers != 0) & of_a for one, two in ((child, parent), (parent, child)))
    expected = tango(int(got.sum()), int(lost.sum()), int(of_a.sum()), 0.95)
    found = compare(parent, child, asked(tolerance={"recall:a": 0.01}))["differences"][-1]
    assert found["interval"] == [round(expected.low, 6), round(expected.high, 6)]
    assert compare(parent, child, asked(slices=[{"by": "label"}]))["recall"][0]["support"] in np.bincount(parent.truth)


def test_terms_that_were_given_up_are_named() -> None:
    def model(**block: Any) -> dict[str, Any]:
        return {"task": "classification", "evaluation": {"dataset": "d", **block}}

    assert given_up(model(), model()) is None
    assert given_up(model(tolerance={"accuracy": 0.01}), model(tolerance={"accuracy": 0.05})) is None
    assert "judged by accuracy" in str(given_up(model(), model(tolerance={"loss": 1})))
    assert "task is classification, this one's is regression" in str(given_up(model(), model(task="regression")))
    old = {"where": {"column": "age", "at_least": 65}}
    assert "age >= 65" in str(given_up(model(slices=[old]), model(slices=[{"by": "label"}])))
    assert given_up(model(slices=[old]), model(slices=[{**old, "tolerance": {"accuracy": 0.1}}])) is None


def test_looser_terms_are_for_what_comes_after_the_commit_that_brings_them() -> None:
    def model(**block: Any) -> dict[str, Any]:
        return {"task": "classification", "evaluation": {"dataset": "d", **block}}

    old = {"where": {"column": "age", "at_least": 65}}
    strict = model(tolerance={"accuracy": 0.01, "loss": 0.1}, slices=[{**old, "tolerance": {"accuracy": 0.02}}, {"by": "label"}])
    loose = model(tolerance={"accuracy": 0.5, "loss": 0.05}, slices=[old, {"by": "label"}], minimum_support=1000)
    held = terms(loose, strict)
    assert held.tolerance == {"accuracy": 0.01, "loss": 0.05}
    assert [each.get("tolerance") for each in held.slices or ()] == [{"accuracy": 0.02}, None]
    assert held.support == 20
    assert terms(loose, loose) == terms(loose)
    assert terms(strict, loose) == terms(model(**{**strict["evaluation"], "tolerance": {"accuracy": 0.01, "loss": 0.05}}))
    assert terms(model(tolerance={"accuracy": 0.2}), model()).tolerance == {"accuracy": 0.01}, "the usual one is one too"


def test_a_metric_that_there_is_not_is_a_finding() -> None:
    with pytest.raises(Finding, match=r"no metric is called 'acme\.none'"):
        asked(metrics=["acme.none"])
    with pytest.raises(Finding, match="mae is no metric for classification"):
        asked(tolerance={"mae": 1})


def test_a_merge_is_held_against_each_parent() -> None:
    parent, child = pair(3000, 0.1)
    same, worse = compare(child, child, asked()), compare(parent, child, asked())
    found = valid(combine([("a" * 40, same), ("b" * 40, worse)]))
    assert (found["verdict"], found["reason"]) == ("regressed", "compared with the other parent bbbbbbb it is regressed")
    assert found["against"][0]["differences"] == worse["differences"]
    assert valid(combine([("a" * 40, worse), ("b" * 40, same)]))["verdict"] == "regressed"
    assert combine([("a" * 40, same), ("b" * 40, same)])["verdict"] == same["verdict"]


# the other tasks


def test_numbers_are_compared() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(100, 20, 6000)
    model = {"task": "regression"}
    parent, child = (score(truth + random.normal(0, noise, 6000), model, truth) for noise in (5, 8))
    found = valid(compare(parent, child, terms(model)))
    assert found["verdict"] == "regressed"
    assert "negative_flips" not in found
    assert [row["metric"] for row in found["differences"]] == ["mae", "r2"]
    assert compare(parent, parent, terms(model))["verdict"] == "unchanged"


def test_several_labels_an_example_are_compared() -> None:
    random = np.random.default_rng(0)
    truth = random.random((2000, 3)) < 0.3
    sets = [frozenset(name for name, on in zip(NAMES, row, strict=True) if on) for row in truth]
    model = {"task": "multilabel", **MODEL}
    good = np.where(truth, 0.9, 0.1)
    bad = np.where(random.random(truth.shape) < 0.1, 1 - good, good)
    parent, child = (score(each, model, sets) for each in (good, bad))
    found = valid(compare(parent, child, terms(model)))
    assert found["verdict"] == "regressed"
    assert {row["label"] for row in found["recall"]} == set(NAMES)
    assert compare(parent, parent, terms(model))["verdict"] == "unchanged"


def test_the_confusion_matrix_is_in_the_note_where_it_is_asked_for() -> None:
    parent, child = pair(300, 0.1)
    found = valid(compare(parent, child, asked(metrics=["accuracy", "confusion_matrix"])))
    assert np.sum(found["confusion"]["counts"]) == 300
    assert [row["metric"] for row in found["differences"]] == ["accuracy"]


def test_a_note_as_text_tells_what_matters() -> None:
    parent, child = pair(3000, 0.0)
    child.answers[(np.arange(3000) < 25) & parent.correct] = -1
    parts = [Slice("age >= 65", np.arange(3000) < 25), Slice("few", np.arange(3000) < 3)]
    result = {"examples": 3000, "dataset": "d.json", **compare(parent, child, asked(), parts)}
    text = "\n".join(
        "".join(str(part) if isinstance(part, str) else part.text for part in line) for line in shown({"m.json": result})
    )
    assert "m.json  regressed: accuracy" not in text, "the reason is the slice"
    assert "age >= 65: accuracy" in text
    assert "(wrong now: 0, 1, 2" in text
    doubtful = {"examples": 100, "dataset": "d.json", **compare(*pair(100, 0.02, 0.1), asked())}
    lines = ["".join(str(part) if isinstance(part, str) else part.text for part in line) for line in shown({"m.json": doubtful})]
    assert any("examples would decide, if the difference stays as it is" in line for line in lines)
    merged = combine([("a" * 40, doubtful), ("b" * 40, result)])
    lines = ["".join(str(part) if isinstance(part, str) else part.text for part in line) for line in shown({"m.json": merged})]
    assert any(line.startswith("  against bbbbbbb: regressed") for line in lines)


def shown(documents: dict[str, Any]) -> Any:
    return evaluations.note({"documents": documents})


def test_the_number_of_threads_makes_no_difference() -> None:
    """Sums of products are made by a library that splits them over threads: they are exact, so nothing is rounded otherwise."""
    code = (
        "import json, test_comparison as t\n"
        "block = {'metrics': ['f1_macro', 'roc_auc', 'calibration_error', 'loss'], 'tolerance': {'loss': 0.1}}\n"
        "print(json.dumps(t.compare(*t.pair(3000, 0.05, 0.1), t.asked(**block))))"
    )
    told = set()
    for threads in ("1", "2", "5"):
        limits = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, cwd=ROOT / "tests", env={**os.environ, **limits}, capture_output=True, text=True, check=True)
        told.add(done.stdout)
    assert len(told) == 1
