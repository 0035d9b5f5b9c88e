"""What must work wherever mdrepo is installed, with its core dependencies only. It imports nothing of the source tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")
BIN = Path(sys.executable).parent


def run(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@b.c",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@b.c",
    }
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    run("git", "init", "-q", cwd=tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "metadata").mkdir()
    digest = "0f343b0931126a20f133d67c2b018a3b"
    (tmp_path / "models/m.keras.dvc").write_text(f"outs:\n- md5: {digest}\n  size: 3\n  hash: md5\n  path: m.keras\n")
    content = {
        "$schema": "urn:mdrepo:model:1",
        "name": "m",
        "task": "classification",
        "weights": {"artefact": {"path": "models/m.keras", "size": 3, "md5": digest}},
        "labels": [{"name": "a", "index": 0}, {"name": "b", "index": 1}],
        "evaluation": {"dataset": "metadata/t.json"},
    }
    (tmp_path / "metadata/m.json").write_text(json.dumps(content, indent=2) + "\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/t.npz.dvc").write_text(f"outs:\n- md5: {digest}\n  size: 3\n  hash: md5\n  path: t.npz\n")
    dataset = {"$schema": "urn:mdrepo:dataset:1", "name": "t", "artefact": {"path": "data/t.npz", "size": 3, "md5": digest}}
    (tmp_path / "metadata/t.json").write_text(json.dumps(dataset, indent=2) + "\n")
    run("git", "add", ".", cwd=tmp_path)
    run("git", "commit", "-qm", "First", cwd=tmp_path)
    return tmp_path


def test_validate_diff_format_and_log(repo: Path) -> None:
    run("mdrepo", "validate", cwd=repo)
    text = (repo / "metadata/m.json").read_text()
    (repo / "metadata/m.json").write_text(text.replace('"b"', '"c"').replace("classification", "classificaton"))
    assert 'did you mean "classification"?' in run("mdrepo", "validate", cwd=repo, code=1).stdout
    (repo / "metadata/m.json").write_text(text.replace('"name": "b"', '"name": "c"'))
    assert '- /labels/1 (name "b")' in run("mdrepo", "diff", cwd=repo).stdout
    run("mdrepo", "format", cwd=repo)
    run("mdrepo", "format", "--check", cwd=repo)
    assert "First" in run("mdrepo", "log", cwd=repo).stdout
    assert "changed" in run("mdrepo", "status", cwd=repo).stdout
    run("mdrepo", "commit", "--no-eval", "-m", "Second", cwd=repo)
    assert "Second" in run("git", "mdrepo", "log", cwd=repo).stdout


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="the extra eval is installed")
def test_what_needs_an_extra_says_which(repo: Path) -> None:
    (repo / "metadata/m.json").write_text((repo / "metadata/m.json").read_text().replace('"b"', '"c"'))
    for words in (["mdrepo", "eval"], ["mdrepo", "commit", "-m", "x"], ["mdrepo", "demo"]):
        done = run(*words, cwd=repo, code=3)
        assert "pip install 'mdrepo-ml[" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 2
    assert "pip install 'mdrepo-ml[diff]'" in run("mdrepo", "diff", "--ignore-order", cwd=repo, code=3).stderr


def test_init_without_extras(tmp_path: Path) -> None:
    done = run("mdrepo", "init", cwd=tmp_path)
    assert ("DVC is not installed" in done.stdout) == (find_spec("dvc") is None)
    run("mdrepo", "status", cwd=tmp_path)


def test_help_version_and_module(tmp_path: Path) -> None:
    assert "Commands:" in run("mdrepo", "--help", cwd=tmp_path).stdout
    assert run(sys.executable, "-m", "mdrepo", "--version", cwd=tmp_path).stdout.startswith("mdrepo ")
