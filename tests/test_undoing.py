"""A checkout, a merge or a rollback in the middle of which DVC fails: nothing of the user's is lost, or moved without a word."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import DOCUMENT, copied, edit, git, keras_file, load, mdrepo, npz, settled, state, track

from mdrepo.artefacts import Artefact, Store
from mdrepo.errors import MdrepoError
from mdrepo.journal import Journal
from mdrepo.repository import Repository

MODEL, DATA = "models/net.keras", "data/net-test.npz"


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch `other`, a commit ahead of `main`, with another model, other data and another description."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "undoing")
    with settled(base):
        git("checkout", "-q", "-b", "other", cwd=root)
        edit(root, lambda v: v.update(description="other"))
        (root / "new.txt").write_text("other\n")
        git("add", "new.txt", cwd=root)
        track(root, MODEL, keras_file(3, seed=4))
        track(root, DATA, npz(x=[[float(i)] * 4 for i in range(15)], y=[0, 1, 2] * 5))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Other", cwd=root)
        mdrepo("checkout", "main", cwd=root)
    return root


@pytest.fixture
def two(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "two")


@contextmanager
def dvc_at_work(root: Path) -> Iterator[None]:
    """Another DVC that holds its lock."""
    (root / ".dvc/tmp").mkdir(exist_ok=True)
    with (root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def changed(root: Path, *, staged: bool = True) -> None:
    """A document and data that nobody else has, and a file that git does not know."""
    edit(root, lambda v: v.update(description="mine"))
    (root / "README.md").write_text("mine\n")
    if staged:
        git("add", DOCUMENT, "README.md", cwd=root)
        edit(root, lambda v: v.update(license="MIT"))
    (root / MODEL).unlink()
    (root / MODEL).write_bytes(b"nobody else has this")
    (root / "notes.txt").write_text("nobody's business\n")


def at(root: Path) -> tuple[object, str, str]:
    """All that must not change."""
    return state(root), git("rev-parse", "--symbolic-full-name", "HEAD", cwd=root), git("stash", "list", cwd=root)


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("words", [["other"], ["other", "--", DOCUMENT], ["other~0"]], ids=["whole", "document", "commit"])
def test_a_checkout_that_dvc_stops_changes_nothing(two: Path, words: list[str], detached: bool) -> None:
    if detached:
        git("checkout", "-q", "--detach", cwd=two)
    changed(two)
    before = at(two)
    with dvc_at_work(two):
        said = mdrepo("checkout", "--force", *words, cwd=two, code=3).err
        assert "it was undone" in said
        assert "kept in" not in said
        assert at(two) == before
        mdrepo("status", cwd=two)
    assert not (two / ".git/mdrepo/journal.json").exists()
    assert mdrepo("status", cwd=two).err == ""
    assert at(two) == before
    mdrepo("checkout", "--force", *words, cwd=two)
    assert load(two)["description"] == "other"


def test_a_merge_that_only_moves_and_that_dvc_stops_changes_nothing(two: Path) -> None:
    (two / "notes.txt").write_text("nobody's business\n")
    before = at(two)
    with dvc_at_work(two):
        assert "it was undone" in mdrepo("merge", "--no-eval", "other", cwd=two, code=3).err
        assert at(two) == before
    assert mdrepo("status", cwd=two).err == ""
    assert at(two) == before
    mdrepo("merge", "--no-eval", "other", cwd=two)
    assert load(two)["description"] == "other"


def test_what_cannot_be_undone_yet_stops_no_reader_and_is_undone_later(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC puts one file into its place and fails from then on: the other, with the user's bytes, is there again at once."""
    changed(two)
    before = at(two)
    whole = Store.checkout

    def fails(self: Store, artefacts: list[Artefact]) -> None:
        whole(self, [each for each in artefacts if each.path == DATA])
        monkeypatch.setattr(Store, "checkout", always)
        always(self, artefacts)

    def always(self: Store, artefacts: list[Artefact]) -> None:
        raise MdrepoError("DVC: no")

    monkeypatch.setattr(Store, "checkout", fails)
    said: list[str] = []
    with pytest.raises(MdrepoError, match="DVC: no"):
        Repository.open(two, said.append).checkout("other", force=True)
    assert said == ["what 'mdrepo checkout' began waits for the next command: DVC: no"]
    assert (two / ".git/mdrepo/journal.json").exists()
    now = at(two)
    assert now[1:] == before[1:]
    assert (load(two)["description"], (two / MODEL).read_bytes()) == ("mine", b"nobody else has this")
    with dvc_at_work(two):
        for command in ("status", "log", "show", "diff"):
            assert "'mdrepo checkout' began waits for the next command: DVC: " in mdrepo(command, cwd=two).err
            assert at(two) == now
    assert "'mdrepo checkout' was interrupted: it was undone" in mdrepo("status", cwd=two).err
    assert at(two) == before
    assert not (two / ".git/mdrepo/journal.json").exists()


