"""The merge driver, in real git: merge, rebase, cherry-pick, revert, stash pop, and without mdrepo on the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, load, mdrepo

MDREPO = str(Path(sys.executable).parent)


@pytest.fixture(autouse=True)
def _mdrepo_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{MDREPO}{os.pathsep}{os.environ['PATH']}")


def save(repo: Path, change: Callable[[Any], None], message: str = "x") -> None:
    edit(repo, change)
    git("commit", "-qam", message, cwd=repo)


def tried(*arguments: str, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=env)


def diverged(repo: Path) -> None:
    """Two branches that git's text merge cannot bring together, and that do not contradict each other."""
    git("checkout", "-qb", "topic", cwd=repo)
    save(repo, lambda v: [label.update(description="theirs") for label in v["labels"]])
    git("checkout", "-q", "main", cwd=repo)
    save(repo, lambda v: v["labels"].insert(0, v["labels"].pop(1)))


def contradicting(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    save(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.02))
    git("checkout", "-q", "main", cwd=repo)
    save(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.03))


def described(repo: Path) -> dict[str, Any]:
    return {label["name"]: label.get("description") for label in load(repo)["labels"]}


def test_merge_takes_both_sides_where_text_cannot(repo: Path) -> None:
    diverged(repo)
    git("config", "merge.mdrepo.driver", "false", cwd=repo)
    assert tried("-c", "merge.mdrepo.driver=git merge-file %A %O %B", "merge", "-q", "topic", cwd=repo).returncode == 1
    git("merge", "--abort", cwd=repo)
    mdrepo("doctor", "--fix", cwd=repo)
    git("merge", "-q", "--no-edit", "topic", cwd=repo)
    assert described(repo) == {"1": "theirs", "0": "theirs", "2": "theirs"}
    assert [label["name"] for label in load(repo)["labels"]] == ["1", "0", "2"]
    mdrepo("validate", cwd=repo)


@pytest.mark.parametrize("command", [["rebase", "-q", "main", "topic"], ["cherry-pick", "topic"]])
def test_rebase_and_cherry_pick_use_the_driver(repo: Path, command: list[str]) -> None:
    diverged(repo)
    git(*command, cwd=repo)
    assert described(repo)["1"] == "theirs"
    assert load(repo)["labels"][0]["name"] == "1"


def test_revert_and_stash_pop_use_the_driver(repo: Path) -> None:
    save(repo, lambda v: v.update(license="MIT"))
    save(repo, lambda v: (v.update(description="next to it"), v.update(license="MIT ")))
    save(repo, lambda v: v.update(license="MIT"))
    assert tried("revert", "--no-edit", "HEAD~2", cwd=repo).returncode == 0
    assert "license" not in load(repo)
    assert load(repo)["description"] == "next to it"
    edit(repo, lambda v: v["labels"][0].update(description="stashed"))
    git("stash", "-q", cwd=repo)
    save(repo, lambda v: v["labels"].reverse())
    git("stash", "pop", "-q", cwd=repo)
    assert described(repo)["0"] == "stashed"
    assert load(repo)["labels"][0]["name"] == "2"


def test_a_true_conflict_is_marked_named_and_not_committed(repo: Path) -> None:
    contradicting(repo)
    done = tried("merge", "topic", cwd=repo)
    assert done.returncode == 1
    assert f"{DOCUMENT}: 1 conflict: /evaluation/tolerance/accuracy" in done.stdout + done.stderr
    text = (repo / DOCUMENT).read_text()
    assert text.count("<<<<<<<") == text.count("|||||||") == text.count(">>>>>>>") == 1
    [problem] = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert (problem["rule"], problem["pointer"]) == ("document/conflict", "/evaluation/tolerance/accuracy")
    assert text.splitlines()[problem["line"] - 1] == "<<<<<<< ours"
    assert f"conflict  {DOCUMENT}" in mdrepo("status", cwd=repo).out
    for paths in ([], [DOCUMENT]):
        assert f"{DOCUMENT} is in conflict" in mdrepo("commit", "--no-eval", "-m", "x", *paths, cwd=repo, code=1).err
    assert git("rev-parse", "MERGE_HEAD", cwd=repo)


