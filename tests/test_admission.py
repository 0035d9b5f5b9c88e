"""Hostile model files, one for each way that we know: all are refused before any of their code runs."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import keras_file, npz

from mdrepo.errors import MdrepoError
from mdrepo.evaluation import admission
from mdrepo.evaluation.admission import Refused
from mdrepo.evaluation.processes import Limits, run

Config = dict[str, Any]
CANARY = "canary"


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def configured(change: Callable[[Config], None]) -> bytes:
    """A good model with a configuration that was edited by hand."""
    parts = members(keras_file(3))
    config = json.loads(parts["config.json"])
    change(config)
    return packed({**parts, "config.json": json.dumps(config).encode()})


def with_layer(class_name: str, module: str | None = "keras.layers", registered: str | None = None, **config: Any) -> bytes:
    layer = {"module": module, "class_name": class_name, "registered_name": registered, "config": {"name": "bad", **config}}
    return configured(lambda whole: whole["config"]["layers"].append(layer))


def with_activation(value: Any) -> bytes:
    return configured(lambda whole: whole["config"]["layers"][1]["config"].update(activation=value))


def with_weights(change: Callable[[h5py.File], None]) -> bytes:
    parts = members(keras_file(3))
    file = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        change(weights)
    return packed({**parts, "model.weights.h5": file.getvalue()})


def also(name: str, content: bytes = b"x") -> bytes:
    return packed({**members(keras_file(3)), name: content})


def calling(name: str, module: str = "builtins") -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}


def external_storage(weights: h5py.File) -> None:
    weights.create_dataset("layers/dense/vars/9", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def virtual(weights: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    weights.create_virtual_dataset("layers/dense/vars/9", layout)


def bomb(weights: h5py.File) -> None:
    weights.create_dataset("big", (1 << 28,), "float32", chunks=(1 << 20,), compression="gzip")


def itself(weights: h5py.File) -> None:
    weights["layers/again"] = weights["layers"]


def set_item(name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda weights: weights.__setitem__(name, value)


def replacing(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(weights: h5py.File) -> None:
        del weights[name]
        weights[name] = value

    return change


def twice() -> bytes:
    out = io.BytesIO(keras_file(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(out, "a") as archive:
            archive.writestr("config.json", "{}")
    return out.getvalue()


def link() -> bytes:
    out = io.BytesIO(keras_file(3))
    info = zipfile.ZipInfo("assets/secret")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def pickled() -> bytes:
    class Runs:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {CANARY}",))

    out = io.BytesIO()
    np.savez(out, x=np.array([Runs()], dtype=object))
    return out.getvalue()


def nested_compile() -> bytes:
    inner = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "inner", "layers": []},
        "compile_config": {"loss": calling("system", "os")},
    }
    return configured(lambda whole: whole["config"]["layers"].append(inner))


def declaring(place: int, **config: Any) -> bytes:
    return configured(lambda whole: whole["config"]["layers"][place]["config"].update(config))


def deep() -> bytes:
    parts = members(keras_file(3))
    return packed({**parts, "config.json": b'{"config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"})


KERAS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a Lambda": (lambda: with_layer("Lambda", function=LAMBDA), "Lambda 'bad', which runs Python code"),
    "a lambda as an activation": (lambda: with_activation(LAMBDA), "Lambda, which runs Python code"),
    "a Lambda in a wrapper": (
        lambda: with_layer("TimeDistributed", layer={"module": "keras.layers", "class_name": "Lambda", "config": {"name": "x"}}),
        "Lambda 'x', which runs",
    ),
    "a custom layer": (lambda: with_layer("Mine", "my.layers", "my>Mine"), "my.layers.Mine 'bad' is not one of the classes"),
    "a custom object under a known class": (lambda: with_layer("Dense", registered="my>Dense"), "Dense 'bad' is not one of"),
    "a class of another module of Keras": (lambda: with_layer("Sequence", "keras.utils"), "keras.utils.Sequence"),
    "a class of an inner module of Keras": (
        lambda: with_layer("DiskIOStore", "keras.src.saving.saving_lib"),
        "keras.src.saving.saving_lib.DiskIOStore",
    ),
    "a function by its name": (lambda: with_activation(calling("system", "os")), "calls the function 'system' by its name"),
    "get_file": (lambda: with_activation(calling("get_file", "keras.utils")), "calls the function 'get_file'"),
    "get_file as a class": (lambda: with_layer("get_file", "keras.utils", origin="http://x"), "keras.utils.get_file"),
    "an operation with a function": (lambda: with_layer("Map", "keras.src.ops.core"), "keras.src.ops.core.Map"),
    "an operation of TensorFlow by name": (
        lambda: with_layer("TFOpLambda", function="io.write_file"),
        "calls the function 'io.write_file' by its name",
    ),
    "a SavedModel inside": (lambda: with_layer("TFSMLayer", filepath="/tmp/x"), "keras.layers.TFSMLayer 'bad'"),
    "a module of PyTorch": (lambda: with_layer("TorchModuleWrapper", module="x"), "TorchModuleWrapper"),
    "a vocabulary that is a file": (lambda: with_layer("StringLookup", vocabulary="/etc/passwd"), "reads the file '/etc/passwd'"),
    "a function in a nested model's compilation": (nested_compile, "calls the function 'system'"),
    "a huge input": (lambda: declaring(0, batch_shape=[None, 1 << 20, 1 << 12]), "far larger than any example"),
    "a huge shape": (lambda: with_layer("Reshape", target_shape=[1 << 15, 1 << 15]), "target_shape .* far larger"),
    "a huge repetition": (lambda: with_layer("RepeatVector", n=1 << 40), "has the n .* far larger"),
    "a huge layer": (lambda: declaring(1, units=1 << 40), "declares 1,099,511,627,776 parameters or more"),
    "a huge table of bins": (
        lambda: with_layer("Hashing", num_bins=1 << 40, output_mode="multi_hot"),
        "has the num_bins .* far larger",
    ),
    "a huge embedding": (lambda: with_layer("Embedding", input_dim=1 << 30, output_dim=512), "parameters or more"),
    "weights of other shapes": (lambda: declaring(1, units=5), r"of shape \(4, 5\), and the file has \(4, 3\)"),
    "a bias of another shape": (
        lambda: with_weights(replacing("layers/dense/vars/1", np.zeros(99, "f4"))),
        r"\(3,\), and the file has \(99,\)",
    ),
    "one array too many": (
        lambda: with_weights(set_item("layers/dense/vars/2", np.zeros(9, "f4"))),
        "2 arrays of weights, and the file has 3",
    ),
    "weights of another type": (
        lambda: with_weights(replacing("layers/dense/vars/0", np.zeros((4, 3)))),
        "of type float32, and the file has float64",
    ),
    "a member twice": (twice, "two members 'config.json'"),
    "a member outside": (lambda: also("../../evil"), "lies outside of it"),
    "an absolute member": (lambda: also("/etc/evil"), "lies outside of it"),
    "a member that is code": (lambda: also("evil.py"), "'evil.py', which no model has"),
    "a member that is a link": (link, "lies outside of it"),
    "a member that unpacks to far more": (
        lambda: packed({**members(keras_file(3)), "assets/big": bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
        "unpacks to far more",
    ),
    "a pickled array": (lambda: also("model.weights.npz", pickled()), "has a pickled array"),
    "a pickled array among the assets": (lambda: also("assets/x.npz", pickled()), "has a pickled array"),
    "a link to another file": (
        lambda: with_weights(set_item("layers/dense/vars/9", h5py.ExternalLink("/etc/passwd", "/x"))),
        "have a link at /layers/dense/vars/9",
    ),
    "a link inside": (lambda: with_weights(set_item("other", h5py.SoftLink("/layers"))), "have a link at /other"),
    "weights in another file": (lambda: with_weights(external_storage), "lie in another file"),
    "weights of other files' weights": (lambda: with_weights(virtual), "lie in another file"),
    "weights that are objects": (lambda: with_weights(set_item("names", ["a", "b"])), "are no numbers"),
    "weights that unpack to far more": (lambda: with_weights(bomb), "declare far more bytes"),
    "weights in themselves": (lambda: with_weights(itself), "is there twice"),
    "a configuration without an end": (deep, "nested too deeply|no model of its format"),
    "a configuration that is none": (lambda: configured(lambda whole: whole.update(config="x")), "no model of its format"),
    "no zip": (lambda: b"PK\3\4" + bytes(100), "no model of its format"),
}


def refused(path: Path, words: str, tmp_path: Path) -> None:
    """A model is refused by the scan, and by whoever would run it, and nothing of it has run."""
    with pytest.raises(Refused, match=words) as caught:
        admission.scan(path)
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message
    data = tmp_path / "data.npz"
    data.write_bytes(npz(x=[[1.0] * 4] * 9))
    task = {"model": str(path), "data": str(data), "suffix": ".npz", "inputs": ["x"], "preprocessing": []}
    with pytest.raises(MdrepoError, match=words):
        run({**task, "outputs": str(tmp_path / "outputs.npy")}, "models/net", Limits(60, 8))
    assert not (tmp_path / "outputs.npy").exists()
    assert not list(tmp_path.rglob(CANARY))
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("name", KERAS)
def test_a_hostile_keras_file_is_refused(tmp_path: Path, name: str) -> None:
    made, words = KERAS[name]
    path = tmp_path / "model.keras"
    path.write_bytes(made())
    refused(path, words, tmp_path)


def test_what_the_user_trusts_is_let_in_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(with_layer("Mine", "my.layers", "my>Mine"))
    with pytest.raises(Refused) as caught:
        admission.scan(path)
    assert caught.value.hint == "if you know what it does: git config --add mdrepo.trust 'Mine'"
    assert admission.scan(path, ["Mine"]).custom == {("my.layers", "Mine")}
    assert admission.scan(path, ["my.layers.Mine"]).custom == {("my.layers", "Mine")}
    with pytest.raises(Refused):
        admission.scan(path, ["Other"])
    path.write_bytes(with_layer("Lambda", function=LAMBDA))
    assert admission.scan(path, ["Lambda"]).code
    path.write_bytes(with_activation(calling("swish2", "my.functions")))
    assert admission.scan(path, ["swish2"]).custom == {("my.functions", "swish2")}


def test_what_a_model_was_compiled_with_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(configured(lambda whole: whole.update(compile_config={"loss": calling("my_loss", "mine")})))
    assert admission.scan(path) == admission.Admission()


def test_the_scan_imports_no_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(keras_file(3))
    code = (
        "import sys; from pathlib import Path; from mdrepo.evaluation import admission; admission.scan(Path(sys.argv[1]));"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def legacy(change: Callable[[h5py.File, Config], None]) -> bytes:
    """A model in the legacy format, by hand."""
    layers: list[Any] = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "input"}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 3, "activation": "softmax"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        group = content.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense"]
        group.attrs["keras_version"] = b"3.0.0"
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        dense["dense/kernel:0"] = np.ones((4, 3), "float32")
        dense["dense/bias:0"] = np.zeros(3, "float32")
        change(content, config)
        content.attrs["model_config"] = json.dumps(config)
    return file.getvalue()


def appended(**layer: Any) -> Callable[[h5py.File, Config], None]:
    return lambda _, config: config["config"]["layers"].append(layer)


H5: dict[str, tuple[Callable[[], bytes], str]] = {
    "a Lambda": (
        lambda: legacy(appended(class_name="Lambda", config={"name": "bad", "function": ["4wEAAAA=", None, None]})),
        "Lambda 'bad', which runs",
    ),
    "a custom layer": (lambda: legacy(appended(class_name="Mine", config={"name": "bad"})), "Mine 'bad' is not one of"),
    "an operation by name": (
        lambda: legacy(appended(class_name="TFOpLambda", config={"name": "bad", "function": "io.write_file"})),
        "calls the function 'io.write_file'",
    ),
    "a link to another file": (
        lambda: legacy(lambda file, _: file.__setitem__("model_weights/x", h5py.ExternalLink("/etc/passwd", "/x"))),
        "have a link at /model_weights/x",
    ),
    "a huge layer": (lambda: legacy(lambda _, config: config["config"]["layers"][1]["config"].update(units=1 << 40)), "or more"),
    "weights alone": (lambda: legacy(lambda *_: None), "weights alone"),
    "no HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "no model of its format"),
}


@pytest.mark.parametrize("name", H5)
def test_a_hostile_h5_file_is_refused(tmp_path: Path, name: str) -> None:
    made, words = H5[name]
    path = tmp_path / "model.h5"
    path.write_bytes(made())
    if name == "weights alone":
        with h5py.File(path, "r+") as file:
            del file.attrs["model_config"]
    refused(path, words, tmp_path)


@pytest.fixture(scope="session")
def tf() -> Any:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    return pytest.importorskip("tensorflow")


def saved(tf: Any, folder: Path, function: Callable[[Any], Any]) -> Path:
    """A SavedModel that serves a function."""
    module = tf.Module()
    module.weight = tf.Variable([[1.0]] * 4)
    module.call = tf.function(lambda x: function(x) + x @ module.weight, input_signature=[tf.TensorSpec((None, 4))])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call.get_concrete_function()})
    return folder


def written(tf: Any) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(CANARY, "x")]):
            return tf.identity(x)

    return function


def python(tf: Any) -> Callable[[Any], Any]:
    return lambda x: tf.ensure_shape(tf.py_function(lambda each: [Path(CANARY).touch(), each][1], [x], tf.float32), (None, 4))


def numpy(tf: Any) -> Callable[[Any], Any]:
    return lambda x: tf.ensure_shape(tf.numpy_function(lambda each: each, [x], tf.float32), (None, 4))


def in_a_branch(tf: Any) -> Callable[[Any], Any]:
    secret = tf.function(lambda x: x + tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32))
    return lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: secret(x), lambda: x)


SAVED = {
    "py_function": (python, r"calls Python \(py_function: the operation EagerPyFunc\)"),
    "numpy_function": (numpy, r"calls Python \(py_function: the operation PyFunc"),
    "write_file": (written, "the operation WriteFile"),
    "read_file in a branch": (in_a_branch, "the operation ReadFile"),
    "print": (lambda tf: lambda x: [tf.print(x, output_stream=f"file://{CANARY}"), x][1], "the operation PrintV2"),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_hostile_savedmodel_is_refused(tf: Any, tmp_path: Path, name: str) -> None:
    made, words = SAVED[name]
    refused(saved(tf, tmp_path / "model", made(tf)), words, tmp_path)


def test_a_savedmodel_that_leads_out_or_lacks_something_is_refused(tf: Any, tmp_path: Path) -> None:
    good = saved(tf, tmp_path / "good", lambda x: x)
    admission.scan(good)
    folder = tmp_path / "linked"
    shutil.copytree(good, folder)
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets/secret").symlink_to("/etc/passwd")
    refused(folder, "is a link", tmp_path)
    folder = tmp_path / "cut"
    shutil.copytree(good, folder)
    os.truncate(folder / "variables/variables.data-00000-of-00001", 3)
    refused(folder, "lies outside of its file", tmp_path)
    folder = tmp_path / "foreign"
    shutil.copytree(good, folder)
    content = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(content.replace(b"\x12\x06MatMul", b"\x12\x06MyMul2"))
    refused(folder, "the operation MyMul2, which is not one of", tmp_path)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no saved_model.pb", tmp_path)


def test_a_served_function_that_saves_is_refused(tf: Any, tmp_path: Path) -> None:
    """TensorFlow's own functions for saving may be there, and nothing that is served may be one or call one."""
    good = saved(tf, tmp_path / "good", lambda x: x)
    content = (good / "saved_model.pb").read_bytes()
    start = content.index(b"__inference__traced_save_")
    saver = content[start : start + 40].split(b"\x12")[0].split(b"*")[0]
    number = bytes(each for each in saver.removeprefix(b"__inference__traced_save_") if chr(each).isdigit())
    saver = b"__inference__traced_save_" + number
    other = b"__inference__traceX_save_" + number
    (good / "saved_model.pb").write_bytes(content.replace(saver, other))
    refused(good, "reads or writes files", tmp_path)


