"""A changed label map applied to a folder of pictures: files move between its subfolders, all of them or none."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import State, copied, dvc, edit, git, load, mdrepo, settled, state

from mdrepo import relabelling, subfolders
from mdrepo.artefacts import Store
from mdrepo.errors import Finding, MdrepoError
from mdrepo.repository import Repository
from mdrepo.subfolders import Subfolders

Image = pytest.importorskip("PIL.Image")
DOCUMENT = "metadata/pets.json"
NAMES = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/deep/3.png", "dog/1.txt", "hamster/4.png", "notes.txt"]


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (seed, 2 * seed, 0)).save(out, "PNG")
    return out.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, repo_template: Path) -> Path:
    root = tmp_path_factory.mktemp("pets") / "repo"
    with settled(tmp_path_factory.getbasetemp()):
        copied(repo_template, root)
        for seed, name in enumerate(NAMES):
            file = root / "data/pets" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture(seed) if name.endswith(".png") else name.encode())
        dvc("add", "-q", "data/pets", cwd=root)
        mdrepo("new", "dataset", "pets", cwd=root)
        git("add", "-A", cwd=root)
        git("commit", "-qm", "Pets", cwd=root)
    return root


@pytest.fixture
def pets(template: Path, tmp_path: Path) -> Path:
    """Pictures of three classes, in a folder that DVC tracks, with their document, committed."""
    return copied(template, tmp_path / "pets")


@pytest.fixture
def before(template: Path) -> dict[str, bytes]:
    return contents(template / "data/pets")


def visible(root: Path) -> State:
    """What is there besides DVC's cache, which only grows."""
    found = state(root)
    return replace(found, files=tuple(each for each in found.files if not each[0].startswith(".dvc/cache/")))


def moved(before: Mapping[str, bytes], places: Mapping[str, str]) -> dict[str, bytes]:
    return {places.get(name, name): data for name, data in before.items()}


def classes(repo: Path) -> dict[str, int]:
    return {each["name"]: each["count"] for each in load(repo, DOCUMENT)["classes"]}


def corrections(tmp_path: Path, rows: str) -> str:
    (tmp_path / "fix.csv").write_text(rows)
    return str(tmp_path / "fix.csv")


def test_classes_are_renamed_with_all_that_lies_in_their_folder(pets: Path, before: dict[str, bytes]) -> None:
    told = mdrepo("relabel", DOCUMENT, "--rename", "dog=hound", cwd=pets)
    assert [line.split() for line in told.out.splitlines()[2:]] == [["dog", "hound", "2"]]
    assert "2 of 5 examples of data/pets relabelled" in told.err
    places = {"dog/1.png": "hound/1.png", "dog/deep/3.png": "hound/deep/3.png", "dog/1.txt": "hound/1.txt"}
    assert contents(pets / "data/pets") == moved(before, places)
    assert not (pets / "data/pets/dog").exists()
    assert classes(pets) == {"cat": 2, "hamster": 1, "hound": 2}
    assert dvc("status", cwd=pets) == "Data and pipelines are up to date."
    mdrepo("validate", cwd=pets)
    mdrepo("patch", "--check", DOCUMENT, cwd=pets)


def test_a_name_that_is_taken_in_a_merge_gets_the_old_class_behind_it(pets: Path, before: dict[str, bytes]) -> None:
    dry = mdrepo("relabel", DOCUMENT, "--rename", "dog=cat", "--dry-run", "--json", cwd=pets).json
    assert (dry["renamed"], dry["written"]) == ([{"was": "dog/1.png", "is": "cat/1-dog.png"}], False)
    assert contents(pets / "data/pets") == before
    told = mdrepo("relabel", DOCUMENT, "--rename", "dog=cat", cwd=pets)
    assert ["dog/1.png", "cat/1-dog.png"] in [line.split() for line in told.out.splitlines()]
    places = {"dog/1.png": "cat/1-dog.png", "dog/deep/3.png": "cat/deep/3.png", "dog/1.txt": "cat/1.txt"}
    assert contents(pets / "data/pets") == moved(before, places)
    assert classes(pets) == {"cat": 4, "hamster": 1}


