"""Slices by an augmentation policy: the model on test data that real Keras layers have changed, the same every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DOCUMENT, answers, copied, edit, git, mdrepo, note, npz, settled, state, swap, track
from test_comparison import asked, pair, valid

from mdrepo.errors import Finding
from mdrepo.evaluation import prospects
from mdrepo.evaluation.comparison import compare, measure
from mdrepo.evaluation.requests import Request
from mdrepo.evaluation.slices import cut

COUNT = 120
NOISE = {"seed": 3, "layers": [{"layer": "GaussianNoise", "parameters": {"stddev": 0.4}}]}
NOISY = {"name": "noisy", "augmentation": NOISE, "tolerance": {"accuracy": 0.2}}


def slices(root: Path, *found: Any) -> None:
    edit(root, lambda v: v["evaluation"].update(slices=list(found)))


@pytest.fixture(scope="module")
def pictures_template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of tiny pictures that is always right on them as they are, evaluated on them and with noise."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "pictures")
    with settled(base):
        x = np.random.default_rng(0).normal(size=(COUNT, 2, 2)).astype("float32")
        track(root, "data/net-test.npz", npz(x=x, y=answers(x.reshape(COUNT, 4))))
        mdrepo("patch", "--apply", cwd=root)
        edit(root, lambda v: v.update(preprocessing=[{"op": "reshape", "shape": [4]}]))
        mdrepo("commit", "--no-eval", "-am", "Pictures", cwd=root)
        slices(root, NOISY)
        mdrepo("commit", "-am", "Judged with noise", cwd=root)
    return root


@pytest.fixture
def pictures(pictures_template: Path, tmp_path: Path) -> Path:
    return copied(pictures_template, tmp_path / "repo")


def test_changed_data_are_a_slice_that_costs_nothing_the_second_time(pictures: Path) -> None:
    found = note(pictures)
    [row] = found["slices"]
    assert found["metrics"]["accuracy"] == 1.0
    assert (row["slice"], row["metric"], row["support"]) == ("noisy", "accuracy", COUNT)
    assert 0.5 < row["value"] < 1.0
    swap(pictures)
    result = mdrepo("commit", "-am", "Swap", cwd=pictures, code=1)
    assert "TensorFlow" not in result.err, "all outputs are in the cache, those of the changed data too"
    assert "noisy: accuracy" in result.out
    git("checkout", "-q", "--", DOCUMENT, cwd=pictures)
    slices(pictures, NOISY, {"name": "flipped", "augmentation": {"seed": 1, "layers": [{"layer": "RandomFlip"}]}})
    result = mdrepo("commit", "-am", "Flip them too", cwd=pictures)
    assert "net.keras on flipped" in result.err
    assert "net.keras on noisy" not in result.err
    assert note(pictures)["verdict"] == "unchanged"
    assert {each["slice"]: each["value"] for each in note(pictures)["slices"]}["noisy"] == row["value"]


def test_the_same_policy_gives_the_same_note(pictures: Path) -> None:
    assert "byte for byte" in mdrepo("eval", "--verify", cwd=pictures).out


def test_outputs_are_kept_by_the_policy_and_its_seed() -> None:
    def key(policy: Any) -> str:
        about = ("models/net.keras", "0" * 32, "data/test.npz", "1" * 32, ("x",), [])
        return Request(*about, lambda place: (place, place), "noisy", policy).key

    assert len({key(policy) for policy in (None, NOISE, {**NOISE, "seed": 4}, {**NOISE, "layers": []})}) == 4


def test_a_model_that_got_less_robust_alone_is_regressed() -> None:
    parent, child = pair(1000, 0.0)
    weak = replace(child, views={"noisy": pair(1000, 0.3)[1]})
    strong = replace(parent, views={"noisy": pair(1000, 0.0)[0]})
    named = [{"name": "noisy", "augmentation": NOISE}]
    parts = cut(named, {}, 1000)
    made = valid(compare(strong, weak, asked(slices=named), parts))
    assert (made["verdict"], made["reason"]) == ("regressed", "noisy is regressed")
    assert (made["negative_flips"], made["differences"][0]["verdict"]) == (0, "unchanged")
    assert compare(strong, replace(child, views=strong.views), asked(slices=named), parts)["verdict"] == "unchanged"
    taken = np.arange(0, 1000, 2)
    half = compare(strong.take(taken), weak.take(taken), asked(slices=named), [each.of(taken) for each in parts])
    assert half["slices"][0]["support"] == 500
    assert measure(weak, asked(slices=named), parts)["slices"][0]["value"] < 0.75
    rows = prospects.measured(strong, weak, asked(slices=named), parts)
    assert rows[-1]["slice"] == "noisy"
    assert rows[-1]["disagreement"] > 0.2


def test_a_slice_that_is_gone_is_not_passed_over(pictures: Path) -> None:
    slices(pictures)
    result = mdrepo("commit", "-am", "No noise", cwd=pictures, code=1)
    assert "the parent was judged on slices that are not named here any more: noisy" in result.out


def test_two_policies_of_one_name() -> None:
    named = [{"name": "x", "augmentation": NOISE}, {"name": "x", "augmentation": {**NOISE, "seed": 9}}]
    with pytest.raises(Finding, match="two slices are called 'x'"):
        cut(named, {}, 10)


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"augmentation": NOISE}, 1, "name"),
        ({"name": "x", "augmentation": {**NOISE, "copies": 2}}, 1, "copies"),
        ({"name": "x", "augmentation": {"layers": NOISE["layers"]}}, 1, "seed"),
        ({"name": "x", "augmentation": {"seed": 1, "layers": [{"layer": "Lambda"}]}}, 1, "Lambda"),
        ({"name": "x", "where": {"column": "y", "equals": 1}}, 1, "no field 'name'"),
        ({"name": "x", "augmentation": NOISE, "column": "y"}, 1, "no field 'augmentation'"),
        (
            {"name": "x", "augmentation": {"seed": 1, "layers": [{"layer": "RandomFlip", "parameters": {"x": 1}}]}},
            3,
            "RandomFlip does not take these parameters",
        ),
    ],
)
def test_a_policy_that_cannot_be_applied_changes_nothing(pictures: Path, wanted: Any, code: int, words: str) -> None:
    slices(pictures, wanted, NOISY)
    before = state(pictures)
    result = mdrepo("commit", "-am", "Another policy", cwd=pictures, code=code)
    assert words in result.out + result.err
    assert state(pictures) == before


def test_rows_of_numbers_are_no_pictures(judged: Path) -> None:
    slices(judged, NOISY)
    result = mdrepo("commit", "-am", "Noise", cwd=judged, code=3)
    assert "a policy's layers take pictures" in result.err
