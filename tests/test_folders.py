"""Folders as artefacts: DVC's own hashes of them, moved, protected and put together as files are."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import dvc, git, mdrepo, state, track

from mdrepo import folders
from mdrepo.artefacts import Artefact, Store, md5
from mdrepo.caching import Cache
from mdrepo.errors import Finding
from mdrepo.extraction import extractor_for, extractors, reader_of


@pytest.fixture
def with_folder(repo: Path) -> Path:
    """The repository with a folder that DVC tracks in two versions, each committed."""
    for version in ("one", "two"):
        for name, content in {"a.txt": version, "sub/ä b.txt": "same", "sub/deep/c": version, "none": ""}.items():
            (repo / "data/set" / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / "data/set" / name).write_text(content)
        dvc("add", "data/set", cwd=repo)
        git("add", "-A", cwd=repo)
        git("commit", "-qm", version, cwd=repo)
    return repo


def recorded(root: Path) -> str:
    return next(line.split()[-1] for line in (root / "data/set.dvc").read_text().splitlines() if "md5: " in line)


def test_the_hash_is_dvc_s(with_folder: Path, tmp_path: Path) -> None:
    place, cache = with_folder / "data/set", Cache(tmp_path / "cache")
    assert md5(place, cache) == recorded(with_folder)
    (with_folder / ".dvcignore").write_text("*.tmp\n/data/set/sub/deep/\n")
    (place / "x.tmp").write_text("x")
    (place / "sub/link").symlink_to("ä b.txt")
    (place / "linked").symlink_to("sub")
    dvc("add", "data/set", cwd=with_folder)
    assert md5(place, cache) == recorded(with_folder)
    assert set(folders.parts(cached(with_folder, recorded(with_folder)))) == {"a.txt", "none", "sub/link", "sub/ä b.txt"}


def cached(root: Path, digest: str) -> Path:
    return root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    cache, read = Cache(tmp_path / "cache"), list[str]()
    whole = folders._hash
    monkeypatch.setattr(folders, "_hash", lambda path: (read.append(path.name), whole(path))[1])
    first = folders.md5(tmp_path / "set", cache)
    assert folders.md5(tmp_path / "set", cache) == first
    assert sorted(read) == ["a", "b", "c"]
    (tmp_path / "set/b").write_text("other")
    assert folders.md5(tmp_path / "set", cache) != first
    assert sorted(read) == ["a", "b", "b", "c"]


def test_what_dvc_cannot_record_never_looks_recorded(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    cache = Cache(tmp_path / "cache")
    empty = folders.md5(tmp_path / "set", cache)
    (tmp_path / "set/broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "set/pipe")
    assert folders.md5(tmp_path / "set", cache) != empty


def test_checkout_moves_a_folder_and_does_not_lose_changes_in_it(with_folder: Path) -> None:
    file = with_folder / "data/set/a.txt"
    mdrepo("checkout", "HEAD~1", cwd=with_folder)
    assert file.read_text() == "one"
    mdrepo("checkout", "HEAD~1", cwd=with_folder)  # the commit before the folder
    assert not (with_folder / "data/set").exists()
    mdrepo("checkout", "main", cwd=with_folder)
    assert file.read_text() == "two"
    assert "differs" not in mdrepo("status", cwd=with_folder).out
    file.unlink()
    file.write_text("mine")
    assert mdrepo("status", "--json", cwd=with_folder).json["unrecorded"] == ["data/set"]
    before = state(with_folder)
    assert "data/set has changes that DVC does not have" in mdrepo("checkout", "HEAD~1", cwd=with_folder, code=1).err
    assert state(with_folder) == before
    mdrepo("checkout", "--force", "HEAD~1", cwd=with_folder)
    assert file.read_text() == "one"
    assert [each.read_text() for each in (with_folder / ".git/mdrepo/kept").rglob("a.txt")] == ["mine"]


@pytest.fixture
def with_ignored(with_folder: Path) -> Path:
    """The same folder with files that DVC ignores, which a branch `topic` does not have yet, in a commit more."""
    git("branch", "-q", "topic", "HEAD~2", cwd=with_folder)
    git("checkout", "-q", "topic", cwd=with_folder)
    (with_folder / ".dvcignore").write_text("*.tmp\n")
    git("commit", "-qam", "Ignoring", cwd=with_folder)
    git("checkout", "-q", "main", cwd=with_folder)
    git("merge", "-q", "--no-edit", "topic", cwd=with_folder)
    for name in IGNORED:
        (with_folder / name).write_text("nobody else has this")
    (with_folder / "data/set/linked").symlink_to("sub")
    return with_folder


IGNORED = ("data/set/x.tmp", "data/set/sub/deep/y.tmp")


def ignored(root: Path) -> bool:
    """Whether what DVC ignores is where it was."""
    link = (root / "data/set/linked").is_symlink()
    return link and all((root / name).exists() and (root / name).read_text() == "nobody else has this" for name in IGNORED)


def test_what_dvc_ignores_in_a_folder_outlives_every_checkout(with_ignored: Path) -> None:
    file = with_ignored / "data/set/a.txt"
    mdrepo("checkout", "topic", cwd=with_ignored)
    assert ignored(with_ignored)
    assert not file.exists()
    assert not (with_ignored / "data/set/none").exists()
    mdrepo("checkout", "main", cwd=with_ignored)
    assert ignored(with_ignored)
    assert file.read_text() == "two"
    dvc("status", "-q", cwd=with_ignored)
    mdrepo("checkout", "HEAD~2", "--", "data/set.dvc", cwd=with_ignored)
    assert file.read_text() == "one"
    assert ignored(with_ignored)


def test_what_dvc_ignores_in_a_folder_stays_where_another_version_of_it_comes(with_ignored: Path) -> None:
    git("checkout", "-q", "-b", "other", cwd=with_ignored)
    (with_ignored / "data/set/a.txt").unlink()
    (with_ignored / "data/set/a.txt").write_text("three")
    dvc("add", "data/set", cwd=with_ignored)
    git("commit", "-qam", "three", cwd=with_ignored)
    mdrepo("checkout", "main", cwd=with_ignored)
    assert ((with_ignored / "data/set/a.txt").read_text(), ignored(with_ignored)) == ("two", True)
    mdrepo("merge", "--no-eval", "other", cwd=with_ignored)
    assert ((with_ignored / "data/set/a.txt").read_text(), ignored(with_ignored)) == ("three", True)
    git("rm", "-q", "data/set.dvc", cwd=with_ignored)
    git("commit", "-qm", "without", cwd=with_ignored)
    git("branch", "-qf", "other", cwd=with_ignored)
    git("reset", "-q", "--hard", "HEAD~1", cwd=with_ignored)
    mdrepo("merge", "--no-eval", "other", cwd=with_ignored)
    assert not (with_ignored / "data/set/a.txt").exists()
    assert ignored(with_ignored)


def test_a_folder_put_aside_takes_along_what_dvc_ignores_in_it(with_ignored: Path) -> None:
    (with_ignored / "data/set/a.txt").unlink()
    (with_ignored / "data/set/a.txt").write_text("mine")
    mdrepo("checkout", "--force", "topic", cwd=with_ignored)
    kept = {each.name: each.read_text() for each in (with_ignored / ".git/mdrepo/kept").rglob("*") if each.is_file()}
    assert (kept["a.txt"], kept["x.tmp"], kept["y.tmp"]) == ("mine", *["nobody else has this"] * 2)


def test_a_file_does_not_take_the_place_of_a_folder_with_what_dvc_ignores(with_ignored: Path) -> None:
    git("checkout", "-q", "topic", cwd=with_ignored)
    (with_ignored / "data/set").rename(with_ignored / "set")
    track(with_ignored, "data/set", b"a file")
    git("add", "-A", "data", cwd=with_ignored)
    git("commit", "-qm", "A file", cwd=with_ignored)
    git("checkout", "-q", "main", cwd=with_ignored)
    (with_ignored / "data/set").unlink()
    (with_ignored / "set").rename(with_ignored / "data/set")
    before = state(with_ignored)
    assert "data/set has changes that DVC does not have" in mdrepo("checkout", "topic", cwd=with_ignored, code=1).err
    assert state(with_ignored) == before
    mdrepo("checkout", "--force", "topic", cwd=with_ignored)
    assert (with_ignored / "data/set").read_bytes() == b"a file"
    assert len([*(with_ignored / ".git/mdrepo/kept").rglob("*.tmp")]) == 2


@pytest.mark.parametrize("linked", [True, False])
def test_a_folder_that_only_dvc_s_cache_has(
    with_folder: Path, tmp_path: Path, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not linked:

        def other_disk(*_: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(Path, "hardlink_to", other_disk)
    artefact = Artefact("data/set", recorded(with_folder), 0, "data/set.dvc")
    (with_folder / "data/set/a.txt").unlink()
    store = Store(with_folder, tmp_path / "dvc", Cache(tmp_path / "cache"))
    found = store.named(artefact, tmp_path)
    assert found == tmp_path / "set"
    assert (found / "a.txt").read_text() == "two"
    assert (found / "sub/ä b.txt").read_text() == "same"
    assert not any(each.is_symlink() for each in found.rglob("*"))  # a model's folder with links is refused
    part = folders.parts(cached(with_folder, artefact.md5))["a.txt"]
    cached(with_folder, part).unlink()
    assert store.named(artefact, tmp_path) is None
    assert store.cached(artefact) is False


@pytest.mark.parametrize(
    "content",
    ["{", "[3]", '[{"md5": "0"}]', *(json.dumps([{"md5": "0" * 32, "relpath": name}]) for name in ("../x", "/x"))],
)
def test_a_list_of_files_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "list").write_text(content)
    with pytest.raises(Finding, match="DVC's list of a folder"):
        folders.assembled(tmp_path / "list", tmp_path / "made", lambda _: tmp_path / "list")
    assert not list((tmp_path / "made").iterdir())


def test_extractors_of_folders_are_found_by_the_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Folders:
        name, kind, version, suffixes = "folders", "data", "1", ("/",)

        def derive(self, path: Path, options: Any) -> Any:
            return {}

    reader, known = Folders(), extractors()
    monkeypatch.setattr("mdrepo.extraction.extractors", lambda: (*(each for each in known if "/" not in each.suffixes), reader))
    assert extractor_for("data", "data/set/") is reader
    assert extractor_for("data", "data/set") is None
    (tmp_path / "x.csv").mkdir()
    assert reader_of("data", tmp_path / "x.csv") is reader