def test_it_can_be_rolled_back(pets: Path, before: dict[str, bytes]) -> None:
    mdrepo("relabel", DOCUMENT, "--rename", "dog=cat", cwd=pets)
    mdrepo("commit", "--no-eval", "-am", "Dogs are cats", cwd=pets)
    mdrepo("rollback", "HEAD~1", "--no-eval", cwd=pets)
    assert contents(pets / "data/pets") == before
    assert classes(pets) == {"cat": 2, "dog": 2, "hamster": 1}
    assert dvc("status", cwd=pets) == "Data and pipelines are up to date."


def test_what_people_wrote_into_the_document_is_applied_and_classes_can_be_swapped(pets: Path, before: dict[str, bytes]) -> None:
    def swap(content: Any) -> None:
        for each in content["classes"]:
            each["name"] = {"cat": "dog", "dog": "cat"}.get(each["name"], each["name"])

    edit(pets, swap, DOCUMENT)
    mdrepo("relabel", DOCUMENT, cwd=pets)
    places = {"cat/1.png": "dog/1.png", "cat/2.png": "dog/2.png", "dog/1.png": "cat/1.png", "dog/1.txt": "cat/1.txt"}
    assert contents(pets / "data/pets") == moved(before, {**places, "dog/deep/3.png": "cat/deep/3.png"})


def test_single_pictures_are_corrected(pets: Path, tmp_path: Path, before: dict[str, bytes]) -> None:
    rows = corrections(tmp_path, "item,label,was\ncat/1.png,dog,cat\ndog/deep/3.png,wolf,\nhamster/4.png,cat,hamster\n")
    found = mdrepo("relabel", DOCUMENT, "--corrections", rows, "--json", cwd=pets).json
    assert found["moves"] == [
        {"was": "cat", "is": "dog", "examples": 1},
        {"was": "dog", "is": "wolf", "examples": 1},
        {"was": "hamster", "is": "cat", "examples": 1},
    ]
    assert found["renamed"] == [{"was": "cat/1.png", "is": "dog/1-cat.png"}]
    places = {"cat/1.png": "dog/1-cat.png", "dog/deep/3.png": "wolf/deep/3.png", "hamster/4.png": "cat/4.png"}
    assert contents(pets / "data/pets") == moved(before, places)
    assert classes(pets) == {"cat": 2, "dog": 2, "wolf": 1}


def test_what_a_correction_says_was_there_is_what_was_there_before_the_renames(pets: Path, tmp_path: Path) -> None:
    rows = corrections(tmp_path, "item,label,was\ndog/1.png,cat,dog\n")
    mdrepo("relabel", DOCUMENT, "--rename", "dog=hound", "--corrections", rows, cwd=pets)
    assert (pets / "data/pets/cat/1-dog.png").exists()
    assert classes(pets) == {"cat": 3, "hamster": 1, "hound": 1}


def test_a_class_may_change_its_case_alone(pets: Path) -> None:
    mdrepo("relabel", DOCUMENT, "--rename", "dog=Dog", cwd=pets)
    assert classes(pets) == {"Dog": 2, "cat": 2, "hamster": 1}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("..", "begins with a dot"),
        (".hidden", "begins with a dot"),
        ("a/b", "has a /"),
        ("/tmp", "has a /"),
        ("a\\b", "has a \\"),
        ("a:b", "has a :"),
        ("what?", "has a ?"),
        ("a\tb", "control character"),
        ("a\u2028b", "control character"),
        (" cat", "space"),
        ("cat.", "ends with a dot"),
        ("con", "Windows"),
        ("Lpt1.x", "Windows"),
        ("ä" * 128, "longer than 255 bytes"),
        ("Cat", "'cat' is a class beside it"),
        ("NOTES.txt", "'notes.txt' is a file beside it"),
        ("notes.txt", "'notes.txt' is a file beside it"),
    ],
)
@pytest.mark.parametrize("way", ["rename", "corrections"])
def test_what_can_be_no_folder_is_refused(template: Path, way: str, name: str, why: str) -> None:
    target = Subfolders(template / "data/pets")
    renamed = {"dog": name} if way == "rename" else {}
    values = [name if value == "dog" else value for value in target.values]
    with pytest.raises(Finding, match=r"can be no class of this folder") as found:
        target.change(values, renamed)
    assert why in found.value.message


