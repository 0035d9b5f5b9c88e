"""safetensors files: those that the library writes, and those that it would refuse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction.safetensors import EXTRACTOR as SAFETENSORS

WEIGHTS = {
    "encoder.layers.10.weight": np.arange(6, dtype="float32").reshape(2, 3),
    "encoder.layers.9.weight": np.arange(4, dtype="float16"),
    "encoder.layers.9.bias": np.arange(4, dtype="int64"),
    "head": np.ones((3, 1, 2), dtype="bool"),
    "empty.weight": np.zeros((0, 3), dtype="float64"),
}


def saved(path: Path, weights: dict[str, Any] | None = None, **metadata: str) -> Path:
    save_file(WEIGHTS if weights is None else weights, path, metadata or None)
    return path


def raw(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_what_the_library_writes(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", format="pt")
    assert extractor_for("model", path.name) is SAFETENSORS
    values = SAFETENSORS.derive(path, {})
    structure = values["structure"]
    assert (structure["framework"], structure["format"]) == ("pytorch", "safetensors")
    assert [layer["name"] for layer in structure["layers"]] == ["empty", "encoder.layers.9", "encoder.layers.10", "head"]
    nine = structure["layers"][1]
    assert (nine["tensors"], nine["shapes"], nine["dtypes"]) == (["bias", "weight"], [[4], [4]], ["int64", "float16"])
    assert structure["parameters"] == {"total": 20}
    assert not {"inputs", "outputs", "framework_version"} & set(structure)
    assert "trainable" not in nine
    with safe_open(path, "numpy") as file, SAFETENSORS.layers(path) as layers:
        for name in file.keys():  # noqa: SIM118 - the library's file is no mapping
            layer = layers.get(name.rpartition(".")[0]) or layers[name]
            mine = layer.tensors[name.rpartition(".")[2]][()]
            theirs = file.get_tensor(name)
            assert (mine.dtype, mine.shape, mine.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


def test_digests_are_of_names_types_shapes_and_bytes(tmp_path: Path) -> None:
    first = SAFETENSORS.derive(saved(tmp_path / "a.safetensors"), {})
    turned = dict(reversed(WEIGHTS.items()))
    again = SAFETENSORS.derive(saved(tmp_path / "b.safetensors", turned, note="saved on another day"), {})
    assert again == first
    data = WEIGHTS["encoder.layers.10.weight"]
    line = f"weight\0float32\0(2, 3)\0{hashlib.sha256(data.tobytes()).hexdigest()}\n"
    assert first["structure"]["layers"][2]["digest"] == f"sha256:{hashlib.sha256(line.encode()).hexdigest()}"
    for other in (data.T.copy(), data + 1, data.astype("int32")):
        changed = SAFETENSORS.derive(saved(tmp_path / "c.safetensors", {**WEIGHTS, "encoder.layers.10.weight": other}), {})
        assert changed["digest"] != first["digest"]


def test_numbers_that_numpy_does_not_know(tmp_path: Path) -> None:
    header = {
        "a.x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        "b.x": {"dtype": "F8_E4M3", "shape": [3], "data_offsets": [4, 7]},
        "c.x": {"dtype": "F4", "shape": [2], "data_offsets": [7, 8]},
    }
    path = raw(tmp_path / "a.safetensors", header, b"\x80\x3f\x00\xc0\x01\x02\x03\x04")
    with safe_open(path, "numpy") as file:  # the library takes the file too
        assert sorted(file.keys()) == ["a.x", "b.x", "c.x"]
    layers = SAFETENSORS.derive(path, {})["structure"]["layers"]
    assert [layer["dtypes"] for layer in layers] == [["bfloat16"], ["float8_e4m3fn"], ["float4_e2m1"]]
    with SAFETENSORS.layers(path) as found:
        assert found["a"].tensors["x"][()].tolist() == [1.0, -2.0]
    with (
        pytest.raises(ExtractionError, match="numbers of the type float4_e2m1 cannot be compared"),
        SAFETENSORS.layers(path) as found,
    ):
        found["c"].tensors["x"][()]


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "content",
    [
        {"x": {**GOOD, "shape": [10**9, 10**9]}},
        {"x": {**GOOD, "shape": [3]}},
        {"x": {**GOOD, "shape": [-2]}},
        {"x": {**GOOD, "shape": [2.0]}},
        {"x": {**GOOD, "shape": [True, 2]}},
        {"x": {**GOOD, "data_offsets": [0, 10**15]}},
        {"x": {**GOOD, "data_offsets": [8, 16]}},
        {"x": {**GOOD, "dtype": "F33"}},
        {"x": GOOD, "y": GOOD},
        {"x": {**GOOD, "shape": [1], "data_offsets": [0, 4]}},
        {"x": 3},
        {"x": {"dtype": "F32"}},
        [],
        b"{",
        b"[" * 100_000,
        b'{"\\ud800": %s}' % json.dumps(GOOD).encode(),
    ],
)
def test_what_the_library_refuses_too(tmp_path: Path, content: Any) -> None:
    path = raw(tmp_path / "x.safetensors", content, bytes(8))
    with pytest.raises((SafetensorError, OverflowError)), safe_open(path, "numpy"):
        pass
    with pytest.raises(ExtractionError, match="not a safetensors file, or a broken one"):
        SAFETENSORS.derive(path, {})


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    """The library takes one of the two."""
    path = raw(tmp_path / "x.safetensors", b'{"x": %s, "x": %s}' % ((json.dumps(GOOD).encode(),) * 2), bytes(8))
    with pytest.raises(ExtractionError, match="a name is in its header twice"):
        SAFETENSORS.derive(path, {})


def test_truncated_files_and_headers_of_any_length_are_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path / "x.safetensors").read_bytes()
    for content in [*(whole[:length] for length in (0, 7, 8, 40, len(whole) - 1)), whole + b"x", b"\xff" * 100]:
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(ExtractionError, match="not a safetensors file, or a broken one"):
            SAFETENSORS.derive(tmp_path / "x.safetensors", {})
