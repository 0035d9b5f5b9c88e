"""Plans of models: Merkle hashes over operations, read without TensorFlow; where models part; and whatever is odd in a file."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import keras_file

from mdrepo.evaluation import cuts, graphs
from mdrepo.evaluation.plans import Plan, Unplanned

FLOAT = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def tensor(layer: str, shape: list[int | None], node: int = 0, index: int = 0) -> Any:
    config = {"shape": [None, *shape], "dtype": "float32", "keras_history": [layer, node, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def layer(class_name: str, name: str, *calls: Any, module: str = "keras.layers", **config: Any) -> Any:
    made = {"name": name, "trainable": True, "dtype": {**copy.deepcopy(FLOAT), "shared_object_id": hash(name)}, **config}
    nodes = [{"args": args, "kwargs": kwargs} for args, kwargs in calls]
    return {
        "module": module,
        "class_name": class_name,
        "config": made,
        "registered_name": None,
        "name": name,
        "inbound_nodes": nodes,
    }


def start(name: str, shape: list[int | None]) -> Any:
    config = {"batch_shape": [None, *shape], "dtype": "float32", "name": name}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def functional(name: str, layers: list[Any], end: str, node: int = 0, **more: Any) -> Any:
    config = {"name": name, "trainable": True, "layers": layers, "input_layers": [layers[0]["name"], 0, 0], **more}
    config.setdefault("output_layers", [end, node, 0])
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def dense(name: str, units: int, *calls: Any, **more: Any) -> Any:
    initial = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": len(name)}}
    return layer(
        "Dense", name, *calls, **{"units": units, "activation": "linear", "use_bias": True, "kernel_initializer": initial, **more}
    )


def simple(prefix: str = "") -> Any:
    """in -> a -> b, a and b added -> head."""
    names = [prefix + each for each in ("in", "a", "b", "sum", "head")]
    first, a, b, both, head = names
    layers = [
        start(first, [4]),
        dense(a, 4, ([tensor(first, [4])], {}), activation="relu"),
        dense(b, 4, ([tensor(a, [4])], {})),
        layer("Add", both, ([[tensor(a, [4]), tensor(b, [4])]], {})),
        dense(head, 3, ([tensor(both, [4])], {}), activation="softmax"),
    ]
    return functional("net", layers, head)


def weights(*sizes: tuple[int, int], seed: int = 0, group: str = "layers") -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for number, (before, after) in enumerate(sizes):
        name = f"{group}/dense" + (f"_{number}" if number else "")
        made[f"{name}/vars/0"] = generator.normal(size=(before, after)).astype("float32")
        made[f"{name}/vars/1"] = np.zeros(after, "float32")
    return made


SIMPLE = weights((4, 4), (4, 4), (4, 3))


def written(path: Path, config: Any, values: Any = None) -> Path:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, array in (SIMPLE if values is None else values).items():
            file[name] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.0"}))
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("model.weights.h5", stream.getvalue())
    return path


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def read(config: Any, values: Any = None) -> Plan:
        return graphs.read(written(tmp_path / "m.keras", config, values))

    return read


def hashes(found: Plan) -> list[str | None]:
    return [each.hash for each in found.operations]


def test_names_seeds_and_object_ids_change_nothing(plan: Callable[..., Plan]) -> None:
    one, other = plan(simple()), plan(simple("other_"))
    assert hashes(one) == hashes(other)
    assert None not in hashes(one)
    assert len(set(hashes(one))) == 5
    assert Plan.of_json(json.loads(json.dumps(one.to_json()))) == Plan.of_json(json.loads(json.dumps(one.to_json())))
    assert hashes(Plan.of_json(json.loads(json.dumps(one.to_json())))) == hashes(one)


def test_what_comes_after_a_change_changes_and_nothing_else(plan: Callable[..., Plan]) -> None:
    before = plan(simple())
    bit = {name: array.copy() for name, array in SIMPLE.items()}
    bit["layers/dense_1/vars/1"].view("uint8")[0] ^= 1  # one bit of b's bias
    after = plan(simple(), bit)
    assert [one == other for one, other in zip(hashes(before), hashes(after), strict=True)] == [True, True, False, False, False]
    assert cuts.shared(after, before) == {0, 1}
    assert cuts.difference(after, before) == "b has other weights"
    config = simple()
    config["config"]["layers"][2]["config"]["activation"] = "tanh"
    assert cuts.difference(plan(config), before) == "b is set up otherwise"
    config["config"]["layers"][2]["config"]["dtype"]["config"]["name"] = "float16"
    assert hashes(plan(config))[1:3] != hashes(before)[1:3]
    assert hashes(plan(config))[1] == hashes(before)[1]


def test_what_only_training_reads_changes_nothing(plan: Callable[..., Plan]) -> None:
    config = simple()
    for each in config["config"]["layers"][1:]:
        each["config"] |= {
            "trainable": False,
            "kernel_regularizer": {"module": "keras.regularizers", "class_name": "L2", "config": {}},
        }
        each["inbound_nodes"][0]["kwargs"] |= {"training": False, "mask": None}
    assert hashes(plan(config)) == hashes(plan(simple()))
    assert not any(each.trainable for each in plan(config).operations)


def test_the_order_of_what_is_merged_counts(plan: Callable[..., Plan]) -> None:
    one = simple()
    one["config"]["layers"][3]["class_name"] = "Subtract"
    other = copy.deepcopy(one)
    other["config"]["layers"][3]["inbound_nodes"][0]["args"][0].reverse()
    assert hashes(plan(one))[3] != hashes(plan(other))[3]
    named = copy.deepcopy(one)
    a, b = named["config"]["layers"][3]["inbound_nodes"][0]["args"][0]
    named["config"]["layers"][3]["inbound_nodes"][0] = {"args": [], "kwargs": {"x1": a, "x2": b}}
    turned = copy.deepcopy(named)
    turned["config"]["layers"][3]["inbound_nodes"][0]["kwargs"] = {"x2": a, "x1": b}
    assert hashes(plan(named))[3] != hashes(plan(turned))[3]


def test_a_layer_that_is_called_twice_is_two_operations(plan: Callable[..., Plan]) -> None:
    layers = [
        start("in", [4]),
        dense("a", 4, ([tensor("in", [4])], {}), ([tensor("a", [4])], {})),
        dense("head", 3, ([tensor("a", [4], 1)], {})),
    ]
    values = weights((4, 4), (4, 3))
    found = plan(functional("net", layers, "head"), values)
    assert [each.path[-1] for each in found.operations] == ["in", "a", "a", "head"]
    assert [each.inputs for each in found.operations] == [(), ((0, 0),), ((1, 0),), ((2, 0),)]
    assert found.operations[1].weights == found.operations[2].weights
    assert found.operations[1].hash != found.operations[2].hash


def inner(values: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("layers/dense", "layers/functional/layers/dense", 1): array for name, array in values.items()}


def test_a_model_inside_a_model_is_as_if_its_layers_stood_there(plan: Callable[..., Plan]) -> None:
    base = functional("base", [start("x", [4]), dense("a", 4, ([tensor("x", [4])], {}), activation="relu")], "a")
    nested = {**base, "name": "base", "inbound_nodes": [{"args": [tensor("in", [4])], "kwargs": {"training": False}}]}
    nested["config"]["trainable"] = False
    whole = functional("net", [start("in", [4]), nested, dense("head", 3, ([tensor("base", [4])], {}))], "head")
    values = inner(weights((4, 4))) | {
        key: SIMPLE[f"layers/dense_2/vars/{key[-1]}"] for key in ("layers/dense/vars/0", "layers/dense/vars/1")
    }
    found = plan(whole, values)
    flat = functional(
        "net",
        [start("in", [4]), dense("a", 4, ([tensor("in", [4])], {}), activation="relu"), dense("head", 3, ([tensor("a", [4])], {}))],
        "head",
    )
    assert hashes(found) == hashes(
        plan(flat, weights((4, 4)) | {f"layers/dense_1/vars/{at}": SIMPLE[f"layers/dense_2/vars/{at}"] for at in (0, 1)})
    )
    assert found.operations[1].path == ("base", "a")
    assert [each.trainable for each in found.operations] == [False, False, True]
    assert cuts.split(found) == cuts.Split(((1, 0),), (2,))


def test_a_small_file_of_conftest(tmp_path: Path) -> None:
    plans = []
    for number, content in enumerate((keras_file(3), keras_file(3, saved="2027-01-01"), keras_file(5), keras_file(3, seed=1))):
        (tmp_path / str(number)).write_bytes(content)
        plans.append(graphs.read(tmp_path / str(number)))
    assert hashes(plans[0]) == hashes(plans[1])
    assert cuts.shared(plans[2], plans[0]) == {0, 1} - ({1} if hashes(plans[2])[1] != hashes(plans[0])[1] else set())
    assert cuts.shared(plans[3], plans[0]) == {0}


def changed(change: Callable[[list[Any]], Any]) -> Any:
    config = simple()
    change(config["config"]["layers"])
    return config


OPAQUE = {
    "lambda": (lambda layers: layers[2].update(class_name="Lambda"), "b: Lambda runs code of its own"),
    "custom": (
        lambda layers: layers[2].update(module="mine", registered_name="mine>Dense"),
        "b: Dense is a class or function of its own",
    ),
    "registered": (lambda layers: layers[2].update(registered_name="mine>Dense"), "b: Dense is a class or function of its own"),
    "unknown module": (lambda layers: layers[2].update(module="keras.src.other"), "is not a layer of Keras"),
    "training": (lambda layers: layers[2]["inbound_nodes"][0]["kwargs"].update(training=True), "b: it is called in training mode"),
    "stateful": (lambda layers: layers[2]["config"].update(stateful=True), "b: it keeps state from batch to batch"),
    "vocabulary": (lambda layers: layers[2].update(class_name="StringLookup"), "b: StringLookup has state outside of its weights"),
    "own activation": (
        lambda layers: layers[2]["config"].update(activation={"module": "builtins", "class_name": "function", "config": "f"}),
        "b: function is a class or function of its own",
    ),
    "no weights": (lambda layers: layers[2].update(class_name="EinsumDense"), "b: its weights lie with another layer"),
    "an object": (
        lambda layers: layers[2]["inbound_nodes"][0]["args"].append({"class_name": "__numpy__", "config": {}}),
        "b: it is called with an object",
    ),
}


@pytest.mark.parametrize("what", OPAQUE)
def test_operations_that_cannot_be_told_are_named(what: str, plan: Callable[..., Plan]) -> None:
    change, reason = OPAQUE[what]
    found = plan(changed(change))
    assert found.reason is not None
    assert reason in found.reason
    assert [each is None for each in hashes(found)] == [False, False, True, True, True]
    assert cuts.shared(found, found) == {0, 1}


def test_behind_a_mask_nothing_is_kept(plan: Callable[..., Plan]) -> None:
    found = plan(changed(lambda layers: layers[2].update(class_name="Masking")))
    assert found.reason is None
    assert cuts.shared(found, found) == {0, 1}
    assert cuts.split(found) == cuts.Split((found.output,))


UNPLANNED: dict[str, Any] = {
    "a cycle": (
        changed(lambda layers: layers[1]["inbound_nodes"][0].update(args=[tensor("b", [4])])),
        "its graph has a cycle, or its layer a takes what no layer gives",
    ),
    "a layer that is not there": (
        changed(lambda layers: layers[1]["inbound_nodes"][0].update(args=[tensor("none", [4])])),
        "its layer a takes what no layer gives",
    ),
    "itself": (
        changed(lambda layers: layers[1]["inbound_nodes"][0].update(args=[tensor("a", [4])])),
        "has a cycle",
    ),
    "no calls": (changed(lambda layers: layers[1].pop("inbound_nodes")), "its configuration is odd"),
    "calls of Keras 2": (changed(lambda layers: layers[1].update(inbound_nodes=[[["in", 0, 0, {}]]])), "its configuration is odd"),
    "a history that is none": (
        changed(lambda layers: layers[1]["inbound_nodes"][0]["args"][0]["config"].update(keras_history=[{}, []])),
        "its configuration is odd",
    ),
    "shapes that are none": (
        changed(lambda layers: layers[2]["inbound_nodes"][0]["args"][0]["config"].update(shape=[None, "4"])),
        "the shape of a tensor is none",
    ),
    "no layers": ({**simple(), "config": {"name": "net"}}, "its configuration is odd"),
    "layers in an object": ({**simple(), "config": {**simple()["config"], "layers": {"a": 1}}}, "its configuration is odd"),
    "no inputs": (functional("net", simple()["config"]["layers"], "head", input_layers=[]), "its inputs or outputs are not a list"),
    "two outputs": (
        functional("net", simple()["config"]["layers"], "head", output_layers=[["a", 0, 0], ["head", 0, 0]]),
        "more than one output",
    ),
    "two inputs": (
        functional("net", simple()["config"]["layers"], "head", input_layers=[["in", 0, 0], ["in", 0, 0]]),
        "more than one input",
    ),
    "an output that is not there": (functional("net", simple()["config"]["layers"], "none"), "its configuration is odd"),
    "a class of its own": ({**simple(), "class_name": "MyModel"}, "MyModel is a class of its own"),
    "a model of another module": ({**simple(), "module": "mine"}, "Functional is a class of its own"),
    "no configuration": ({}, "its configuration is odd"),
    "a list": ("[]", "its config.json is not an object"),
    "no JSON": ("{", "its configuration is odd"),
    "too deep": ("[" * 100_000, "its configuration is odd"),
}


@pytest.mark.parametrize("what", UNPLANNED)
def test_odd_configurations_have_no_plan_and_a_reason(what: str, plan: Callable[..., Plan]) -> None:
    config, reason = UNPLANNED[what]
    with pytest.raises(Unplanned, match=re.escape(reason)):
        plan(copy.deepcopy(config))


def test_models_inside_of_models_that_multiply(plan: Callable[..., Plan]) -> None:
    made = functional("m0", [start("x", [4]), layer("ReLU", "r", ([tensor("x", [4])], {}))], "r")
    for depth in range(1, 22):
        calls = [{"args": [tensor(f"m{depth - 1}" if node else "x", [4], max(node - 1, 0))], "kwargs": {}} for node in range(2)]
        made = functional(
            f"m{depth}", [start("x", [4]), {**made, "name": f"m{depth - 1}", "inbound_nodes": calls}], f"m{depth - 1}", 1
        )
    with pytest.raises(Unplanned, match="more than 100,000 operations"):
        plan(made, {})


def test_weights_that_lead_elsewhere_and_files_that_are_cut(tmp_path: Path) -> None:
    file = written(tmp_path / "m.keras", simple())
    whole = file.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        file.write_bytes(whole[:length])
        with pytest.raises(Unplanned):
            graphs.read(file)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as weights_file:
        weights_file["layers/dense"] = h5py.ExternalLink("/etc/passwd", "/")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(simple()))
        archive.writestr("model.weights.h5", stream.getvalue())
    with pytest.raises(Unplanned, match="may lead to another file"):
        graphs.read(file)


ODD: list[Any] = [None, 0, -1, 1e300, "", "x", [], {}, [None], {"class_name": "Dense"}, {"tensor": [0, 0]}, True, [[[]]], "float16"]


def test_configurations_with_anything_anywhere_never_break_a_plan(tmp_path: Path) -> None:
    """Each value of a configuration replaced by odd ones, at random with a seed: a plan that can be cut, or a reason."""
    generator = random.Random(0)
    planned = 0
    for _ in range(600):
        config = simple()
        for _ in range(generator.randint(1, 2)):
            places = list(_places(config))
            holder, key = generator.choice(places)
            holder[key] = copy.deepcopy(generator.choice(ODD))
        try:
            found = graphs.read(written(tmp_path / "m.keras", config))
        except Unplanned:
            continue
        planned += 1
        again = Plan.of_json(json.loads(json.dumps(found.to_json())))
        split = cuts.split(again)
        assert cuts.work(again, split.features, lambda _: False).operations
        cuts.frontier(again, cuts.frozen(again))
        cuts.frontier(again, cuts.shared(again, again))
        cuts.waypoints(again)
    assert 100 < planned < 500


def _places(value: Any) -> Any:
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(each, dict | list):
            yield from _places(each)


def test_a_plan_needs_no_tensorflow(tmp_path: Path) -> None:
    file = written(tmp_path / "m.keras", simple())
    code = f"""
