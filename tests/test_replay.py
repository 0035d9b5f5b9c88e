"""Real history replayed: 461 versions of the metadata of 33 published models, as a repository."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import SHARED, git, mdrepo, scorer, settled
from replay import (
    CORPUS,
    DERIVED,
    derived_guide,
    merged_edit,
    numbered_alike,
    only_derived,
    parallel_edits,
    rebuild,
    text,
    without_derived,
)

from mdrepo import pointers
from mdrepo.ancestry import ancestry
from mdrepo.caching import Cache
from mdrepo.changes import MISSING
from mdrepo.edits import Edits
from mdrepo.plumbing import merge_text
from mdrepo.repository import Repository
from mdrepo.snapshots import Git


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (SHARED / CORPUS).exists():
        pytest.skip(f"the shared corpora are not here: no shared/{CORPUS}")
    base = tmp_path_factory.mktemp("zoo")
    with settled(base):
        assert rebuild(SHARED, base / "zoo") == 461
    return base / "zoo"


def test_every_version_is_validated_compared_and_formatted(zoo: Path, tmp_path: Path) -> None:
    """Each commit is checked out, and looked at as `validate`, `diff HEAD~1` and `format --check` do."""
    commits = git("rev-list", "--reverse", "main", cwd=zoo).split()
    work = tmp_path / "work"
    git("worktree", "add", "-q", "--detach", str(work), commits[0], cwd=zoo)
    rules: Counter[str] = Counter()
    changes = 0
    try:
        for before, commit in pairwise(commits):
            git("checkout", "-q", "--detach", commit, cwd=work)
            repo = Repository.open(work)
            touched = git("diff", "--name-only", "--diff-filter=d", before, commit, cwd=work).split()
            for path in touched:
                rules.update(problem.rule for problem in repo.validate([path]))
                assert repo.format([path], check=True) == [path], "four spaces are not the canonical layout"
            [found] = repo.diff(before, commit)
            changes += len(found.delta)
            assert found.path in touched or found.state == "deleted"
    finally:
        git("worktree", "remove", "--force", str(work), cwd=zoo)
    assert changes > 1500
    # what these schemas find wrong with their own models, and nothing that is ours
    assert {rule.partition("/")[0] for rule in rules} <= {"schema"}, rules


def test_the_commands_on_the_whole_history(zoo: Path) -> None:
    logged = mdrepo("log", "--json", cwd=zoo).json["commits"]
    assert len(logged) == 462
    one = "models/spleen_ct_segmentation/configs/metadata.json"
    assert len(mdrepo("log", "--json", one, cwd=zoo).json["commits"]) == 34
    assert len(mdrepo("log", "--json", f"{one}#/version", cwd=zoo).json["commits"]) >= 25
    mdrepo("validate", cwd=zoo, code=None)
    mdrepo("format", "--check", cwd=zoo, code=1)
    assert mdrepo("diff", "HEAD~100", "--stat", cwd=zoo).out
    found = mdrepo("changelog", one, "--json", cwd=zoo).json
    assert len([entry for section in found["sections"] for entry in section["entries"]]) == 34


def test_blame_is_what_walking_back_says_but_where_a_member_was_renamed(zoo: Path) -> None:
    repo, history = Repository.open(zoo), Git.find(zoo)
    edits = Edits(history, Cache(zoo / ".git/mdrepo/cache"), "HEAD")
    leaves = 0
    renamed: Counter[str] = Counter()
    for path in repo.paths():
        steps = ancestry(edits, path).steps
        blobs = history.blobs([str(step.now.blob) for step in steps])
        contents = [json.loads(blobs[str(step.now.blob)]) for step in steps]
        for line in repo.blame(path).lines:
            leaves += 1
            if any(isinstance(token, int) for token in line.path):
                continue  # items of lists are not told apart by their places
            same = [pointers.get(each, line.path, MISSING) == line.value for each in contents]
            if steps[(same.index(False) if False in same else len(steps)) - 1].commit != line.step.commit:
                renamed[str(line.path[0])] += 1
    assert leaves == 2471
    assert renamed == {"network_data_format": 28, "changelog": 1}  # once generator_data_format, and another version's entry
    assert len(repo.query('task != null and version >= "0.3"', everything=True).rows) > 100


def test_version_and_changelog_that_are_derived_do_not_conflict() -> None:
    """Simulated parallel edits: consecutive revisions, the later one's edit transplanted onto the first."""
    if not (SHARED / CORPUS).exists():
        pytest.skip(f"the shared corpora are not here: no shared/{CORPUS}")
    guide = derived_guide()
    counts: Counter[str] = Counter()
    for edit in parallel_edits(SHARED):
        base, ours, theirs = map(text, edit)
        plain, derived = merged_edit(edit), merged_edit(edit, guide)
        counts["edits"] += 1
        counts["git"] += not merge_text(base, ours, theirs, ("ours", "base", "theirs"), 7)[1]
        counts["plain"] += not plain.clean
        counts["plain, only derived"] += only_derived(plain)
        counts["derived"] += not derived.clean
        counts["derived, only derived"] += only_derived(derived)
    assert counts["edits"] == 396
    assert counts["git"] > 380
    assert counts["plain"] <= 7
    assert counts["plain, only derived"] > 0
    assert counts["derived, only derived"] == 0
    assert counts["derived"] == counts["plain"] - counts["plain, only derived"]


def test_two_people_who_give_the_same_next_version_conflict_only_where_it_is_stored() -> None:
    if not (SHARED / CORPUS).exists():
        pytest.skip(f"the shared corpora are not here: no shared/{CORPUS}")
    guide = derived_guide()
    counts: Counter[str] = Counter()
    for edit in map(numbered_alike, parallel_edits(SHARED)):
        plain, derived = merged_edit(edit), merged_edit(edit, guide)
        counts["stored"] += not plain.clean
        counts["derived"] += not derived.clean
        if not plain.clean and merged_edit(without_derived(edit)).clean:
            counts["stored, for that alone"] += 1
            assert derived.clean
        if derived.clean:  # and nothing else that either side wrote is lost
            result = {key: value for key, value in json.loads(derived.data).items() if key not in DERIVED}
            assert scorer().lost(*without_derived(edit), result) == []
    assert counts == {"stored": 384, "stored, for that alone": 379, "derived": 5}
