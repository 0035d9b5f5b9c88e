"""Whole commits, judged as their documents say: by slices, by other tasks, by strict gates; bad input changes nothing."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import COUNT, DATA, DOCUMENT, answers, edit, git, keras_file, load, mdrepo, note, npz, state, swap, track
from test_bad_input import short

from mdrepo.evaluation import planning


def judge(root: Path, **block: Any) -> None:
    edit(root, lambda v: v["evaluation"].update(block))


def test_a_merge_is_compared_with_each_of_its_parents(judged: Path) -> None:
    git("checkout", "-q", "-b", "bad", cwd=judged)
    swap(judged)
    mdrepo("commit", "-am", "Swap", "--allow-regression", "to be merged", cwd=judged)
    git("checkout", "-q", "-", cwd=judged)
    edit(judged, lambda v: v.update(description="other"))
    mdrepo("commit", "-am", "Describe", cwd=judged)
    main, bad = git("rev-parse", "HEAD", cwd=judged), git("rev-parse", "bad", cwd=judged)
    git("checkout", "-q", "bad", cwd=judged)
    git("merge", "-q", "--no-commit", "-s", "ours", main, cwd=judged)  # as good as its first parent, and worse than the other
    result = mdrepo("commit", "-m", "Merge", cwd=judged, code=1)
    assert "regressed" in result.err
    assert git("rev-parse", "HEAD", cwd=judged) == bad
    mdrepo("commit", "-m", "Merge", "--allow-regression", "as a test", cwd=judged)
    assert git("rev-parse", "HEAD^2", cwd=judged) == main
    found = note(judged)
    assert (found["verdict"], found["reason"]) == ("regressed", f"compared with the other parent {main[:7]} it is regressed")
    [other] = found["against"]
    assert (other["parent"], other["verdict"]) == (main, "regressed")
    again = mdrepo("eval", "--json", cwd=judged).json["evaluation"]["documents"][DOCUMENT]
    assert again == found


def with_split(root: Path, name: str, x: Any, y: Any) -> str:
    """A second data set, recorded and described."""
    track(root, f"data/{name}.npz", npz(x=x, y=y))
    mdrepo("new", "dataset", name, cwd=root)
    return f"metadata/{name}.json"


def test_thresholds_and_a_temperature_are_tuned_on_a_split_of_their_own(judged: Path) -> None:
    x = np.random.default_rng(5).normal(size=(300, 4))
    split = with_split(judged, "tuning", x, answers(x))
    edit(judged, lambda v: v.update(decision={"rule": "argmax", "temperature": 9.0}))
    before = (judged / DOCUMENT).read_bytes()
    found = mdrepo("tune", DOCUMENT, "--on", split, "--json", cwd=judged).json
    assert (judged / DOCUMENT).read_bytes() == before
    assert not found["written"]
    assert found["examples"] == 300
    [loss] = [each for each in found["effects"] if each["metric"] == "loss"]
    assert loss["interval"][1] < 0, "all answers are right, so that more confidence is better"
    told = mdrepo("tune", DOCUMENT, "--on", split, cwd=judged)
    assert "~ /decision/temperature: 9.0 -> " in told.out
    assert "--apply" in told.err
    mdrepo("tune", DOCUMENT, "--on", split, "--apply", cwd=judged)
    assert (
        load(judged)["decision"]["temperature"]
        == [each["new"] for each in found["changes"] if each["pointer"] == "/decision/temperature"].pop()
    )
    assert "nothing to change" in mdrepo("tune", DOCUMENT, "--on", split, cwd=judged).out


def test_nothing_is_tuned_on_what_it_is_judged_by(judged: Path) -> None:
    copy = "metadata/copy.json"
    (judged / "data/copy.npz").write_bytes((judged / "data/net-test.npz").read_bytes())
    track(judged, "data/copy.npz", (judged / "data/net-test.npz").read_bytes())
    mdrepo("new", "dataset", "copy", cwd=judged)
    with np.load(judged / "data/net-test.npz") as found:
        same = with_split(judged, "same", found["x"], found["y"])  # in other bytes
    for split in (DATA, copy, same):
        result = mdrepo("tune", DOCUMENT, "--on", split, cwd=judged, code=1)
        assert "is what the model is evaluated on" in result.err
    x = np.zeros((3, 4))
    few = with_split(judged, "few", x, [0, 1, 2])
    assert "too few to tune on" in mdrepo("tune", DOCUMENT, "--on", few, cwd=judged, code=1).err
    assert "no dataset document" in mdrepo("tune", DOCUMENT, "--on", DOCUMENT, cwd=judged, code=1).err
    assert "there is no document" in mdrepo("tune", DOCUMENT, "--on", "metadata/none.json", cwd=judged, code=1).err


def test_a_slice_that_got_worse_is_on_top_and_examples_are_named(judged: Path) -> None:
    judge(judged, slices=[{"where": {"column": "age", "at_least": 65}}, {"where": {"column": "age", "below": 65}}])
    mdrepo("commit", "-am", "Cut by age", cwd=judged)
    found = note(judged)
    assert (found["verdict"], found["reason"]) == (
        "unchanged",
        "the model answers as the parent's: only how it is judged has changed",
    )
    swap(judged)
    result = mdrepo("commit", "-am", "Swap", cwd=judged, code=1)
    assert "regressed" in result.out
    assert "age >= 65: accuracy" in result.out
    assert "(wrong now: img-" in result.out
    assert "Traceback" not in result.err


def test_a_merge_of_metrics_and_a_report(judged: Path) -> None:
    judge(judged, metrics=["accuracy", "f1_macro", "roc_auc", "confusion_matrix"], tolerance={"accuracy": 0.01, "roc_auc": 0.01})
    mdrepo("commit", "-am", "More metrics", cwd=judged)
    swap(judged)
    mdrepo("commit", "--allow-regression", "to see it", "-am", "Swap", cwd=judged)
    found = note(judged)
    assert {row["metric"]: row["verdict"] for row in found["differences"] if "verdict" in row} == {
        "accuracy": "regressed",
        "roc_auc": "regressed",
    }
    assert found["flips"]["negative"][0].startswith("img-")
    assert np.sum(found["confusion"]["counts"]) == COUNT
    assert "regressed" in mdrepo("show", "HEAD", cwd=judged).out


def test_what_decided_in_the_parent_cannot_be_dropped_in_silence(judged: Path) -> None:
    judge(judged, metrics=["loss"], tolerance={"loss": 1})
    result = mdrepo("commit", "-am", "Only the loss", cwd=judged, code=1)
    assert "the parent was judged by accuracy, which has no tolerance here any more" in result.out
    mdrepo("commit", "--allow-regression", "loss is what counts", "-am", "Only the loss", cwd=judged)
    assert note(judged)["verdict"] == "failed"


def test_a_tolerance_that_comes_with_what_it_lets_through_lets_nothing_through(judged: Path) -> None:
    judge(judged, tolerance={"accuracy": 0.9}, minimum_support=5000)
    mdrepo("commit", "--no-eval", "-am", "Looser", cwd=judged)
    git("reset", "-q", "--soft", "HEAD~1", cwd=judged)
    swap(judged)
    result = mdrepo("commit", "-am", "Looser, and worse", cwd=judged, code=1)
    assert "regressed" in result.out
    git("reset", "-q", cwd=judged)
    swap(judged)
    mdrepo("commit", "-am", "Looser", cwd=judged)
    assert note(judged)["verdict"] == "unchanged"
    swap(judged)
    mdrepo("commit", "-am", "And worse", cwd=judged)


def test_other_data_never_read_as_a_pass(judged: Path) -> None:
    """What comes with other test data must be no worse on the parent's either, and is no pass where that cannot be told."""
    x = np.random.default_rng(9).normal(size=(900, 4))
    names = np.array([f"new-{i}" for i in range(900)])
    edit(judged, lambda v: v.update(decision={"rule": "argmax", "temperature": 3.0}))
    judge(judged, metrics=["accuracy", "loss"], tolerance={"loss": 0.1})
    mdrepo("commit", "-am", "Ask for less", "--allow-regression", "a start", cwd=judged)
    start, old = git("rev-parse", "HEAD", cwd=judged), (judged / "data/net-test.npz").read_bytes()

    def with_other_data(turn: int = 0) -> None:
        git("reset", "-q", "--hard", start, cwd=judged)
        track(judged, "data/net-test.npz", npz(x=x, y=(answers(x) + turn) % 3, name=names))
        mdrepo("patch", DATA, "--apply", cwd=judged)

    def turned(value: Any) -> None:
        for each in value["labels"]:
            each["index"] = (int(each["name"]) - 1) % 3

    told: list[str] = []

    def found(message: str) -> tuple[str, str | None]:
        told.append(mdrepo("commit", "-am", message, cwd=judged).err)
        result = note(judged)
        return result["verdict"], result.get("reason")

    def better() -> None:
        edit(judged, lambda v: v["decision"].update(temperature=0.5))

    with_other_data(turn=1)
    edit(judged, turned)
    words = "it is improved on these test data, and {} on those of the parent"
    assert found("Right on the new ones alone") == ("inconclusive", words.format("regressed"))
    [reviewed] = mdrepo("review", "HEAD~2..HEAD", "--json", cwd=judged).json["evaluations"]
    assert reviewed["basis"] == "outputs"
    assert (reviewed["result"]["verdict"], reviewed["result"]["reason"]) == ("inconclusive", words.format("regressed"))
    with_other_data()
    better()
    assert found("Better on both") == ("improved", None)
    with_other_data()
    assert found("The data")[0] == "unchanged"
    better()
    assert found("The decision")[0] == "improved"
    with_other_data()
    better()
    md5 = hashlib.md5(old).hexdigest()
    (judged / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}").unlink()
    assert found("The old ones are gone") == ("inconclusive", words.format("not evaluated"))
    assert f"the bytes of data/net-test.npz (md5 {md5})" in told[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v["evaluation"].update(tolerance=5), "expected object, found integer 5"),
        (lambda v: v["evaluation"].update(confidence=3), "3 does not meet"),
        (lambda v: v["evaluation"].update(budget=-3), "-3 does not meet"),
        (lambda v: v["evaluation"].update(tolerance={"accuracy": -0.1}), "-0.1 does not meet"),
        (lambda v: v["evaluation"].update(gate="maybe"), '"maybe" is not one of'),
        (lambda v: v["evaluation"].update(slices=[{}]), "is missing"),
        (lambda v: v["evaluation"].pop("dataset"), "the field 'dataset' is missing"),
        (lambda v: v["labels"][0].update(index="x"), 'found string "x"'),
        (lambda v: v.update(decision={"rule": "foo"}), '"foo" is not one of'),
    ],
)
def test_a_document_that_is_not_valid_is_no_pass_and_no_bug(change: Any, words: str, judged: Path) -> None:
    """Plain git commits anything, and then it is evaluated."""
    edit(judged, change)
    git("commit", "-qam", "Anything", "--no-verify", cwd=judged)
    result = mdrepo("eval", "--exit-code", cwd=judged, code=1)
    assert "bug" not in result.err
    found = note(judged)
    assert found["verdict"] == "failed"
    assert words in found["reason"]
    assert words in mdrepo("eval", "--plan", cwd=judged, code=1).err
    assert "bug" not in mdrepo("tune", DOCUMENT, "--on", DATA, cwd=judged, code=1).err
    git("revert", "--no-edit", "HEAD", cwd=judged)
    told = mdrepo("eval", "HEAD~2..HEAD", cwd=judged, code=None)
    assert "bug" not in told.err


