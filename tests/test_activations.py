"""Outputs from activations that are kept, against TensorFlow's own; TensorFlow is loaded once, in this process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import npz

from mdrepo.caching import Cache
from mdrepo.errors import Finding, MdrepoError
from mdrepo.evaluation import admission, cuts, graphs, heads, layers, loading, predictions, processes, requests, tasks, traces

ROWS = 40  # a whole batch, and one that is not


@pytest.fixture(scope="module")
def keras() -> Any:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    before = dict(os.environ)
    os.environ.update(quiet)
    import tensorflow

    os.environ.clear()
    os.environ.update(before)
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.keras.utils.set_random_seed(0)
    return tensorflow.keras


RUN = processes.run
IN_PROCESS: dict[str, Any] = {"threads": 0, "trusted": [], "tell": lambda *_: None}


class Bench:
    """A folder with models and data, a cache, and what was said and run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = Cache(folder / "cache")
        self.said: list[str] = []
        self.ran: list[list[str]] = []

    def data(self, array: Any) -> None:
        (self.folder / "d.npz").write_bytes(npz(x=array))

    def save(self, name: str, model: Any) -> None:
        model.save(self.folder / f"{name}.keras")

    def request(self, name: str) -> requests.Request:
        model, data = self.folder / f"{name}.keras", self.folder / "d.npz"
        md5 = [hashlib.md5(each.read_bytes()).hexdigest() for each in (model, data)]
        return requests.Request(f"models/{name}.keras", md5[0], "d.npz", md5[1], ("x",), [], lambda _: (model, data))

    def outputs(self, *names: str, cache: Cache | None = None) -> list[Any]:
        self.said.clear()
        self.ran.clear()
        asked = [self.request(name) for name in names]
        return predictions.outputs(asked, cache or self.cache, processes.Limits(300, 16), self.said.append)

    def run(self, task: dict[str, Any], what: str, limits: object) -> None:
        """In place of the process with TensorFlow: the same task, in this one."""
        asked = json.loads(json.dumps(task))
        self.ran.append([each["path"][-1] for _, each in asked["plan"]["operations"]] if "plan" in asked else ["whole"])
        tasks.predict({**asked, **IN_PROCESS})


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr(processes, "run", made.run)
    # how many threads there are is settled once a process, and other tests may have run something in this one
    monkeypatch.setattr(loading, "_settled", lambda _: loading.tensorflow())
    return made


def pictures(shape: tuple[int, ...] = (12, 12, 3)) -> Any:
    return np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")


def body(k: Any, x: Any, *, batch: bool = True) -> Any:
    layers = k.layers
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="c1")(x)
    if batch:
        x = layers.BatchNormalization(name="bn1")(x)
    y = layers.Conv2D(6, 3, padding="same", name="c2")(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.Conv2D(8, 3, strides=2, name="c3")(x)
    return layers.GlobalAveragePooling2D(name="pool")(x)


def shaken(k: Any, model: Any) -> Any:
    """A model whose batch normalizations have seen something."""
    generator = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, k.layers.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, each.shape) for each in layer.get_weights()])
    return model


