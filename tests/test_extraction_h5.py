"""HDF5 files of Keras, made by hand as its legacy_h5_format and saving_lib make them; those by Keras itself are read elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction.h5 import EXTRACTOR as H5


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"name": name, "units": units, "dtype": "float32", **config}}


INNER = {"class_name": "Sequential", "config": {"name": "base", "layers": [dense("hidden", 3, trainable=False)]}}
CONFIG = {
    "class_name": "Sequential",
    "config": {"name": "net", "layers": [dense("first", 5, batch_input_shape=[None, 4]), INNER, dense("head", 2)]},
}
WEIGHTS = {"first": ["first/kernel:0", "first/bias:0"], "base": ["hidden/kernel:0", "hidden/bias:0"], "head": ["net/head/kernel"]}


def legacy(path: Path, config: Any = CONFIG, *, version: Any = b"2.15.0", split: bool = False, seed: int = 0) -> Path:
    """A file in the legacy format; `split` cuts the list of names as Keras does where it is long."""
    random = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        root = file if config is None else file.create_group("model_weights")
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = version
        names = [name.encode() for name in WEIGHTS]
        for key, part in {"layer_names0": names[:1], "layer_names1": names[1:]}.items() if split else [("layer_names", names)]:
            root.attrs[key] = part
        for name, weights in WEIGHTS.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [each.encode() for each in weights]
            for each in weights:
                group[each] = random.normal(size=(4, 3) if "kernel" in each else (3,)).astype("float32")
    return path


def test_a_whole_model(tmp_path: Path) -> None:
    values = H5.derive(legacy(tmp_path / "a.h5"), {})
    structure = values["structure"]
    assert (structure["framework"], structure["framework_version"], structure["format"]) == ("keras", "2.15.0", "h5")
    assert structure["inputs"] == [{"name": "first", "shape": [None, 4], "dtype": "float32"}]
    assert structure["outputs"] == [{"name": "head", "shape": [None, 2], "dtype": "float32"}]
    assert structure["parameters"] == {"total": 42, "trainable": 27}
    first, hidden, head = structure["layers"]
    assert first["tensors"] == ["kernel", "bias"]
    assert (first["shapes"], first["dtypes"]) == ([[4, 3], [3]], ["float32", "float32"])
    assert (hidden["name"], hidden["trainable"]) == ("base/hidden", False)
    assert (head["name"], head["tensors"], head["parameters"]) == ("head", ["kernel"], 12)
    assert H5.outputs(tmp_path / "a.h5") == structure["outputs"]


def test_the_same_weights_give_the_same_values_and_others_do_not(tmp_path: Path) -> None:
    values = H5.derive(legacy(tmp_path / "a.h5"), {})
    assert H5.derive(legacy(tmp_path / "b.h5", split=True, version="2.15.0"), {}) == values
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["model_weights/head/net/head/kernel"][0, 0] += 1
    changed = H5.derive(tmp_path / "a.h5", {})
    different = [a["name"] for a, b in zip(changed["structure"]["layers"], values["structure"]["layers"], strict=True) if a != b]
    assert different == ["head"]
    assert changed["digest"] != values["digest"]


def test_weights_alone(tmp_path: Path) -> None:
    structure = H5.derive(legacy(tmp_path / "a.h5", None), {})["structure"]
    assert [layer["name"] for layer in structure["layers"]] == ["first", "base", "head"]
    assert structure["parameters"] == {"total": 42}
    assert "outputs" not in structure


def test_weights_alone_of_keras_3(tmp_path: Path) -> None:
    kernel = np.arange(6, dtype="float32").reshape(2, 3)
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["layers/sequential/layers/dense/vars/0"] = kernel
        file["layers/dropout/vars/seed_generator"] = np.zeros(2, "uint32")
        file["optimizer/vars/0"] = 3
    assert extractor_for("model", "a.weights.h5") is H5
    [layer] = H5.derive(tmp_path / "a.weights.h5", {})["structure"]["layers"]
    assert (layer["name"], layer["shapes"]) == ("sequential/dense", [[2, 3]])
    line = f"vars/0\0float32\0(2, 3)\0{hashlib.sha256(kernel.tobytes()).hexdigest()}\n"
    assert layer["digest"] == f"sha256:{hashlib.sha256(line.encode()).hexdigest()}"


def external(file: Any) -> None:
    del file["model_weights"]
    file["model_weights"] = h5py.ExternalLink("/etc/passwd", "/x")


def deep_link(file: Any) -> None:
    del file["model_weights/head/net"]
    file["model_weights/head/net"] = h5py.SoftLink("/model_weights/first")


def elsewhere(file: Any) -> None:
    del file["model_weights/first/first/kernel:0"]
    file.create_dataset("model_weights/first/first/kernel:0", (4, 3), "f4", external=[("/etc/passwd", 0, 48)])


def billions(file: Any) -> None:
    del file["model_weights/first/first/kernel:0"]
    file.create_dataset("model_weights/first/first/kernel:0", (10**9,), "f4", chunks=(1024,), compression="gzip")


def objects(file: Any) -> None:
    del file["model_weights/first/first/kernel:0"]
    file["model_weights/first/first/kernel:0"] = ["text"]


def circle(file: Any) -> None:
    file["model_weights/first/first/again"] = file["model_weights/first"]


def no_json(file: Any) -> None:
    file.attrs["model_config"] = "{"


def deep_json(file: Any) -> None:
    file.attrs["model_config"] = "[" * 20_000


def another_shape_of_json(file: Any) -> None:
    file.attrs["model_config"] = json.dumps({"config": {"layers": [{"class_name": "Dense", "config": 3}]}})


def missing_weight(file: Any) -> None:
    del file["model_weights/first/first/kernel:0"]


def nothing(file: Any) -> None:
    del file.attrs["model_config"]
    del file["model_weights"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external, "have a link at /model_weights"),
        (deep_link, "have a link at /model_weights/head/net"),
        (elsewhere, "lie in another file"),
        (billions, "declare far more bytes than the file has"),
        (objects, "are no numbers"),
        (circle, "of its weights is there more than once"),
        (no_json, "not an HDF5 file of Keras, or a broken one"),
        (deep_json, "not an HDF5 file of Keras, or a broken one"),
        (another_shape_of_json, "not an HDF5 file of Keras, or a broken one"),
        (missing_weight, "lacks the weights first/kernel:0 that it names"),
        (nothing, "has no layers with weights"),
    ],
)
def test_hostile_and_broken_files_are_refused_by_name(tmp_path: Path, change: Any, words: str) -> None:
    with h5py.File(legacy(tmp_path / "x.h5"), "r+") as file:
        change(file)
    with pytest.raises(ExtractionError, match=f"x.h5: .*{words}"):
        H5.derive(tmp_path / "x.h5", {})


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    whole = legacy(tmp_path / "x.h5").read_bytes()
    for length in (0, 8, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "x.h5").write_bytes(whole[:length])
        with pytest.raises(ExtractionError, match="or a broken one"):
            H5.derive(tmp_path / "x.h5", {})