@pytest.mark.parametrize("path", ["models/net.keras", "data/net-test.npz"])
def test_what_was_replaced_and_not_recorded_is_no_pass(path: str, judged: Path) -> None:
    """The pointer says other bytes than the document, as after a 'dvc add' and a plain 'git commit'."""
    x = np.zeros((COUNT, 4))
    track(judged, path, keras_file(3, seed=5) if path.startswith("models") else npz(x=x, y=answers(x)))
    git("commit", "-qam", "Another", "--no-verify", cwd=judged)
    mdrepo("eval", cwd=judged)
    assert note(judged)["verdict"] == "inconclusive"
    assert path in note(judged)["reason"]


def test_a_model_that_was_saved_again_is_unchanged_however_few_examples_there_are(judged: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    track(judged, "data/net-test.npz", npz(x=x, y=answers(x), name=np.arange(60)))
    mdrepo("patch", "--apply", cwd=judged)
    mdrepo("commit", "-am", "Few", cwd=judged)
    track(judged, "models/net.keras", keras_file(3, saved="2031"))
    mdrepo("patch", "--apply", cwd=judged)
    told = mdrepo("commit", "-am", "Again", cwd=judged)
    assert "running" not in told.err
    found = note(judged)
    assert (found["verdict"], found["reason"]) == ("unchanged", "the model is the parent's, saved again")
    swap(judged)
    track(judged, "models/net.keras", keras_file(3, saved="2032"))
    mdrepo("patch", "--apply", cwd=judged)
    assert "regressed" in mdrepo("commit", "-am", "Again, and swapped", cwd=judged, code=1).out


def test_inputs_that_give_no_numbers_are_named(judged: Path) -> None:
    x = np.random.default_rng(0).normal(size=(COUNT, 4))
    y = answers(x)
    x[[7, 9]] = np.inf
    track(judged, "data/net-test.npz", npz(x=x, y=y, name=np.arange(COUNT)))
    mdrepo("patch", "--apply", cwd=judged)
    before = state(judged)
    told = mdrepo("commit", "-am", "Infinite", cwd=judged, code=3).err
    assert f"not all finite numbers (NaN or infinity), for 2 of {COUNT} examples, first for the one at position 7" in told
    assert "look at those inputs" in told
    assert state(judged) == before
    x[[7, 9]] = np.nan
    track(judged, "data/net-test.npz", npz(x=x, y=y, name=np.arange(COUNT)))
    mdrepo("patch", "--apply", cwd=judged)
    told = mdrepo("commit", "-am", "Missing", cwd=judged, code=3).err
    assert "the inputs x have missing values (NaN)" in told
    assert "take these examples out" in told


def test_a_parent_that_cannot_be_run_is_no_fault_of_the_child_s(judged: Path) -> None:
    start = git("rev-parse", "HEAD", cwd=judged)
    good = (judged / "models/net.keras").read_bytes()
    track(judged, "models/net.keras", keras_file(3, seed=3, bias=float("nan")))
    mdrepo("patch", "--apply", cwd=judged)
    mdrepo("commit", "--no-eval", "-am", "Broken", cwd=judged)
    track(judged, "models/net.keras", good)
    mdrepo("patch", "--apply", cwd=judged)
    result = mdrepo("commit", "-am", "Repaired", cwd=judged, code=1)
    assert "the parent's cannot be run" in result.out
    assert "not all finite" in result.out
    mdrepo("commit", "-am", "Repaired", "--allow-regression", "it was broken", cwd=judged)
    found = note(judged)
    assert (found["verdict"], found["metrics"]["accuracy"]) == ("failed", 0.9)
    mdrepo("eval", "--against", start, cwd=judged)


def test_what_vanishes_from_the_test_data_is_no_pass(judged: Path) -> None:
    """A class that is judged by itself, and a site that was worse: on the parent's data they are there."""
    x = np.random.default_rng(3).normal(size=(1200, 4))
    y = answers(x)
    kept = (y != 2).nonzero()[0]
    judge(judged, slices=[{"by": "label", "tolerance": {"recall": 0.2}}], tolerance={"accuracy": 0.3})
    mdrepo("commit", "-am", "By class", cwd=judged)
    edit(judged, lambda v: v.update(decision={"rule": "threshold", "thresholds": {"2": 0.99}}))
    assert "class 2" in mdrepo("commit", "-am", "Never the class 2", cwd=judged, code=1).out
    track(judged, "data/net-test.npz", npz(x=x[kept], y=y[kept], name=kept))
    mdrepo("patch", DATA, "--apply", cwd=judged)
    mdrepo("commit", "-am", "Nor is it there", cwd=judged, code=None)
    found = note(judged)
    assert found["verdict"] not in ("unchanged", "improved")


@pytest.mark.parametrize(
    "looser",
    [
        {"slices": [{"by": "label", "tolerance": {"recall": 1}}]},
        {"confidence": 0.9999999},
    ],
)
def test_nothing_is_let_through_by_what_comes_with_it(looser: Any, judged: Path) -> None:
    judge(judged, slices=[{"by": "label"}], tolerance={"accuracy": 0.3})
    mdrepo("commit", "-am", "By class", cwd=judged)
    edit(judged, lambda v: v.update(decision={"rule": "threshold", "thresholds": {"2": 0.6}}))
    judge(judged, **looser)
    assert "regressed" in mdrepo("commit", "-am", "Looser, and worse", cwd=judged, code=1).out


def test_an_evaluation_that_says_the_same_again_makes_no_new_note(judged: Path) -> None:
    notes = git("rev-parse", "refs/notes/mdrepo", cwd=judged)
    mdrepo("eval", cwd=judged)
    assert git("rev-parse", "refs/notes/mdrepo", cwd=judged) == notes
    git("notes", "--ref=mdrepo", "add", "-f", "-m", "another", cwd=judged)
    mdrepo("eval", cwd=judged)
    assert git("rev-parse", "refs/notes/mdrepo^{tree}", cwd=judged) == git("rev-parse", f"{notes}^{{tree}}", cwd=judged)


def test_a_strict_gate_stops_what_is_inconclusive(judged: Path) -> None:
    edit(judged, lambda v: v.update(decision={"rule": "argmax", "temperature": 2}))
    judge(judged, tolerance={"accuracy": 0.01, "loss": 0.0}, gate="strict")
    result = mdrepo("commit", "-am", "Warmer", cwd=judged, code=1)
    assert "regressed" in result.out or "inconclusive" in result.out
    judge(judged, tolerance={"accuracy": 0.001})
    result = mdrepo("commit", "-am", "Warmer", cwd=judged, code=1)
    assert "inconclusive" in result.out
    assert "examples would decide" in result.out
    judge(judged, gate="block")
    mdrepo("commit", "-am", "Warmer", cwd=judged)
    assert note(judged)["verdict"] == "inconclusive"


def test_a_budget_runs_no_more_than_it_takes_with_the_same_outputs(judged: Path) -> None:
    judge(judged, budget=50)
    mdrepo("commit", "-am", "Fifty", cwd=judged)
    among_all = note(judged)
    shutil.rmtree(judged / ".git/mdrepo/cache")
    mdrepo("eval", cwd=judged)
    assert note(judged) == among_all
    kept = [np.load(io.BytesIO(file.read_bytes()[65:])) for file in (judged / ".git/mdrepo/cache/outputs").iterdir()]
    assert [len(each) for each in kept] == [50]
    track(judged, "data/net-test.npz", npz(x=np.zeros((COUNT, 4)), y=answers(np.zeros((COUNT - 1, 4)))))
    mdrepo("patch", "--apply", cwd=judged, code=None)
    edit(judged, lambda v: v.pop("id"), DATA)
    git("commit", "-qam", "One answer too few", cwd=judged)
    assert f"{COUNT} inputs for {COUNT - 1} right answers" in mdrepo("eval", cwd=judged, code=3).err


def test_a_budget_takes_the_same_examples_every_time(judged: Path) -> None:
    judge(judged, budget=100)
    mdrepo("commit", "-am", "A hundred", cwd=judged)
    found = note(judged)
    assert found["examples"] == 100
    swap(judged)
    mdrepo("commit", "--allow-regression", "to see it", "-am", "Swap", cwd=judged)
    first = note(judged)
    assert first["examples"] == 100
    again = json.loads(mdrepo("eval", "--json", cwd=judged).out)["evaluation"]["documents"][DOCUMENT]
    assert again == first


def test_an_early_stop_runs_no_more_than_the_verdict_takes(repo: Path) -> None:
    count = 4000
    x = np.random.default_rng(0).normal(size=(count, 4))
    y = answers(x)
    y[::10] = (y[::10] + 1) % 3
    track(repo, "data/net-test.npz", npz(x=x, y=y))
    mdrepo("patch", "--apply", cwd=repo)
    judge(repo, early_stop=True)
    toml = repo / "mdrepo.toml"
    toml.write_text(toml.read_text().replace("keep_alive = 0", "keep_alive = 30"))
    mdrepo("commit", "-am", "Base", "--no-eval", cwd=repo)
    track(repo, "models/net.keras", keras_file(3, saved="2027"))
    mdrepo("patch", "--apply", cwd=repo)
    told = mdrepo("commit", "-am", "Again", cwd=repo)
    assert "unchanged, established by 1,024 of 4,000 examples" in told.err
    found = note(repo)
    assert (found["verdict"], found["examples"], found["of"]) == ("unchanged", 1024, count)
    places = planning.order(count, load(repo, DATA)["artefact"]["md5"])
    assert found["metrics"]["accuracy"] == round(float((answers(x) == y)[places[:1024]].mean()), 6)
    assert "that took 1,024 of 4,000 examples" in mdrepo("eval", cwd=repo).out
    kept = [np.load(io.BytesIO(file.read_bytes()[65:])) for file in (repo / ".git/mdrepo/cache/outputs").iterdir()]
    assert [len(each) for each in kept] == [512, 512], "no example is run twice, and of the two models, who answer alike, one"

    track(repo, "models/net.keras", keras_file(3, seed=5))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "-am", "Worse", "--allow-regression", "as a test", cwd=repo)
    found = note(repo)
    assert (found["verdict"], found["examples"]) == ("regressed", 512)
    edit(repo, lambda v: v.update(description="other words"))
    mdrepo("commit", "-am", "Describe", cwd=repo)
    found = note(repo)
    assert (found["verdict"], found["examples"]) == ("unchanged", 512), "by what is kept: nothing is run"
    assert "byte for byte" in mdrepo("eval", "--verify", cwd=repo).out
    judge(repo, slices=[{"by": "label"}])
    mdrepo("commit", "-am", "Slices", cwd=repo)
    track(repo, "models/net.keras", keras_file(3, seed=5, saved="2027"))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "-am", "Again", cwd=repo)
    mdrepo("worker", "stop", cwd=repo)
    assert "of" not in note(repo), "a class may still be worse, so that a pass takes all examples"


