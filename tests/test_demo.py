"""The demo: the whole story with real git, real DVC, real TensorFlow, and what can be done in its folder afterwards."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import ROOT, Result, dvc, edit, git, load, mdrepo, state

from mdrepo.demo import stages, story

DOCUMENT = "metadata/digits.json"


def test_the_story_shows_everything(demo_run: tuple[Path, Result]) -> None:
    out, err = demo_run[1].out, demo_run[1].err
    for words in (
        "baseline: accuracy",
        "stale: models/digits.keras has changed since the last patch (5 derived fields: 'mdrepo patch')",
        "/labels/3/description: kept as people wrote it",
        "kept: the description, the threshold 0.45 and the note on label 3",
        "10    0         124",
        "2,514 examples in data/digits-train-augmented.npz",
        "read off both models: conv1 and conv2 are frozen, and the base's byte for byte",
        "improved: accuracy +",
        "regressed: accuracy -",
        "Rolled back, metadata and data together",
        "Recall of each class that changed, worst first",
        "Now try",
    ):
        assert words in out, words
    assert "nothing committed: metadata/digits.json regressed" in err


def test_log_shows_verdicts(demo: Path) -> None:
    commits = mdrepo("log", "--json", cwd=demo).json["commits"]
    assert [commit["verdict"] for commit in commits][::2] == ["improved", "improved"]
    assert commits[-1]["verdict"] == "baseline"
    assert commits[1]["verdict"] in ("unchanged", "improved", "inconclusive")
    assert "improved" in mdrepo("log", cwd=demo).out


def test_diff_shows_labels_and_parameters_field_by_field(demo: Path) -> None:
    out = mdrepo("diff", "HEAD~1", cwd=demo).out
    assert "labels 5 -> 10, parameters 17,237 -> 17,362 (+0.7%)" in out
    assert '+ /labels/5 (name "5"): {"name": "5", "index": 5}' in out
    assert "~ /structure/parameters/total: 17,237 -> 17,362  (+125, +0.7%)" in out


def test_show_as_json_is_json(demo: Path) -> None:
    shown = mdrepo("show", "HEAD", "--json", cwd=demo)
    subprocess.run([sys.executable, "-m", "json.tool"], input=shown.out, text=True, check=True, capture_output=True)
    assert shown.json["evaluation"]["documents"][DOCUMENT]["verdict"] == "improved"


def test_git_and_dvc_agree(demo: Path) -> None:
    assert "urn:mdrepo:evaluation:1" in git("log", "--notes=mdrepo", cwd=demo)
    assert git("fsck", "--strict", cwd=demo) == ""
    assert git("status", "--porcelain", cwd=demo) == ""
    assert git("for-each-ref", "refs/notes", "--format=%(refname)", cwd=demo) == "refs/notes/mdrepo"
    assert "up to date" in dvc("status", cwd=demo)


@pytest.mark.parametrize("command", story.NEXT)
def test_the_commands_to_try_next_work(demo: Path, command: str) -> None:
    words = command.split()
    if words[0] == "mdrepo":
        assert mdrepo(*words[1:], cwd=demo).out
    else:
        assert subprocess.run(words, cwd=demo, capture_output=True, check=True).stdout


def no_tensorflow(tmp_path: Path) -> dict[str, str]:
    """An environment in which whoever imports TensorFlow fails."""
    blocked = tmp_path / "blocked"
    (blocked / "tensorflow").mkdir(parents=True, exist_ok=True)
    (blocked / "tensorflow/__init__.py").write_text("raise RuntimeError('TensorFlow was imported')")
    return {"PYTHONPATH": str(blocked)}


def test_what_changes_nothing_that_matters_starts_no_tensorflow(demo: Path, tmp_path: Path) -> None:
    edit(demo, lambda v: v.update(license="MIT"), DOCUMENT)
    shutil.rmtree(demo / ".git/mdrepo/cache")
    result = mdrepo("commit", "-m", "Licence", cwd=demo, env=no_tensorflow(tmp_path))
    assert "skipped: nothing that matters has changed" in result.out
    assert "running" not in result.err
    note = mdrepo("show", "--json", cwd=demo).json["evaluation"]["documents"][DOCUMENT]
    assert note["metrics"]["accuracy"] > 0.9, "carried over, so that the log shows it"


def swap(content: Any) -> None:
    content["labels"][3]["index"], content["labels"][8]["index"] = 8, 3


def test_labels_and_thresholds_are_judged_from_cached_outputs(demo: Path, tmp_path: Path) -> None:
    edit(demo, swap, DOCUMENT)
    before = state(demo)
    answer = mdrepo("commit", "-m", "Swap", "--json", cwd=demo, code=1, env=no_tensorflow(tmp_path)).json
    assert answer["status"] == "regressed"
    assert answer["commit"] is None
    result = answer["evaluation"]["documents"][DOCUMENT]
    assert {row["label"] for row in result["recall"][:2]} == {"3", "8"}
    assert result["differences"][0]["interval"][1] < -0.1
    assert state(demo) == before
    mdrepo("commit", "-m", "Swap", "--allow-regression", "on purpose", cwd=demo)
    shown = mdrepo("show", cwd=demo).out
    assert "let through: on purpose" in shown
    assert mdrepo("log", "-n", "1", "--json", cwd=demo).json["commits"][0]["verdict"] == "regressed"


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["preprocessing"][0].update(scale=-0.0625),
        lambda v: v["decision"]["thresholds"].update({"1": 1.0, "2": 1.0}),
    ],
    ids=["scale", "threshold"],
)
def test_wrong_preprocessing_and_thresholds_are_stopped(demo: Path, change: Any) -> None:
    edit(demo, change, DOCUMENT)
    before = state(demo)
    assert "nothing committed" in mdrepo("commit", "-m", "x", cwd=demo, code=1).err
    assert state(demo) == before


def scaled_mean(demo: Path) -> None:
    """First a mean that takes away what is added, which changes nothing; then the double of it."""

    def centred(content: Any) -> None:
        content["preprocessing"][0]["offset"] = 0.5
        content["preprocessing"].insert(1, {"op": "normalize", "mean": [0.5], "std": [1.0]})

    edit(demo, centred, DOCUMENT)
    assert "unchanged" in mdrepo("commit", "-m", "Centred", cwd=demo).out
    edit(demo, lambda v: v["preprocessing"][1].update(mean=[1.0]), DOCUMENT)


def noisy_head(demo: Path) -> None:
    def noise(members: dict[str, bytes]) -> None:
        file = io.BytesIO(members["model.weights.h5"])
        with h5py.File(file, "r+") as weights:
            head = weights["layers/dense_1/vars/0"]
            head[...] = np.random.default_rng(0).normal(size=head.shape)
        members["model.weights.h5"] = file.getvalue()

    saved_again(demo, noise)


def saved_again(demo: Path, change: Any) -> None:
    model = demo / "models/digits.keras"
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    model.unlink()
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    dvc("add", "-q", "models/digits.keras", cwd=demo)
    mdrepo("patch", "--apply", cwd=demo)


@pytest.mark.parametrize(
    ("change", "worst"),
    [
        (lambda demo: edit(demo, swap, DOCUMENT), {"3", "8"}),
        (lambda demo: edit(demo, lambda v: v["decision"]["thresholds"].update({"1": 0.9999}), DOCUMENT), {"1"}),
        (scaled_mean, None),
        (noisy_head, None),
    ],
    ids=["labels", "threshold", "mean", "head"],
)
def test_what_makes_the_model_worse_is_regressed_with_the_worst_class_on_top(demo: Path, change: Any, worst: Any) -> None:
    change(demo)
    before = state(demo)
    answer = mdrepo("commit", "-m", "Worse", "--json", cwd=demo, code=1).json
    assert answer["status"] == "regressed"
    result = answer["evaluation"]["documents"][DOCUMENT]
    assert result["verdict"] == "regressed"
    [accuracy] = [row for row in result["differences"] if row["metric"] == "accuracy"]
    assert accuracy["interval"][1] < -0.01
    falls = [row["difference"] for row in result["recall"]]
    assert falls == sorted(falls)
    assert falls[0] < -0.1
    assert {row["label"] for row in result["recall"][: len(worst or ())]} == (worst or set())
    assert state(demo) == before


def test_a_model_that_was_saved_again_is_unchanged_without_tensorflow(demo: Path, tmp_path: Path) -> None:
    was = load(demo, DOCUMENT)["weights"]["artefact"]["md5"]
    saved_again(demo, lambda members: members.update({"metadata.json": members["metadata.json"] + b" "}))
    assert load(demo, DOCUMENT)["weights"]["artefact"]["md5"] != was
    answer = mdrepo("commit", "-m", "Saved again", "--json", cwd=demo, env=no_tensorflow(tmp_path)).json
    assert answer["evaluation"]["verdict"] == "unchanged"


def test_a_column_that_is_too_short_is_named(demo: Path) -> None:
    file = demo / "data/digits-test.npz"
    with np.load(file) as arrays:
        found = dict(arrays)
    file.unlink()
    np.savez(file, **found, site=np.full(len(found["y"]) - 3, "north"))
    dvc("add", "-q", "data/digits-test.npz", cwd=demo)
    mdrepo("patch", "--apply", cwd=demo)
    edit(demo, lambda v: v["evaluation"].update(slices=[{"column": "site"}]), DOCUMENT)
    before = state(demo)
    said = mdrepo("commit", "-m", "Short", cwd=demo, code=None)
    count = len(found["y"])
    assert f"the test data have {count} examples, and {count - 3} values of 'site'" in said.out + said.err
    assert "bug" not in said.err
    assert said.code != 0
    assert state(demo) == before


def test_a_gate_that_warns_or_is_off(demo: Path) -> None:
    def loosen(content: Any, gate: str) -> None:
        content["labels"][3]["index"], content["labels"][8]["index"] = content["labels"][8]["index"], content["labels"][3]["index"]
        content["evaluation"]["gate"] = gate

    edit(demo, lambda v: loosen(v, "warn"), DOCUMENT)
    assert "regressed" in mdrepo("commit", "-m", "Warned", cwd=demo).out
    edit(demo, lambda v: loosen(v, "off"), DOCUMENT)
    assert "its evaluation was removed or turned off in this commit" in mdrepo("commit", "-m", "Off", cwd=demo).out
    edit(demo, lambda v: v.update(license="MIT"), DOCUMENT)
    assert "not evaluated" in mdrepo("commit", "-m", "Still off", cwd=demo).out


@pytest.mark.parametrize(
    "change", [lambda v: v.pop("evaluation"), lambda v: v["evaluation"].update(gate="off")], ids=["gone", "off"]
)
def test_the_gate_cannot_be_taken_away_without_a_word(demo: Path, change: Any) -> None:
    edit(demo, change, DOCUMENT)
    before = state(demo)
    result = mdrepo("commit", "-m", "x", cwd=demo, code=1)
    assert "failed: its evaluation was removed or turned off" in result.out
    assert "cannot be compared" in result.err
    assert state(demo) == before
    mdrepo("commit", "-m", "x", "--allow-regression", "moved to another test", cwd=demo)
    assert mdrepo("log", "-n", "1", "--json", cwd=demo).json["commits"][0]["verdict"] == "failed"


def test_the_same_metadata_on_a_parent_without_a_note_is_unchanged(demo: Path) -> None:
    git("commit", "-q", "--allow-empty", "-m", "By git", cwd=demo)
    edit(demo, lambda v: v.update(license="MIT"), DOCUMENT)
    assert "unchanged: all that the metrics are computed from is the parent's" in mdrepo("commit", "-m", "x", cwd=demo).out


def test_a_commit_by_plain_git_is_evaluated_later(demo: Path) -> None:
    edit(demo, lambda v: v["decision"]["thresholds"].update({"1": 0.5}), DOCUMENT)
    git("commit", "-qam", "By git", cwd=demo)
    assert "not evaluated" in mdrepo("status", cwd=demo).out
    result = mdrepo("eval", cwd=demo)
    assert "unchanged" in result.out
    assert "unchanged" in mdrepo("status", cwd=demo).out
    note = git("notes", "--ref=mdrepo", "show", "HEAD", cwd=demo)
    mdrepo("eval", cwd=demo)
    assert git("notes", "--ref=mdrepo", "show", "HEAD", cwd=demo) == note, "the same again"


def unknown_class(members: dict[str, bytes]) -> None:
    members["config.json"] = members["config.json"].replace(b'"class_name": "Flatten"', b'"class_name": "Flattex"')


def not_a_number(members: dict[str, bytes]) -> None:
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        weights["layers/dense_1/vars/1"][0] = float("nan")
    members["model.weights.h5"] = file.getvalue()


@pytest.mark.parametrize(
    ("spoil", "words"), [(unknown_class, "Flattex"), (not_a_number, "outputs are not all finite numbers (NaN or infinity)")]
)
def test_models_that_do_not_load_or_give_nan_commit_nothing(demo: Path, spoil: Any, words: str) -> None:
    saved_again(demo, spoil)
    before = state(demo)
    result = mdrepo("commit", "-m", "Broken", cwd=demo, code=3)
    told = [line for line in result.err.splitlines() if not line.startswith("running ")]
    assert told[0].startswith("mdrepo: models/digits.keras (md5 ")
    assert words in told[0]
    assert len(told) <= 2
    assert state(demo) == before


def test_without_the_extra_eval_says_which_one(demo: Path, tmp_path: Path) -> None:
    """As with a bare install: the distribution is not there."""
    script = (
        "import importlib.metadata as m, sys\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name.startswith('tensorflow'):\n"
        "        raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "from mdrepo.cli import main\n"
        "sys.exit(main(['eval', 'HEAD', '--against', 'HEAD~3']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=demo, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'mdrepo-ml[eval]'" in done.stderr


def test_the_same_saved_model_has_the_same_bytes() -> None:
    one, other = '{"shared_object_id": 140, "x": {"shared_object_id": 7}}', '{"shared_object_id": 5, "x": {"shared_object_id": 9}}'
    assert stages._numbered(one) == stages._numbered(other)


def test_dvc_yaml_runs_the_demo_s_own_stages() -> None:
    """`dvc.lock` was written for the code as it is, so that `dvc repro` has nothing to do where the data are."""
    import hashlib

    import yaml

    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(lock) == set(pipeline)
    digest = hashlib.md5((ROOT / "mdrepo/demo/stages.py").read_bytes()).hexdigest()
    for name, stage in lock.items():
        assert stage["cmd"] == pipeline[name]["cmd"]
        assert next(dep["md5"] for dep in stage["deps"] if dep["path"] == "mdrepo/demo/stages.py") == digest


def test_dvc_repro_rebuilds_the_data_to_the_byte(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "dvc.lock", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    (tmp_path / "mdrepo/demo").mkdir(parents=True)
    shutil.copy(ROOT / "mdrepo/demo/stages.py", tmp_path / "mdrepo/demo/stages.py")
    git("init", "-q", cwd=tmp_path)
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    before = (tmp_path / "dvc.lock").read_text()
    words = [sys.executable, "-m", "dvc", "repro", "-q", "data-digits", "data-base"]
    subprocess.run(words, cwd=tmp_path, check=True, env=path, capture_output=True)
    assert (tmp_path / "data/digits-test.npz").exists()
    assert (tmp_path / "dvc.lock").read_text() == before


def test_a_parent_that_cannot_be_read_is_no_baseline(demo: Path) -> None:
    text = (demo / DOCUMENT).read_text()
    (demo / DOCUMENT).write_text("{")
    git("commit", "-qam", "Broken by git", cwd=demo)
    (demo / DOCUMENT).write_text(text.replace('"0.45"', "0.46"))
    result = mdrepo("commit", "-m", "Mended", cwd=demo, code=3)
    assert "the parent's version is not valid, so nothing can be compared with it" in result.err
    mdrepo("commit", "--no-eval", "-m", "Mended", cwd=demo)


def test_a_renamed_document_is_compared_with_what_it_was(demo: Path, tmp_path: Path) -> None:
    git("mv", DOCUMENT, "metadata/renamed.json", cwd=demo)
    git("mv", f"{DOCUMENT}.lock", "metadata/renamed.json.lock", cwd=demo)
    result = mdrepo("commit", "-m", "Rename", cwd=demo, env=no_tensorflow(tmp_path))
    assert "metadata/renamed.json  skipped: nothing that matters has changed" in result.out

    def swap(content: Any) -> None:
        content["labels"][3]["index"], content["labels"][8]["index"] = 8, 3

    git("mv", "metadata/renamed.json", "metadata/again.json", cwd=demo)
    edit(demo, swap, "metadata/again.json")
    assert "regressed" in mdrepo("commit", "-a", "-m", "Rename and swap", cwd=demo, code=1, env=no_tensorflow(tmp_path)).out


def test_bisecting_finds_a_planted_regression(demo: Path, tmp_path: Path) -> None:
    """Sixty commits by plain git, of which one swaps two labels: git asks about six of them, and no model runs."""
    base = git("rev-parse", "HEAD", cwd=demo)
    planted = ""
    for number in range(60):
        edit(demo, lambda v, number=number: v["decision"]["thresholds"].update({"1": 0.1 + number / 1e4}), DOCUMENT)  # type: ignore[misc]
        if number == 41:
            edit(demo, swap, DOCUMENT)
        git("commit", "-qam", f"Number {number}", cwd=demo)
        if number == 41:
            planted = git("rev-parse", "HEAD", cwd=demo)
    git("bisect", "start", "HEAD", base, cwd=demo)
    command = [sys.executable, "-m", "mdrepo", "eval", "--against", base, "--exit-code"]
    env = {**os.environ, **no_tensorflow(tmp_path)}
    said = subprocess.run(["git", "bisect", "run", *command], cwd=demo, capture_output=True, text=True, check=False, env=env)
    assert f"{planted} is the first bad commit" in said.stdout, said.stdout + said.stderr
    git("bisect", "reset", cwd=demo)