def test_the_schema_s_strategy_settles_a_conflict_and_says_so(repo: Path) -> None:
    schema = {
        "$id": "urn:x:notes",
        "properties": {"best": {"x-mdrepo-merge": "max"}, "runs": {"x-mdrepo-key": "run"}, "by": {"x-mdrepo-merge": "newest"}},
    }
    first = {"$schema": "urn:x:notes", "best": 1, "runs": [{"run": 1, "id": 1}]}
    path = repo / "metadata/notes.json"

    def saved(**changes: Any) -> None:
        path.write_text(json.dumps({**first, **changes}, indent=2) + "\n")
        git("add", "-A", cwd=repo)
        git("commit", "-qm", "x", cwd=repo)

    (repo / "schemas").mkdir(exist_ok=True)
    (repo / "schemas/notes.json").write_text(json.dumps(schema))
    saved()
    assert "there is no merge strategy 'newest'" in mdrepo("validate", cwd=repo, code=1).out
    del schema["properties"]["by"]  # type: ignore[attr-defined]
    (repo / "schemas/notes.json").write_text(json.dumps(schema))
    saved()
    git("checkout", "-qb", "topic", cwd=repo)
    saved(best=3, runs=[{"run": 1, "id": 2}, {"run": 2, "id": 1}])
    git("checkout", "-q", "main", cwd=repo)
    saved(best=2, runs=[{"run": 3, "id": 1}, {"run": 1, "id": 1}])
    done = tried("merge", "-q", "--no-edit", "topic", cwd=repo)
    assert done.returncode == 0
    assert "metadata/notes.json: settled /best (max)" in done.stdout + done.stderr
    runs = [{"run": 3, "id": 1}, {"run": 1, "id": 2}, {"run": 2, "id": 1}]
    assert load(repo, "metadata/notes.json") == {**first, "best": 3, "runs": runs}


def stashed(repo: Path) -> None:
    edit(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.02))
    git("stash", "-q", cwd=repo)
    save(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.03))


def built_upon(repo: Path) -> None:
    for accuracy in (0.02, 0.03):
        save(repo, lambda v, accuracy=accuracy: v["evaluation"]["tolerance"].update(accuracy=accuracy))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("prepared", "command", "theirs"),
    [
        (contradicting, ["merge", "topic"], 0.02),
        (contradicting, ["rebase", "topic"], 0.03),
        (contradicting, ["cherry-pick", "topic"], 0.02),
        (built_upon, ["revert", "--no-edit", "HEAD~1"], 0.01),
        (stashed, ["stash", "pop"], 0.02),
    ],
)
def test_without_mdrepo_on_the_path_git_s_own_merge_marks_the_conflict(
    repo: Path, prepared: Callable[[Path], None], command: list[str], theirs: float
) -> None:
    prepared(repo)
    bare = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "mdrepo").exists())
    done = tried(*command, cwd=repo, path=bare)
    assert done.returncode == 1
    assert git("ls-files", "-u", cwd=repo)
    text = (repo / DOCUMENT).read_text()
    assert text.count("<<<<<<< ours") == text.count(">>>>>>> theirs") == 1
    assert text.count('"accuracy": 0.03') == 1
    # once mdrepo is there, what git left is named and settled as if it had been there all along
    assert f"conflict  {DOCUMENT}" in mdrepo("status", cwd=repo).out
    mdrepo("resolve", f"{DOCUMENT}#/evaluation/tolerance/accuracy", "--theirs", "--add", cwd=repo)
    assert load(repo)["evaluation"]["tolerance"]["accuracy"] == theirs


def test_a_driver_that_crashes_keeps_both_sides(repo: Path, tmp_path: Path) -> None:
    contradicting(repo)
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "mdrepo").write_text("#!/bin/sh\nexit 3\n")
    (broken / "mdrepo").chmod(0o755)
    done = tried("merge", "topic", cwd=repo, path=f"{broken}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert "<<<<<<< ours" in (repo / DOCUMENT).read_text()


def test_a_clone_without_the_driver_still_merges_as_text(repo: Path, tmp_path: Path) -> None:
    contradicting(repo)
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone), cwd=tmp_path)
    assert tried("merge", "origin/topic", cwd=clone).returncode == 1
    assert "<<<<<<<" in (clone / DOCUMENT).read_text()
    assert "mdrepo doctor --fix" in mdrepo("doctor", cwd=clone, code=1).out
    mdrepo("doctor", "--fix", cwd=clone, code=None)


def test_hunks_name_the_object_that_they_are_in(repo: Path) -> None:
    edit(repo, lambda v: v["labels"][2].update(description="x"))
    assert '"labels": [' in git("diff", "-U0", cwd=repo)
