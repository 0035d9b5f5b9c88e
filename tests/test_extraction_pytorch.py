"""PyTorch checkpoints. PyTorch is too large to test with: the files are made as `torch.save` makes them (torch/serialization.py).

That is a zip of stored parts: `NAME/data.pkl`, a pickle of protocol 2 in which tensors are calls of torch._utils._rebuild_tensor_v2
and storages are persistent ids ("storage", type, key, device, count); `NAME/byteorder`; `NAME/data/KEY`; `NAME/version`.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import time
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction.pytorch import EXTRACTOR as PYTORCH

TORCH = types.ModuleType("torch")
UTILS = types.ModuleType("torch._utils")
STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "uint16": "BFloat16Storage",
    "bool": "BoolStorage",
}
for _name in STORAGES.values():
    setattr(TORCH, _name, type(_name, (), {"__module__": "torch"}))
for _name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
    _function = types.FunctionType((lambda *_: None).__code__, {}, _name)
    _function.__module__, _function.__qualname__ = "torch._utils", _name
    setattr(UTILS, _name, _function)


class Storage:
    def __init__(self, data: Any, count: int | None = None) -> None:
        self.data, self.count = np.ascontiguousarray(data), count


class Tensor:
    """A tensor on a storage, as torch pickles it; without a shape, all of the storage."""

    def __init__(self, storage: Any, shape: Any = None, strides: Any = None, offset: Any = 0) -> None:
        self.storage = storage if isinstance(storage, Storage) else Storage(storage)
        data = self.storage.data
        self.shape = data.shape if shape is None else shape
        self.strides = tuple(each // data.itemsize for each in data.strides) if strides is None else strides
        self.offset = offset

    def __reduce__(self) -> Any:
        return UTILS._rebuild_tensor_v2, (self.storage, self.offset, self.shape, self.strides, False, OrderedDict())


class Parameter:
    def __init__(self, data: Any, trained: bool) -> None:
        self.data, self.trained = Tensor(data), trained

    def __reduce__(self) -> Any:
        return UTILS._rebuild_parameter, (self.data, self.trained, OrderedDict())


class Pickler(pickle.Pickler):
    def __init__(self, file: Any, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: list[Storage] = []

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        if obj not in self.storages:
            self.storages.append(obj)
        count = obj.data.size if obj.count is None else obj.count
        return ("storage", getattr(TORCH, STORAGES[str(obj.data.dtype)]), str(self.storages.index(obj)), "cpu", count)


@pytest.fixture(autouse=True)
def _torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", TORCH)
    monkeypatch.setitem(sys.modules, "torch._utils", UTILS)


def saved(path: Path, content: Any, *, protocol: int = 2, raw: bytes | None = None, compression: int = zipfile.ZIP_STORED) -> Path:
    buffer = io.BytesIO()
    pickler = Pickler(buffer, protocol)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{path.stem}/data.pkl", raw if raw is not None else buffer.getvalue())
        archive.writestr(f"{path.stem}/byteorder", "little")
        for key, storage in enumerate(pickler.storages):
            archive.writestr(f"{path.stem}/data/{key}", storage.data.tobytes())
        archive.writestr(f"{path.stem}/version", "3\n")
    return path


KERNEL = np.arange(24, dtype="float32").reshape(2, 3, 4)


def state() -> OrderedDict[str, Any]:
    found: OrderedDict[str, Any] = OrderedDict()
    found["conv.weight"] = Tensor(KERNEL)
    found["conv.bias"] = Tensor(np.ones(2, "float16"))
    found["bn.num_batches_tracked"] = Tensor(Storage(np.array([7], "int64")), (), ())
    found._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_state_dict(tmp_path: Path, protocol: int) -> None:
    path = saved(tmp_path / "a.pt", state(), protocol=protocol)
    assert extractor_for("model", path.name) is PYTORCH
    assert extractor_for("model", "a.pth") is PYTORCH
    structure = PYTORCH.derive(path, {})["structure"]
    assert (structure["framework"], structure["format"]) == ("pytorch", "pytorch")
    conv, norm = structure["layers"]
    assert (conv["name"], conv["tensors"], conv["shapes"], conv["dtypes"]) == (
        "conv",
        ["weight", "bias"],
        [[2, 3, 4], [2]],
        ["float32", "float16"],
    )
    assert (norm["name"], norm["shapes"], norm["dtypes"]) == ("bn", [[]], ["int64"])
    assert structure["parameters"] == {"total": 27}
    assert "trainable" not in conv
    with PYTORCH.layers(path) as layers:
        assert layers["conv"].tensors["weight"][()].tolist() == KERNEL.tolist()
        assert layers["bn"].tensors["num_batches_tracked"][()] == 7


@pytest.mark.parametrize(
    "around",
    [
        lambda model: {"epoch": 3, "state_dict": model, "optimizer": {"state": {0: {"exp_avg": Tensor(KERNEL)}}}, "best": 0.5},
        lambda model: {"model": model, "scheduler": {"last": [1, 2.5, None, True, (), b"x"]}},
    ],
)
def test_the_model_in_a_checkpoint(tmp_path: Path, around: Any) -> None:
    assert PYTORCH.derive(saved(tmp_path / "b.pt", around(state())), {}) == PYTORCH.derive(saved(tmp_path / "a.pt", state()), {})


def test_the_order_in_the_storage_and_the_name_of_the_zip_do_not_show(tmp_path: Path) -> None:
    plain = PYTORCH.derive(saved(tmp_path / "a.pt", {"w": Tensor(KERNEL[0])}), {})
    turned = Storage(np.concatenate([np.zeros(5, "float32"), KERNEL[0].T.ravel()]))
    assert PYTORCH.derive(saved(tmp_path / "b.pt", {"w": Tensor(turned, (3, 4), (1, 3), 5)}), {}) == plain
    assert PYTORCH.derive(saved(tmp_path / "c.pt", {"w": Tensor(KERNEL[1])}), {})["digest"] != plain["digest"]


def test_parameters_say_whether_they_are_trained(tmp_path: Path) -> None:
    content = {
        "a.w": Parameter(KERNEL, True),
        "a.b": Parameter(KERNEL[0, 0], False),
        "b.w": Parameter(KERNEL, False),
    }
    structure = PYTORCH.derive(saved(tmp_path / "a.pt", content), {})["structure"]
    assert [layer["trainable"] for layer in structure["layers"]] == [True, False]
    assert structure["parameters"] == {"total": 52, "trainable": 24}


def test_a_bare_tensor_and_bfloat16(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", Tensor(np.array([0x3F80, 0xC000], "uint16")))
    [layer] = PYTORCH.derive(path, {})["structure"]["layers"]
    assert (layer["name"], layer["dtypes"]) == ("tensor", ["bfloat16"])
    with PYTORCH.layers(path) as layers:
        assert layers["tensor"].tensors["tensor"][()].tolist() == [1.0, -2.0]


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> Any:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("call", "name"),
    [(os.system, "posix.system"), (eval, "builtins.eval|__builtin__.eval"), (print, "print"), (bytearray, "bytearray")],
)
def test_a_pickle_that_asks_for_anything_else_is_refused_by_name(tmp_path: Path, call: Any, name: str, protocol: int) -> None:
    mark = tmp_path / "executed"
    others = state() if protocol else {}  # protocol 0 has no storages
    path = saved(tmp_path / "x.pt", {**others, "evil": Evil(call, f"touch {mark}")}, protocol=protocol)
    with pytest.raises(ExtractionError, match=f"x.pt: its pickle asks for .*({name}), which is no part of tensors"):
        PYTORCH.derive(path, {})
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(os.system, f"touch {mark}")))
    assert mark.exists()  # what an unpickler would have done


HOSTILE = {
    "object": b"ctorch\nFloatStorage\n)\x81.",  # NEWOBJ
    "inst": b"(S'touch x'\nios\nsystem\n.",
    "extension": b"\x82\x01.",
    "call of a value": b"\x80\x02K\x01)R.",
    "call of a storage": b"ctorch\nFloatStorage\n)R.",
    "append to a number": b"K\x01K\x02a.",
    "items of a list": b"]K\x01K\x02s.",
    "memo": b"h\x05.",
    "no end": b"K\x01",
    "empty": b"",
    "no mark": b"K\x01t.",
    "long string": b"\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "long number": b"\x8b" + struct.pack("<i", 1 << 30) + b"x.",
    "persistent text": b"Pos.system\n.",
    "circle": b"]q\x00h\x00a.",
    "a tensor of a number": b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))Ntt.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_broken_pickles(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "x.pt", None, raw=HOSTILE[name])
    with pytest.raises(ExtractionError, match=r"its pickle (has the step|calls|adds|sets|asks)|or a broken one"):
        PYTORCH.derive(path, {})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x80\x02" + b"(" * 5_000_000 + b".", "more than 10,000 parts inside each other"),
        (b"\x80\x02" + b"N" * 5_000_000 + b".", "more than 2,000,000 steps"),
        (b"\x80\x02" + b"".join(b"]q%c(%se" % (n, b"h%c" % max(n - 1, 0) * 9) for n in range(60)) + b".", "it has no tensors"),
        (b"\x80\x02N" + b"q\x00h\x00h\x00\x86" * 60 + b"q\x00}h\x00Ns.", "a key that is no plain value"),
        (b"\x80\x02" + b"](" * 9_000 + b"e" * 9_000 + b".", "it has no tensors"),
    ],
)
def test_pickles_that_need_few_bytes_for_much_work(tmp_path: Path, raw: bytes, words: str) -> None:
    saved(tmp_path / "x.pt", None, raw=raw)
    start = time.process_time()
    with pytest.raises(ExtractionError, match=words):
        PYTORCH.derive(tmp_path / "x.pt", {})
    assert time.process_time() - start < 4


def test_lists_that_hold_each_other_end(tmp_path: Path) -> None:
    content: Any = Tensor(KERNEL)
    for _ in range(60):
        content = [content, content]
    with pytest.raises(ExtractionError, match="more than 200,000 tensors"):
        PYTORCH.derive(saved(tmp_path / "x.pt", content), {})


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(KERNEL, (10**9, 10**3), (0, 0)),
        Tensor(KERNEL, (25,), (1,)),
        Tensor(KERNEL, (2,), (24,)),
        Tensor(KERNEL, (2,), (1,), 23),
        Tensor(KERNEL, (2,), (-1,), 23),
        Tensor(KERNEL, (-2,), (1,)),
        Tensor(KERNEL, (2,), (1, 1)),
        Tensor(KERNEL, (2.0,), (1,)),
        Tensor(Storage(KERNEL, 10**12), (10**12,), (1,)),
    ],
)
def test_a_tensor_that_declares_more_than_there_is(tmp_path: Path, tensor: Tensor) -> None:
    with pytest.raises(ExtractionError, match=r"declares more (numbers|bytes)|shape or a place that is none"):
        PYTORCH.derive(saved(tmp_path / "x.pt", {"w": tensor}), {})


def test_truncated_compressed_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    whole = saved(path, state()).read_bytes()
    for length in (0, 10, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ExtractionError, match="not a PyTorch checkpoint, or a broken one"):
            PYTORCH.derive(path, {})
    bomb = Storage(np.zeros(10_000_000, "float32"))
    with pytest.raises(ExtractionError, match="its parts are compressed"):
        PYTORCH.derive(saved(path, {"w": Tensor(bomb)}, compression=zipfile.ZIP_DEFLATED), {})
    path.write_bytes(pickle.dumps({"w": 1}, 2))
    with pytest.raises(ExtractionError, match="a bare pickle, as PyTorch before"):
        PYTORCH.derive(path, {})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data", "")
    with pytest.raises(ExtractionError, match=r"it has no data\.pkl"):
        PYTORCH.derive(path, {})
    with pytest.raises(ExtractionError, match="it has no tensors"):
        PYTORCH.derive(saved(path, {"epoch": 1}), {})
