"""ONNX models: those that the library makes, and hostile ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction.onnx import EXTRACTOR as ONNX
from mdrepo.extraction.protobuf import Message

KERNEL = np.arange(24, dtype="float32").reshape(2, 3, 2, 2)


def model(*tensors: Any, **more: Any) -> Any:
    """A convolution and a matrix product, with some initializers."""
    nodes = [
        helper.make_node("Conv", ["image", "conv.weight", "conv.bias"], ["a"], name="/conv/Conv"),
        helper.make_node("MatMul", ["a", "head"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, None, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT16, None)
    given = tensors or (
        numpy_helper.from_array(KERNEL, "conv.weight"),
        numpy_helper.from_array(np.ones(2, "float32"), "conv.bias"),
        numpy_helper.from_array(np.ones((2, 5), "float32"), "head"),
    )
    shown = [image, *(helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)) for each in given[:1])]
    graph = helper.make_graph(nodes, "g", shown, [scores], list(given))
    return helper.make_model(graph, producer_name="pytorch", producer_version="2.9.0", **more)


def written(path: Path, made: Any) -> Path:
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def test_what_the_library_writes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", model())
    assert extractor_for("model", path.name) is ONNX
    structure = ONNX.derive(path, {})["structure"]
    assert (structure["framework"], structure["framework_version"], structure["format"]) == ("pytorch", "2.9.0", "onnx")
    assert structure["inputs"] == [{"name": "image", "shape": [None, 3, None, 8], "dtype": "float32"}]
    assert structure["outputs"] == [{"name": "scores", "dtype": "float16"}]
    conv, head = structure["layers"]
    assert (conv["name"], conv["class_name"], conv["tensors"]) == ("conv", "Conv", ["weight", "bias"])
    assert (conv["shapes"], conv["parameters"]) == ([[2, 3, 2, 2], [2]], 26)
    assert (head["name"], head["class_name"], head["tensors"]) == ("head", "MatMul", ["head"])
    assert structure["parameters"] == {"total": 36}
    with ONNX.layers(path) as layers:
        assert layers["conv"].tensors["weight"][()].tolist() == KERNEL.tolist()


NUMBERS = [0, 1, 2, 3]


@pytest.mark.parametrize(
    "kind",
    [
        *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.COMPLEX64),
        *(TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL),
        *(TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
    ],
)
def test_raw_and_typed_numbers_are_the_same(tmp_path: Path, kind: int) -> None:
    values = [-1, *NUMBERS[1:]] if kind in (TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64) else NUMBERS
    typed = helper.make_tensor("w", kind, [2, 2], values)
    assert not typed.raw_data
    raw = numpy_helper.from_array(numpy_helper.to_array(typed), "w")
    assert raw.raw_data
    first = ONNX.derive(written(tmp_path / "a.onnx", model(typed)), {})
    assert ONNX.derive(written(tmp_path / "b.onnx", model(raw)), {}) == first
    with ONNX.layers(tmp_path / "a.onnx") as layers:
        found = layers["w"].tensors["w"][()]
    assert found.tobytes() == raw.raw_data or kind == TensorProto.BFLOAT16
    assert found.tolist() == numpy_helper.to_array(raw).astype(found.dtype).tolist()


def test_the_same_model_saved_again_is_the_same(tmp_path: Path) -> None:
    first = ONNX.derive(written(tmp_path / "a.onnx", model()), {})
    assert ONNX.derive(written(tmp_path / "b.onnx", model(doc_string="saved on another day")), {}) == first
    changed = model()
    changed.graph.initializer[2].raw_data = bytes(40)
    assert ONNX.derive(written(tmp_path / "c.onnx", changed), {})["digest"] != first["digest"]


def outside(made: Any) -> None:
    tensor = made.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")


def billions(made: Any) -> None:
    made.graph.initializer[0].dims[:] = [10**9, 10**9]


def negative(made: Any) -> None:
    made.graph.initializer[0].dims[:] = [-24]


def missing(made: Any) -> None:
    made.graph.initializer[0].ClearField("raw_data")


def words(made: Any) -> None:
    made.graph.initializer[0].CopyFrom(helper.make_tensor("conv.weight", TensorProto.STRING, [1], [b"x"]))


def unknown(made: Any) -> None:
    made.graph.initializer[0].data_type = 99


def twice(made: Any) -> None:
    made.graph.initializer[0].name = "head"


def no_graph(made: Any) -> None:
    made.ClearField("graph")


def sparse(made: Any) -> None:
    made.graph.sparse_initializer.add()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (outside, "its weights at conv.weight lie in another file, ../../etc/passwd"),
        (billions, "does not have as many bytes as it declares"),
        (negative, "has a shape that is none"),
        (missing, "a tensor has no numbers"),
        (words, "are no numbers"),
        (unknown, "of a type that is not known"),
        (twice, "two weights have one name"),
        (no_graph, "it has no graph"),
        (sparse, "it has sparse weights"),
    ],
)
def test_hostile_models_are_refused_by_name(tmp_path: Path, change: Any, reason: str) -> None:
    made = model()
    change(made)
    with pytest.raises(ExtractionError, match=reason):
        ONNX.derive(written(tmp_path / "x.onnx", made), {})


def test_truncated_models_and_other_files_are_refused(tmp_path: Path) -> None:
    whole = model().SerializeToString()
    for content in [
        *(whole[:length] for length in (0, 1, 30, len(whole) // 2)),
        b"\xff" * 50,
        b"\x3a\x80",
        b"\x0b",
        b"\x38\x01\x08\x01",
        b"PK",
    ]:
        with pytest.raises(ExtractionError, match="not an ONNX model, or a broken one"):
            ONNX.derive(written(tmp_path / "x.onnx", content), {})


def test_every_cut_of_a_message_is_read_or_refused() -> None:
    whole = model().SerializeToString()
    read = 0
    for length in range(len(whole)):
        try:
            Message(memoryview(whole[:length]))
            read += 1
        except ValueError:
            continue
    assert read < 20  # at the ends of the fields of the outermost message