def nested(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    base = k.Model(start, body(k, start), name="base")
    base.trainable = False
    outer = k.Input((12, 12, 3))
    x = base(k.layers.Rescaling(0.5, name="scale")(outer), training=False)
    return k.Model(outer, k.layers.Dense(5, activation="softmax", name="head")(k.layers.Dropout(0.5)(x)))


def twice(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    conv = k.layers.Conv2D(3, 3, padding="same", activation="tanh", name="shared")
    x = conv(conv(start))
    x = k.layers.Concatenate(name="both")([x, conv(x) * 2.0 + 1.0])
    return k.Model(start, k.layers.Dense(4, name="head")(k.layers.GlobalMaxPooling2D()(x)))


def sequential(k: Any) -> Any:
    inner = k.Sequential([k.layers.Conv2D(4, 3), k.layers.BatchNormalization(), k.layers.ReLU(max_value=6)], name="inner")
    tail = [k.layers.Flatten(), k.layers.BatchNormalization(name="bn"), k.layers.Dense(6, activation="elu"), k.layers.Dense(3)]
    return k.Sequential([k.Input((12, 12, 3)), inner, k.layers.MaxPooling2D(), *tail])


def residual(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    x = y = k.layers.Conv2D(4, 3, padding="same")(start)
    for _ in range(2):
        y = k.layers.Conv2D(4, 3, padding="same")(k.layers.ReLU()(y))
    x = k.layers.ReLU()(k.layers.Add()([x, y]))
    x = k.layers.Reshape((16,))(k.layers.AveragePooling2D(6)(x))
    x = k.layers.Dense(8, activation="sigmoid")(x)
    return k.Model(start, k.layers.Activation("softmax")(k.layers.Dense(3)(x)))


def attention(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    x = k.layers.Reshape((36, 12))(start)
    x = k.layers.Add()([x, k.layers.MultiHeadAttention(2, 4)(x, x)])
    x = k.layers.LayerNormalization()(x)
    x = k.layers.GlobalAveragePooling1D()(x)
    return k.Model(start, k.layers.Dense(3)(x))


def recurrent(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    x = k.layers.Reshape((12, 36))(start)
    x = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True))(x)
    x = k.layers.TimeDistributed(k.layers.Dense(3))(x)
    return k.Model(start, k.layers.Dense(3)(k.layers.GRU(4)(x)))


def convolutional(k: Any) -> Any:
    start = k.Input((12, 12, 3))
    x = k.layers.Conv2D(3, 3)(k.ops.relu(k.layers.Conv2D(4, 3)(start)))
    return k.Model(start, k.layers.Softmax()(k.layers.GlobalAveragePooling2D()(x)))


def assorted(k: Any) -> Any:
    """Layers that load or use their weights in ways of their own."""
    normalization = k.layers.Normalization()
    normalization.adapt(3 * pictures() + 1)
    start = k.Input((12, 12, 3))
    x = k.layers.LayerNormalization()(k.layers.PReLU()(k.layers.SeparableConv2D(4, 3)(normalization(start))))
    x = k.layers.GroupNormalization(2)(k.layers.Conv2DTranspose(4, 3)(k.layers.DepthwiseConv2D(3)(x)))
    x = k.layers.EinsumDense("abcd,de->abce", (None, None, 5), bias_axes="e", dtype="mixed_float16")(x)
    return k.Model(start, k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(k.layers.Activation("relu", dtype="float32")(x))))


MODELS: dict[str, tuple[Callable[[Any], Any], bool]] = {  # whether numpy computes the last layers
    "nested": (nested, True),
    "twice": (twice, True),
    "sequential": (sequential, True),
    "residual": (residual, True),
    "attention": (attention, True),
    "recurrent": (recurrent, True),
    "convolutional": (convolutional, False),
    "assorted": (assorted, True),
}


def same(ours: Any, theirs: Any) -> None:
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-6 * max(1.0, np.abs(theirs).max())
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
    assert theirs.std() > 1e-3, "outputs that are all the same prove nothing"


@pytest.mark.parametrize("name", MODELS)
def test_models_by_their_plan_have_keras_outputs(name: str, keras: Any, bench: Bench) -> None:
    make, by_numpy = MODELS[name]
    model = shaken(keras, make(keras))
    bench.data(pictures())
    bench.save(name, model)
    [ours] = bench.outputs(name)
    theirs = model.predict(pictures(), batch_size=loading.BATCH, verbose=0)
    assert bench.ran != [["whole"]], bench.said
    assert not any("as a whole" in each for each in bench.said)
    same(ours, theirs)
    plan = graphs.read(bench.folder / f"{name}.keras")
    assert bool(cuts.split(plan).head) == by_numpy
    if not by_numpy:
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_layers_that_are_made_one_by_one_are_those_of_the_loaded_model(name: str, keras: Any, bench: Bench) -> None:
    model = shaken(keras, MODELS[name][0](keras))
    bench.save(name, model)
    file = bench.folder / f"{name}.keras"
    called = [each.to_json() for each in graphs.read(file).operations if each.inputs]
    tf, admitted = loading.tensorflow(), admission.scan(file)
    made = loading.keras(tf, file, called, admitted)
    if name in ("attention", "recurrent"):  # layers with others in them have weights that are not theirs
        assert made.found[()].count_params() == model.count_params()
        return
    assert set(made.found) == {tuple(each["path"]) for each in called}
    theirs = layers.of(model).found
    with made.having([each.value for each in made.weights]):
        for path, layer in made.found.items():
            for one, other in zip(getattr(layer, "weights", ()), getattr(theirs[path], "weights", ()), strict=True):
                assert np.asarray(one.value).tobytes() == np.asarray(other.value).tobytes(), path
    assert list(loading.keras(tf, file, called[-1:], admitted).found) == [tuple(called[-1]["path"])], (
        "no layer is made that is not run"
    )


def other(keras: Any, model: Any) -> Any:
    """A model of the same structure, saved under other names, with other weights."""
    made = keras.models.clone_model(model)
    made.set_weights([1.25 * each for each in model.get_weights()])
    return made


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("attention", "recurrent", "assorted")])
def test_a_function_is_made_once_for_models_of_one_structure(
    name: str, keras: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shaken(keras, MODELS[name][0](keras))
    bench.data(pictures())
    bench.save("one", model)
    bench.save("other", other(keras, model))
    [first] = bench.outputs("one")
    [apart] = bench.outputs("other", cache=Cache(bench.folder / "apart"))
    with monkeypatch.context() as patch:
        patch.setattr(traces, "make", lambda *_: pytest.fail("there is a function for this structure"))
        [ours] = bench.outputs("other")
    assert bench.ran not in ([], [["whole"]]), bench.said
    assert not any("as a whole" in each for each in bench.said)
    assert ours.tobytes() == apart.tobytes() != first.tobytes()


@pytest.mark.parametrize("name", ["attention", "recurrent", "assorted"])
def test_no_function_is_kept_that_may_depend_on_weights(name: str, keras: Any, bench: Bench) -> None:
    """Normalization makes constants of its weights when it is loaded; in layers around others weights are not by number."""
    model = shaken(keras, MODELS[name][0](keras))
    bench.data(pictures())
    bench.save("one", model)
    bench.outputs("one")
    assert not (bench.folder / "cache/functions").exists()


def test_a_function_goes_with_the_structure_alone(keras: Any, bench: Bench) -> None:
    def model(units: int, activation: str = "relu", kernel: int = 3) -> Any:
        start = keras.Input((12, 12, 3))
        x = keras.layers.Conv2D(4, kernel, activation=activation, padding="same")(start)
        x = keras.layers.Conv2D(units, 3)(x)
        return keras.Model(start, keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x)))

    bench.data(pictures())
    kept = bench.folder / "cache/functions"
    for count, each in enumerate((model(3), model(5), model(3, "tanh"), model(3, kernel=1)), 1):
        bench.save("m", each)
        [ours] = bench.outputs("m")
        same(ours, each.predict(pictures(), batch_size=loading.BATCH, verbose=0))
        assert len([*kept.iterdir()]) == count