@pytest.mark.parametrize("since", [None, b"written since"])
def test_after_a_kill_the_user_s_data_are_there_again(two: Path, monkeypatch: pytest.MonkeyPatch, since: bytes | None) -> None:
    changed(two)
    before = at(two)

    def fails(self: Store, artefacts: list[Artefact]) -> None:
        raise MdrepoError("DVC: no")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "checkout", fails)
        patch.setattr(Journal, "_recovered", lambda *_: False)
        with pytest.raises(MdrepoError, match="DVC: no"):
            Repository.open(two).checkout("other", force=True)
    assert not (two / MODEL).exists()
    if since is not None:
        (two / MODEL).write_bytes(since)
    said = mdrepo("status", cwd=two).err
    assert "'mdrepo checkout' was interrupted: it was undone" in said
    assert at(two) == before
    kept = [each.read_bytes() for each in (two / ".git/mdrepo/kept").rglob("*") if each.is_file()]
    assert kept == ([] if since is None else [since])
    assert (f"what {MODEL} had been until now is kept in" in said) == (since is not None)


def test_the_answer_of_a_checkout_says_what_was_put_aside(two: Path) -> None:
    changed(two, staged=False)
    found = mdrepo("checkout", "--json", "--force", "other", cwd=two).json
    assert [Path(each).name for each in found["kept"]] == ["net.keras", "net.json"]
    assert sorted(found["artefacts"]) == [DATA, MODEL]
    assert mdrepo("checkout", "--json", "-", cwd=two).json["kept"] == []


def test_a_checkout_that_git_refuses_takes_nothing_away_into_the_stash(two: Path) -> None:
    changed(two)
    (two / "new.txt").write_text("mine\n")
    before = at(two)
    assert "new.txt would be overwritten" in mdrepo("checkout", "--force", "other", cwd=two, code=1).err
    assert at(two) == before


def test_a_rollback_that_dvc_stops_says_that_its_commit_stands_and_where_changes_are(two: Path) -> None:
    first = (two / MODEL).read_bytes()
    mdrepo("checkout", "other", cwd=two)
    changed(two, staged=False)
    with dvc_at_work(two):
        said = mdrepo("rollback", "--force", "--no-eval", "HEAD~1", cwd=two, code=3).err
        made = git("rev-parse", "--short=7", "HEAD", cwd=two)
        kept = [str(each) for each in (two / ".git/mdrepo/kept").rglob("net.keras")]
        where = f"; what you had changed is in the stash ('git stash list'); what you had changed of data is in {kept[0]}"
        assert f"commit {made} stands, but not all of its data are there yet: DVC: " in said
        assert where in said
        edit(two, lambda v: v.update(description="written since"))
        assert "'mdrepo rollback' began waits for the next command: DVC: " in mdrepo("status", cwd=two).err
    assert f"its files and data are there{where}" in mdrepo("status", cwd=two).err
    assert load(two)["description"] == "written since"
    assert (two / MODEL).read_bytes() == first
    assert "mine" in git("stash", "show", "-p", cwd=two)
    assert Path(kept[0]).read_bytes() == b"nobody else has this"
    assert mdrepo("status", cwd=two).err == ""


def test_a_merge_that_dvc_stops_says_that_its_commit_stands(two: Path) -> None:
    first = (two / MODEL).read_bytes()
    edit(two, lambda v: v.update(license="MIT"))
    mdrepo("commit", "--no-eval", "-am", "Licence", cwd=two)
    with dvc_at_work(two):
        said = mdrepo("merge", "--no-eval", "other", cwd=two, code=3).err
        made = git("rev-parse", "--short=7", "HEAD", cwd=two)
        assert f"commit {made} stands, but not all of its data are there yet: DVC: " in said
        assert (two / MODEL).read_bytes() == first
    assert "its data are there" in mdrepo("status", cwd=two).err
    assert hashlib.md5((two / MODEL).read_bytes()).hexdigest() in git("show", f"other:{MODEL}.dvc", cwd=two)
    assert git("status", "--porcelain", cwd=two) == ""
