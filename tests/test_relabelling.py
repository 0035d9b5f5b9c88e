"""A changed label map applied to the data: arrays and tables, renames, merges and single corrections, and the way back."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import State, edit, git, load, mdrepo, npz, state, track

from mdrepo import relabelling, targets
from mdrepo.artefacts import Store
from mdrepo.errors import MdrepoError
from mdrepo.repository import Repository

TABLE = "metadata/pets.json"
ARRAYS = "metadata/net-test.json"
CSV = "weight,kind\n1.50,cat\n2,dog\n,cat\n3e1,hamster\n"


@pytest.fixture
def pets(repo: Path) -> Path:
    """A table with a target of text, committed."""
    track(repo, "data/pets.csv", CSV.encode())
    mdrepo("new", "dataset", "pets", cwd=repo, code=None)
    if "target" not in load(repo, TABLE):
        mdrepo("set", f"{TABLE}#/target", '"kind"', cwd=repo)
        mdrepo("patch", "--apply", TABLE, cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Pets", cwd=repo)
    return repo


def classes(repo: Path, path: str) -> dict[Any, tuple[str, int]]:
    return {each["value"]: (each["name"], each["count"]) for each in load(repo, path)["classes"]}


def visible(root: Path) -> State:
    """What is there besides DVC's cache, which only grows."""
    found = state(root)
    return replace(found, files=tuple(each for each in found.files if not each[0].startswith(".dvc/cache/")))


def target(repo: Path) -> list[int]:
    return list(np.load(io.BytesIO((repo / "data/net-test.npz").read_bytes()))["y"].tolist())


def test_classes_of_a_table_are_renamed_and_merged(pets: Path) -> None:
    told = mdrepo("relabel", TABLE, "--rename", "hamster=rodent", "--rename", "dog=cat", cwd=pets)
    assert [line.split() for line in told.out.splitlines()[2:]] == [["dog", "cat", "1"], ["hamster", "rodent", "1"]]
    assert "2 of 4 examples of data/pets.csv relabelled" in told.err
    assert (pets / "data/pets.csv").read_text() == CSV.replace("dog", "cat").replace("hamster", "rodent"), (
        "nothing else has changed"
    )
    assert classes(pets, TABLE) == {"cat": ("cat", 3), "rodent": ("rodent", 1)}
    mdrepo("validate", cwd=pets)
    mdrepo("patch", "--check", TABLE, cwd=pets)
    assert "modified" not in mdrepo("status", cwd=pets).out, "DVC was told"


def test_it_can_be_rolled_back(pets: Path) -> None:
    mdrepo("relabel", TABLE, "--rename", "dog=cat", cwd=pets)
    mdrepo("commit", "--no-eval", "-am", "Dogs are cats", cwd=pets)
    mdrepo("rollback", "HEAD~1", "--no-eval", cwd=pets)
    assert (pets / "data/pets.csv").read_text() == CSV
    assert classes(pets, TABLE)["dog"] == ("dog", 1)
    mdrepo("relabel", TABLE, "--rename", "dog=cat", cwd=pets)
    mdrepo("checkout", "--force", "HEAD", cwd=pets)
    assert (pets / "data/pets.csv").read_text() == CSV
    assert git("status", "--porcelain", cwd=pets) == ""


def test_what_people_wrote_into_the_document_is_applied(pets: Path) -> None:
    def change(content: Any) -> None:
        by_value = {each["value"]: each for each in content["classes"]}
        by_value["dog"].update(name="hound", description="barks")
        by_value["hamster"]["name"] = "cat"

    edit(pets, change, TABLE)
    mdrepo("relabel", TABLE, cwd=pets)
    assert (pets / "data/pets.csv").read_text() == CSV.replace("dog", "hound").replace("hamster", "cat")
    assert classes(pets, TABLE) == {"cat": ("cat", 3), "hound": ("hound", 1)}
    [hound] = [each for each in load(pets, TABLE)["classes"] if each["value"] == "hound"]
    assert hound["description"] == "barks"
    assert "nothing to relabel" in mdrepo("relabel", TABLE, cwd=pets).err


