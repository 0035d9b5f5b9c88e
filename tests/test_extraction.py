"""Extractors: what they read, that they are the same every time, and hostile files."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import keras_file, npz

from mdrepo.extraction import ExtractionError, extractor_for, extractors
from mdrepo.extraction import npz as npz_module
from mdrepo.extraction.keras import EXTRACTOR as KERAS
from mdrepo.extraction.npz import EXTRACTOR as NPZ


def test_extractors_are_found_by_their_entry_points() -> None:
    assert {each.name for each in extractors()} >= {"keras", "npz", "csv", "labels"}
    assert extractor_for("model", "a/b.keras") is KERAS
    assert extractor_for("data", "a/b.keras") is None


def test_keras_structure_parameters_and_digests(tmp_path: Path) -> None:
    (tmp_path / "a.keras").write_bytes(keras_file(5, frozen=True))
    values = KERAS.derive(tmp_path / "a.keras", {})
    structure = values["structure"]
    assert structure["outputs"] == [{"name": "head", "shape": [None, 5]}]
    assert structure["inputs"] == [{"name": "input", "shape": [None, 4]}]
    assert structure["parameters"] == {"total": 35, "trainable": 20}
    assert [layer.get("parameters") for layer in structure["layers"]] == [None, 15, 20]
    assert structure["layers"][1]["dtypes"] == ["float32", "float32"]
    (tmp_path / "b.keras").write_bytes(keras_file(5, frozen=True, saved="another day"))
    assert KERAS.derive(tmp_path / "b.keras", {}) == values
    (tmp_path / "c.keras").write_bytes(keras_file(5, seed=1))
    assert KERAS.derive(tmp_path / "c.keras", {})["digest"] != values["digest"]


def test_keras_counts_what_keras_counts(demo_run: tuple[Path, Any]) -> None:
    """The demo's model, by the arithmetic of its layers: 3x3x1x16+16, 3x3x16x32+32, 512x24+24, 24x10+10."""
    values = KERAS.derive(demo_run[0] / "models/digits.keras", {})
    assert values["structure"]["parameters"] == {"total": 160 + 4640 + 12312 + 250, "trainable": 12312 + 250}


def spoiled(change: Any) -> bytes:
    with zipfile.ZipFile(io.BytesIO(keras_file(3))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        change(weights, members)
    members["model.weights.h5"] = file.getvalue() if "model.weights.h5" in members else b""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def external(weights: Any, _: Any) -> None:
    del weights["layers/dense/vars/0"]
    weights["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_above(weights: Any, _: Any) -> None:
    del weights["layers"]
    weights["layers"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(weights: Any, _: Any) -> None:
    weights["layers/dense/vars/2"] = h5py.SoftLink("/layers")


def elsewhere(weights: Any, _: Any) -> None:
    del weights["layers/dense/vars/0"]
    weights.create_dataset("layers/dense/vars/0", (4, 3), "f4", external=[("/etc/passwd", 0, 48)])


def huge(weights: Any, _: Any) -> None:
    del weights["layers/dense/vars/0"]
    weights.create_dataset("layers/dense/vars/0", (10**9, 10**3), "f4", chunks=(1024, 10))


def no_config(_: Any, members: Any) -> None:
    del members["config.json"]


def config_is_a_list(_: Any, members: Any) -> None:
    members["config.json"] = b"[]"


def config_of_another_kind(_: Any, members: Any) -> None:
    members["config.json"] = json.dumps({"config": {"layers": [{"class_name": 3}]}}).encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external, "has a link at|have a link at"),
        (external_above, "have a link at /layers"),
        (soft, "have a link at"),
        (elsewhere, "lie in another file"),
        (huge, "far more bytes than the file has"),
        (no_config, "not a .keras file, or a broken one"),
        (config_is_a_list, "is not an object"),
        (config_of_another_kind, "not a .keras file, or a broken one"),
    ],
)
def test_hostile_and_broken_models_are_refused_by_name(tmp_path: Path, change: Any, words: str) -> None:
    file = tmp_path / "x.keras"
    file.write_bytes(spoiled(change))
    with pytest.raises(ExtractionError, match=words):
        KERAS.derive(file, {})


