"""What Keras 3, Keras 2 and TensorFlow themselves write, against what they say of it; made once, in one process."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import dvc, git, load, mdrepo

from mdrepo.extraction import ExtractionError, Layered, reader_of
from mdrepo.extraction.savedmodel import EXTRACTOR as SAVEDMODEL

MAKE = r"""
import hashlib, json, sys
import keras, numpy as np, tensorflow as tf, tf_keras

def model(k):
    base = k.Sequential([k.Input((8,)), k.layers.Dense(4, name="d"), k.layers.BatchNormalization(name="bn")], name="base")
    base.get_layer("d").trainable = False
    x = k.Input((8,), name="x")
    made = k.Model(x, k.layers.Dense(3, name="head")(k.layers.Dropout(0.2)(base(x))), name="net")
    made.compile("adam", "mse")
    made.fit(np.ones((4, 8)), np.ones((4, 3)), verbose=0)
    return made

def facts(made):
    layers = {layer.name: layer for layer in [*made.get_layer("base").layers, *made.layers] if layer.name in ("d", "bn", "head")}
    hashes = {name: sorted(hashlib.sha256(w.tobytes()).hexdigest() for w in layer.get_weights()) for name, layer in layers.items()}
    trainable = sum(int(np.prod(w.shape)) for w in made.trainable_weights)
    return {"total": made.count_params(), "trainable": trainable, "hashes": hashes}

new, old = model(keras), model(tf_keras)
for name in ("a", "b"):
    new.save(f"{name}.keras")
    new.save(f"{name}.h5")
    new.save_weights(f"{name}.weights.h5")
    new.export(f"{name}-exported", verbose=False)
    tf.saved_model.save(new, f"{name}-saved")
    old.save(f"{name}-two.h5")
    old.save(f"{name}-two")

class Module(tf.Module):
    def __init__(self):
        self.kernel = tf.Variable(tf.ones((8, 3)), name="kernel")
        self.fixed = tf.Variable(tf.ones(3), trainable=False)
        self.several = [tf.Variable(1.0), tf.Variable(2.0)]
        self.words = tf.Variable("text")

    @tf.function(input_signature=[tf.TensorSpec((None, 8), name="q")])
    def __call__(self, q):
        return {"scores": q @ self.kernel + self.fixed}