def test_two_new_classes_that_differ_in_case_alone_are_refused(template: Path) -> None:
    target = Subfolders(template / "data/pets")
    with pytest.raises(Finding, match="'wolf' can be no class of this folder: 'Wolf' is a class beside it"):
        target.change(["Wolf", "Wolf", "wolf", "wolf", "hamster"], {"cat": "Wolf", "dog": "wolf"})


@pytest.mark.parametrize(
    ("arguments", "rows", "code", "words"),
    [
        (["--rename", "wolf=dog"], None, 2, "there is no class 'wolf'"),
        (["--rename", "dog=../dog"], None, 1, "can be no class of this folder"),
        (["--rename", "dog=../dog", "--dry-run"], None, 1, "can be no class of this folder"),
        ([], "item,label\n0,cat\n", 1, "line 2 of the corrections: there is no example '0'"),
        ([], "item,label\n../../secret.png,cat\n", 1, "there is no example '../../secret.png'"),
        ([], "item,label\ndog/1.txt,cat\n", 1, "there is no example 'dog/1.txt'"),
        ([], "item,label\ndog/1.png,\n", 1, "'' can be no class of this folder: it is empty"),
        ([], "item,label,was\ndog/1.png,cat,hamster\n", 1, "example dog/1.png is 'dog', and not 'hamster'"),
    ],
)
def test_what_cannot_be_applied_changes_nothing(
    pets: Path, tmp_path: Path, arguments: list[str], rows: str | None, code: int, words: str
) -> None:
    more = [] if rows is None else ["--corrections", corrections(tmp_path, rows)]
    earlier = state(pets)
    assert words in mdrepo("relabel", DOCUMENT, *arguments, *more, cwd=pets, code=code).err
    assert state(pets) == earlier