def test_a_function_for_other_shapes_or_weights_is_made_anew(keras: Any, bench: Bench) -> None:
    start = keras.Input((None, None, 3))
    model = keras.Model(start, keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(keras.layers.Conv2D(4, 3)(start))))
    bench.save("m", model)
    for size in (12, 9, 10):
        bench.data(pictures((size, size, 3)))
        [ours] = bench.outputs("m")
        same(ours, model.predict(pictures((size, size, 3)), batch_size=loading.BATCH, verbose=0))
        assert not any("as a whole" in each for each in bench.said), bench.said
        assert len([*(bench.folder / "cache/functions").iterdir()]) == 1


def test_a_kept_function_that_was_changed_or_cut_short_is_made_anew(keras: Any, bench: Bench) -> None:
    bench.data(pictures())
    model = nested(keras)
    bench.save("one", model)
    bench.save("other", other(keras, model))
    bench.outputs("one")
    [expected] = bench.outputs("other", cache=Cache(bench.folder / "apart"))
    [file] = (bench.folder / "cache/functions").iterdir()
    sound = file.read_bytes()
    assert b"Relu" in sound
    for broken in (sound.replace(b"Relu", b"Selu"), sound.replace(b"Conv2D", b"Conv3D"), sound[:-1], sound[:100], b""):
        file.write_bytes(broken)
        for kept in ("outputs", "activations"):
            shutil.rmtree(bench.folder / "cache" / kept)
        [ours] = bench.outputs("other")
        assert ours.tobytes() == expected.tobytes()
        assert not any("as a whole" in each for each in bench.said), bench.said
        assert b"Selu" not in (bench.cache.get("functions", file.name) or b"Selu")


