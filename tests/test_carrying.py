"""What of a parent's figures is taken over, and what is computed because the parent's figures would say something else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DATA, DOCUMENT, edit, git, keras_file, mdrepo, note, npz, track
from test_proving import change_note


def save_again(root: Path, stamp: str) -> None:
    track(root, "models/net.keras", keras_file(3, saved=stamp))
    mdrepo("patch", "--apply", cwd=root)


def test_a_model_that_was_saved_again_takes_over_its_parent_s_figures(judged: Path) -> None:
    before = note(judged)
    save_again(judged, "2031")
    mdrepo("cache", "--clear", cwd=judged)  # what was computed is not asked for
    told = mdrepo("commit", "-am", "Again", cwd=judged)
    assert "TensorFlow" not in told.err
    found = note(judged)
    assert (found["verdict"], found["reason"]) == ("unchanged", "the model is the parent's, saved again")
    assert {name: found[name] for name in ("dataset", "examples", "metrics")} == {
        name: before[name] for name in ("dataset", "examples", "metrics")
    }
    assert found["key"] != before["key"]
    assert f"accuracy {before['metrics']['accuracy']:.4f}" in told.out
    verified = mdrepo("eval", "--verify", cwd=judged)
    assert "byte for byte" in verified.out
    assert "TensorFlow" in verified.err, "not by the parent's note"
    edit(judged, lambda v: v.update(description="Other words"))
    mdrepo("commit", "-am", "Describe", cwd=judged)
    assert note(judged)["verdict"] == "skipped"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda v: v.update(preprocessing=[{"op": "rescale", "scale": -1}]), id="preprocessing"),
        pytest.param(lambda v: v.update(decision={"rule": "threshold", "thresholds": {"2": 0.99}}), id="threshold"),
    ],
)
def test_what_changes_with_a_model_that_was_saved_again_is_judged(change: Any, judged: Path) -> None:
    save_again(judged, "2031")
    edit(judged, change)
    assert "regressed" in mdrepo("commit", "-am", "Again, and more", cwd=judged, code=1).out


def test_a_model_of_the_same_graph_and_other_weights_is_not_the_parent_s(judged: Path) -> None:
    track(judged, "models/net.keras", keras_file(3, seed=5))
    mdrepo("patch", "--apply", cwd=judged)
    assert "regressed" in mdrepo("commit", "-am", "Another", cwd=judged, code=1).out


def data_of(root: Path) -> dict[str, Any]:
    with np.load(root / "data/net-test.npz") as found:
        return dict(found)


@pytest.mark.parametrize("words", [False, True], ids=["at once", "after other words"])
def test_what_cannot_be_compared_is_not_taken_over(words: bool, judged: Path) -> None:
    """The area under a curve is not defined where all examples are of one class."""
    arrays = data_of(judged)
    track(judged, "data/net-test.npz", npz(**arrays, zero=np.where(arrays["y"] == 0, 1, 0)))
    mdrepo("patch", "--apply", cwd=judged)
    block = {"slices": [{"where": {"column": "zero", "at_least": 1}, "tolerance": {"roc_auc": 0.1}}]}
    edit(judged, lambda v: v["evaluation"].update(block))
    mdrepo("commit", "-am", "By class", "--allow-regression", "known", cwd=judged)
    assert note(judged)["verdict"] == "failed"
    if words:
        edit(judged, lambda v: v.update(description="Other words"))
        mdrepo("commit", "-am", "Describe", cwd=judged)
    save_again(judged, "2031")
    assert "roc_auc is not defined" in mdrepo("commit", "-am", "Again", cwd=judged, code=1).out


def test_the_same_and_not_comparable_is_no_pass_without_a_note_either(judged: Path) -> None:
    arrays = data_of(judged)
    track(judged, "data/net-test.npz", npz(**arrays, zero=np.where(arrays["y"] == 0, 1, 0)))
    mdrepo("patch", "--apply", cwd=judged)
    block = {"slices": [{"where": {"column": "zero", "at_least": 1}, "tolerance": {"roc_auc": 0.1}}]}
    edit(judged, lambda v: v["evaluation"].update(block))
    mdrepo("commit", "-am", "By class", "--no-eval", cwd=judged)
    edit(judged, lambda v: v.update(description="Other words"))
    assert "roc_auc is not defined" in mdrepo("commit", "-am", "Describe", cwd=judged, code=1).out


def test_a_metric_of_the_user_s_own_that_looks_at_the_file_is_computed(judged: Path, tmp_path: Path) -> None:
    about = tmp_path / "site/acme-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mdrepo.metrics]\nacme.kib = acme_metrics:KIB\n")
    (tmp_path / "site/acme_metrics.py").write_text(
        "from mdrepo.evaluation.metrics import Metric\n"
        "KIB = Metric('acme.kib', False, ('classification',), lambda scored: scored.facts['size'] / 1024, of_model=True)\n"
    )
    env = {"PYTHONPATH": str(tmp_path / "site")}
    edit(judged, lambda v: v["evaluation"]["tolerance"].update({"acme.kib": 0.0}))
    mdrepo("commit", "-am", "Count KiB", cwd=judged, env=env)
    save_again(judged, "2031" + "x" * 5000)
    assert "regressed: acme.kib" in mdrepo("commit", "-am", "Again", cwd=judged, code=1, env=env).out


def test_data_that_no_document_names_by_hash_are_known_by_their_pointer(judged: Path) -> None:
    edit(judged, lambda v: v["artefact"].pop("md5"), DATA)
    mdrepo("commit", "-am", "No hash", cwd=judged)
    arrays = data_of(judged)
    track(judged, "data/net-test.npz", npz(**arrays | {"y": (arrays["y"] + 1) % 3}))
    track(judged, "models/net.keras", keras_file(3, saved="2031"))
    here = hashlib.md5((judged / "models/net.keras").read_bytes()).hexdigest()
    edit(judged, lambda v: v["weights"]["artefact"].update(md5=here))
    mdrepo("commit", "-am", "Other answers", cwd=judged)
    assert note(judged)["metrics"]["accuracy"] == 0


def test_a_model_that_no_document_names_by_hash_is_known_by_its_pointer(judged: Path) -> None:
    edit(judged, lambda v: v["weights"]["artefact"].pop("md5"))
    mdrepo("commit", "-am", "No hash", cwd=judged)
    track(judged, "models/net.keras", keras_file(3, seed=5))
    assert "regressed" in mdrepo("commit", "-am", "Another", cwd=judged, code=1).out


@pytest.mark.parametrize("suffix", [".tflite", ".h5", ".bin"])
def test_the_same_bytes_that_are_read_as_another_format_are_another_model(suffix: str, judged: Path) -> None:
    before = judged / "models/net.keras"
    content = before.read_bytes()
    before.unlink()
    before.with_name("net.keras.dvc").unlink()
    track(judged, f"models/net{suffix}", content)
    edit(judged, lambda v: v["weights"]["artefact"].update(path=f"models/net{suffix}"))
    head = git("rev-parse", "HEAD", cwd=judged)
    git("add", "-A", cwd=judged)
    result = mdrepo("commit", "-am", "Renamed", cwd=judged, code=None)
    assert result.code != 0
    assert git("rev-parse", "HEAD", cwd=judged) == head


def test_a_note_without_figures_gives_none(judged: Path) -> None:
    def empty(content: Any) -> None:
        for name in ("metrics", "examples"):
            content["documents"][DOCUMENT].pop(name)

    change_note(judged, "HEAD", empty)
    save_again(judged, "2031")
    mdrepo("commit", "-am", "Again", cwd=judged)
    assert note(judged)["metrics"]["accuracy"] == 0.9


def test_what_a_note_says_of_a_model_by_itself_comes_with_it(judged: Path) -> None:
    edit(judged, lambda v: v["evaluation"].update(metrics=["accuracy", "confusion_matrix"]))
    mdrepo("commit", "-am", "Confusion", cwd=judged)
    before = note(judged)
    save_again(judged, "2031")
    mdrepo("commit", "-am", "Again", cwd=judged)
    found = note(judged)
    assert (found["confusion"], found.get("unstable")) == (before["confusion"], before.get("unstable"))
    assert "byte for byte" in mdrepo("eval", "--verify", cwd=judged).out

    def forged(content: Any) -> None:
        content["documents"][DOCUMENT]["unstable"] = 300

    change_note(judged, "HEAD~1", forged)
    assert "unstable" in mdrepo("eval", "--verify", "HEAD~1", cwd=judged, code=1).out
