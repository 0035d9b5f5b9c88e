"""What `mdrepo eval` can be asked beside one verdict: what the data can prove, ranges, tables, and whether a note is true."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import COUNT, DOCUMENT, edit, git, keras_file, mdrepo, note, state, swap, track
from test_comparison import asked, pair

from mdrepo.errors import Finding
from mdrepo.evaluation import planning, prospects
from mdrepo.evaluation.comparison import compare, measure
from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.spreads import spread
from mdrepo.reporting import comments
from mdrepo.reporting.markdown import LIMIT

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


# ranges and tables


@pytest.fixture
def story(judged: Path) -> Path:
    """Behind the first evaluation: one commit that changes nothing, one whose slices cannot be cut, one that swaps two labels."""
    edit(judged, lambda v: v.update(description="Other | words <b>"))
    git("commit", "-qam", "Describe <b>it</b> | @all", cwd=judged)
    edit(judged, lambda v: v["evaluation"].update(slices=[{"column": "site"}]))
    git("commit", "-qam", "Cut by what is not there", cwd=judged)
    edit(judged, lambda v: v["evaluation"].pop("slices"))
    swap(judged)
    git("commit", "-qam", "Swap", cwd=judged)
    return judged


def test_each_commit_of_a_range_is_evaluated_and_one_that_fails_stops_nothing(story: Path) -> None:
    assert not noted_commits(story) & set(git("rev-list", "HEAD~3..", cwd=story).split())
    result = mdrepo("eval", "HEAD~3..", cwd=story, code=1)
    lines = result.out.splitlines()
    assert [line[:7] for line in lines] == [git("rev-parse", f"HEAD~{back}", cwd=story)[:7] for back in (2, 1, 0)]
    assert "skipped: nothing that matters has changed  Describe <b>it</b>" in lines[0]
    assert "not evaluated: metadata/net.json: the data have no array or column 'site'" in lines[1]
    assert "failed: the parent was judged on slices that are not named here any more: site  Swap" in lines[2]
    assert "1 of 3 commits could not be evaluated" in result.err
    assert noted_commits(story) >= {git("rev-parse", each, cwd=story) for each in ("HEAD~2", "HEAD")}
    assert "TensorFlow" not in result.err, "all outputs were in the cache"
    found = mdrepo("eval", "HEAD~3..HEAD", "--json", cwd=story, code=1).json["commits"]
    assert [(each["evaluation"] or {}).get("verdict") for each in found] == ["skipped", None, "failed"]
    assert "no array or column" in found[1]["error"]["message"]
    assert mdrepo("eval", "HEAD~3..HEAD~2", "--exit-code", cwd=story).out
    assert mdrepo("eval", "HEAD~1..", "--exit-code", cwd=story, code=1).out


def noted_commits(root: Path) -> set[str]:
    return {line.split()[1] for line in git("notes", "--ref=mdrepo", "list", cwd=root).splitlines()}


def test_a_table_for_a_pull_request_holds_nothing_but_text(story: Path) -> None:
    where = {"column": "name", "one_of": ["img-001", "a|b <script>@all"]}
    edit(story, lambda v: v["evaluation"].update(slices=[{"where": where}]))
    git("commit", "-qam", "Slices", cwd=story)
    told = mdrepo("eval", "--format", "markdown", "--against", "HEAD~3", cwd=story).out
    rows = [line for line in told.splitlines() if line.startswith("|")]
    assert "**regressed**" in told
    assert any("<code>accuracy</code>" in row and "regressed" in row for row in rows)
    assert "<script>" not in told
    assert "@all" not in told
    assert all(row.count("|") == rows[0].count("|") for row in rows[:3])
    whole = mdrepo("eval", "HEAD~4..", "--format", "markdown", cwd=story, code=1).out
    rows = [line for line in whole.splitlines() if line.startswith("|")]
    assert len(rows) == 6
    assert all(row.count("|") == 5 for row in rows)
    assert "<b>" not in whole


def test_a_table_is_no_longer_than_a_comment_may_be() -> None:
    documents = {f"metadata/{place}.json": {"verdict": "failed", "reason": "x" * 190} for place in range(1000)}
    made = comments.note("abcdef0", {"verdict": "failed", "documents": documents})
    assert len(made) <= LIMIT
    assert "more documents" in made or "documents left out" in made
    many = comments.commits([("abcdef0", "failed", "x" * 300, "y")] * 1000)
    assert len(many) <= LIMIT
    assert "earlier commits left out" in many
    assert "nothing to evaluate" in comments.note("abcdef0", None)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["HEAD...HEAD"], 2, "names commits of both sides"),
        (["none..HEAD"], 3, "there is no revision 'none'"),
        (["HEAD..HEAD"], 0, "names no commits"),
        (["--verify", "HEAD~1..HEAD"], 2, "--verify takes one revision"),
        (["--plan", "--format", "markdown"], 2, "--plan takes one revision"),
        (["--verify", "--against", "HEAD"], 2, "--verify takes one revision"),
        (["--json", "--format", "markdown"], 2, "different forms"),
        (["--verify"], 3, "has no note: there is nothing to verify"),
    ],
)
def test_what_cannot_be_asked(repo: Path, arguments: list[str], code: int, words: str) -> None:
    assert words in mdrepo("eval", *arguments, cwd=repo, code=code).err


# is a note true?


def change_note(root: Path, revision: str, change: Any, indent: int = 1) -> None:
    content = json.loads(git("notes", "--ref=mdrepo", "show", revision, cwd=root))
    change(content)
    (root / ".git/note").write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n")
    git("notes", "--ref=mdrepo", "add", "-f", "-F", ".git/note", revision, cwd=root)


def test_a_note_is_verified_by_computing_all_of_it_anew(judged: Path) -> None:
    edit(judged, lambda v: v.update(description="Other words"))
    mdrepo("commit", "-am", "Describe", cwd=judged)
    before = state(judged)
    result = mdrepo("eval", "--verify", cwd=judged)
    assert "byte for byte" in result.out
    assert "TensorFlow" in result.err, "not from the cache"
    assert state(judged) == before

    def better(content: Any) -> None:
        content["documents"][DOCUMENT]["metrics"]["accuracy"] = 0.95

    for revision in ("HEAD~1", "HEAD"):  # also what was taken over from the parent's note
        change_note(judged, revision, better)
        result = mdrepo("eval", "--verify", revision, cwd=judged, code=1)
        assert f"/documents/{DOCUMENT.replace('/', '~1')}/metrics/accuracy: 0.95 -> 0.9" in result.out
        assert "is not what its evaluation gives" in result.err
    track(judged, "models/net.keras", keras_file(3, saved="2031"))
    mdrepo("patch", "--apply", cwd=judged)
    mdrepo("commit", "-am", "Save it again", cwd=judged)
    assert note(judged)["metrics"]["accuracy"] == 0.95, "taken over"
    assert "metrics/accuracy: 0.95 -> 0.9" in mdrepo("eval", "--verify", cwd=judged, code=1).out
    git("notes", "--ref=mdrepo", "add", "-f", "-m", "by hand", "HEAD", cwd=judged)
    assert "a note that is no evaluation" in mdrepo("eval", "--verify", cwd=judged, code=3).err


def test_a_note_that_is_written_otherwise_is_not_the_same_bytes(judged: Path) -> None:
    swap(judged)
    mdrepo("commit", "-am", "Swap", "--allow-regression", "as a test", cwd=judged)
    change_note(judged, "HEAD", lambda content: None, indent=2)
    found = mdrepo("eval", "--verify", "--json", cwd=judged, code=1).json
    assert (found["verified"], found["changes"]) == (False, [])
    change_note(judged, "HEAD", lambda content: content.update(verdict="improved"))
    [change] = mdrepo("eval", "--verify", "--json", cwd=judged, code=1).json["changes"]
    assert (change["pointer"], change["old"], change["new"]) == ("/verdict", "improved", "regressed")


# what a model costs


def test_size_and_parameters_are_reported_and_decide_only_where_they_have_a_tolerance() -> None:
    parent, child = pair(200, 0.0)
    small, large = replace(parent, facts={"size": 1000, "parameters": 20}), replace(child, facts={"size": 1500, "parameters": 20})
    block = {"metrics": ["accuracy", "size", "parameters"], "tolerance": {"accuracy": 0.1}, "slices": [{"by": "label"}]}
    made = compare(small, large, asked(**block))
    assert (made["metrics"]["size"], made["metrics"]["parameters"]) == (1500, 20)
    rows = {row["metric"]: row for row in made["differences"]}
    assert (rows["size"]["difference"], rows["size"]["interval"], "verdict" in rows["size"]) == (500, [500, 500], False)
    assert made["verdict"] == "unchanged"
    for tolerance, verdict in ((499, "regressed"), (500, "unchanged")):
        limited = asked(**{**block, "tolerance": {"accuracy": 0.1, "size": tolerance}})
        assert compare(small, large, limited)["verdict"] == verdict
        assert not any(row.get("metric") == "size" for row in prospects.measured(small, large, limited))
    assert compare(large, small, asked(metrics=["size"], tolerance={"size": 0}))["verdict"] == "improved"


def test_a_fact_that_is_not_known_is_no_zero() -> None:
    parent, child = pair(100, 0.0)
    with pytest.raises(Finding, match="does not say how many parameters"):
        measure(child, asked(metrics=["parameters"]))
    known = replace(child, facts={"parameters": 5})
    made = compare(parent, known, asked(metrics=["parameters"]))
    assert (made["verdict"], made["reason"]) == ("failed", "the document does not say how many parameters the model has")
    with pytest.raises(Finding, match="a slice has no tolerance of it"):
        asked(slices=[{"column": "site", "tolerance": {"size": 1}}])


def test_a_larger_model_stops_a_commit_that_limits_it(judged: Path) -> None:
    edit(
        judged,
        lambda v: v["evaluation"].update(metrics=["accuracy", "size", "parameters"], tolerance={"accuracy": 0.05, "size": 8}),
    )
    mdrepo("commit", "-am", "Limit the size", cwd=judged)
    found = note(judged)
    size = (judged / "models/net.keras").stat().st_size
    assert found["metrics"] == {"accuracy": 0.9, "size": size, "parameters": 27}
    track(judged, "models/net.keras", keras_file(3, saved="2026-11-24 and a longer stamp"))
    mdrepo("patch", "--apply", cwd=judged)
    grown = (judged / "models/net.keras").stat().st_size - size
    assert grown > 8
    result = mdrepo("commit", "-am", "Save it again", cwd=judged, code=1)
    assert f"regressed: size +{grown} exact" in result.out
    assert re.search(rf"size +{size:,} +{size + grown:,} +\+{grown} +exact +8", result.out)
    assert "TensorFlow" not in result.err, "the weights are the same"


def test_the_time_that_a_model_takes_is_measured_and_kept_nowhere(judged: Path) -> None:
    before = state(judged)
    [found] = mdrepo("eval", "--latency", "--json", cwd=judged).json["latency"]
    assert 0 < found["lower"] <= found["median"] <= found["upper"] < 5
    assert (found["path"], found["batch"], found["runs"]) == (DOCUMENT, 32, 100)
    assert state(judged) == before
    edit(judged, lambda v: v.update(preprocessing=[{"op": "reshape", "shape": [2, 2]}]))
    git("commit", "-qam", "Another shape", cwd=judged)
    assert "the model takes inputs of shape (4,)" in mdrepo("eval", "--latency", cwd=judged, code=3).err
