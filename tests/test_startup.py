"""Start-up is a feature: each command loads only what it is listed with here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DOCUMENT, edit, git, keras_file, mdrepo, note, track

from mdrepo.cli import COMMANDS

HEAVY = {
    "tensorflow",
    "keras",
    "numpy",
    "pandas",
    "deepdiff",
    "dvc",
    "h5py",
    "sklearn",
    "git",
    "jsonschema",
    "rich",
    "pyarrow",
    "yaml",
    "PIL",
    "cv2",
    "jmespath",
    "jinja2",
    "matplotlib",
}

# What a command may load, besides click and the standard library; `--help` of any command may load nothing of the list.
ALLOWED: dict[str, tuple[list[str], set[str]]] = {
    "--help": (["--help"], set()),
    "--version": (["--version"], set()),
    "completion": (["completion", "bash"], set()),
    "status": (["status"], {"yaml"}),
    "status, changed": (["status"], {"yaml", "jsonschema"}),
    "validate": (["validate"], {"yaml"}),
    "explain": (["explain", "labels/name"], set()),
    "format": (["format", "--check"], set()),
    "diff": (["diff"], set()),
    "diff HEAD": (["diff", "HEAD"], set()),
    "diff --significant-digits": (["diff", "--significant-digits", "3"], {"deepdiff", "numpy", "pandas", "pyarrow"}),
    "diff --no-index": (["diff", "--no-index", DOCUMENT, "metadata/net-test.json"], set()),
    "patch": (["patch"], {"yaml"}),
    "get": (["get", f"{DOCUMENT}#/name"], set()),
    "set": (["set", f"{DOCUMENT}#/license", "--remove"], set()),
    "edit": (["edit", "none.json"], set()),
    "apply": (["apply", "none.json"], set()),
    "log": (["log"], {"git"}),
    "log of a field": (["log", f"{DOCUMENT}#/name"], set()),
    "log -S": (["log", "-S", "net"], set()),
    "blame": (["blame", DOCUMENT], set()),
    "log --metrics": (["log", "--metrics"], {"rich"}),
    "query": (["query", "name"], {"jmespath", "rich"}),
    "show": (["show"], {"git"}),
    "review": (["review"], {"yaml", "jsonschema", "rich"}),
    "review --format html": (["review", "--format", "html", "--no-plots"], {"yaml", "jsonschema", "jinja2"}),
    "changelog": (["changelog", DOCUMENT], set()),
    "version": (["version", DOCUMENT], set()),
    "tag": (["tag", DOCUMENT, "--next"], {"yaml"}),
    "cache": (["cache"], set()),
    "cache pull": (["cache", "pull"], {"yaml", "numpy", "dvc"}),
    "schema": (["schema", "list"], {"yaml"}),
    "validate --staged": (["validate", "--staged", "--format", "sarif"], {"yaml"}),
    "doctor": (["doctor"], {"yaml"}),
    "merge": (["merge", "HEAD"], set()),
    "merge-file": (["merge-file", "none", "none", "none"], set()),
    "relabel": (["relabel", "none.json"], {"rich"}),
    "augment": (["augment", "none.json"], set()),
    "worker": (["worker", "status"], set()),
    "hooks": (["hooks", "status"], set()),
    "hook": (["hook", "pre-commit"], set()),
    "tune": (["tune", "none.json", "--on", "none.json"], {"numpy"}),
    "merge-base": (["merge-base", DOCUMENT], set()),
    "push": (["push"], set()),  # of a repository without a remote, as the next
    "pull": (["pull"], set()),
    "clone": (["clone", "nowhere"], set()),
    "resolve": (["resolve", "none.json", "--ours"], set()),
    "resolve --web": (["resolve", "--web"], set()),  # without a conflict there is no page
    "init": (["init"], {"yaml"}),
    "new": (["new", "dataset", "none"], {"yaml"}),
    "checkout": (["checkout", "HEAD"], {"yaml"}),
    "rollback": (["rollback", "HEAD"], {"yaml"}),
    "commit": (["commit", "--no-eval", "-m", "x"], {"yaml", "jsonschema"}),
    "demo": (["demo", "metadata"], set()),  # a folder that is there: the story itself stands in a test of its own
    "eval": (["eval"], {"yaml", "jsonschema", "numpy"}),
    "eval A..B": (["eval", "HEAD..HEAD"], set()),
    "eval --verify": (["eval", "--verify"], set()),  # without a note: what it does with one is an evaluation
    "eval --latency": (["eval", "--latency"], {"yaml", "numpy"}),
    "eval --plan": (["eval", "--plan"], {"yaml", "jsonschema", "numpy", "rich"}),
}


# Whoever works on files alone pays for no repository.
OF_REPOSITORIES = {
    f"mdrepo.{name}"
    for name in [
        "artefacts",
        "folders",
        "catalogue",
        "committing",
        "comparing",
        "configuration",
        "creating",
        "deriving",
        "editing",
        "evaluating",
        "subjects",
        "extraction",
        "locks",
        "repository",
        "inheriting",
        "inspecting",
        "restoring",
        "results",
        "setting_up",
        "updating",
        "validation",
        "verifying",
        "workspace",
    ]
}
ON_FILES = {
    "diff --no-index": (["diff", "--no-index", "a.json", "b.json"], 1, {"mdrepo.snapshots", "mdrepo.writing", "mdrepo.schemas"}),
    "diff --no-index --json": (["diff", "--no-index", "--json", "a.json", "b.json"], 1, {"mdrepo.snapshots"}),
    "apply": (["apply", "p.json", "a.json", "-o", "-"], 0, {"mdrepo.snapshots"}),
    "merge-file": (["merge-file", "a.json", "a.json", "b.json"], 0, set()),
}


def loaded(arguments: list[str], cwd: Path) -> set[str]:
    words = [sys.executable, "-X", "importtime", "-m", "mdrepo", *arguments]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=dict(os.environ))
    return heavy(done.stderr)


def modules(times: str) -> set[str]:
    """The modules in the output of -X importtime."""
    found = re.findall(r"^import time:.*\| +([\w.]+)$", times, re.MULTILINE)
    assert len(found) > 20, times
    return set(found)


def heavy(times: str) -> set[str]:
    """The heavy libraries in the output of -X importtime."""
    return {module.partition(".")[0] for module in modules(times)} & HEAVY


@pytest.mark.parametrize("name", [name for name in ALLOWED if name not in ("eval",)])
def test_a_command_loads_only_what_it_needs(repo: Path, name: str) -> None:
    arguments, allowed = ALLOWED[name]
    if name in ("status, changed", "commit", "diff --significant-digits"):
        edit(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.02), DOCUMENT)
    assert loaded(arguments, repo) - allowed == set()


@pytest.mark.parametrize("name", ON_FILES)
def test_a_command_on_files_loads_no_repository(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text('{"v": 1}')
    (tmp_path / "b.json").write_text('{"v": 2}')
    (tmp_path / "p.json").write_text('[{"op": "replace", "path": "/v", "value": 2}]')
    arguments, code, others = ON_FILES[name]
    words = [sys.executable, "-X", "importtime", "-m", "mdrepo", *arguments]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert modules(done.stderr) & (OF_REPOSITORIES | others) == set()


def test_an_evaluation_that_is_known_loads_no_tensorflow(demo: Path) -> None:
    arguments, allowed = ALLOWED["eval"]
    assert loaded(arguments, demo) - allowed - {"rich"} == set()


def test_an_evaluation_of_a_model_that_was_saved_again_loads_no_numpy(judged: Path) -> None:
    track(judged, "models/net.keras", keras_file(3, saved="2031"))
    mdrepo("patch", "--apply", cwd=judged)
    mdrepo("commit", "--no-eval", "-am", "Again", cwd=judged)
    assert loaded(["eval"], judged) - {"yaml"} == set()
    assert note(judged)["verdict"] == "unchanged"


def test_a_status_with_conflicts_and_settling_one_load_nothing_heavy(repo: Path) -> None:
    git("config", "--remove-section", "merge.mdrepo", cwd=repo)
    git("checkout", "-qb", "topic", cwd=repo)
    for branch, number in (("topic", 0.02), ("main", 0.03)):
        git("checkout", "-q", branch, cwd=repo)
        edit(repo, lambda v, number=number: v["evaluation"]["tolerance"].update(accuracy=number))  # type: ignore[misc]
        git("commit", "-qam", "x", cwd=repo)
    assert subprocess.run(["git", "merge", "-q", "topic"], cwd=repo, capture_output=True, check=False).returncode == 1
    assert loaded(["status"], repo) - {"yaml"} == set()
    assert loaded(["resolve", DOCUMENT, "--base"], repo) - {"yaml"} == set()  # a document that was validated before
    assert (repo / DOCUMENT).read_text().count("<<<<<<<") == 0


def test_every_command_is_held_to_a_list() -> None:
    assert set(COMMANDS) <= set(ALLOWED)


def test_the_demo_leaves_everything_heavy_to_the_commands_that_it_runs(tmp_path: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-c", "import mdrepo.cli.demo, mdrepo.demo.story"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert heavy(done.stderr) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_no_heavy_library_and_touches_no_repository(command: str, tmp_path: Path) -> None:
    assert loaded([command, "--help"], tmp_path) == set()
