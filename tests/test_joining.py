"""`mdrepo merge`: documents and data of two branches go together, or wait as git's merges do."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from conftest import DOCUMENT, copied, edit, git, keras_file, load, mdrepo, settled, state, track

MODEL = "models/net.keras"
MORE = "metadata/more.json"


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch `topic` with another model and a description, and `main` with another licence."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "joined")
    with settled(base):
        (root / MORE).write_text((root / "metadata/net-test.json").read_text())
        mdrepo("commit", "--no-eval", "-m", "More", MORE, cwd=root)
        git("branch", "start", cwd=root)
        git("checkout", "-q", "-b", "topic", cwd=root)
        edit(root, lambda v: v.update(description="theirs"))
        track(root, MODEL, keras_file(3, seed=4))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Topic", cwd=root)
        mdrepo("checkout", "main", cwd=root)
        edit(root, lambda v: v.update(license="MIT"))
        mdrepo("commit", "--no-eval", "-am", "Main", cwd=root)
    return root


@pytest.fixture
def joined(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "joined")


def delivered(root: Path) -> bool:
    """Whether the model is the topic's, as the pointer has it."""
    pointer = (root / f"{MODEL}.dvc").read_text()
    is_topic = pointer == git("show", f"topic:{MODEL}.dvc", cwd=root) + "\n"
    return is_topic and hashlib.md5((root / MODEL).read_bytes()).hexdigest() in pointer


def conflicting(root: Path) -> None:
    edit(root, lambda v: v.update(description="ours"))
    mdrepo("commit", "--no-eval", "-am", "Ours", cwd=root)


def test_both_sides_and_the_data_are_there(joined: Path) -> None:
    said = mdrepo("merge", "--no-eval", "topic", cwd=joined)
    assert said.out.startswith("[main ")
    content = load(joined)
    assert (content["description"], content["license"]) == ("theirs", "MIT")
    assert delivered(joined)
    assert git("log", "-1", "--format=%P", cwd=joined).split() == [git("rev-parse", x, cwd=joined) for x in ("HEAD~1", "topic")]
    assert git("log", "-1", "--format=%s", cwd=joined) == "Merge branch 'topic'"
    assert git("status", "--porcelain", cwd=joined) == ""
    assert "has all of it already" in mdrepo("merge", "topic", cwd=joined).out


def test_a_branch_without_commits_of_its_own_moves(joined: Path) -> None:
    git("checkout", "-q", "start", cwd=joined)
    answer = mdrepo("merge", "--no-eval", "topic", "--json", cwd=joined).json
    assert (answer["status"], answer["commit"]) == ("forwarded", git("rev-parse", "topic", cwd=joined))
    assert delivered(joined)
    git("reset", "-q", "--hard", "HEAD~1", cwd=joined)
    mdrepo("checkout", "start", cwd=joined)
    mdrepo("merge", "--no-eval", "--no-ff", "-m", "Together", "topic", cwd=joined)
    assert git("log", "-1", "--format=%s %P", cwd=joined).startswith("Together ")


def test_a_conflict_waits_and_is_committed_when_settled(joined: Path) -> None:
    conflicting(joined)
    said = mdrepo("merge", "--no-eval", "topic", cwd=joined, code=1)
    assert "/description: it was" in said.out
    assert "'mdrepo merge --continue'" in said.err
    assert mdrepo("merge", "--continue", "--json", cwd=joined, code=1).json["conflicts"][0]["path"] == DOCUMENT
    assert "'mdrepo merge --abort'" in mdrepo("merge", "topic", cwd=joined, code=1).err
    mdrepo("resolve", f"{DOCUMENT}#/description", "--value", json.dumps("both"), "--add", cwd=joined)
    mdrepo("merge", "--continue", "--no-eval", cwd=joined)
    assert (load(joined)["description"], load(joined)["license"]) == ("both", "MIT")
    assert delivered(joined)
    assert git("status", "--porcelain", cwd=joined) == ""
    assert "no merge waits" in mdrepo("merge", "--continue", cwd=joined, code=1).err


def test_an_abort_leaves_nothing(joined: Path) -> None:
    conflicting(joined)
    (joined / "notes.txt").write_text("mine\n")
    before = state(joined)
    mdrepo("merge", "--no-eval", "topic", cwd=joined, code=1)
    assert "the merge was undone" in mdrepo("merge", "--abort", cwd=joined).out
    assert state(joined) == before
    assert "no merge waits" in mdrepo("merge", "--abort", cwd=joined, code=1).err


def test_an_invalid_result_waits_to_be_put_right(joined: Path) -> None:
    """Each side is valid, and what they make together is not: one refers to a document that the other takes away."""
    mdrepo("checkout", "topic", cwd=joined)
    git("rm", "-q", MORE, cwd=joined)
    mdrepo("commit", "--no-eval", "-m", "Without", cwd=joined)
    mdrepo("checkout", "main", cwd=joined)
    edit(joined, lambda v: v.update(training={"dataset": MORE}))
    mdrepo("commit", "--no-eval", "-am", "With", cwd=joined)
    said = mdrepo("merge", "--no-eval", "topic", cwd=joined, code=1)
    assert MORE in said.out
    assert "'mdrepo merge --continue'" in said.err
    assert (joined / ".git/MERGE_HEAD").exists()
    edit(joined, lambda v: v.pop("training"))
    git("add", DOCUMENT, cwd=joined)
    mdrepo("merge", "--continue", "--no-eval", cwd=joined)
    assert delivered(joined)


def changed(root: Path) -> None:
    edit(root, lambda v: v.update(description="not committed"))