def tflite(tf: Any, custom: bool = False) -> bytes:
    def function(x: Any) -> Any:
        return tf.raw_ops.Betainc(a=x, b=x, x=x) if custom else tf.nn.softmax(x)

    concrete = tf.function(function, input_signature=[tf.TensorSpec((None, 4))]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.allow_custom_ops = custom
    content: bytes = converter.convert()
    return content


def test_a_hostile_tflite_file_is_refused(tf: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    good = tflite(tf)
    path.write_bytes(good)
    admission.scan(path)
    path.write_bytes(tflite(tf, custom=True))
    refused(path, "custom operator 'Betainc'", tmp_path)
    admission.scan(path, ["Betainc"])
    path.write_bytes(good.replace(b"TFL3", b"TFL9"))
    refused(path, "does not say TFL3", tmp_path)
    shape = np.array([2, 1, 4], "<i4").tobytes()  # a vector of two: 1 and 4
    assert shape in good
    path.write_bytes(good.replace(shape, np.array([2, 1 << 20, 1 << 20], "<i4").tobytes()))
    refused(path, "far larger than any example", tmp_path)
    for length in (5, 40, len(good) // 2):
        path.write_bytes(good[:length])
        refused(path, "no model of its format|no TFLite file|refused", tmp_path)


def every_kind(keras: Any) -> Any:
    """A model of many kinds of layers and operations."""
    layers, ops = keras.layers, keras.ops
    picture = layers.Input((16, 16, 3))
    x = layers.Rescaling(1 / 255)(picture)
    x = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", activation="relu", groups=1)(x)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(4, 3, padding="same")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2DTranspose(4, 3, padding="same")(x)
    x = layers.PReLU()(layers.GroupNormalization(2)(layers.LayerNormalization()(x)))
    x = ops.relu(x) + x * 2
    x = layers.MaxPooling2D()(layers.Dropout(0.1)(x))
    inner = keras.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(4, 1), layers.Activation("gelu")], name="inner")
    inner.compile("adam", keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError()])
    x = layers.Reshape((64, 4))(inner(x))
    x = layers.MultiHeadAttention(2, 4)(x, x) + x
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(4, kernel_constraint="max_norm"))(layers.GRU(4, return_sequences=True)(x))
    x = ops.mean(x[:, :32], axis=1)
    return keras.Model(picture, layers.Dense(3, activation="softmax", dtype="float32")(x))