def test_a_kept_function_may_not_read_files(keras: Any, bench: Bench) -> None:
    """Who can write into the cache gets no further than the outputs."""
    bench.data(pictures())
    model = nested(keras)
    bench.save("one", model)
    bench.save("other", other(keras, model))
    bench.outputs("one")
    [file] = (bench.folder / "cache/functions").iterdir()
    content = file.read_bytes().partition(b"\n")[2].replace(b"Conv2D", b"ReadIt")
    bench.cache.put("functions", file.name, content)
    [ours] = bench.outputs("other")
    assert any("the operation ReadIt" in each and "as a whole" in each for each in bench.said), bench.said
    same(ours, keras.models.load_model(bench.folder / "other.keras").predict(pictures(), batch_size=loading.BATCH, verbose=0))


def test_activations_are_the_same_bits_from_a_cut_as_from_the_input(keras: Any, bench: Bench) -> None:
    """Everything in front of the head, computed from each place at which something may be kept."""
    model = shaken(keras, nested(keras))
    bench.data(pictures())
    bench.save("m", model)
    plan = graphs.read(bench.folder / "m.keras")
    [feature] = cuts.split(plan).features
    names = [each.path[-1] for each in plan.operations]
    files = {ref: bench.folder / f"{ref[0]}.npy" for ref in [(at, 0) for at in range(1, len(names) - 2)]}

    def compute(targets: list[Any], sources: list[Any]) -> None:
        work = cuts.work(plan, targets, sources.__contains__)
        request = {
            "model": str(bench.folder / "m.keras"),
            "data": str(bench.folder / "d.npz"),
            "suffix": ".npz",
            "inputs": ["x"],
            "preprocessing": [],
            "plan": {
                "operations": [(at, plan.operations[at].to_json()) for at in work.operations],
                "sources": [(ref, str(files[ref])) for ref in work.sources],
                "targets": [(ref, str(files[ref])) for ref in targets],
                "optional": [],
                "limit": 0,
                "input": "float32" if 0 in work.operations else None,
                "failed": str(bench.folder / "failed"),
            },
        }
        assert tasks.activations({**json.loads(json.dumps(request)), **IN_PROCESS}), (bench.folder / "failed").read_text()

    compute(list(files), [])
    whole = np.load(files[feature])
    assert whole.std() > 1e-3
    for ref in files:
        if ref != feature and names[ref[0]] not in ("bn1", "c2"):  # the sum needs both
            files[feature].unlink()
            compute([feature], [ref])
            assert np.load(files[feature]).tobytes() == whole.tobytes(), names[ref[0]]
    files[feature].unlink()
    compute([feature], [(names.index("bn1"), 0), (names.index("c2"), 0)])
    assert np.load(files[feature]).tobytes() == whole.tobytes()


def no_tensorflow(task: dict[str, Any], what: str, limits: object) -> None:
    raise AssertionError(f"{what} was run with TensorFlow")


def headed(k: Any, base: Any, seed: int, *hidden: int) -> Any:
    k.utils.set_random_seed(seed)
    outer = k.Input((12, 12, 3))
    x = base(outer, training=False)
    for units in hidden:
        x = k.layers.Dropout(0.3)(k.layers.Dense(units, activation="relu")(x))
    return k.Model(outer, k.layers.Dense(5, activation="softmax")(x))


@pytest.fixture
def base(keras: Any) -> Any:
    start = keras.Input((12, 12, 3))
    made = shaken(keras, keras.Model(start, body(keras, start), name="base"))
    made.trainable = False
    return made


