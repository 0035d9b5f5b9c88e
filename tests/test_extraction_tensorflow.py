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
from mdrepo.extraction.lineage import EXTRACTOR as LINEAGE
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

L, Own = keras.layers, keras.saving.register_keras_serializable()

@Own
class Sub(keras.Model):
    def __init__(self, units=2, **rest):
        super().__init__(**rest)
        self.units, self.first, self.last = units, L.Dense(units, name="given"), L.Dense(2)
    def call(self, x):
        return self.last(self.first(x))
    def get_config(self):
        return {**super().get_config(), "units": self.units}

@Own
class Block(L.Layer):
    def __init__(self, **rest):
        super().__init__(**rest)
        self.inner, self.several = L.Dense(4), [L.Dense(4), L.Dense(4)]
    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), name="scale")
        for layer in (self.inner, *self.several):
            layer.build((None, 4))
    def call(self, x):
        x = self.inner(x) * self.scale
        for layer in self.several:
            x = layer(x)
        return x

class Plain(Block):  # not registered
    def get_config(self):
        return {"name": self.name}

def two(outputs, named):
    a, b, shared = keras.Input((5,), name="a"), keras.Input((4,), name="b"), L.Dense(3, name="shared")
    inputs = {"picture": a, "table": b} if named else [a, b]
    return keras.Model(inputs, outputs(shared(L.Dense(4)(a)), shared(b)))

def stack(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])

blocks = {f"{each.__name__.lower()}": stack(each(), L.Dense(2, name="o")) for each in (Block, Plain)}
for each in blocks.values():
    each.layers[0].inner.trainable = False
frozen = stack(Block(name="f"), L.Dense(2))
frozen.layers[0].trainable = False
whole = stack(L.Dense(3), L.Dense(2))
whole.trainable = False
whole.layers[0].trainable = True  # of no effect in a model that is frozen
subs = {"sub-2": Sub(2), "sub-5": Sub(5)}
for each in subs.values():
    each(np.zeros((1, 3)))
eight = stack(L.Dense(8), L.Dense(2))
eight.quantize("int8")
i = keras.Input((6, 4), name="i")
x = L.TimeDistributed(L.BatchNormalization())(L.Bidirectional(L.LSTM(3))(i)[:, None])
wrapped = keras.Model(i, L.Dense(2)(x))
nested = keras.Model(i, keras.Sequential([keras.Input((6, 4)), L.Dense(3)])(L.MultiHeadAttention(2, 4)(i, i)))
made = {
    **subs, **blocks, "frozen": frozen, "whole": whole, "eight": eight, "wrapped": wrapped, "nested": nested,
    "dict": two(lambda p, q: {"p": p, "q": q}, True), "list": two(lambda p, q: [p, q], False),
    "mixed": two(lambda p, q: {"r": [p, q]}, False),
}
told = {}
for name, each in made.items():
    each.save(f"{name}.keras")
    if name not in ("sub-2", "sub-5", "eight"):
        each.save(f"{name}.h5")
    told[name] = {"total": each.count_params(), "trainable": sum(int(np.prod(w.shape)) for w in each.trainable_weights)}
again = keras.models.load_model("sub-2.keras")
again.save("sub-2-again.keras")

module = Module()
tf.saved_model.save(module, "module", signatures=module.__call__)
with open("facts.json", "w") as file:
    json.dump({"new": facts(new), "old": facts(old), **told}, file)
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


UNKNOWN = {"sub-2", "sub-5", "block", "plain", "eight"}  # whose configuration does not say what training changes


@pytest.mark.parametrize("name", [*sorted(UNKNOWN), "frozen", "whole", "wrapped", "nested", "dict", "list"])
def test_all_weights_count_and_what_is_trained_is_right_or_left_out(made: Path, name: str) -> None:
    facts = json.loads((made / "facts.json").read_text())[name]
    expected = {"total": facts["total"]} if name in UNKNOWN else facts
    for file in (made / f"{name}.keras", made / f"{name}.h5"):
        if file.exists():
            values = derived(file)
            layers = values["structure"]["layers"]
            assert values["structure"]["parameters"] == expected
            assert sum(layer.get("parameters", 0) for layer in layers) == facts["total"]
            assert len({layer["name"] for layer in layers}) == len(layers)


def test_a_subclassed_model_has_the_layers_of_its_weights(made: Path) -> None:
    values = {name: derived(made / f"{name}.keras") for name in ("sub-2", "sub-5", "sub-2-again")}
    layers = [(each["name"], each["shapes"]) for each in values["sub-5"]["structure"]["layers"]]
    assert layers == [("first", [[3, 5], [5]]), ("last", [[5, 2], [2]])]
    assert "inputs" not in values["sub-5"]["structure"]
    assert values["sub-5"]["digest"] != values["sub-2"]["digest"]
    assert values["sub-2-again"] == values["sub-2"]


ENDS = {
    "dict": ([("picture", [None, 5]), ("table", [None, 4])], [("p", [None, 3]), ("q", [None, 3])]),
    "list": ([("a", [None, 5]), ("b", [None, 4])], [("shared", [None, 3]), ("shared_1", [None, 3])]),
    "mixed": ([("a", [None, 5]), ("b", [None, 4])], [("r", [None, 3]), ("r_1", [None, 3])]),
}


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", ENDS)
def test_inputs_and_outputs_have_their_names_in_order(made: Path, name: str, form: str) -> None:
    structure = derived(made / f"{name}.{form}")["structure"]
    assert tuple([(each["name"], each["shape"]) for each in structure[key]] for key in ("inputs", "outputs")) == ENDS[name]


def test_a_model_at_the_end_of_another(made: Path) -> None:
    for form in ("keras", "h5"):
        [end] = derived(made / f"nested.{form}")["structure"]["outputs"]
        assert end["shape"][-1] == 3


@pytest.mark.parametrize("base", ["a.keras", "a.h5", "a-exported", "a-saved"])
@pytest.mark.parametrize("child", ["a.keras", "a.h5", "a-exported", "a-saved"])
def test_the_lineage_knows_the_base_s_layers_in_every_format(made: Path, child: str, base: str) -> None:
    values = LINEAGE.derive(made / child, {"/lineage/base#/weights/artefact": made / base})
    assert [each["change"] for each in values["layers"]] == ["identical"] * 3
    assert "removed_layers" not in values


def test_a_model_that_has_the_base_inside_and_other_weights(made: Path) -> None:
    values = LINEAGE.derive(made / "a-two.h5", {"/lineage/base#/weights/artefact": made / "a.keras"})
    changes = {each["name"].rpartition("/")[2]: (each["change"], "distance" in each) for each in values["layers"]}
    assert changes == {"d": ("moved", True), "bn": ("moved", False), "head": ("moved", True)}


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