def changed_data(root: Path) -> None:
    (root / MODEL).unlink()
    (root / MODEL).write_bytes(b"nobody else has this")


def lost(root: Path) -> None:
    pointer = git("show", f"topic:{MODEL}.dvc", cwd=root)
    digest = pointer.partition("md5: ")[2].split()[0]
    (root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()


def unborn(root: Path) -> None:
    git("checkout", "-q", "--orphan", "empty", cwd=root)


def unrelated(root: Path) -> None:
    tree = git("rev-parse", "HEAD^{tree}", cwd=root)
    git("branch", "-f", "topic", git("commit-tree", "-m", "Alone", tree, cwd=root), cwd=root)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        (changed, 1, f"{DOCUMENT} would be overwritten"),
        (changed_data, 1, f"{MODEL} has changes that DVC does not have"),
        (lost, 3, MODEL),
        (unborn, 1, "no commit yet"),
        (unrelated, 3, "no commit in common"),
    ],
)
def test_what_cannot_be_merged_changes_nothing(joined: Path, prepare: object, code: int, words: str, forward: bool) -> None:
    if forward:
        git("checkout", "-q", "start", cwd=joined)
    prepare(joined)  # type: ignore[operator]
    before = state(joined)
    assert words in mdrepo("merge", "--no-eval", "topic", cwd=joined, code=code).err
    assert state(joined) == before
    assert not (joined / ".git/MERGE_HEAD").exists()


def test_usage(joined: Path) -> None:
    for words in ([], ["topic", "--abort"], ["--abort", "--continue"]):
        mdrepo("merge", *words, cwd=joined, code=2)
    assert "no revision 'nowhere'" in mdrepo("merge", "nowhere", cwd=joined, code=3).err


# what else is going on


STEPS = {
    "merge": (["merge", "topic"], "mdrepo merge"),
    "rebase": (["rebase", "topic"], "git rebase"),
    "rebase by patches": (["rebase", "--apply", "topic"], "git rebase"),
    "cherry-pick": (["cherry-pick", "topic"], "git cherry-pick"),
    "revert": (["revert", "--no-edit", "HEAD~1"], "git revert"),
    "stash": (["stash", "pop"], None),
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_not_finished_is_named_with_what_ends_it(joined: Path, name: str) -> None:
    words, ends = STEPS[name]
    git("config", "--remove-section", "merge.mdrepo", cwd=joined)
    if name == "stash":
        edit(joined, lambda v: v.update(license="GPL"))
        git("stash", "-q", cwd=joined)
    edit(joined, lambda v: v.update(description="ours", license="BSD"))
    git("commit", "-qam", "Ours", cwd=joined)
    if name == "revert":
        edit(joined, lambda v: v.update(license="ISC"))
        git("commit", "-qam", "Again", cwd=joined)
    assert subprocess.run(["git", *words], cwd=joined, capture_output=True, check=False).returncode
    assert git("ls-files", "--unmerged", cwd=joined)
    before = state(joined)
    for command in (["rollback", "--no-eval", "HEAD~1"], ["merge", "topic"], ["checkout", "HEAD~1"], ["pull"]):
        said = mdrepo(*command, cwd=joined, code=1).err
        assert ("--abort" in said) == (ends is not None), said
        assert f"'{ends} --continue' commits it, '{ends} --abort' undoes it" in said if ends else "'git add' it" in said
        assert f"the {name.split(maxsplit=1)[0]} before is not finished" in said or "is in conflict" in said
    if ends != "mdrepo merge":
        told = mdrepo("merge", "--abort", cwd=joined, code=1).err
        assert "no merge waits to be finished" in told
        assert (f"'{ends} --abort'" if ends else "'git add' it") in told
    assert state(joined) == before
    if ends:
        command = [*ends.replace("mdrepo", "git").split(), "--abort"]
        git(*command[1:], cwd=joined)
        assert load(joined)["description"] == "ours"


def test_data_that_were_changed_are_named_without_what_merge_does_not_have(joined: Path) -> None:
    (joined / MODEL).unlink()
    (joined / MODEL).write_bytes(b"mine")
    said = mdrepo("merge", "--no-eval", "topic", cwd=joined, code=1).err
    assert f"'dvc add {MODEL}' keeps them" in said
    assert "--force" not in said
    assert (joined / MODEL).read_bytes() == b"mine"


def test_the_hook_of_merges_may_stop_one(joined: Path) -> None:
    hook = joined / ".git/hooks/pre-merge-commit"
    hook.write_text("#!/bin/sh\necho looked at $(git diff --cached --name-only | wc -l)\ntest ! -e stop\n")
    hook.chmod(0o755)
    (joined / ".git/info/exclude").write_text("stop\n")
    (joined / "stop").touch()
    before = state(joined)
    for words in (["merge", "topic"], ["merge", "--no-eval", "topic"]):
        said = mdrepo(*words, cwd=joined, code=1).err
        assert "looked at 4" in said
        assert "the hook pre-merge-commit stopped the merge; nothing has changed" in said
        assert state(joined) == before
        assert not (joined / ".git/MERGE_HEAD").exists()
    (joined / "stop").unlink()
    done = mdrepo("merge", "--no-eval", "topic", "--json", cwd=joined)
    assert done.json["status"] == "committed"
    assert "looked at 4" in done.err
    assert delivered(joined)
    git("reset", "-q", "--hard", "start", cwd=joined)
    (joined / "stop").touch()
    assert "looked at" not in mdrepo("merge", "topic", cwd=joined).err, "as git, a branch that simply moves asks no hook"
