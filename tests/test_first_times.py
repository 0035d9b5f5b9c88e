"""First times, as new users have them: with a repository full of their own, at a pull request, and in CI without anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import DOCUMENT, dvc, edit, git, mdrepo, npz, swap, track

CARD = "cards/churn.json"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A repository with DVC's data and JSON that somebody wrote by hand, which has never heard of mdrepo."""
    root = tmp_path / "project"
    root.mkdir()
    git("init", "-q", cwd=root)
    dvc("init", "-q", cwd=root)
    (root / "cards").mkdir()
    (root / CARD).write_text(json.dumps({"name": "churn", "owner": "me", "accuracy": 0.91, "labels": ["no", "yes"]}))
    track(root, "data/test.npz", npz(x=[[0.0] * 4] * 10, y=[0, 1] * 5))
    git("add", "-A", cwd=root)
    git("commit", "-qm", "As it was", cwd=root)
    return root


def test_with_data_and_json_of_ones_own(own: Path) -> None:
    before = (own / CARD).read_bytes()
    assert "no documents yet" in mdrepo("init", cwd=own).out
    assert git("diff", "--stat", cwd=own) == "", "what is there stays"
    file = own / "mdrepo.toml"
    file.write_text(file.read_text().replace('["metadata/**/*.json"]', '["metadata/**/*.json", "cards/*.json"]'))
    told = mdrepo("validate", cwd=own, code=1).out
    assert "names no schema" in told
    assert "[schemas] of mdrepo.toml" in told
    assert "cards/*.json" in mdrepo("schema", "new", "card", "--for", "cards/*.json", cwd=own).out
    told = mdrepo("validate", cwd=own, code=1).out
    assert "there is no field 'owner' here" in told
    schema = own / "schemas/card.schema.json"
    content = json.loads(schema.read_text())
    content["properties"] |= {
        "owner": {"type": "string"},
        "accuracy": {"type": "number", "x-mdrepo-class": "behavioural"},
        "labels": {"type": "array", "items": {"type": "string"}, "x-mdrepo-class": "breaking"},
    }
    schema.write_text(json.dumps(content, indent=2) + "\n")
    assert "nothing is wrong" in mdrepo("schema", "check", cwd=own).err
    assert "1 document valid" in mdrepo("validate", cwd=own).err
    mdrepo("new", "dataset", "test", cwd=own)
    mdrepo("commit", "-m", "Adopt mdrepo", cwd=own)
    assert git("status", "--porcelain", cwd=own) == ""
    assert (own / CARD).read_bytes() == before
    mdrepo("set", f"{CARD}#/labels/1", '"gone"', cwd=own)
    assert "breaking" in mdrepo("diff", cwd=own).out


@pytest.fixture
def pull_request(judged: Path, tmp_path: Path) -> Path:
    """A fresh clone of a repository with a branch that swaps two labels; its author let the regression through."""
    git("checkout", "-qb", "topic", cwd=judged)
    swap(judged)
    mdrepo("commit", "--allow-regression", "to be discussed", "-am", "Swap", cwd=judged)
    git("clone", "-q", "--no-local", str(judged), str(tmp_path / "clone"), cwd=judged)
    git("fetch", "-q", "origin", "refs/notes/*:refs/notes/*", cwd=tmp_path / "clone")
    return tmp_path / "clone"


def test_from_the_pull_request_alone(pull_request: Path) -> None:
    """The reviewer has neither the data, nor DVC's cache, nor a set-up clone."""
    found = mdrepo("review", "origin/main..HEAD", "--format", "markdown", cwd=pull_request)
    assert found.out.startswith("<!-- mdrepo-review -->")
    assert "regressed" in found.out
    assert "accuracy" in found.out
    assert "swapped" in found.out
    assert git("status", "--porcelain", cwd=pull_request) == ""
    assert len(found.out) < 65_536


def test_in_ci_without_display_home_or_name(pull_request: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shallow, detached clone, without a terminal, a home, or anybody's name."""
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth=1", f"file://{pull_request}", str(shallow), cwd=tmp_path)
    git("checkout", "-q", "--detach", cwd=shallow)
    for name in ("HOME", "XDG_CONFIG_HOME", "DISPLAY", "TERM", "USER"):
        monkeypatch.delenv(name, raising=False)
    summary = tmp_path / "summary.md"
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GITHUB_STEP_SUMMARY": str(summary), "CI": "true"}
    assert "valid" in mdrepo("validate", cwd=shallow, env=nobody).err
    mdrepo("patch", "--check", cwd=shallow, env=nobody)
    assert mdrepo("status", "--porcelain", cwd=shallow, env=nobody).out.startswith("# version 1\n")
    assert "shallow" in mdrepo("eval", cwd=shallow, code=None, env=nobody).err
    git("fetch", "-q", "--unshallow", cwd=shallow)
    base = git("rev-parse", "HEAD~1", cwd=shallow)
    found = mdrepo("review", f"{base}..HEAD", "--format", "markdown", cwd=shallow, env=nobody)
    assert summary.read_text() == found.out
    assert "\x1b" not in found.out
    assert git("status", "--porcelain", cwd=shallow) == ""
    edit(shallow, lambda v: v.update(labels="none"))
    said = mdrepo("validate", "--format", "github", cwd=shallow, code=1, env=nobody).out
    assert said.startswith(f"::error file={DOCUMENT},line=")
