"""What `mdrepo eval` can be asked beside one verdict: what the data can prove, ranges, tables, and whether a note is true."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import COUNT, DOCUMENT, edit, mdrepo, state, swap
from test_comparison import asked, pair

from mdrepo.evaluation import planning, prospects
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.spreads import spread

# what can be proved


def test_two_models_that_differ_tell_how_many_examples_it_takes() -> None:
    parent, child = pair(2000, 0.02, 0.2)
    rows = {row["metric"]: row for row in prospects.measured(parent, child, asked(tolerance={"accuracy": 0.01, "loss": 0.02}))}
    turned = int((parent.correct != child.correct).sum())
    assert rows["accuracy"]["disagreement"] == turned / 2000
    assert rows["accuracy"]["needed"] == planning.needed(turned / 2000, 0.01, 0.95)
    assert rows["accuracy"]["needed_unpaired"] > rows["accuracy"]["needed"]
    changes = child.losses - parent.losses
    expected = ((1.959964 + 0.841621) * changes.std() / 0.02) ** 2
    assert rows["loss"]["needed"] == pytest.approx(expected, rel=0.1)
    assert rows["loss"]["detectable"] == pytest.approx(0.02 * np.sqrt(rows["loss"]["needed"] / 2000), rel=0.01)


def test_the_planned_examples_of_a_mean_have_the_planned_power() -> None:
    """Simulated: of equal children, 80 % pass on as many examples as the plan says."""
    parent, child = pair(4000, 0.03, 0.27)
    metric = named("loss", "classification")
    rows = prospects.measured(parent, child, asked(tolerance={"loss": 0.05}))
    needed = next(row["needed"] for row in rows if row["metric"] == "loss")
    changes = child.losses - parent.losses
    random = np.random.default_rng(3)
    passed = 0
    for _ in range(1000):
        drawn = random.choice(changes - changes.mean(), needed)
        passed += drawn.mean() + 1.959964 * drawn.std() / np.sqrt(needed) < 0.05
    assert passed / 1000 == pytest.approx(0.8, abs=0.05)
    assert spread(metric, parent, child).interval(0.95).low < 0.05


def test_a_part_is_told_by_its_own_examples() -> None:
    parent, child = pair(400, 0.1)
    rows = prospects.measured(parent, child, asked(slices=[{"by": "label", "tolerance": {"recall": 0.05}}], minimum_support=130))
    classes = [row for row in rows if "label" in row]
    assert sum(row["examples"] for row in classes) == 400
    assert {row["metric"] for row in classes} == {"recall"}
    for row in classes:
        assert ("detectable" in row) == (row["examples"] >= 130)
    assert len(prospects.measured(parent, child, asked())) == 1, "classes that decide nothing are left out"


def test_models_that_do_not_differ_tell_nothing() -> None:
    parent, child = pair(100, 0.0)
    assert prospects.measured(parent, parent, asked()) == []
    assert prospects.measured(parent, child, asked()), "other probabilities are a difference"
    assert prospects.measured(parent, child, asked(tolerance={"recall:none": 0.1})) == []


def test_assumptions_where_nothing_is_known() -> None:
    terms = asked(tolerance={"accuracy": 0.01, "loss": 0.01, "f1_macro": 0.0})
    unknown = prospects.assumed(None, 1000, terms)
    assert [row["disagreement"] for row in unknown] == [*prospects.ASSUMED] * 3
    assert [row["needed"] for row in unknown[:4]] == [planning.needed(share, 0.01, 0.95) for share in prospects.ASSUMED]
    assert not any("needed" in row for row in unknown[4:])
    known = prospects.assumed(pair(1000, 0.0)[0], 1000, terms)
    assert all("needed" in row for row in known[:8])
    assert all("needed" not in row and row["detectable"] > 0 for row in known[8:]), "no number proves a tolerance of nothing"


def test_a_plan_is_made_of_what_is_there(judged: Path) -> None:
    """Outputs of two models that differ; a note where the cache is gone; assumptions where nothing is known. No model is run."""
    plan = mdrepo("eval", "--plan", "--json", cwd=judged).json["plan"]
    assert [(each["path"], each["basis"], each["examples"]) for each in plan] == [(DOCUMENT, "assumed", COUNT)]
    assert len(plan[0]["prospects"]) == 4
    assert plan[0]["prospects"][0]["needed_unpaired"] > 0
    swap(judged)
    mdrepo("commit", "-am", "Swap", "--allow-regression", "as a test", cwd=judged)
    before = state(judged)
    [measured] = mdrepo("eval", "--plan", "--json", cwd=judged).json["plan"]
    assert measured["basis"] == "outputs"
    [row] = measured["prospects"]
    assert row["disagreement"] > 0.3
    shutil.rmtree(judged / ".git/mdrepo/cache")
    [noted] = mdrepo("eval", "--plan", "--json", cwd=judged).json["plan"]
    assert noted["basis"] == "note"
    assert {name: noted["prospects"][0][name] for name in ("disagreement", "needed", "detectable")} == {
        name: row[name] for name in ("disagreement", "needed", "detectable")
    }
    told = mdrepo("eval", "--plan", "HEAD~1", cwd=judged)
    assert "disagrees on this share" in told.out
    assert told.out.count("accuracy") == 4
    assert not list((judged / ".git/mdrepo/cache").glob("outputs/*")), "nothing was run"
    assert state(judged) == before


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"budget": 100}, " 100 examples of"),
        ({"tolerance": {}}, "no metric has a tolerance"),
        ({"tolerance": {"accuracy": 0}}, "-"),
        ({"slices": [{"where": {"column": "age", "at_least": 50}}]}, "accuracy"),
    ],
)
def test_a_plan_of_a_block(judged: Path, block: Any, words: str) -> None:
    edit(judged, lambda v: v["evaluation"].update(block))
    mdrepo("commit", "--no-eval", "-am", "Other terms", cwd=judged)
    assert words in mdrepo("eval", "--plan", cwd=judged).out


def test_a_plan_that_cannot_be_made(judged: Path) -> None:
    assert "there is no revision 'none'" in mdrepo("eval", "--plan", "none", cwd=judged, code=3).err
    edit(judged, lambda v: v["evaluation"].update(slices=[{"column": "site"}]))
    mdrepo("commit", "--no-eval", "-am", "Other terms", cwd=judged)
    assert "no array or column 'site'" in mdrepo("eval", "--plan", cwd=judged, code=1).err
    edit(judged, lambda v: v.pop("evaluation"))
    mdrepo("commit", "--no-eval", "-am", "Nothing to judge by", cwd=judged)
    assert "nothing to evaluate" in mdrepo("eval", "--plan", cwd=judged).err