def test_numbers_in_a_table_are_classes_too(repo: Path) -> None:
    track(repo, "data/rows.csv", b"a,y\n1,0\n2,1\n3,2\n4,1\n")
    mdrepo("new", "dataset", "rows", cwd=repo)
    edit(repo, lambda v: v["classes"][2].update(name="1"), "metadata/rows.json")
    assert "1 of 4 examples" in mdrepo("relabel", "metadata/rows.json", cwd=repo).err
    assert (repo / "data/rows.csv").read_text() == "a,y\n1,0\n2,1\n3,1\n4,1\n"
    assert classes(repo, "metadata/rows.json") == {0: ("0", 1), 1: ("1", 3)}
    mdrepo("relabel", "metadata/rows.json", "--rename", "0=5", cwd=repo)
    assert classes(repo, "metadata/rows.json") == {1: ("1", 3), 5: ("5", 1)}
    mdrepo("validate", "metadata/rows.json", cwd=repo)


def test_single_examples_are_corrected(repo: Path, tmp_path: Path) -> None:
    rows = tmp_path / "fix.csv"
    rows.write_text("item,label,was\n0,2,0\n4,0,1\n")
    before = target(repo)
    found = mdrepo("relabel", ARRAYS, "--corrections", str(rows), "--json", cwd=repo).json
    assert found["moves"] == [{"was": "0", "is": "2", "examples": 1}, {"was": "1", "is": "0", "examples": 1}]
    assert target(repo) == [2, *before[1:4], 0, *before[5:]]
    assert {value: count for value, (_, count) in classes(repo, ARRAYS).items()} == {0: 4, 1: 3, 2: 5}
    mdrepo("validate", cwd=repo)


def test_arrays_keep_their_types_and_the_others_stay(repo: Path) -> None:
    images = np.arange(24, dtype="uint8").reshape(4, 6)
    track(repo, "data/net-test.npz", npz(x=images, y=np.array([0, 1, 2, 1], "uint8")))
    mdrepo("patch", "--apply", ARRAYS, cwd=repo)
    mdrepo("relabel", ARRAYS, "--rename", "2=7", cwd=repo)
    found = np.load(io.BytesIO((repo / "data/net-test.npz").read_bytes()))
    assert found["y"].dtype == np.uint8
    assert found["y"].tolist() == [0, 1, 7, 1]
    assert found["x"].dtype == np.uint8
    assert (found["x"] == images).all()
    assert classes(repo, ARRAYS)[7] == ("7", 1)


def test_a_dry_run_writes_nothing(pets: Path) -> None:
    before = state(pets)
    told = mdrepo("relabel", TABLE, "--rename", "dog=cat", "--dry-run", cwd=pets)
    assert "1 of 4 examples of data/pets.csv would be relabelled" in told.err
    assert state(pets) == before


@pytest.mark.parametrize(
    ("document", "arguments", "rows", "code", "words"),
    [
        (TABLE, ["--rename", "wolf=dog"], None, 2, "there is no class 'wolf'"),
        (TABLE, ["--rename", "dog"], None, 2, "write OLD=NEW"),
        (ARRAYS, ["--rename", "1=one"], None, 2, "is no whole number"),
        ("metadata/net.json", ["--rename", "1=2"], None, 1, "is no dataset document"),
        ("metadata/none.json", [], None, 1, "there is no document"),
        (ARRAYS, [], "row,label\n1,2\n", 1, "no columns 'item' and 'label'"),
        (ARRAYS, [], "item,label\n99,2\n", 1, "line 2 of the corrections: there is no example '99'"),
        (ARRAYS, [], "item,label\n0,2\n-1,2\n", 1, "line 3 of the corrections"),
        (ARRAYS, [], "item,label,was\n0,2,1\n", 1, "example 0 is '0', and not '1'"),
        (ARRAYS, [], "item,label\n0\n", 1, "line 2 of the corrections"),
        (ARRAYS, ["--corrections", "nowhere.csv"], None, 3, "nowhere.csv"),
    ],
)
def test_what_cannot_be_applied_changes_nothing(
    pets: Path, tmp_path: Path, document: str, arguments: list[str], rows: str | None, code: int, words: str
) -> None:
    if rows is not None:
        (tmp_path / "fix.csv").write_text(rows)
        arguments = [*arguments, "--corrections", str(tmp_path / "fix.csv")]
    before = state(pets)
    assert words in mdrepo("relabel", document, *arguments, cwd=pets, code=code).err
    assert state(pets) == before


