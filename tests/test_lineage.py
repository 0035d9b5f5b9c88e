"""From base to child: which layers are the base's, and corrections of the base's document brought into the child."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, keras_file, load, mdrepo, npz, track

from mdrepo.extraction import LayerWeights, lineage

CHILD = "metadata/child.json"
PLACE = f"{CHILD}#/lineage"


def moved(data: bytes, layer: str, by: float) -> bytes:
    """A .keras file with the weights of one layer scaled: a relative distance of `by`."""
    import h5py

    out, weights = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.weights.h5":
                weights.write(content)
                with h5py.File(weights, "r+") as file:
                    file[f"layers/{layer}/vars/0"][...] *= 1 + by
                content = weights.getvalue()
            new.writestr(name, content)
    return out.getvalue()


def made(repo: Path, data: bytes, **base: str) -> None:
    """A child of the repository's model, its document with a lineage, committed."""
    track(repo, "models/child.keras", data)
    track(repo, "data/child-test.npz", npz(x=[[float(i)] * 4 for i in range(12)], y=[n % 3 for n in range(12)]))
    mdrepo("new", "model", "child", cwd=repo)
    lineage = {"base": {"document": DOCUMENT, "commit": git("rev-parse", "HEAD", cwd=repo), **base}, "relation": "fine-tuned"}
    mdrepo("set", PLACE, json.dumps(lineage), cwd=repo, code=None)
    mdrepo("patch", "--apply", CHILD, cwd=repo, code=None)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "A child", cwd=repo)


def test_each_layer_beside_the_base_s(repo: Path) -> None:
    made(repo, moved(keras_file(3, frozen=True), "dense_1", 0.25))
    found = load(repo, CHILD)["lineage"]
    assert found["layers"] == [
        {"name": "hidden", "frozen": True, "change": "identical"},
        {"name": "head", "frozen": False, "change": "moved", "distance": 0.25},
    ]
    assert found["identical_layers"] == ["hidden"]
    mdrepo("validate", cwd=repo)
    mdrepo("patch", "--check", cwd=repo)
    fields = mdrepo("status", "--provenance", CHILD, "--json", cwd=repo).json["documents"][0]["fields"]
    [source] = [each["source"] for each in fields if each["pointer"] == "/lineage/layers"]
    assert (source["artefact"], source["extractor"]) == ("models/child.keras", "lineage")


def test_weights_that_are_no_numbers_have_moved_no_distance(repo: Path) -> None:
    made(repo, moved(keras_file(3), "dense_1", float("nan")))
    [hidden, head] = load(repo, CHILD)["lineage"]["layers"]
    assert hidden["change"] == "identical"
    assert (head["change"], "distance" in head) == ("moved", False)


def test_a_layer_of_another_shape_is_new(repo: Path) -> None:
    track(repo, "models/wide.keras", keras_file(5, seed=1))
    mdrepo("new", "model", "wide", cwd=repo)
    lineage = {"base": {"document": DOCUMENT}, "relation": "fine-tuned"}
    mdrepo("set", "metadata/wide.json#/lineage", json.dumps(lineage), cwd=repo)
    mdrepo("patch", "--apply", "metadata/wide.json", cwd=repo)
    layers = {each["name"]: each for each in load(repo, "metadata/wide.json")["lineage"]["layers"]}
    assert layers["head"] == {"name": "head", "frozen": False, "change": "new"}
    assert layers["hidden"]["change"] == "moved"
    assert layers["hidden"]["distance"] > 0.5


def weights_of(**layers: Any) -> dict[str, LayerWeights]:
    """Layers with a weight each; by name, `__` for a slash."""
    import numpy as np

    return {name.replace("__", "/"): LayerWeights(None, {"0": np.asarray(value, "f4")}) for name, value in layers.items()}


@pytest.mark.parametrize(
    ("mine", "base", "partners"),
    [
        ({"a": [1.0]}, {"a": [2.0]}, {"a": "a"}),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, {}),
        ({"net__a": [1.0], "net__b": [1.0]}, {"a": [2.0], "b": [3.0]}, {"net/a": "a", "net/b": "b"}),
        ({"n__a": [1.0], "n__b__a": [1.0]}, {"a": [2.0], "b__a": [3.0]}, {"n/a": "a", "n/b/a": "b/a"}),
        ({"base__a": [1.0], "head": [1.0]}, {"a": [2.0], "old": [3.0]}, {"base/a": "a"}),
        ({"x__a": [1.0], "y__a": [2.0], "z": [7.0]}, {"a": [3.0], "c": [4.0]}, {}),
        ({"x__a": [1.0], "y__a": [2.0], "z": [7.0]}, {"a": [2.0], "c": [4.0]}, {"y/a": "a"}),
        ({"dense_4": [1.0, 5.0]}, {"dense_2": [1.0, 5.0], "b": [1.0]}, {"dense_4": "dense_2"}),
        ({"one": [0.0], "two": [0.0]}, {"three": [0.0]}, {}),
        ({"a": [1.0, 2.0], "base__a": [1.0]}, {"a": [3.0]}, {"base/a": "a"}),
    ],
)
def test_partners_are_found_where_there_is_one(mine: Any, base: Any, partners: dict[str, str]) -> None:
    assert lineage._partners(weights_of(**mine), weights_of(**base)) == partners


