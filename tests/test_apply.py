"""`mdrepo apply`: patches to files and to documents, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, load, mdrepo, state


def file(folder: Path, name: str, content: Any) -> str:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def test_one_file_outside_any_repository(tmp_path: Path) -> None:
    file(tmp_path, "d.json", '{\n    "a": 1,\n    "b": 1.50\n}')
    file(tmp_path, "p.json", [{"op": "replace", "path": "/a", "value": 2}])
    assert mdrepo("apply", "p.json", "d.json", "-o", "-", cwd=tmp_path).out == '{\n    "a": 2,\n    "b": 1.50\n}'
    mdrepo("apply", "p.json", "d.json", "-o", "out.json", cwd=tmp_path)
    assert json.loads((tmp_path / "d.json").read_text())["a"] == 1
    mdrepo("apply", "p.json", "d.json", cwd=tmp_path)
    assert (tmp_path / "d.json").read_text() == (tmp_path / "out.json").read_text() == '{\n    "a": 2,\n    "b": 1.50\n}'
    file(tmp_path, "m.json", {"b": None, "c": {"d": 1}})
    mdrepo("apply", "--merge-patch", "m.json", "d.json", cwd=tmp_path)
    assert load(tmp_path, "d.json") == {"a": 2, "c": {"d": 1}}


@pytest.mark.parametrize(
    ("patch", "options", "code", "words"),
    [
        ([{"op": "add", "path": "/x", "value": 1}, {"op": "test", "path": "/a", "value": 9}], [], 1, "operation 2 (test /a)"),
        ([{"op": "remove", "path": "/zz"}], [], 1, "operation 1 (remove /zz): there is no 'zz'"),
        ([{"op": "add", "path": "a", "value": 1}], [], 1, "does not begin with '/'"),
        ([{"op": "add", "path": "/~2", "value": 1}], [], 1, "'~'"),
        ([{"op": "add", "path": "/l/01", "value": 1}], [], 1, "'01' is not an index"),
        ({"a": 2}, [], 2, "--merge-patch"),
        ({"a": 2}, ["--merge-patch", "--reverse"], 2, "cannot be reversed"),
        ([{"op": "replace", "path": "/a", "value": 2}], ["--reverse"], 1, "cannot be undone"),
        ("[", [], 1, "p.json:1:2: "),
    ],
)
def test_a_patch_that_fails_names_the_operation_and_writes_nothing(
    tmp_path: Path, patch: Any, options: list[str], code: int, words: str
) -> None:
    file(tmp_path, "d.json", {"a": 1, "l": []})
    file(tmp_path, "p.json", patch)
    before = (tmp_path / "d.json").read_text()
    assert words in mdrepo("apply", *options, "p.json", "d.json", cwd=tmp_path, code=code).err
    assert (tmp_path / "d.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".json") == ["d.json", "p.json"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "No such file" in mdrepo("apply", "p.json", "d.json", cwd=tmp_path, code=3).err


def test_our_own_patch_goes_to_its_documents_and_back(repo: Path) -> None:
    original = state(repo)
    edit(repo, lambda v: v.update(description="x", license="MIT"))
    edit(repo, lambda v: v["classes"][0].update(name="zero"), "metadata/net-test.json")
    (repo / "metadata/extra.json").write_text((repo / "metadata/net-test.json").read_text())
    git("add", "-N", "metadata/extra.json", cwd=repo)
    changed = {path: load(repo, path) for path in (DOCUMENT, "metadata/net-test.json", "metadata/extra.json")}
    patch = repo.parent / "change.json"
    patch.write_text(mdrepo("diff", "HEAD", "--format", "patch", cwd=repo).out)
    git("reset", "-q", cwd=repo)
    git("checkout", "-q", "--", ".", cwd=repo)
    (repo / "metadata/extra.json").unlink()
    assert mdrepo("apply", str(patch), cwd=repo).out.count("patched ") == 3
    assert {path: load(repo, path) for path in changed} == changed
    mdrepo("apply", "--reverse", str(patch), cwd=repo)
    assert state(repo) == original


def test_our_own_patch_is_applied_to_all_documents_or_to_none(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="x"))
    edit(repo, lambda v: v.update(description="y"), "metadata/net-test.json")
    patch = repo.parent / "change.json"
    patch.write_text(mdrepo("diff", "HEAD", "--format", "patch", cwd=repo).out)
    git("checkout", "-q", "--", DOCUMENT, cwd=repo)
    edit(repo, lambda v: v.pop("examples"), "metadata/net-test.json")
    (repo / DOCUMENT).unlink()
    before = state(repo)
    result = mdrepo("apply", str(patch), cwd=repo, code=1)
    assert "is not there" in result.err
    assert state(repo) == before


def test_what_patch_proposes_apply_takes(repo: Path) -> None:
    from conftest import keras_file, track

    track(repo, "models/net.keras", keras_file(3, seed=1))
    (repo.parent / "p.json").write_text(mdrepo("patch", "--json", cwd=repo).out)
    mdrepo("apply", "../p.json", cwd=repo)
    mdrepo("validate", cwd=repo)


def test_diff_of_two_files_outside_any_repository(tmp_path: Path) -> None:
    file(tmp_path, "a.json", {"x": 1, "l": [{"id": 1, "v": 1}, {"id": 2, "v": 2}]})
    file(tmp_path, "b.json", {"x": 1, "l": [{"id": 2, "v": 3}]})
    result = mdrepo("diff", "--no-index", "a.json", "b.json", cwd=tmp_path, code=1)
    assert "~ /l/0/v (id 2): 2 -> 3" in result.out
    assert mdrepo("diff", "--no-index", "a.json", "a.json", cwd=tmp_path).out == ""
    patch = mdrepo("diff", "--no-index", "a.json", "b.json", "--format", "patch", cwd=tmp_path, code=1).json["documents"][0]
    file(tmp_path, "p.json", patch["operations"])
    mdrepo("apply", "p.json", "a.json", cwd=tmp_path)
    assert load(tmp_path, "a.json") == load(tmp_path, "b.json")
    mdrepo("diff", "--no-index", "a.json", cwd=tmp_path, code=2)
