"""Planning, early stops and tuning; simulated: how often a verdict is false."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mdrepo.errors import Finding, UsageError
from mdrepo.evaluation import planning
from mdrepo.evaluation.decisions import verdict
from mdrepo.evaluation.intervals import tango
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.scoring import Scored, logits, probabilities, score
from mdrepo.evaluation.spreads import spread
from mdrepo.evaluation.tuning import best_temperature, propose, refuse_test_data

BINARY = {"labels": [{"name": "no", "index": 0}, {"name": "yes", "index": 1}]}


# how often a verdict is false


@pytest.mark.parametrize("count", [50, 100, 300, 1000, 5000])
@pytest.mark.parametrize("disagreement", [0.0, 0.01, 0.02, 0.05, 0.1, 0.2])
def test_a_verdict_on_accuracy_is_false_at_most_5_5_percent_of_the_time(count: int, disagreement: float) -> None:
    """4,000 draws where the child is equal, and where it is worse by just the tolerance: there a pass is false beyond the edge,
    and a refusal is false before it."""
    tolerance = 0.01 if disagreement >= 0.02 else max(disagreement / 2, 0.005)

    def share(loss: float, told: set[str]) -> float:
        random = np.random.default_rng(count)
        chances = [(disagreement - loss) / 2, (disagreement + loss) / 2, 1 - disagreement]
        draws, times = np.unique(random.multinomial(count, chances, 4000), axis=0, return_counts=True)
        found = [verdict(tango(int(b), int(w), count, 0.95), tolerance, higher_is_better=True) for b, w, _ in draws]
        return sum(int(n) for each, n in zip(found, times, strict=True) if each in told) / 4000

    assert share(0.0, {"improved", "regressed"}) <= 0.055
    if disagreement:
        assert share(tolerance, {"improved", "unchanged"}) <= 0.055
        assert share(tolerance, {"regressed"}) <= 0.055


@pytest.mark.parametrize(("name", "count", "disagreement"), [("f1_macro", 100, 0.02), ("f1_macro", 300, 0.1), ("loss", 200, 0.05)])
def test_a_bootstrapped_verdict_is_false_seldom(name: str, count: int, disagreement: float) -> None:
    """The interval misses the true difference, known from a million examples, in at most 5 % of 300 runs and what chance adds."""
    metric = named(name, "classification")
    whole = simulated(np.random.default_rng(99), 1_000_000, disagreement)
    true = metric.value(whole[1]) - metric.value(whole[0])
    missed = 0
    random = np.random.default_rng(7)
    for _ in range(300):
        interval = spread(metric, *simulated(random, count, disagreement)).interval(0.95)
        missed += not interval.low <= true <= interval.high
    assert missed / 300 <= 0.08


def simulated(random: np.random.Generator, count: int, disagreement: float) -> tuple[Scored, Scored]:
    """Parent and child with 90 % right answers, of which a share changes; three times as many for the worse."""
    truth = random.integers(0, 2, count)
    sure = random.beta(5, 1, count)
    parent = np.where(random.random(count) < 0.9, truth, 1 - truth)
    flips = random.random(count) < np.where(parent == truth, disagreement * 0.75 / 0.9, disagreement * 0.25 / 0.1)
    child = np.where(flips, 1 - parent, parent)
    made = []
    for answers in (parent, child):
        chance = np.where(answers == 1, 0.5 + sure / 2, 0.5 - sure / 2)
        outputs = np.clip(np.stack([1 - chance, chance], axis=1), 0.001, 0.999)
        made.append(Scored("classification", ("no", "yes"), outputs, answers, truth))
    return made[0], made[1]


# planning


def test_the_plan_meets_the_known_points() -> None:
    """One point at 95 % one-sided and a power of 80 %: about 1,400 pairs where the two agree on 98 %, about 11,100 unpaired."""
    assert planning.needed(0.02, 0.01, 0.90, 0.8) == pytest.approx(1400, abs=10)
    assert planning.needed_unpaired(0.9, 0.01, 0.90, 0.8) == pytest.approx(11_100, abs=50)
    made = planning.plan(2000, 0.02, 0.01)
    assert made.needed == planning.needed(0.02, 0.01, 0.95)
    assert made.detectable < 0.01 < planning.plan(1000, 0.02, 0.01).detectable
    assert planning.needed(0.02, made.detectable, 0.95) <= 2000


def test_the_planned_power_is_there() -> None:
    count = planning.needed(0.04, 0.01, 0.95, 0.8)
    draws = np.random.default_rng(0).multinomial(count, [0.02, 0.02, 0.96], 1500)
    told = [verdict(tango(int(b), int(w), count, 0.95), 0.01, higher_is_better=True) for b, w, _ in draws]
    assert sum(each in ("improved", "unchanged") for each in told) / 1500 == pytest.approx(0.8, abs=0.04)


def test_a_plan_by_what_a_note_says() -> None:
    result = {"examples": 1000, "negative_flips": 12, "positive_flips": 8}
    assert planning.changed_of(result) == 0.02
    made = planning.plan(1000, 0.02, 0.01, 0.9)
    assert (made.needed, made.needed_unpaired) == (1397, 11129)
    assert planning.changed_of({"examples": 1000, "negative_flips": 0, "positive_flips": 0}) is None
    assert planning.changed_of({"examples": 1000, "metrics": {}}) is None


@pytest.mark.parametrize(
    "wrong", [{"examples": 0}, {"tolerance": -0.1}, {"tolerance": 0}, {"disagreement": 2}, {"confidence": 1}, {"power": 0.1}]
)
def test_a_plan_that_makes_no_sense(wrong: Any) -> None:
    with pytest.raises(UsageError):
        planning.plan(**{"examples": 100, "disagreement": 0.02, "tolerance": 0.01, **wrong})


def test_a_budget_draws_by_the_hash_of_the_data() -> None:
    one, other = planning.sample(1000, 100, "ab12"), planning.sample(1000, 100, "cd34")
    assert len(set(one)) == 100
    assert one.tolist() == sorted(planning.sample(1000, 100, "ab12")) != other.tolist()
    assert set(planning.sample(1000, 50, "ab12")) < set(one), "a larger budget keeps what a smaller one took"
    assert planning.sample(5, 10, "x").tolist() == [0, 1, 2, 3, 4]


def test_an_early_stop_errs_seldom_and_saves_examples() -> None:
    random = np.random.default_rng(0)

    def run(up: float, down: float, runs: int) -> list[planning.Stop]:
        drawn = random.choice([1, -1, 0], (runs, 4000), p=[up, down, 1 - up - down])
        return [planning.early_stop(row, 0.02, 0.95) for row in drawn]

    edge = run(0.02, 0.04, 600)  # worse by just the tolerance: both answers are false
    assert sum(each.verdict != "open" for each in edge) / 600 <= 0.055
    bad = run(0.02, 0.12, 100)
    assert all(each.verdict == "regressed" for each in bad)
    assert np.mean([each.examples for each in bad]) < 1000
    equal = run(0.01, 0.01, 100)
    assert sum(each.verdict == "not worse" for each in equal) > 90
    assert planning.early_stop(np.array([]), 0.01, 0.95) == planning.Stop("open", 0)
    with pytest.raises(UsageError):
        planning.early_stop(np.array([2.0]), 0.01, 0.95)


# tuning


def overconfident(count: int = 2000, seed: int = 0) -> tuple[Any, list[str]]:
    random = np.random.default_rng(seed)
    scores = random.normal(0, 1, (count, 2))
    chances = probabilities(scores)
    truth = ["yes" if draw < chance else "no" for draw, chance in zip(random.random(count), chances[:, 1], strict=True)]
    return probabilities(3 * scores), truth


def test_the_temperature_that_was_put_in_is_found() -> None:
    outputs, truth = overconfident(20_000)
    scored = score(outputs, BINARY, truth)
    found = best_temperature(scored, outputs)
    assert found == pytest.approx(3, rel=0.05)
    losses = {
        t: score(outputs, {**BINARY, "decision": {"rule": "argmax", "temperature": t}}, truth).losses.mean()
        for t in (found, 2.5, 3.5)
    }
    assert min(losses, key=lambda each: losses[each]) == found
    assert best_temperature(scored, logits(outputs)) == pytest.approx(found, abs=0.01), "logits serve as well"


def test_a_proposal_says_what_it_would_do() -> None:
    outputs, truth = overconfident()
    made = propose(outputs, BINARY, truth, thresholds=False)
    assert made.decision == {"rule": "argmax", "temperature": pytest.approx(3, rel=0.15)}
    by_name = {row["metric"]: row for row in made.effects}
    assert by_name["accuracy"]["difference"] == 0
    assert by_name["loss"]["interval"][1] < 0
    assert by_name["loss"]["direction"] == "lower"
    assert propose(outputs, BINARY, truth, thresholds=False) == made


def test_thresholds_help_where_a_label_is_answered_too_often() -> None:
    random = np.random.default_rng(0)
    truth = random.random(3000) < 0.1
    chance = np.clip(np.where(truth, 0.85, 0.45) + random.normal(0, 0.12, 3000), 0.01, 0.99)
    names = ["yes" if each else "no" for each in truth]
    made = propose(np.stack([1 - chance, chance], 1), BINARY, names, temperature=False)
    assert 0.55 < made.decision["thresholds"]["yes"] < 0.8
    assert made.effects[0]["metric"] == "accuracy"
    assert made.effects[0]["interval"][0] > 0.05


def test_noise_is_not_sold_as_an_effect() -> None:
    """The effect is measured on examples that the thresholds were not chosen by."""
    gains = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        outputs = random.dirichlet(np.ones(2), 100)
        made = propose(outputs, BINARY, ["yes" if on else "no" for on in random.random(100) < 0.5], temperature=False)
        gains.append(made.effects[0]["difference"])
    assert np.mean(gains) < 0.03


def test_each_label_gets_its_own_threshold_where_there_are_several_an_example() -> None:
    random = np.random.default_rng(0)
    truth = random.random((3000, 2)) < (0.5, 0.1)
    outputs = np.clip(np.where(truth, (0.8, 0.4), (0.2, 0.1)) + random.normal(0, 0.1, truth.shape), 0.001, 0.999)
    sets = [frozenset(name for name, on in zip(("no", "yes"), row, strict=True) if on) for row in truth]
    made = propose(outputs, {"task": "multilabel", **BINARY}, sets, temperature=False)
    assert 0.15 < made.decision["thresholds"]["yes"] < 0.4
    assert made.effects[0]["interval"][0] > 0.1


def test_what_cannot_be_tuned() -> None:
    with pytest.raises(Finding, match="neither thresholds nor"):
        propose(np.zeros(50), {"task": "regression"}, np.zeros(50))
    with pytest.raises(Finding, match="too few to tune on"):
        propose(np.full((5, 2), 0.5), BINARY, ["no"] * 5)
    one = propose(np.full((50, 2), 0.5), BINARY, ["no"] * 50)
    assert one.effects[0]["difference"] == 0
    with pytest.raises(Finding, match="evaluated on"):
        refuse_test_data({"evaluation": {"dataset": "metadata/test.json"}}, "metadata/test.json", False)
    with pytest.raises(Finding, match="evaluated on"):
        refuse_test_data({"evaluation": {"dataset": "metadata/test.json"}}, "metadata/copy.json", True)
    refuse_test_data({"evaluation": {"dataset": "metadata/test.json"}}, "metadata/tuning.json", False)