def test_the_base_is_read_as_it_was_at_its_commit(repo: Path) -> None:
    made(repo, keras_file(3, frozen=True))
    track(repo, "models/net.keras", keras_file(3, seed=9))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("patch", "--check", cwd=repo)
    assert load(repo, CHILD)["lineage"]["identical_layers"] == ["head", "hidden"]
    (repo / f"{CHILD}.lock").unlink()
    shutil.rmtree(repo / ".git/mdrepo/cache")
    mdrepo("patch", "--apply", CHILD, cwd=repo)
    assert load(repo, CHILD)["lineage"]["identical_layers"] == ["head", "hidden"], "from DVC's cache"


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ({"document": "metadata/nothing.json"}, "there is no /weights/artefact in"),
        ({"document": DOCUMENT, "commit": "0" * 40}, "there is no /weights/artefact in"),
        ({"document": DOCUMENT, "commit": "--help"}, "there is no /weights/artefact in"),
        ({"document": "metadata/net-test.json"}, "there is no /weights/artefact in"),
    ],
)
def test_a_base_that_is_not_there_is_reported(repo: Path, base: dict[str, str], words: str) -> None:
    edit(repo, lambda v: v.update(lineage={"base": base, "relation": "fine-tuned"}))
    assert words in mdrepo("patch", cwd=repo, code=1).out
    assert "layers" not in load(repo)["lineage"]


def test_a_base_whose_bytes_are_gone_is_reported(repo: Path) -> None:
    made(repo, keras_file(3))
    shutil.rmtree(repo / ".dvc/cache")
    shutil.rmtree(repo / ".git/mdrepo/cache")
    (repo / f"{CHILD}.lock").unlink()
    (repo / "models/net.keras").unlink()
    told = mdrepo("patch", CHILD, cwd=repo, code=1).out
    assert "models/net.keras, which it is compared with, is not here as it was" in told


def changed(repo: Path, **changes: Any) -> None:
    """A correction of the base's document, committed."""
    edit(repo, lambda v: v.update(changes))
    git("commit", "-qam", "Correct the base", cwd=repo)


def test_a_correction_of_the_base_comes_into_the_child(repo: Path) -> None:
    made(repo, keras_file(3))
    before = load(repo, CHILD)["lineage"]
    changed(repo, license="MIT", limitations=["grey images only"])
    edit(repo, lambda v: v.update(description="the child's own"), CHILD)
    told = mdrepo("merge-base", CHILD, cwd=repo)
    assert '+ /license: "MIT"' in told.out
    child = load(repo, CHILD)
    assert (child["license"], child["limitations"], child["description"]) == ("MIT", ["grey images only"], "the child's own")
    assert child["name"] == "child"
    assert child["weights"]["artefact"]["path"] == "models/child.keras"
    merged = {"merged": git("rev-parse", "HEAD", cwd=repo)}
    assert child["lineage"] == {**before, "base": {**before["base"], **merged}}, "its weights are still made of the old ones"
    mdrepo("patch", "--check", cwd=repo)
    mdrepo("validate", cwd=repo)
    assert "nothing new" in mdrepo("merge-base", CHILD, cwd=repo).err


def test_what_base_and_child_both_changed_is_settled_by_name(repo: Path) -> None:
    changed(repo, license="MIT", description="first")
    made(repo, keras_file(3))
    edit(repo, lambda v: v.update(license="BSD-3-Clause", description="first"), CHILD)
    git("commit", "-qam", "Own licence", cwd=repo)
    changed(repo, license="Apache-2.0", description="second")
    told = mdrepo("merge-base", CHILD, cwd=repo, code=1)
    assert 'conflict /license: it was "MIT"' in told.out
    assert load(repo, CHILD)["license"] == "BSD-3-Clause"
    assert load(repo, CHILD)["description"] == "second", "the rest is merged"
    assert "merged" not in load(repo, CHILD)["lineage"]["base"], "not done yet"
    both = ("--take", "/license", "--keep", "/license")
    assert "taken and kept at once" in mdrepo("merge-base", CHILD, *both, cwd=repo, code=2).err
    assert "there is no conflict at /nosuch" in mdrepo("merge-base", CHILD, "--take", "/nosuch", cwd=repo, code=1).err
    mdrepo("merge-base", CHILD, "--keep", "/license", cwd=repo)
    assert load(repo, CHILD)["license"] == "BSD-3-Clause"
    assert load(repo, CHILD)["lineage"]["base"]["merged"] == git("rev-parse", "HEAD", cwd=repo)
    changed(repo, license="ISC")
    mdrepo("merge-base", CHILD, "--take", "/license", cwd=repo)
    assert load(repo, CHILD)["license"] == "ISC"


def test_a_base_is_named_by_a_commit_and_not_by_what_moves(repo: Path) -> None:
    lineage = '{"base": {"document": "metadata/base.json", "commit": "HEAD"}}'
    assert "/lineage/base/commit" in mdrepo("set", f"{DOCUMENT}#/lineage", lineage, cwd=repo, code=1).out


@pytest.mark.parametrize(
    ("lineage", "arguments", "code", "words"),
    [
        (None, [], 1, "names no base"),
        ({"base": {"document": DOCUMENT}}, [], 1, "names no commit"),
        ({"base": {"document": DOCUMENT, "commit": "0" * 40}}, [], 3, "0" * 7),
        ({"base": {"document": "metadata/nothing.json", "commit": "HEAD"}}, [], 1, "no document metadata/nothing.json"),
        ({"base": {"document": DOCUMENT, "commit": "HEAD"}}, ["--from", "nowhere"], 3, "nowhere"),
        ({"base": {"document": DOCUMENT, "commit": "HEAD"}}, ["--take", "license"], 2, "does not begin with '/'"),
    ],
)
def test_what_cannot_be_merged_is_said(repo: Path, lineage: Any, arguments: list[str], code: int, words: str) -> None:
    edit(repo, lambda v: v.update(name="other", **({"lineage": lineage} if lineage else {})))
    before = (repo / DOCUMENT).read_bytes()
    assert words in mdrepo("merge-base", DOCUMENT, *arguments, cwd=repo, code=code).err
    assert (repo / DOCUMENT).read_bytes() == before