def test_data_that_dvc_does_not_know_are_not_overwritten(pets: Path) -> None:
    (pets / "data/pets.csv").write_text(CSV + "9,dog\n")
    assert (
        "run 'dvc pull data/pets.csv', or 'dvc add data/pets.csv'"
        in mdrepo("relabel", TABLE, "--rename", "dog=cat", cwd=pets, code=1).err
    )
    assert (pets / "data/pets.csv").read_text() == CSV + "9,dog\n"


@pytest.mark.parametrize("step", ["Store.add", "write", "patch", "write_patch"])
def test_a_step_that_fails_leaves_data_pointer_and_document_as_they_were(
    pets: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Each step fails after it has done its work."""
    before = visible(pets)
    owner = Store if step == "Store.add" else relabelling
    name = step.rpartition(".")[2]
    real, failed = getattr(owner, name), []

    def failing(*arguments: Any, **options: Any) -> Any:
        done = real(*arguments, **options)
        if step == "write" and arguments[1] != TABLE:
            return done  # the data themselves
        failed.append(visible(pets) != before)
        raise MdrepoError("no space left")

    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(MdrepoError, match="no space left"):
        Repository.open(pets).relabel(TABLE, {"dog": "cat"})
    assert failed == [True], "there was something to put back"
    assert visible(pets) == before
    assert {path.name for path in (pets / "data").iterdir() if path.is_dir()} == set(), "nothing is left beside it"


def test_data_that_the_document_cannot_follow_are_put_back(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "fix.csv").write_bytes(b"item,label\n0,c\0t\n")
    before = visible(pets)
    told = mdrepo("relabel", TABLE, "--corrections", str(tmp_path / "fix.csv"), cwd=pets, code=1).err
    assert "cannot follow the data" in told
    assert "NUL byte" in told
    assert visible(pets) == before


def test_data_whose_only_copy_would_be_lost_are_not_relabelled(pets: Path) -> None:
    shutil.rmtree(pets / ".dvc/cache/files")
    before = state(pets)
    told = mdrepo("relabel", TABLE, "--rename", "dog=cat", cwd=pets, code=1).err
    assert "DVC's cache has not what data/pets.csv.dvc records" in told
    assert state(pets) == before


def test_a_parquet_table(repo: Path) -> None:
    file = repo / "x.parquet"
    pd.DataFrame({"a": [1.5, None], "kind": ["cat", "dog"]}).to_parquet(file)
    target = targets.of(file, "kind")
    assert target.values == ["cat", "dog"]
    target.change(["cat", "cat"], {}).write(repo / "y.parquet")
    found = pd.read_parquet(repo / "y.parquet")
    assert found["kind"].tolist() == ["cat", "cat"]
    assert found["a"].isna().tolist() == [False, True]


def table(repo: Path, text: str) -> str:
    """A table of its own with the target `label`, and its document."""
    track(repo, "data/t.csv", text.encode())
    mdrepo("new", "dataset", "t", cwd=repo)
    assert load(repo, "metadata/t.json")["target"] == "label"
    return "metadata/t.json"


def counts(repo: Path, path: str) -> dict[Any, int]:
    return {value: count for value, (_, count) in classes(repo, path).items()}


@pytest.mark.parametrize(
    ("rows", "renames", "data", "expected"),
    [
        ("0,dog", ["dog=hound"], ["hound", "hound", "cat"], {"hound": 2, "cat": 1}),  # an old name is brought along
        ("0,hound", ["dog=hound"], ["hound", "hound", "cat"], {"hound": 2, "cat": 1}),
        ("0,wolf", ["dog=hound"], ["wolf", "hound", "cat"], {"wolf": 1, "hound": 1, "cat": 1}),
        ("1,cat", ["cat=dog"], ["dog", "dog", "dog"], {"dog": 3}),
        ("0,wolf\n2,wolf", ["dog=cat"], ["wolf", "cat", "wolf"], {"wolf": 2, "cat": 1}),
    ],
)
def test_renames_come_before_corrections_and_the_document_has_the_classes_of_the_data(
    repo: Path, rows: str, renames: list[str], data: list[str], expected: dict[str, int]
) -> None:
    path = table(repo, "a,label\n1,cat\n2,dog\n3,cat\n")
    (repo / "c.csv").write_text(f"item,label\n{rows}\n")
    mdrepo("relabel", path, "--corrections", "c.csv", *(f"--rename={each}" for each in renames), cwd=repo)
    assert [line.partition(",")[2] for line in (repo / "data/t.csv").read_text().splitlines()[1:]] == data
    assert counts(repo, path) == expected
    mdrepo("patch", "--check", path, cwd=repo)
    mdrepo("validate", path, cwd=repo)


def test_a_class_that_was_renamed_away_and_comes_back_by_a_correction_is_in_the_document(repo: Path) -> None:
    """`dog` is gone by the first step, and there again by the second."""
    path = table(repo, "a,label\n1,cat\n2,dog\n3,cat\n")
    edit(repo, lambda v: v["classes"][0].update(description="purrs"), path)
    mdrepo("relabel", path, "--rename", "dog=hound", cwd=repo)
    (repo / "c.csv").write_text("item,label\n0,dog\n")
    mdrepo("relabel", path, "--corrections", "c.csv", cwd=repo)
    assert counts(repo, path) == {"cat": 1, "dog": 1, "hound": 1}
    assert [each.get("description") for each in load(repo, path)["classes"] if each["value"] == "cat"] == ["purrs"]


def test_a_name_that_means_two_classes_is_refused_in_corrections(repo: Path) -> None:
    path = table(repo, "a,label\n1,cat\n2,dog\n3,cat\n")
    (repo / "c.csv").write_text("item,label\n0,dog\n")
    before = state(repo)
    told = mdrepo("relabel", path, "--corrections", "c.csv", "--rename=cat=dog", "--rename=dog=hound", cwd=repo, code=1).err
    assert "line 2 of the corrections: 'dog' is one class before the renames and another after them" in told
    assert state(repo) == before


def test_a_class_in_all_its_spellings_is_relabelled(repo: Path) -> None:
    path = table(repo, "a,label\n1,01\n2,1\n3,2\n4,10\n5,+2\n6,\n")
    assert counts(repo, path) == {1: 2, 2: 2, 10: 1}
    assert "2 of 6 examples" in mdrepo("relabel", path, "--rename", "1=7", cwd=repo).err
    assert (repo / "data/t.csv").read_text() == "a,label\n1,7\n2,7\n3,2\n4,10\n5,+2\n6,\n", "the others keep their spelling"
    assert counts(repo, path) == {2: 2, 7: 2, 10: 1}
    mdrepo("validate", path, cwd=repo)


def test_a_class_is_written_as_the_file_spells_it(repo: Path) -> None:
    path = table(repo, "a,label\n1,True\n2,False\n3,True\n")
    mdrepo("relabel", path, "--rename", "false=true", cwd=repo)
    assert (repo / "data/t.csv").read_text() == "a,label\n1,True\n2,True\n3,True\n"
    assert counts(repo, path) == {True: 3}


def test_what_stands_for_a_missing_value_can_be_no_class(repo: Path) -> None:
    path = table(repo, "a,label\n1,cat\n2,dog\n")
    edit(repo, lambda v: v["classes"][0].update(name="NA"), path)
    assert "'NA' stands for a missing value" in mdrepo("relabel", path, cwd=repo, code=2).err
    edit(repo, lambda v: v["classes"][0].update(name="cat"), path)
    before = state(repo)
    assert "'None' stands for a missing value" in mdrepo("relabel", path, "--rename", "cat=None", cwd=repo, code=2).err
    assert state(repo) == before


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0,1\n3,2\n0,2", "lines 2 and 4 of the corrections give example 0 the labels '1' and '2'"),
        ("0,1\n1,one", "line 3 of the corrections: 'one' is no whole number"),
        ("0,1\n1,", "line 3 of the corrections: '' is no whole number"),
    ],
)
def test_corrections_that_contradict_each_other_or_are_no_classes_name_their_lines(repo: Path, rows: str, words: str) -> None:
    (repo / "c.csv").write_text(f"item,label\n{rows}\n")
    before = state(repo)
    assert words in mdrepo("relabel", ARRAYS, "--corrections", "c.csv", cwd=repo, code=1).err
    assert state(repo) == before


def test_a_correction_may_stand_there_twice(repo: Path) -> None:
    (repo / "c.csv").write_text("item,label\n0,2\n00,2\n")
    assert "1 of 12 examples" in mdrepo("relabel", ARRAYS, "--corrections", "c.csv", cwd=repo).err


@pytest.mark.parametrize(
    ("values", "renames", "was", "now"),
    [
        ([0, 255], ["255=300"], "uint8", "uint16"),
        ([0, 255], ["255=-1"], "uint8", "int16"),
        ([0, 255], ["255=7"], None, None),
    ],
)
def test_integers_that_need_another_type_are_told(
    repo: Path, values: list[int], renames: list[str], was: str | None, now: str | None
) -> None:
    track(repo, "data/net-test.npz", npz(x=np.ones((2, 4)), y=np.array(values, "uint8")))
    mdrepo("patch", "--apply", ARRAYS, cwd=repo, code=None)
    words = [f"--rename={each}" for each in renames]
    told = mdrepo("relabel", ARRAYS, *words, "--dry-run", cwd=repo).err
    assert ("the target's type" in told) == (was is not None)
    found = mdrepo("relabel", ARRAYS, *words, "--json", cwd=repo).json
    assert found["retyped"] == ({"was": was, "is": now} if was else None)
    assert str(np.load(repo / "data/net-test.npz")["y"].dtype) == (now or "uint8")


def test_a_parquet_column_keeps_its_type(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, out = tmp_path / "x.parquet", tmp_path / "y.parquet"
    grades = pd.Categorical(["low", None, "high", "low"], categories=["low", "mid", "high"], ordered=True)
    frame = pd.DataFrame(
        {"a": [1.5, None, 2, 3], "grade": grades, "n": pd.array([1, None, 300, 2], "Int16"), "f": ["x", "y", "x", None]}
    )
    frame.to_parquet(file)
    types = pq.read_schema(file)
    for column, values, renamed in (
        ("grade", ["bottom", None, "high", "bottom"], {"low": "bottom"}),
        ("n", [2, None, 301, 2], {1: 2}),
        ("f", ["z", "y", "z", None], {"x": "z"}),
    ):
        target = targets.of(file, column)
        change = target.change(values, renamed)
        assert change.retyped is None
        change.write(out)
        assert pq.read_schema(out).field(column).type == types.field(column).type
        assert pq.read_table(out)[column].to_pylist() == values
        assert pq.read_table(out).drop_columns([column]).equals(pq.read_table(file).drop_columns([column]))
        assert pd.read_parquet(out).dtypes.astype(str).tolist() == frame.dtypes.astype(str).tolist()
    made = pd.read_parquet(file).assign(grade=frame["grade"])
    targets.of(file, "grade").change(["bottom", None, "high", "top"], {"low": "bottom"}).write(out)
    found = pd.read_parquet(out)["grade"]
    assert found.cat.categories.tolist() == ["bottom", "mid", "high", "top"]
    assert found.cat.ordered and made["grade"].cat.ordered
    wide = targets.of(file, "n").change([70000, None, 1, 2], {})
    assert wide.retyped == ("int16", "int32")
    wide.write(out)
    assert pq.read_schema(out).field("n").type == pa.int32()
    assert pd.read_parquet(out)["n"].tolist()[0] == 70000


@pytest.mark.parametrize("values", [np.eye(3), np.ones(3), np.array(0), np.array([b"\xff", b"a", b"b"])])
def test_an_array_that_is_no_list_of_classes_has_none(repo: Path, values: Any) -> None:
    track(repo, "data/hot.npz", npz(x=np.ones((3, 4)), y=values))
    assert " ! " not in mdrepo("new", "dataset", "hot", cwd=repo).out
    mdrepo("patch", "--check", "metadata/hot.json", cwd=repo)
    found = load(repo, "metadata/hot.json")
    assert (found["examples"], found.get("classes", [])) == (3, [])
    assert "the array 'y' of hot.npz is no list of classes" in mdrepo("relabel", "metadata/hot.json", cwd=repo, code=1).err
