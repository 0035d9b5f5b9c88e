"""What mdrepo.toml and git's own configuration say: which files are documents, and who commits."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import git
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from mdrepo.configuration import Configuration, Documents
from mdrepo.plumbing import GitError
from mdrepo.snapshots import Git


@pytest.mark.parametrize("author", [{}, {"GIT_AUTHOR_NAME": ""}, {"GIT_AUTHOR_NAME": "B", "GIT_AUTHOR_EMAIL": "b@example.com"}])
@pytest.mark.parametrize(
    "config",
    [
        {"user.name": "A", "user.email": "a@example.com"},
        {"user.name": "A"},
        {"user.name": ".", "user.email": "a@example.com"},
        {"user.name": "", "user.email": "a@example.com"},
        {"user.name": "A", "user.email": "a@example.com", "author.name": "."},
        {"author.name": "A", "committer.name": "A", "user.email": "a@example.com"},
        {},
    ],
)
def test_who_commits_is_known_where_git_can_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], author: dict[str, str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name, value in {"HOME": str(home), "XDG_CONFIG_HOME": str(home), **author}.items():
        monkeypatch.setenv(name, value)
    git("init", "-q", "repo", cwd=tmp_path)
    for name, value in {"user.useConfigOnly": "true", **config}.items():
        git("config", name, value, cwd=tmp_path / "repo")
    words = ["git", "commit", "-q", "--allow-empty", "-m", "x"]
    able = subprocess.run(words, cwd=tmp_path / "repo", env={**os.environ}, capture_output=True, check=False).returncode == 0
    try:
        Git.find(tmp_path / "repo").identity()
    except GitError:
        assert not able
    else:
        assert able


PARTS = ["metadata", "metadata2", "a", "b-c", "x.json", ".json", "y.jsonl", "z.json.lock", "json", "ünï.json"]
PATTERNS = ["metadata/**/*.json", "metadata/a/**/*.json", "b-c/**/*.jsonl", "metadata/*.json", "a", "!x.json"]


@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("/".join),
    st.lists(st.sampled_from(PATTERNS), max_size=2),
    st.lists(st.sampled_from(PATTERNS), max_size=2),
)
def test_documents_are_what_the_grammar_of_gitignore_says(path: str, include: list[str], exclude: list[str]) -> None:
    wanted = [GitIgnoreSpec.from_lines(each).match_file(path) for each in (include, exclude)]
    assert Configuration(Documents(include, exclude)).is_document(path) == (wanted == [True, False])