@pytest.mark.parametrize(
    ("block", "code", "words"),
    [
        ({"slices": [{"where": {"column": "age", "at_least": 500}}]}, 1, "the slice age >= 500 has no members"),
        ({"slices": [{"column": "nowhere"}]}, 1, "no array or column 'nowhere'"),
        ({"slices": [{"column": "x"}]}, 1, "has 2 dimensions"),
        ({"slices": [{"column": "name"}]}, 1, "has 400 values"),
        ({"metrics": ["acme.cost"]}, 1, "no metric is called 'acme.cost'"),
        ({"metrics": ["mae"]}, 1, "mae is no metric for classification"),
        ({"metrics": ["recall:zebra"]}, 1, "no label 'zebra'"),
        ({"task": "regression", "metrics": ["mae"], "tolerance": {"r2": 0.1}}, 1, "one output an example"),
    ],
)
def test_a_block_that_does_not_fit_the_data(judged: Path, block: Any, code: int, words: str) -> None:
    judge(judged, **block)
    before = state(judged)
    result = mdrepo("commit", "-am", "x", cwd=judged, code=code)
    short(result)
    assert words in result.err
    assert state(judged) == before


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        ({"tolerance": {"accuracy": -0.01}}, "/evaluation/tolerance/accuracy"),
        ({"tolerance": {"f1_macro": -1}}, "/evaluation/tolerance/f1_macro"),
        ({"tolerance": {"acuracy": 0.1}}, "/evaluation/tolerance"),
        ({"tolerance": {"confusion_matrix": 0.1}}, "/evaluation/tolerance"),
        ({"metrics": ["acuracy"]}, "/evaluation/metrics/0"),
        ({"metrics": ["top_0"]}, "/evaluation/metrics/0"),
        ({"metrics": []}, "/evaluation/metrics"),
        ({"slices": [{"by": "label", "column": "age"}]}, "/evaluation/slices/0/column"),
        ({"slices": [{"where": {"column": "age"}}]}, "/evaluation/slices/0/where"),
        ({"slices": [{"tolerance": {"accuracy": 0.1}}]}, "/evaluation/slices/0"),
        ({"slices": [{"column": "age", "tolerance": {"accuracy": -1}}]}, "/evaluation/slices/0/tolerance/accuracy"),
        ({"budget": 0}, "/evaluation/budget"),
        ({"minimum_support": 0}, "/evaluation/minimum_support"),
        ({"confidence": 1}, "/evaluation/confidence"),
        ({"gate": "maybe"}, "/evaluation/gate"),
        ({"task": "ranking"}, "/evaluation/task"),
    ],
)
def test_a_block_that_the_schema_refuses(judged: Path, block: Any, pointer: str) -> None:
    judge(judged, **block)
    result = mdrepo("validate", "--json", cwd=judged, code=1)
    assert pointer in [each["pointer"] for each in json.loads(result.out)["problems"]], result.out