def test_honest_models_are_let_in_and_give_the_same_outputs_in_every_format(tf: Any, tmp_path: Path) -> None:
    keras = tf.keras
    model = every_kind(keras)
    model.compile("adam", "categorical_crossentropy")
    pictures = np.random.default_rng(0).random((41, 16, 16, 3)).astype("float32") * 255
    (tmp_path / "data.npz").write_bytes(npz(x=pictures))
    expected = model.predict(pictures, verbose=0)
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model", verbose=False)
    for name in ("model.keras", "model"):
        assert admission.scan(tmp_path / name) == admission.Admission()
        task = {"model": str(tmp_path / name), "data": str(tmp_path / "data.npz"), "suffix": ".npz", "inputs": ["x"]}
        run({**task, "preprocessing": [], "outputs": str(tmp_path / "out.npy")}, name, Limits(120, 16))
        assert np.load(tmp_path / "out.npy") == pytest.approx(expected, abs=1e-5)


def test_a_tflite_model_runs_without_tensorflow(tf: Any, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "model.tflite").write_bytes(tflite(tf))
    examples = np.random.default_rng(0).random((41, 4)).astype("float32")
    (tmp_path / "data.npz").write_bytes(npz(x=examples))
    task = {"model": str(tmp_path / "model.tflite"), "data": str(tmp_path / "data.npz"), "suffix": ".npz", "inputs": ["x"]}
    run({**task, "preprocessing": [], "outputs": str(tmp_path / "out.npy")}, "net", Limits(120, 16))
    assert np.load(tmp_path / "out.npy") == pytest.approx(tf.nn.softmax(examples).numpy(), abs=1e-6)
    code = (
        "import sys; from pathlib import Path; import numpy as np; from mdrepo.evaluation import loading;"
        "loading.run(loading.load(Path(sys.argv[1])), np.ones((3, 4), 'float32')); "
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "model.tflite")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().endswith("set()")


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0", "ConvNeXtTiny", "DenseNet121"])
def test_models_that_people_transfer_are_let_in(tf: Any, tmp_path: Path, name: str) -> None:
    made = getattr(tf.keras.applications, name)
    made(weights=None, input_shape=(64, 64, 3), classes=3).save(tmp_path / "model.keras")
    assert admission.scan(tmp_path / "model.keras") == admission.Admission()


