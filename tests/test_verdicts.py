"""Planning, early stops and tuning; simulated: how often a verdict is false."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mdrepo.errors import Finding, UsageError
from mdrepo.evaluation import looks, planning
from mdrepo.evaluation.bets import Bets
from mdrepo.evaluation.decisions import verdict
from mdrepo.evaluation.intervals import Interval, tango
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.scoring import Scored, logits, probabilities, score
from mdrepo.evaluation.slices import Slice
from mdrepo.evaluation.spreads import spread
from mdrepo.evaluation.terms import terms
from mdrepo.evaluation.tuning import best_temperature, propose, refuse_test_data, refuse_what_teaches_nothing

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


@pytest.mark.parametrize(
    ("name", "count", "disagreement", "runs"),
    [
        ("f1_macro", 50, 0.2, 300),
        ("f1_macro", 100, 0.02, 300),
        ("f1_macro", 300, 0.1, 300),
        ("f1_macro", 1000, 0.02, 900),
        ("loss", 50, 0.2, 300),
        ("loss", 200, 0.05, 300),
    ],
)
def test_a_bootstrapped_verdict_is_false_seldom(name: str, count: int, disagreement: float, runs: int) -> None:
    """The interval misses the true difference, known from a million examples, in at most 5 % of the runs and what chance adds.

    A child that is worse by just the tolerance is passed, or refused, where the one or the other end misses it.
    """
    metric = named(name, "classification")
    whole = simulated(np.random.default_rng(99), 1_000_000, disagreement)
    true = metric.value(whole[1]) - metric.value(whole[0])
    random = np.random.default_rng(7)
    found = [spread(metric, *simulated(random, count, disagreement)).interval(0.95) for _ in range(runs)]
    above, below = sum(each.low > true for each in found), sum(each.high < true for each in found)
    assert (above + below) / runs <= 0.08
    assert max(above, below) / runs <= 0.055


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


@pytest.mark.parametrize(
    ("name", "count", "what"),
    [
        ("balanced_accuracy", 1000, "anything"),
        ("balanced_accuracy", 1000, "missed"),
        ("f1:c", 300, "missed"),
        ("precision:c", 300, "mistaken"),
        ("f1_macro", 300, "mistaken"),
    ],
)
def test_what_few_examples_have_is_known_no_better_for_all_that_is_seen_elsewhere(name: str, count: int, what: str) -> None:
    """One in 25 examples has the class c; that answers change among the others says nothing of it."""
    metric = named(name, "classification")
    whole = with_a_rare_class(np.random.default_rng(99), 1_000_000, what)
    true = metric.value(whole[1]) - metric.value(whole[0])
    random, passed, refused, runs = np.random.default_rng(7), 0, 0, 200
    for _ in range(runs):
        found = spread(metric, *with_a_rare_class(random, count, what)).interval(0.95)
        passed, refused = passed + (found.low > true), refused + (found.high < true)
    assert max(passed, refused) / runs <= 0.055


def with_a_rare_class(random: np.random.Generator, count: int, what: str) -> tuple[Scored, Scored]:
    """One in twenty answers of the child is another one: any, or those among a and b, and then c is missed or mistaken for."""
    truth = random.choice(3, count, p=[0.6, 0.36, 0.04])
    parent = np.where(random.random(count) < 0.9, truth, (truth + random.integers(1, 3, count)) % 3)
    others = np.where(random.random(count) < 0.7, truth, (truth + random.integers(1, 3, count)) % 3)
    turned = random.random(count) < 0.05
    if what == "anything":
        child = np.where(turned, others, parent)
    else:
        child = np.where(turned & (truth != 2) & (parent != 2), 1 - parent, parent)
        lost = random.random(count) < (0.1 if what == "missed" else 0.004)
        child = (
            np.where(lost & (truth == 2) & (child == 2), 0, child) if what == "missed" else np.where(lost & (truth != 2), 2, child)
        )
    one = np.eye(3) * 0.85 + 0.05
    return tuple(Scored("classification", ("a", "b", "c"), one[each], each, truth) for each in (parent, child))  # type: ignore[return-value]


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


def test_an_early_stop_errs_seldom_however_often_one_looks_and_saves_examples() -> None:
    def told(up: float, down: float, runs: int, count: int) -> list[str]:
        drawn = np.random.default_rng(0).choice([1, -1, 0], (runs, count), p=[up, down, 1 - up - down])
        return [verdict(Bets.on(row).interval(0.95), 0.02, higher_is_better=True) for row in drawn]

    edge = told(0.02, 0.04, 400, 4000)  # worse by just the tolerance: each verdict is false
    assert sum(each != "inconclusive" for each in edge) / 400 <= 0.055
    assert sum(each in ("improved", "unchanged") for each in told(0.01, 0.01, 50, 4000)) >= 45
    assert sum(each == "regressed" for each in told(0.02, 0.12, 50, 1000)) >= 45


def test_what_an_early_stop_has_established_stays_so() -> None:
    """So that the verdicts after 4,000 examples in the test before are those of all looks on the way."""
    gains = np.random.default_rng(2).choice([1, -1, 0], 3000, p=[0.04, 0.04, 0.92])
    found = [Bets.on(gains[:end]).interval(0.95) for end in range(0, 3001, 150)]
    assert all(one.low <= other.low <= other.high <= one.high for one, other in pairwise(found))
    assert found[-1].high - found[-1].low < 0.05


def test_looking_often_at_a_fixed_interval_would_err_often() -> None:
    """What the bets are for: Tango's interval, looked at after each 100 of 4,000 examples, is wrong far more often."""
    drawn = np.random.default_rng(0).choice([1, -1, 0], (200, 4000), p=[0.02, 0.04, 0.94])
    counts = [(row == sign).cumsum(axis=1)[:, 99::100] for row in [drawn] for sign in (1, -1)]

    def wrong(better: Any, worse: Any) -> bool:
        found = (tango(int(up), int(down), 100 * at, 0.95) for at, (up, down) in enumerate(zip(better, worse, strict=True), 1))
        return any(verdict(each, 0.02, higher_is_better=True) != "inconclusive" for each in found)

    assert np.mean([wrong(*row) for row in zip(*counts, strict=True)]) > 0.1