def test_a_misspelt_metric_is_told_the_nearest(judged: Path) -> None:
    judge(judged, metrics=["acuracy"])
    assert "'accuracy'" in mdrepo("validate", cwd=judged, code=1).out.replace('"', "'")


def test_an_id_that_two_examples_have_is_none(judged: Path) -> None:
    edit(judged, lambda v: v.update(id="age"), DATA)
    judge(judged, tolerance={"accuracy": 0.02})
    before = state(judged)
    result = mdrepo("commit", "-am", "x", cwd=judged, code=1)
    short(result)
    assert "two examples are called '0' in 'age'" in result.err
    assert state(judged) == before


def test_numbers_are_judged_as_numbers(repo: Path) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4))
    track(repo, "models/net.keras", keras_file(1))
    random = np.random.default_rng(0)
    exact = x @ random.normal(size=(4, 3)).astype("float32") @ random.normal(size=(3, 1)).astype("float32")
    track(repo, "data/net-test.npz", npz(x=x, y=exact[:, 0] + random.normal(0, 0.1, 300)))
    mdrepo("patch", "--apply", cwd=repo)

    def change(value: Any) -> None:
        value.update(task="regression")
        value.pop("labels", None)
        value.pop("decision", None)
        value["evaluation"].update(metrics=["mae", "rmse", "r2"], tolerance={"r2": 0.05})

    edit(repo, change)
    result = mdrepo("commit", "-am", "Numbers", cwd=repo, code=1)
    assert "the parent's task is classification, this one's is regression: their metrics cannot be compared" in result.out
    mdrepo("commit", "--allow-regression", "another task", "-am", "Numbers", cwd=repo)
    found = note(repo)
    assert found["metrics"]["mae"] == pytest.approx(0.08, abs=0.02)
    assert found["metrics"]["r2"] > 0.9
    edit(repo, lambda v: v.update(preprocessing=[{"op": "rescale", "scale": 1.5}]))
    result = mdrepo("commit", "-am", "Scale", cwd=repo, code=1)
    assert "regressed" in result.out
    assert load(repo)["task"] == "regression"