def held() -> list[str]:
    """What holds of a model's process on this machine."""
    code = "from mdrepo.evaluation import confinement; print(*confinement.confine([], [], 8, 60))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


_UNGUARDED = f"""
import io, os, sys, zipfile
import numpy as np
import tensorflow as tf
x = np.ones((2, 4), "float32")
for path in sys.argv[1:]:
    if path == "pickled.keras":
        dict(np.load(io.BytesIO(zipfile.ZipFile(path).read("model.weights.npz")), allow_pickle=True))
    elif os.path.isdir(path):
        tf.saved_model.load(path).signatures["serving_default"](tf.constant(x))
    else:
        tf.keras.models.load_model(path, safe_mode=False)(x)
    os.remove({CANARY!r})
    print(path)
"""


def test_these_files_do_run_their_code_where_nothing_refuses_them(tf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else that no canary is there would say nothing: loaded without mdrepo each leaves one, with it none does."""
    monkeypatch.chdir(tmp_path)
    layers = tf.keras.layers
    function = layers.Lambda(eval(f"lambda x: [open({CANARY!r}, 'w'), x * 2][1]"), output_shape=(4,))
    for name in ("lambda.keras", "lambda.h5"):
        tf.keras.Sequential([layers.Input((4,)), function]).save(name)
    saved(tf, Path("writes"), written(tf))
    saved(tf, Path("prints"), lambda x: [tf.print(x, output_stream=f"file://{CANARY}"), x][1])
    inside = layers.TFSMLayer(str(Path("writes").absolute()), call_endpoint="serving_default")
    tf.keras.Sequential([layers.Input((4,)), inside]).save("inside.keras")
    Path("pickled.keras").write_bytes(also("model.weights.npz", pickled()))
    Path(CANARY).unlink(missing_ok=True)
    armed = {
        "lambda.keras": "Lambda",
        "lambda.h5": "Lambda",
        "inside.keras": "TFSMLayer",
        "pickled.keras": "pickled array",
        "writes": "WriteFile",
        "prints": "PrintV2",
    }
    words = [sys.executable, "-c", _UNGUARDED, *armed]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [*armed], f"one of them is harmless: {done.stderr[-2000:]}"
    for name, what in armed.items():
        refused(tmp_path / name, what, tmp_path)


def test_code_that_is_trusted_runs_and_can_do_no_harm(tf: Any, tmp_path: Path) -> None:
    """The control of all of the above: the same Lambda runs once its owner trusts it, and is confined even then."""
    keras = tf.keras
    for place, allowed in ((tmp_path / CANARY, False), (None, True)):
        path = tmp_path / "model.keras"
        body = eval(f"lambda x: [open({str(place)!r}, 'w'), x * 2][1]" if place else "lambda x: x * 2")
        keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(body, output_shape=(4,))]).save(path)
        (tmp_path / CANARY).unlink(missing_ok=True)
        (tmp_path / "data.npz").write_bytes(npz(x=[[1.0] * 4] * 9))
        (tmp_path / "out").mkdir(exist_ok=True)
        task = {"model": str(path), "data": str(tmp_path / "data.npz"), "suffix": ".npz", "inputs": ["x"], "preprocessing": []}
        limits = Limits(60, 8, trusted=("Lambda",))
        if allowed or "files" not in held():
            run({**task, "outputs": str(tmp_path / "out/out.npy")}, "net", limits)
            assert np.load(tmp_path / "out/out.npy").tolist() == [[2.0] * 4] * 9
        else:
            with pytest.raises(MdrepoError, match="PermissionError"):
                run({**task, "outputs": str(tmp_path / "out/out.npy")}, "net", limits)
            assert not (tmp_path / CANARY).exists()