def test_links_are_refused_and_what_they_lead_to_stays(pets: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (pets / "data/pets/dog/1.png").rename(outside / "1.png")
    (pets / "data/pets/dog/1.png").symlink_to(outside / "1.png")  # the bytes are those that DVC recorded
    told = mdrepo("relabel", DOCUMENT, "--rename", "dog=cat", cwd=pets, code=1).err
    assert "pets/dog/1.png is a symbolic link" in told
    (pets / "data/pets/dog/1.png").unlink()
    (outside / "1.png").rename(pets / "data/pets/dog/1.png")
    (outside / "5.png").write_bytes(picture(9))
    (pets / "data/pets/wolf").symlink_to(outside)  # DVC leaves it out
    told = mdrepo("relabel", DOCUMENT, "--rename", "dog=wolf", cwd=pets, code=1).err
    assert "pets/wolf is a symbolic link" in told
    assert contents(outside) == {"5.png": picture(9)}
    assert classes(pets) == {"cat": 2, "dog": 2, "hamster": 1}


def test_a_pipe_and_pictures_outside_of_subfolders_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    (folder / "cat").mkdir(parents=True)
    with pytest.raises(Finding, match="pets has no classes"):
        Subfolders(folder)
    (folder / "cat/1.png").write_bytes(picture(1))
    os.mkfifo(folder / "cat/2.png")
    with pytest.raises(Finding, match=r"pets/cat/2\.png is no regular file"):
        Subfolders(folder)
    (folder / "cat/2.png").unlink()
    (folder / "3.png").write_bytes(picture(3))
    with pytest.raises(Finding, match=r"pets has no classes: 3\.png lies in none"):
        Subfolders(folder)


def change(tmp_path: Path, names: Sequence[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """The files of a folder after a change, by what was in them: their old names."""
    for name in names:
        file = tmp_path / "old" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    target = Subfolders(tmp_path / "old")
    target.change([renamed.get(value, value) for value in target.values], renamed).write(tmp_path / "new")
    assert {name: data.decode() for name, data in contents(tmp_path / "old").items()} == {name: name for name in names}
    return {data.decode(): name for name, data in contents(tmp_path / "new").items()}


def test_every_file_of_a_merge_has_a_place_of_its_own(tmp_path: Path) -> None:
    names = ["a/1.png", "a/1-b.png", "a/X.png", "b/1.png", "b/x.png", "c/1.png", "c/2.png", "c/2.PNG", "b/deep/1.png", "z/.png"]
    found = change(tmp_path, names, {"b": "a", "c": "a", "z": "new"})
    assert found == {
        "a/1.png": "a/1.png",
        "a/1-b.png": "a/1-b.png",
        "a/X.png": "a/X.png",
        "b/1.png": "a/1-b-2.png",
        "b/x.png": "a/x-b.png",
        "c/1.png": "a/1-c.png",
        "c/2.png": "a/2.png",
        "c/2.PNG": "a/2.PNG",
        "b/deep/1.png": "a/deep/1.png",
        "z/.png": "new/.png",
    }


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Finding, match="a/x would be a file and a folder"):
        change(tmp_path, ["a/x", "a/1.png", "b/x/1.png"], {"b": "a"})


def test_where_the_disk_has_no_such_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(subfolders.os, "link", refused)
    assert change(tmp_path, ["a/1.png", "b/1.png"], {"b": "c"}) == {"a/1.png": "a/1.png", "b/1.png": "c/1.png"}


def test_folders_that_are_empty_stay(tmp_path: Path) -> None:
    (tmp_path / "old/a/none").mkdir(parents=True)
    (tmp_path / "old/later").mkdir()
    change(tmp_path, ["a/1.png"], {"a": "b"})
    assert (tmp_path / "new/b/none").is_dir()
    assert (tmp_path / "new/later").is_dir()


def file_stats(pets: Path) -> dict[Path, tuple[int, int, int]]:
    files = (path for path in (pets / "data/pets").rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_mode) for path in files}


@pytest.mark.parametrize("step", ["Store.add", "write_patch"])
def test_a_step_that_fails_leaves_the_old_folder_itself(pets: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    earlier = visible(pets)
    stats = file_stats(pets)
    owner = Store if step == "Store.add" else relabelling
    real, failed = getattr(owner, step.rpartition(".")[2]), []

    def failing(*arguments: Any, **options: Any) -> Any:
        real(*arguments, **options)
        failed.append(visible(pets) != earlier)
        raise MdrepoError("no space left")

    monkeypatch.setattr(owner, step.rpartition(".")[2], failing)
    with pytest.raises(MdrepoError, match="no space left"):
        Repository.open(pets).relabel(DOCUMENT, {"dog": "cat"})
    assert failed == [True], "there was something to put back"
    assert visible(pets) == earlier
    assert file_stats(pets) == stats, "the files themselves, and no copies"
    assert [path.name for path in (pets / "data").iterdir() if path.is_dir()] == ["pets"]


def test_a_class_that_dvc_would_leave_out_is_refused(pets: Path) -> None:
    (pets / ".dvcignore").write_text("data/pets/scratch/\n")
    earlier = visible(pets)
    told = mdrepo("relabel", DOCUMENT, "--rename", "dog=scratch", cwd=pets, code=1).err
    assert "DVC would not record all of data/pets" in told
    assert visible(pets) == earlier