module = Module()
tf.saved_model.save(module, "module", signatures=module.__call__)
with open("facts.json", "w") as file:
    json.dump({"new": facts(new), "old": facts(old)}, file)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    done = subprocess.run([sys.executable, "-c", MAKE], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def derived(path: Path) -> Any:
    reader = reader_of("model", path)
    assert reader is not None
    return reader.derive(path, {})


FORMATS = {
    "a.keras": ("new", True),
    "a.h5": ("new", True),
    "a-exported": ("new", True),
    "a-saved": ("new", False),  # Keras' objects do not say there which layers are frozen
    "a-two.h5": ("old", True),
    "a-two": ("old", True),
}


@pytest.mark.parametrize("name", FORMATS)
def test_layers_and_counts_are_those_that_the_framework_says(made: Path, name: str) -> None:
    which, says = FORMATS[name]
    facts = json.loads((made / "facts.json").read_text())[which]
    structure = derived(made / name)["structure"]
    assert structure["parameters"] == {"total": facts["total"], **({"trainable": facts["trainable"]} if says else {})}
    frozen = {layer["name"].rpartition("/")[2]: not layer["trainable"] for layer in structure["layers"] if "trainable" in layer}
    assert frozen == ({"d": True, "bn": False, "head": False} if says else {})
    [end], [out] = structure["inputs"], structure["outputs"]
    assert (end["shape"], end["dtype"]) == ([None, 8], "float32")
    assert (out["shape"], out["dtype"]) == ([None, 3], "float32")
    assert structure["framework_version"]
    reader = reader_of("model", made / name)
    assert isinstance(reader, Layered)
    with reader.layers(made / name) as layers:
        found = {
            full.rpartition("/")[2]: sorted(hashlib.sha256(tensor[()].tobytes()).hexdigest() for tensor in layer.tensors.values())
            for full, layer in layers.items()
        }
    assert found == facts["hashes"]


@pytest.mark.parametrize("name", [*FORMATS, "a.weights.h5"])
def test_saving_again_changes_nothing(made: Path, name: str) -> None:
    assert derived(made / name) == derived(made / f"b{name[1:]}")


def test_what_keras_2_says_of_its_layers(made: Path) -> None:
    classes = {layer["name"]: layer["class_name"] for layer in derived(made / "a-two")["structure"]["layers"]}
    assert classes == {"d": "Dense", "bn": "BatchNormalization", "head": "Dense"}


def test_a_module_without_keras(made: Path) -> None:
    structure = derived(made / "module")["structure"]
    assert structure["inputs"] == [{"name": "q", "shape": [None, 8], "dtype": "float32"}]
    assert structure["outputs"] == [{"name": "scores", "shape": [None, 3], "dtype": "float32"}]
    assert structure["parameters"] == {"total": 29, "trainable": 26}
    names = {(layer["name"], *layer["tensors"]) for layer in structure["layers"]}
    assert names == {("kernel", "kernel"), ("fixed", "fixed"), ("several", "0", "1")}


def test_a_document_of_a_saved_model(made: Path, repo: Path) -> None:
    shutil.copytree(made / "a-two", repo / "models/two")
    dvc("add", "models/two", cwd=repo)
    mdrepo("new", "model", "two", cwd=repo)
    document = load(repo, "metadata/two.json")
    assert document["weights"]["artefact"]["md5"].endswith(".dir")
    assert document["structure"]["format"] == "savedmodel"
    assert [each["name"] for each in document["labels"]] == ["class-0", "class-1", "class-2"]
    mdrepo("validate", "metadata/two.json", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Two", cwd=repo)
    (repo / "models/two/variables/variables.index").unlink()
    assert mdrepo("status", "--json", cwd=repo).json["unrecorded"] == ["models/two"]
    dvc("add", "models/two", cwd=repo)
    assert "models/two has changed since the last patch" in mdrepo("status", cwd=repo).out


def cut(name: str, length: float) -> Any:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * length)])

    return change


def gone(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def noise(name: str, at: int) -> Any:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at:] = b"\xff" * (len(data) - at)
        (folder / name).write_bytes(data)

    return change


DATA = "variables/variables.data-00000-of-00001"


@pytest.mark.parametrize(
    "change",
    [
        *(cut("saved_model.pb", length) for length in (0, 0.3, 0.999)),
        *(cut("variables/variables.index", length) for length in (0, 0.5, 0.95)),
        *(cut(DATA, length) for length in (0, 0.5)),
        *(cut("keras_metadata.pb", length) for length in (0.5, 0.99)),
        gone("saved_model.pb"),
        gone(DATA),
        noise("saved_model.pb", 40),
        noise("variables/variables.index", 0),
    ],
)
def test_broken_saved_models_are_named(made: Path, tmp_path: Path, change: Any) -> None:
    shutil.copytree(made / "a-two", tmp_path / "broken")
    change(tmp_path / "broken")
    with pytest.raises(ExtractionError, match="broken: not a SavedModel"):
        derived(tmp_path / "broken")


def test_other_weights_have_another_digest(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "a-two", tmp_path / "other")
    noise(DATA, 0)(tmp_path / "other")
    with pytest.raises(ExtractionError):  # the graph of objects is in there too
        derived(tmp_path / "other")
    data = bytearray((made / "a-two" / DATA).read_bytes())
    data[0] ^= 1
    (tmp_path / "other" / DATA).write_bytes(data)
    assert derived(tmp_path / "other")["digest"] != derived(made / "a-two")["digest"]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match=r"the folder has no saved_model\.pb"):
        SAVEDMODEL.derive(tmp_path, {})