def test_a_new_head_and_a_saved_again_model_need_no_tensorflow(
    keras: Any, bench: Bench, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.data(pictures())
    bench.save("parent", headed(keras, base, 1))
    [before] = bench.outputs("parent")
    assert bench.said == ["running 6 of 7 operations of parent.keras with TensorFlow ..."]
    monkeypatch.setattr(processes, "run", no_tensorflow)
    shutil.copy(bench.folder / "parent.keras", bench.folder / "kept.keras")
    again = keras.models.load_model(bench.folder / "parent.keras")
    bench.save("again", again)
    assert bench.request("again").model_md5 != bench.request("parent").model_md5
    ours, parents = bench.outputs("again", "parent")
    assert bench.said == []
    assert ours.tobytes() == parents.tobytes() == before.tobytes()
    for seed, hidden in ((2, ()), (3, (7,)), (4, (9, 8))):
        model = headed(keras, base, seed, *hidden)
        bench.save("child", model)
        [ours, _] = bench.outputs("child", "parent")
        count = 1 + 2 * len(hidden)
        assert bench.said == [
            f"running the last {count} of {6 + count} operations of child.keras with numpy, what comes before is kept ..."
        ]
        same(ours, model.predict(pictures(), batch_size=loading.BATCH, verbose=0))


def test_outputs_do_not_depend_on_what_is_in_the_cache(keras: Any, bench: Bench, base: Any) -> None:
    bench.data(pictures())
    bench.save("parent", headed(keras, base, 1))
    bench.save("child", headed(keras, base, 2, 7))
    warm = bench.outputs("child", "parent")
    assert len(bench.ran) == 1  # both are missing: what they share is computed once
    cold = bench.outputs("child", cache=Cache(bench.folder / "other"))
    assert len(bench.ran) == 1
    assert warm[0].tobytes() == cold[0].tobytes()


def test_a_fine_tuned_last_block_begins_where_the_models_part(keras: Any, bench: Bench, base: Any) -> None:
    bench.data(pictures())
    bench.save("parent", headed(keras, base, 1))
    layer = base.get_layer("c3")
    layer.set_weights([each * 1.5 for each in layer.get_weights()])
    bench.save("child", headed(keras, base, 2))
    bench.outputs("parent")
    first, _ = bench.outputs("child", "parent")
    assert bench.ran == [["c3", "pool"]]  # from a place on the way
    assert bench.said == [
        "running 2 of 7 operations of child.keras with TensorFlow (4 are parent.keras's too, then base/c3 has other weights) ..."
    ]
    layer.set_weights([each * 1.5 for each in layer.get_weights()])
    model = headed(keras, base, 3)
    bench.save("sibling", model)
    [ours, _] = bench.outputs("sibling", "child")
    assert bench.ran == [["c3", "pool"]]  # from where the child and its parent parted
    same(ours, model.predict(pictures(), batch_size=loading.BATCH, verbose=0))
    assert first.tobytes() == bench.outputs("child", cache=Cache(bench.folder / "other"))[0].tobytes()


def test_activations_that_were_cut_short_or_changed_are_computed_again(keras: Any, bench: Bench, base: Any) -> None:
    bench.data(pictures())
    bench.save("parent", headed(keras, base, 1))
    bench.save("child", headed(keras, base, 2))
    bench.outputs("parent")
    expected = bench.outputs("child")[0]
    for damage in (
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"",
        lambda data: data[:70],
    ):
        shutil.rmtree(bench.folder / "cache/outputs")
        for file in (bench.folder / "cache/activations").iterdir():
            file.write_bytes(damage(file.read_bytes()))
        assert bench.outputs("child")[0].tobytes() == expected.tobytes()
        assert len(bench.ran) == 1


def test_a_cache_that_keeps_nothing_costs_time_alone(keras: Any, bench: Bench, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.data(pictures())
    bench.save("parent", headed(keras, base, 1))
    bench.save("child", headed(keras, base, 2))
    expected = bench.outputs("child", "parent")
    small = Cache(bench.folder / "small", limit=10)
    for useless in (small, Cache(Path("/proc/none"))):
        found = bench.outputs("child", "parent", cache=useless)
        assert [each.tobytes() for each in found] == [each.tobytes() for each in expected]
        assert len(bench.ran) == 2
    assert small.usage() == []


def test_two_evaluations_at_once(keras: Any, bench: Bench, base: Any) -> None:
    bench.data(pictures())
    names = ["one", "two", "three"]
    for seed, name in enumerate(names):
        bench.save(name, headed(keras, base, seed))
    bench.outputs("one")  # what their heads begin with
    expected = {name: bench.outputs(name, cache=Cache(bench.folder / name))[0].tobytes() for name in names}
    with ThreadPoolExecutor(max_workers=4) as pool:
        asked = [name for _ in range(3) for name in names]
        found = list(pool.map(lambda name: bench.outputs(name)[0].tobytes(), asked))
    assert found == [expected[name] for name in asked]


def special(k: Any, what: str) -> Any:
    start = k.Input((12, 12, 3))
    x = k.layers.Conv2D(4, 3, name="c1")(start)
    if what == "training":
        x = k.layers.BatchNormalization(name="bn")(x, training=True)
    if what == "stateful":
        start = k.Input(batch_shape=(8, 12, 36))  # the 40 examples are five batches of it
        x = k.layers.GRU(3, stateful=True, name="gru")(start)
        return k.Model(start, k.layers.Dense(3)(x))
    if what == "outputs":
        return k.Model(start, [k.layers.Flatten()(x), x])
    return k.Model(start, k.layers.Dense(3, name="head")(k.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    ("what", "reason"), [("training", "bn: it is called in training mode"), ("stateful", "gru: it keeps state from batch to batch")]
)
def test_where_the_plan_cannot_hold_the_model_is_run_as_a_whole(
    what: str, reason: str, keras: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 8)
    monkeypatch.setattr(loading, "ENGINE", "batch 8")
    model = special(keras, what)
    x = pictures() if what == "training" else pictures((12, 36))
    bench.data(x)
    bench.save("m", model)
    [ours] = bench.outputs("m")
    assert bench.ran == [["whole"]]
    assert bench.said == [f"running m.keras with TensorFlow, as a whole: {reason} ..."]
    fresh = keras.models.load_model(bench.folder / "m.keras")
    assert ours.tobytes() == fresh.predict(x, batch_size=8, verbose=0).tobytes()
    assert bench.outputs("m")[0].tobytes() == ours.tobytes()
    assert bench.ran == []
    assert not (bench.folder / "cache/activations").exists()


def test_a_plan_that_keras_does_not_follow_is_given_up(
    keras: Any, bench: Bench, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the plan says is compared with nothing; where calling the layers fails, the model is run as it is."""
    bench.data(pictures())
    model = headed(keras, base, 1)
    bench.save("m", model)

    def lost(*_: object) -> Any:
        raise ValueError("no such layer")

    monkeypatch.setattr(traces, "make", lost)
    [ours] = bench.outputs("m")
    assert bench.said[-1] == "m.keras is run as a whole: running it by its plan failed: ValueError: no such layer"
    assert ours.tobytes() == model.predict(pictures(), batch_size=loading.BATCH, verbose=0).tobytes()
    bench.outputs("m")
    assert bench.ran == []


def test_a_hostile_file_is_refused_though_its_plan_is_that_of_a_good_one(keras: Any, bench: Bench, base: Any) -> None:
    """Nothing of it would be loaded, for its outputs are there; whoever checks it out would load it."""
    bench.data(pictures())
    bench.save("m", headed(keras, base, 1))
    bench.outputs("m")
    shutil.copy(bench.folder / "m.keras", bench.folder / "bad.keras")
    with zipfile.ZipFile(bench.folder / "bad.keras", "a") as archive:
        archive.writestr("assets/../../evil.py", "print()")
    for _ in range(2):
        with pytest.raises(MdrepoError, match=r"models/bad\.keras \(md5 .*refused: .*evil\.py"):
            bench.outputs("bad")
    assert bench.ran == []


def test_inputs_that_do_not_fit_and_outputs_that_are_no_numbers_are_said(keras: Any, bench: Bench, base: Any) -> None:
    bench.save("m", headed(keras, base, 1))
    bench.data(pictures((12, 13, 3)))
    with pytest.raises(Finding, match="the preprocessed data have"):
        bench.outputs("m")
    bench.data(pictures() * np.float32(1e38))
    with pytest.raises(MdrepoError, match="not all finite numbers"):
        bench.outputs("m")
    assert not (bench.folder / "cache/outputs").exists()


def test_inputs_of_other_types_are_taken_as_keras_takes_them(keras: Any, bench: Bench, base: Any) -> None:
    model = headed(keras, base, 1)
    bench.save("m", model)
    for array in (pictures().astype("float64"), (pictures() * 9).astype("int16"), pictures() > 0):
        bench.data(array)
        same(bench.outputs("m")[0], model.predict(array, batch_size=loading.BATCH, verbose=0))


ACTIVATIONS = heads._ACTIVATIONS
TAILS: dict[str, Callable[[Any], list[Any]]] = {
    "softmax": lambda layers: [layers.Softmax()],
    "relu": lambda layers: [layers.ReLU(negative_slope=0.1, max_value=2.0)],
    "leaky": lambda layers: [layers.LeakyReLU(negative_slope=0.2)],
    "norm": lambda layers: [layers.BatchNormalization()],
    "plain norm": lambda layers: [layers.BatchNormalization(scale=False, center=False, epsilon=0.1)],
    "reshape": lambda layers: [layers.Reshape((2, 3)), layers.Flatten()],
    "no bias": lambda layers: [layers.Dense(4, use_bias=False)],
    "rescaling": lambda layers: [layers.Rescaling(0.5, offset=1.0)],
    "dropouts": lambda layers: [layers.Dropout(0.5), layers.GaussianNoise(0.3), layers.Identity()],
    **{f"activation {name}": lambda layers, name=name: [layers.Activation(name)] for name in ACTIVATIONS},  # type: ignore[misc]
    **{f"dense {name}": lambda layers, name=name: [layers.Dense(6, activation=name)] for name in ACTIVATIONS},  # type: ignore[misc]
}


@cache
def _start(k: Any) -> Any:
    return k.layers.Conv2D(6, 3, name="start")


@pytest.mark.parametrize("name", TAILS)
def test_numpy_s_layers_are_keras_(name: str, keras: Any, bench: Bench) -> None:
    """From the same activations, the head in numpy, and in Keras."""
    start = keras.Input((12, 12, 3))
    x = keras.layers.GlobalAveragePooling2D()(_start(keras)(start))
    x = y = keras.layers.Dense(6)(x)
    for layer in TAILS[name](keras.layers):
        y = layer(y)
    model = shaken(keras, keras.Model(start, y))
    bench.save("m", model)
    plan = graphs.read(bench.folder / "m.keras")
    split = cuts.split(plan)
    assert len(split.head) == 1 + len(TAILS[name](keras.layers))
    features = pictures((6,)) * 3
    np.save(bench.folder / "f.npy", features)
    options = {
        "head": [(at, plan.operations[at].to_json()) for at in split.head],
        "given": [(split.features[0], str(bench.folder / "f.npy"))],
        "output": plan.output,
    }
    ours = heads.outputs(heads.EXTRACTOR.derive(bench.folder / "m.keras", json.loads(json.dumps(options))))
    tail = keras.Model(x, y)
    theirs = tail.predict(model.layers[3](features), batch_size=loading.BATCH, verbose=0)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-6 * max(1.0, np.abs(theirs).max())


def test_merges_in_a_head(keras: Any, bench: Bench) -> None:
    start = keras.Input((12, 12, 3))
    x = keras.layers.GlobalAveragePooling2D()(_start(keras)(start))
    y, z = keras.layers.Dense(6, activation="tanh")(x), keras.layers.Dense(6)(x)
    merged = [getattr(keras.layers, name)()([y, z]) for name in ("Add", "Multiply", "Average", "Maximum")]
    model = keras.Model(start, keras.layers.Dense(3)(keras.layers.Concatenate()(merged)))
    bench.data(pictures())
    bench.save("m", model)
    same(bench.outputs("m")[0], model.predict(pictures(), batch_size=loading.BATCH, verbose=0))
    assert "dense" not in "".join(bench.ran[0])


@pytest.fixture
def real(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(processes, "run", RUN)
    return bench


def test_in_processes_of_their_own(keras: Any, real: Bench, base: Any) -> None:
    """As it is outside of tests: TensorFlow in another process, for a parent, and for a child from a cut."""
    real.data(pictures())
    real.save("parent", headed(keras, base, 1))
    layer = base.get_layer("c3")
    layer.set_weights([each * 1.5 for each in layer.get_weights()])
    model = headed(keras, base, 2)
    real.save("child", model)
    real.outputs("child", "parent")
    assert len(real.said) == 2, real.said
    assert "as a whole" not in " ".join(real.said)
    [ours] = real.outputs("child")
    same(ours, model.predict(pictures(), batch_size=loading.BATCH, verbose=0))