import sys
from pathlib import Path
from mdrepo.evaluation import cuts, graphs
cuts.split(graphs.read(Path({str(file)!r})))
print([name for name in ("tensorflow", "keras", "pandas") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def chain(count: int, shape: list[int | None]) -> Any:
    """A long way of convolutions that keep their shape, every fourth with a bridge over it, and a head."""
    layers = [start("in", shape)]
    last = "in"
    for at in range(count):
        layers.append(layer("Conv2D", f"c{at}", ([tensor(last, shape)], {}), filters=shape[-1]))
        if at % 4 == 3:
            layers.append(layer("Add", f"s{at}", ([[tensor(f"c{at}", shape), tensor(last, shape)]], {})))
        last = layers[-1]["name"]
    layers.append(layer("GlobalAveragePooling2D", "pool", ([tensor(last, shape)], {}), data_format="channels_last", keepdims=False))
    layers.append(dense("head", 3, ([tensor("pool", shape[-1:])], {})))
    return functional("net", layers, "head")


def convolutions(count: int, channels: int, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    names = [f"layers/conv2d{f'_{at}' if at else ''}/vars/0" for at in range(count)]
    made = {name: generator.normal(size=(3, 3, channels, channels)).astype("float32") for name in names}
    return made | {
        "layers/dense/vars/0": generator.normal(size=(channels, 3)).astype("float32"),
        "layers/dense/vars/1": np.zeros(3, "float32"),
    }


def test_the_cut_is_few_and_small_tensors(plan: Callable[..., Plan]) -> None:
    shape: list[int | None] = [8, 8, 16]
    values = convolutions(12, 16)
    parent = plan(chain(12, shape), values)
    assert cuts.split(parent).features == ((parent.output[0] - 1, 0),)  # after pooling: 16 numbers, not 1,024
    for at in range(2, 12):
        changed_values = {**values, f"layers/conv2d_{at}/vars/0": values[f"layers/conv2d_{at}/vars/0"] * 2}
        child = plan(chain(12, shape), changed_values)
        shared = cuts.shared(child, parent)
        found = cuts.frontier(child, shared)
        assert 1 <= len(found) <= 2
        work = cuts.work(child, cuts.split(child).features, lambda ref, found=found: ref in found)  # type: ignore[misc]
        assert 0 not in work.operations
        assert not shared.intersection(work.operations)  # nothing that is shared is computed again
        assert cuts.difference(child, parent) == f"c{at} has other weights"
    points = cuts.waypoints(parent)
    assert 1 <= len(points) <= 3
    assert all(ref[0] < parent.output[0] - 1 for ref in points)


def test_what_is_not_kept_is_computed_from_the_input(plan: Callable[..., Plan]) -> None:
    found = plan(simple())
    everything = cuts.work(found, (found.output,), lambda _: False)
    assert everything == cuts.Work((), (0, 1, 2, 3, 4))
    partly = cuts.work(found, (found.output,), lambda ref: ref == (2, 0))
    assert partly == cuts.Work(((2, 0),), (0, 1, 3, 4))  # the other way to the sum still needs the input