def test_bets_are_those_of_the_paper() -> None:
    """The wealth, bet by bet, over the same stakes: the least difference that was never refuted has just enough of it somewhere."""
    gains = np.random.default_rng(3).choice([1, -1, 0], 500, p=[0.1, 0.05, 0.85])
    interval = Bets.on(gains).interval(0.95)

    def richest(moved: Any, most_lost: float) -> float:
        stakes = 0.9 * 0.5 ** np.arange(10)
        return float(np.cumprod(1 + stakes[:, None] / most_lost * moved, axis=1).mean(axis=0).max())

    assert -1 < interval.low < gains.mean() < interval.high < 1
    assert richest(gains - interval.low, 1 + interval.low) == pytest.approx(2 / 0.05, rel=1e-6)
    assert richest(interval.high - gains, 1 - interval.high) == pytest.approx(2 / 0.05, rel=1e-6)
    assert Bets.on(gains[:0]).interval(0.95) == Interval(-1.0, 1.0)
    assert Bets.on(np.zeros(700, np.int8)).interval(0.95).low == pytest.approx(-0.01, abs=0.001)


def test_p_values_of_bets_are_small_seldom_on_either_side() -> None:
    drawn = np.random.default_rng(1).choice([1, -1, 0], (300, 300), p=[0.1, 0.1, 0.8])
    below = np.array([Bets.on(row).below(0.0) for row in drawn])
    assert (below <= 0.05).mean() <= 0.055
    assert (1 - below <= 0.05).mean() <= 0.055
    lost = np.random.default_rng(1).choice([1, -1, 0], 300, p=[0.02, 0.3, 0.68])
    assert Bets.on(lost).below(-0.01) < 0.001
    assert 1 - Bets.on(-lost).below(0.0) < 0.001
    assert Bets.on(lost[:0]).below(0.0) == 0.5


def test_looks_take_every_example_once_in_the_order_of_the_hash() -> None:
    assert looks.ends(767, True) == (767,)
    assert looks.ends(5000, True) == (512, 1024, 2048, 5000)
    assert looks.ends(5000, False) == (5000,)
    taken = looks.places(5000, None, "ab12", True)
    names = [f"n{place}" for place in taken]
    members = Slice("even", np.arange(5000) % 2 == 0).of(taken)
    whole = looks.Examples(list(taken), [members], names, taken, 5000, looks.ends(5000, True), True)
    parts = [{None: planning.sample(of, end, "ab12", start)} for start, end, of in whole.samples]
    assert whole.joined(parts)[None].tolist() == taken.tolist(), "what is run in the data's order comes out in that of the looks"
    first = whole.first(2)
    assert len(first) == 1024
    assert first.samples == [(0, 512, 5000), (512, 1024, 5000)]
    assert first.joined(parts[:2])[None].tolist() == taken[:1024].tolist() == first.truth
    assert first.cuts[0].members.tolist() == [place % 2 == 0 for place in first.places]
    assert set(looks.places(5000, 600, "ab12", False)) == set(looks.places(5000, 600, "ab12", True))


@pytest.mark.parametrize(
    "block",
    [
        {"tolerance": {"loss": 0.1}},
        {"tolerance": {"accuracy": 0.01, "f1_macro": 0.1}},
        {"slices": [{"column": "a", "tolerance": {"brier": 1}}]},
    ],
)
def test_an_early_stop_is_for_shares(block: Any) -> None:
    with pytest.raises(Finding, match="an early stop is for shares"):
        terms({**BINARY, "evaluation": {"early_stop": True, **block}})
    assert terms({**BINARY, "evaluation": {"early_stop": True, "tolerance": {"top_2": 0.01, "size": 5}}}).early_stop


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


def test_nothing_is_proposed_that_does_harm_where_it_was_not_chosen() -> None:
    """Answers that have nothing to do with the outputs: whatever is chosen by some of the examples helps no other."""
    random = np.random.default_rng(11)
    outputs = random.dirichlet([20, 20], 200)
    truth = np.where(random.random(200) < outputs[:, 1], "yes", "no").tolist()
    found = propose(outputs, BINARY, truth)
    by_name = {row["metric"]: row["difference"] for row in found.effects}
    assert by_name["accuracy"] >= 0
    assert by_name["loss"] <= 0


def test_what_cannot_be_tuned() -> None:
    some = np.random.default_rng(0).dirichlet([1, 1], 50)
    with pytest.raises(Finding, match="all of the examples are of the class no"):
        refuse_what_teaches_nothing(some, BINARY, ["no"] * 50)
    with pytest.raises(Finding, match="no output for maybe"):
        refuse_what_teaches_nothing(some, BINARY, ["no", "maybe"] * 25)
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