def config(value: Any) -> Any:
    return lambda _, members: members.update({"config.json": value if isinstance(value, bytes) else json.dumps(value).encode()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_config, "it lacks 'config.json'"),
        (config({}), "it lacks config"),
        (config({"config": None}), "something in it is not what the format asks for"),
        (config({"config": {"layers": [3]}}), "something in it is not what the format asks for"),
        (config(b'{"config":'), "its JSON is broken at line 1, column 11"),
        (config(b'{"config": ' + b"[" * 100_000), "it is nested too deeply"),
        (config(b'{"config": "\xff"}'), "it has a text that is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_without_the_words_of_python(tmp_path: Path, change: Any, words: str) -> None:
    (tmp_path / "x.keras").write_bytes(spoiled(change))
    with pytest.raises(ExtractionError) as raised:
        KERAS.derive(tmp_path / "x.keras", {})
    assert raised.value.reason == f"not a .keras file, or a broken one ({words})"


@pytest.mark.parametrize("length", [0, 10, 500, 2000])
def test_truncated_models_are_refused(tmp_path: Path, length: int) -> None:
    file = tmp_path / "x.keras"
    file.write_bytes(keras_file(3)[:length])
    with pytest.raises(ExtractionError):
        KERAS.derive(file, {})


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.keras"
    with zipfile.ZipFile(io.BytesIO(keras_file(3))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("config.json", "metadata.json"):
            archive.writestr(name, members[name])
        archive.writestr("model.weights.h5", bytes(100 << 20))
    with pytest.raises(ExtractionError, match="unpack to far more"):
        KERAS.derive(file, {})


def test_arrays(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    file.write_bytes(npz(x=np.zeros((4, 2)), y=["b", "a", "b", "b"], nan=[float("nan")] * 4))
    values = NPZ.derive(file, {"/target": "y"})
    assert values["classes"] == [{"value": "a", "name": "a", "count": 1}, {"value": "b", "name": "b", "count": 3}]
    assert values["examples"] == 4
    assert values["arrays"][2] == {"name": "nan", "shape": [4], "dtype": "float64", "not_finite": 4}
    json.dumps(values, allow_nan=False)


def test_a_pickle_in_an_npz_is_not_executed(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "executed",)

    file = tmp_path / "x.npz"
    file.write_bytes(npz(good=[1], bad=np.array([Hostile()], object)))
    with pytest.raises(ExtractionError, match=r"the array 'bad\.npy' is pickled"):
        NPZ.derive(file, {"/target": "bad"})
    assert not (tmp_path / "executed").exists()
    np.load(file, allow_pickle=True)["bad"]  # it would have been
    assert (tmp_path / "executed").exists()


def test_an_array_that_unpacks_to_far_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.npz"
    np.savez_compressed(file, x=np.zeros(1 << 20))
    assert NPZ.derive(file, {})["arrays"][0]["maximum"] == 0
    monkeypatch.setattr(npz_module, "_UNASKED", 1 << 20)
    with pytest.raises(ExtractionError, match="unpacks to far more bytes"):
        NPZ.derive(file, {})


def test_an_array_that_declares_more_than_there_is(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(ExtractionError, match="declares more bytes than the file has"):
        NPZ.derive(file, {})


def test_what_is_not_finite_in_arrays_is_counted_and_left_out(tmp_path: Path) -> None:
    import numpy as np

    from mdrepo.extraction.npz import EXTRACTOR

    np.savez(tmp_path / "x.npz", x=np.array([1.0, np.inf, np.nan, 3.0]), y=np.array([np.nan]))
    x, y = EXTRACTOR.derive(tmp_path / "x.npz", {})["arrays"]
    assert (x["not_finite"], x["minimum"], x["maximum"], x["mean"]) == (2, 1.0, 3.0, 2.0)
    assert (y["not_finite"], "minimum" in y) == (1, False)


def _header(text: str) -> bytes:
    data = text.encode().ljust(118)
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "is no zip archive, as an .npz file is"),
        ({"a.txt": b"hi"}, "'a.txt' in it is no array of numpy's, or a broken one"),
        ({"a.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': import }"}, "'a.npy' in it"),
        ({"a.npy": _header("{'descr': 'foo', 'fortran_order': False, 'shape': (3,), }")}, "'a.npy' in it"),
        ({"a.npy": _header("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }")}, "'a.npy' in it"),
        ({"a.npy": _header("{'descr': (1, 2), 'fortran_order': False, 'shape': (3,), }")}, "'a.npy' in it"),
    ],
)
def test_broken_arrays_are_told_in_our_words(tmp_path: Path, data: Any, words: str) -> None:
    from mdrepo.extraction.worker import answer

    file = tmp_path / "x.npz"
    if isinstance(data, bytes):
        file.write_bytes(data)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in data.items():
                archive.writestr(name, content)
    asked = {"extractor": "npz", "kind": "data", "module": "mdrepo.extraction.npz", "path": str(file)}
    found = answer({**asked, "options": {}, "files": {}, "memory": 16})
    assert words in found["reason"]
    assert "Error" not in found["reason"]


def test_long_doubles_have_a_range(tmp_path: Path) -> None:
    import numpy as np

    from mdrepo.extraction.npz import EXTRACTOR

    np.savez(tmp_path / "x.npz", x=np.array([1, 2.5], np.longdouble))
    [x] = EXTRACTOR.derive(tmp_path / "x.npz", {})["arrays"]
    assert json.dumps([x["minimum"], x["maximum"], x["mean"]]) == "[1.0, 2.5, 1.75]"
