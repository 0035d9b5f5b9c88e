"""How often a verdict is false, and how often it is given at all: simulated, beside the default rules of others.

usage: python benchmarks/verdicts.py [DRAWS]   (20,000 without it; less for what is resampled, and for early stops)

The parent is right on 85 % of the examples. The child answers a share of them otherwise (the disagreement). It is equal, or worse
by just the tolerance of one point, or worse by three points. mdrepo's verdicts are those of its defaults: 95 %, one point.

The rules of the others, from their documentation, applied to the same two averages over the same examples:
TFMA: GenericChangeThreshold with `absolute={'value': -1e-10}`, as in the TFX examples: refuse unless child - parent > -1e-10.
TFMA, one point: the same with -0.01.
MLflow: MetricThreshold with `min_absolute_change=0.01` (it must be above 0): refuse unless child >= parent + 0.01.
Evidently: TestAccuracyScore with a reference: refuse if the child is over 20 % (of the parent's value) higher or lower.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from mdrepo.errors import Finding
from mdrepo.evaluation import looks
from mdrepo.evaluation.bets import Bets
from mdrepo.evaluation.decisions import verdict
from mdrepo.evaluation.intervals import tango
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.scoring import Scored
from mdrepo.evaluation.spreads import spread

COUNTS = (50, 100, 300, 1000, 5000)
DISAGREEMENTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
TOLERANCE, RIGHT = 0.01, 0.85
RARE = {"balanced_accuracy": "anything", "f1_macro": "anything", "f1:c": "missed", "precision:c": "mistaken"}
ANSWERS = {"anything": "any", "missed": "a, b; c is missed", "mistaken": "a, b; they are taken for c"}
AVAILABLE = 20_000
"""Of how many examples an early stop may take some."""
_PASSED = {"improved", "unchanged"}
Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int], tuple[Scored, Scored]]

RULES: dict[str, Callable[[Counts, Counts, int], NDArray[np.bool_]]] = {
    "TFMA": lambda gain, parent, count: gain / count <= -1e-10,
    "TFMA, one point": lambda gain, parent, count: gain / count <= -TOLERANCE,
    "MLflow": lambda gain, parent, count: gain / count < TOLERANCE,
    "Evidently": lambda gain, parent, count: np.abs(gain) > 0.2 * parent,
}
"""From the difference in right answers, the parent's right answers and their number to whether the child is refused."""


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print("Accuracy, in %: an equal child, one worse by just the tolerance, one worse by three points.\n")
    heads = [
        "examples",
        "disagreement",
        "equal: told otherwise",
        "equal: passed",
        "edge: passed",
        "edge: refused",
        "three: refused",
    ]
    print(f"| {' | '.join(heads)} |\n|{' ---: |' * len(heads)}")
    for count in COUNTS:
        for disagreement in DISAGREEMENTS:
            print(f"| {count:,} | {disagreement:.0%} | {' | '.join(ours(count, disagreement, draws))} |", flush=True)
    print("\nThe rules of others, in %: an equal child refused / a child that is worse by one point passed.\n")
    print(f"| examples | disagreement | mdrepo | {' | '.join(RULES)} |\n|{' ---: |' * (len(RULES) + 3)}")
    for count in COUNTS:
        for disagreement in DISAGREEMENTS:
            print(f"| {count:,} | {disagreement:.0%} | {' | '.join(theirs(count, disagreement, draws))} |", flush=True)
    resampled(draws // 50)
    print(
        f"\nAn early stop, {draws // 20} runs over {AVAILABLE:,} examples: passed and refused in %, and after how many examples.\n"
    )
    print("| disagreement | child | passed | refused | examples, median | nine of ten |\n| ---: | --- |" + " ---: |" * 4)
    for disagreement in DISAGREEMENTS[:-1]:
        for child, loss in (("equal", 0.0), ("edge", TOLERANCE), ("three points worse", 0.03), ("ten points worse", 0.1)):
            if disagreement >= loss:
                print(f"| {disagreement:.0%} | {child} | {' | '.join(stopped(disagreement, loss, draws // 20))} |", flush=True)


def resampled(runs: int) -> None:
    print(f"\nBootstrapped metrics, in % of {runs} runs: the child is worse by just the tolerance.\n")
    print("| metric | examples | disagreement | passed | refused |\n| --- | ---: | ---: | ---: | ---: |")
    for name in ("f1_macro", "loss"):
        for count in COUNTS:
            for disagreement in (0.02, 0.1):
                cells = bootstrapped(name, count, partial(simulated, disagreement), runs)
                print(f"| {name} | {count:,} | {disagreement:.0%} | {' | '.join(cells)} |", flush=True)
    print("\nThe same where one in 25 examples has a class c, and one in twenty answers of the child is another.\n")
    print("| metric | examples | another answer to | passed | refused |\n| --- | ---: | --- | ---: | ---: |")
    for name, what in RARE.items():
        for count in COUNTS:
            cells = bootstrapped(name, count, partial(with_a_rare_class, what), runs)
            print(f"| {name} | {count:,} | {ANSWERS[what]} | {' | '.join(cells)} |", flush=True)


def drawn(count: int, disagreement: float, loss: float, draws: int) -> tuple[Counts, Counts, Counts]:
    """Changes for the better and for the worse, and the parent's right answers, in each draw."""
    down, up = (disagreement + loss) / 2, (disagreement - loss) / 2
    chances = [up, down, RIGHT - down, 1 - RIGHT - up]
    better, worse, kept, _ = np.random.default_rng([count, int(disagreement * 1000)]).multinomial(count, chances, draws).T
    return better, worse, kept + worse


@cache
def told(better: int, worse: int, count: int) -> str:
    return verdict(tango(better, worse, count, 0.95), TOLERANCE, higher_is_better=True)


def share(count: int, disagreement: float, loss: float, draws: int, wanted: set[str]) -> str:
    if disagreement < loss:
        return "-"
    better, worse, _ = drawn(count, disagreement, loss, draws)
    return percent(np.mean([told(int(b), int(w), count) in wanted for b, w in zip(better, worse, strict=True)]))


def ours(count: int, disagreement: float, draws: int) -> list[str]:
    asked: list[tuple[float, set[str]]] = [
        (0.0, {"improved", "regressed"}),
        (0.0, _PASSED),
        (TOLERANCE, _PASSED),
        (TOLERANCE, {"regressed"}),
        (0.03, {"regressed"}),
    ]
    return [share(count, disagreement, loss, draws, wanted) for loss, wanted in asked]


def theirs(count: int, disagreement: float, draws: int) -> list[str]:
    alarms, passes = share(count, disagreement, 0.0, draws, {"regressed"}), share(count, disagreement, 0.01, draws, _PASSED)
    cells = [f"{alarms} / {passes}"]
    for refuses in RULES.values():

        def refused(loss: float, refuses: Callable[[Counts, Counts, int], NDArray[np.bool_]] = refuses) -> float:
            better, lost, parent = drawn(count, disagreement, loss, draws)
            return float(refuses(better - lost, parent, count).mean())

        passed = percent(1 - refused(TOLERANCE)) if disagreement >= TOLERANCE else "-"
        cells.append(f"{percent(refused(0.0))} / {passed}")
    return cells


def stopped(disagreement: float, loss: float, runs: int) -> list[str]:
    """How often an early stop passes and refuses, and after how many examples it ends."""
    random = np.random.default_rng([int(disagreement * 1000), int(loss * 1000)])
    down, up = (disagreement + loss) / 2, (disagreement - loss) / 2
    found = []
    for _ in range(runs):
        gains = random.choice(np.array([1, -1, 0], np.int8), AVAILABLE, p=[up, down, 1 - up - down])
        for end in looks.ends(AVAILABLE, True):
            told = verdict(Bets.on(gains[:end]).interval(0.95), TOLERANCE, higher_is_better=True)
            if told != "inconclusive":
                break
        found.append((told, end))
    passed, refused = (np.mean([told in wanted for told, _ in found]) for wanted in (_PASSED, {"regressed"}))
    ends = sorted(end for _, end in found)
    return [percent(passed), percent(refused), f"{ends[runs // 2]:,}", f"{ends[runs * 9 // 10]:,}"]


def bootstrapped(name: str, count: int, draw: Draw, runs: int) -> list[str]:
    """Passed and refused where the tolerance is the true loss, which a million examples tell."""
    metric = named(name, "classification")
    better = metric.higher_is_better
    old, new = draw(np.random.default_rng(99), 1_000_000)
    loss = (metric.value(old) - metric.value(new)) * (1 if better else -1)
    random = np.random.default_rng(count)
    found: list[str] = []
    for _ in range(runs):
        try:
            found.append(verdict(spread(metric, *draw(random, count)).interval(0.95), loss, higher_is_better=better))
        except Finding:  # the class is in none of the examples: there is no verdict
            found.append("failed")
    passed = np.mean([each in _PASSED for each in found])
    return [percent(passed), percent(np.mean([each == "regressed" for each in found]))]


def simulated(disagreement: float, random: np.random.Generator, count: int) -> tuple[Scored, Scored]:
    """Parent and child, whose changed answers are three times as often for the worse, with probabilities."""
    truth = random.integers(0, 2, count)
    sure = random.beta(5, 1, count)
    parent = np.where(random.random(count) < RIGHT, truth, 1 - truth)
    flips = random.random(count) < np.where(parent == truth, disagreement * 0.75 / RIGHT, disagreement * 0.25 / (1 - RIGHT))
    made = []
    for answers in (parent, np.where(flips, 1 - parent, parent)):
        chance = np.where(answers == 1, 0.5 + sure / 2, 0.5 - sure / 2)
        outputs = np.clip(np.stack([1 - chance, chance], axis=1), 0.001, 0.999)
        made.append(Scored("classification", ("no", "yes"), outputs, answers, truth))
    return made[0], made[1]


def with_a_rare_class(what: str, random: np.random.Generator, count: int) -> tuple[Scored, Scored]:
    """One in 25 examples has the class c. One in twenty answers is another: any, or one among a and b, and c is lost or made up."""
    truth = random.choice(3, count, p=[0.6, 0.36, 0.04])
    parent, others = (
        np.where(random.random(count) < share, truth, (truth + random.integers(1, 3, count)) % 3) for share in (0.9, 0.7)
    )
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
    old, new = (Scored("classification", ("a", "b", "c"), one[each], each, truth) for each in (parent, child))
    return old, new


def percent(value: float | np.floating) -> str:
    return f"{value * 100:.1f}"


if __name__ == "__main__":
    main()
