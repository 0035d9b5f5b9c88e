"""A policy applied to training data by real Keras layers: reproducible, recorded, and told in the data set's own document."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DOCUMENT, edit, git, load, mdrepo, npz, state, track

MADE = "metadata/train-augmented.json"
DATA = "data/train-augmented.npz"
POLICY = {
    "seed": 7,
    "copies": 2,
    "layers": [{"layer": "RandomTranslation", "parameters": {"height_factor": 0.2, "width_factor": 0.2}}, {"layer": "RandomFlip"}],
}


BOTH = {"dataset": "metadata/train.json", "augmentation": POLICY}
WRONG = {"seed": 1, "layers": [{"layer": "RandomFlip", "parameters": {"x": 1}}]}


@pytest.fixture
def pictures(repo: Path) -> Path:
    """A model with training data of twelve small pictures, and a policy; committed."""
    images = np.random.default_rng(1).integers(0, 17, (12, 8, 8)).astype("uint8")
    track(repo, "data/train.npz", npz(x=images, y=np.array([0, 1, 2] * 4, "uint8")))
    mdrepo("new", "dataset", "train", cwd=repo)
    edit(repo, lambda v: v.update(training={"dataset": "metadata/train.json", "augmentation": POLICY}))
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Training data", cwd=repo)
    return repo


def arrays(repo: Path) -> Any:
    return np.load(io.BytesIO((repo / DATA).read_bytes()))


def test_a_policy_makes_a_data_set_of_its_own(pictures: Path) -> None:
    told = mdrepo("augment", DOCUMENT, cwd=pictures)
    assert f"made {MADE} of metadata/train.json: 36 examples in {DATA}" in told.out
    old = np.load(io.BytesIO((pictures / "data/train.npz").read_bytes()))
    found = arrays(pictures)
    assert (found["x"].shape, found["x"].dtype) == ((36, 8, 8), np.uint8)
    assert (found["x"][:12] == old["x"]).all()
    assert not (found["x"][12:24] == old["x"]).all()
    assert not (found["x"][12:24] == found["x"][24:]).all(), "each copy is another one"
    assert found["y"].tolist() == [0, 1, 2] * 12
    document = load(pictures, MADE)
    head, md5 = git("rev-parse", "HEAD", cwd=pictures), hashlib.md5((pictures / "data/train.npz").read_bytes()).hexdigest()
    assert document["lineage"] == {"base": {"document": "metadata/train.json", "commit": head, "md5": md5}, "augmentation": POLICY}
    assert (document["inputs"], document["target"], document["examples"]) == (["x"], "y", 36)
    mdrepo("validate", cwd=pictures)
    mdrepo("patch", "--check", MADE, cwd=pictures)
    assert "modified" not in mdrepo("status", cwd=pictures).out
    # again, the same bytes
    before = hashlib.sha256((pictures / DATA).read_bytes()).hexdigest()
    for file in (DATA, f"{DATA}.dvc", MADE, f"{MADE}.lock"):
        (pictures / file).unlink()
    mdrepo("augment", DOCUMENT, cwd=pictures)
    assert hashlib.sha256((pictures / DATA).read_bytes()).hexdigest() == before
    # another seed, other pictures, and the document follows
    mdrepo("set", f"{DOCUMENT}#/training/augmentation/seed", "8", cwd=pictures)
    mdrepo("augment", DOCUMENT, "--json", cwd=pictures)
    assert hashlib.sha256((pictures / DATA).read_bytes()).hexdigest() != before
    assert load(pictures, MADE)["lineage"]["augmentation"]["seed"] == 8
    mdrepo("validate", cwd=pictures)


def test_a_file_that_dvc_does_not_have_is_not_overwritten(pictures: Path) -> None:
    (pictures / DATA).write_bytes(b"somebody's own")
    before = state(pictures)
    assert f"{DATA} is there already, and DVC does not have it" in mdrepo("augment", DOCUMENT, cwd=pictures, code=1).err
    assert state(pictures) == before


@pytest.mark.parametrize(
    ("training", "arguments", "code", "words"),
    [
        ({"dataset": "metadata/train.json"}, [], 1, "has no policy"),
        ({"augmentation": POLICY}, [], 1, "names no training data"),
        (
            {"dataset": "metadata/train.json", "augmentation": POLICY},
            ["--dataset", "metadata/none.json"],
            1,
            "there is no document",
        ),
        (BOTH, ["--name", "net-test"], 1, "was made of something else"),
        ({"dataset": "metadata/train.json", "augmentation": {**POLICY, "layers": [{"layer": "Lambda"}]}}, [], 1, "Lambda"),
        (
            {
                "dataset": "metadata/train.json",
                "augmentation": {"seed": 1, "layers": [{"layer": "RandomFlip", "parameters": {"x": 1}}]},
            },
            [],
            3,
            "RandomFlip does not take these parameters",
        ),
        ({"dataset": "metadata/net-test.json", "augmentation": POLICY}, [], 3, "a policy's layers take pictures"),
    ],
)
def test_what_cannot_be_augmented_changes_nothing(
    pictures: Path, training: Any, arguments: list[str], code: int, words: str
) -> None:
    content = load(pictures)
    content["training"] = training
    (pictures / DOCUMENT).write_text(json.dumps(content, indent=2) + "\n")
    before = state(pictures)
    assert words in mdrepo("augment", DOCUMENT, *arguments, cwd=pictures, code=code).err
    assert state(pictures) == before
