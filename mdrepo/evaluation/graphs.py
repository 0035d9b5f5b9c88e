"""A model's graph as a plan: its operations, each with a Merkle hash over all that its result depends on; read without TensorFlow.

The hash of an operation is taken over its class, its configuration less what is noise, its weights' bytes, what it is called with,
and the hashes of the operations that its inputs come from. Equal hashes give equal results, in whatever file they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..extraction import ExtractionError, configurations, hdf5, keras
from ..extraction.weights import BROKEN
from . import admission
from .operations import Name, Opaque, Operation, Ref, call, has_weights, hashed, masks, named, refs, replaced, telling
from .plans import Plan, Unplanned

VERSION = 4
"""Changes when the same file would give another plan."""

_LIMIT = 100_000  # operations
_MODELS = ("Functional", "Sequential")
_INTEGERS = ("Discretization", "CategoryEncoding", "Hashing", "HashedCrossing")


@dataclass(frozen=True)
class _Value:
    """A tensor while the graph is read, with its type and shape where they are known."""

    ref: Ref
    dtype: str | None = None
    shape: Sequence[int | None] | None = None


@dataclass(frozen=True)
class _Place:
    """Where in a model one is: the names of the models around, the group of the weights, what was said for all of it."""

    path: tuple[str, ...] = ()
    group: str = "layers"
    frozen: bool = False
    training: bool = False

    def inside(self, raw: Mapping[str, Any], group: str, training: bool) -> _Place:
        frozen = self.frozen or raw["config"].get("trainable") is False
        return _Place((*self.path, raw["config"]["name"]), f"{group}/layers", frozen, training)


Weights = Callable[[str], tuple[str, int]]
"""A group's weights: what stands for their bytes, and how many numbers they are."""


@dataclass(frozen=True)
class _Call:
    """One call of a layer, before it is an operation."""

    raw: Mapping[str, Any]
    group: str
    node: int
    inbound: Mapping[str, Any]


class _Named(dict[Name, _Value]):
    """Tensors by name; a layer's further outputs come to be when they are asked for."""

    def __missing__(self, name: Name) -> _Value:
        if name[2] == 0:
            raise KeyError(name)
        value = _Value((self[name[0], name[1], 0].ref[0], name[2]))
        self[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, tuple) and name[2] != 0 and super().__contains__((*name[:2], 0)))


class _Builder:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.operations: list[Operation] = []
        self.read: dict[str, tuple[str, int]] = {}

    def model(self, raw: Mapping[str, Any], given: Sequence[_Value] | None, place: _Place) -> list[_Value]:
        """Adds a model's operations; its outputs. `given` are its inputs, None for the outermost model."""
        module = str(raw.get("module") or "")
        if raw["class_name"] not in _MODELS or module.partition(".")[0] != "keras":
            raise Unplanned(f"{raw['class_name']} is a class of its own, not Keras'")
        return (self._functional if raw["class_name"] == "Functional" else self._sequential)(raw["config"], given, place)

    def _add(self, operation: Operation) -> int:
        if len(self.operations) >= _LIMIT:
            raise Unplanned(f"it has more than {_LIMIT:,} operations")
        self.operations.append(operation)
        return len(self.operations) - 1

    def _input(self, raw: Mapping[str, Any], number: int, given: Sequence[_Value] | None) -> _Value:
        config = raw["config"]
        dtype, shape = config.get("dtype", "float32"), _shape(config.get("batch_shape") or config.get("batch_input_shape"))
        if not isinstance(dtype, str):
            raise Unplanned("an input does not say its type")
        if given is None:
            if number:
                raise Unplanned("it has more than one input")
            made = hashed("input", number, dtype, shape[1:])
            found = Operation((config["name"],), "InputLayer", hash=made, config={"dtype": dtype}, shape=tuple(shape[1:]))
            return _Value((self._add(found), 0), dtype, shape)
        if number >= len(given):
            raise Unplanned("a model inside has more inputs than it is given")
        outer = given[number]
        if outer.dtype != dtype or outer.shape is None or len(outer.shape) != len(shape):
            raise Unplanned("a model inside may take its inputs in another type or shape than they have")
        return outer

    def _sequential(self, config: Mapping[str, Any], given: Sequence[_Value] | None, place: _Place) -> list[_Value]:
        layers = list(config["layers"])
        groups = _groups(layers, place.group)
        if not layers or layers[0]["class_name"] != "InputLayer":
            start = {"name": "input", "batch_shape": config.get("build_input_shape")}
            layers, groups = [{"class_name": "InputLayer", "config": start}, *layers], ["", *groups]
        value = self._input(layers[0], 0, given)
        for raw, group in zip(layers[1:], groups[1:], strict=True):
            built = (raw.get("build_config") or {}).get("input_shape")
            if isinstance(built, list):
                value = self._shaped(value, built)
            if raw["class_name"] in configurations.MODELS:
                [value] = self.model(raw, [value], place.inside(raw, group, place.training))
            else:
                at = self._operation(raw, group, [{"tensor": value.ref}], {}, place)
                value = _Value((at, 0), _dtype(raw))
        return [value]

    def _shaped(self, value: _Value, raw: Any) -> _Value:
        at, index = value.ref
        shape = _shape(raw)
        if index == 0 and self.operations[at].shape is None:
            self.operations[at] = replace(self.operations[at], shape=tuple(shape[1:]))
        return replace(value, shape=shape)

    def _functional(self, config: Mapping[str, Any], given: Sequence[_Value] | None, place: _Place) -> list[_Value]:
        layers = config["layers"]
        found = _Named()
        by_name = {raw["name"]: raw for raw in layers}
        for number, name in enumerate(_ends(config["input_layers"])):
            found[name] = self._input(by_name[name[0]], number, given)
        pending = [
            _Call(raw, group, node, each)
            for raw, group in zip(layers, _groups(layers, place.group), strict=True)
            if raw["class_name"] != "InputLayer"
            for node, each in enumerate(raw["inbound_nodes"])
        ]
        while pending:
            left = [each for each in pending if not self._called(each, found, place)]
            if len(left) == len(pending):
                raise Unplanned(f"its graph has a cycle, or its layer {left[0].raw['name']} takes what no layer gives")
            pending = left
        return [found[end] for end in _ends(config["output_layers"])]

    def _called(self, each: _Call, found: _Named, place: _Place) -> bool:
        """Adds one call of a layer, if all that it takes is there already."""
        if not isinstance(each.inbound["args"], list) or not isinstance(each.inbound["kwargs"], dict):
            raise Unplanned(f"its layer {each.raw['name']} is called with what is no list of arguments")
        tensors = list(_tensors(each.inbound))
        if any(named(tensor) not in found for tensor in tensors):
            return False
        for tensor in tensors:
            value = replace(found[named(tensor)], dtype=tensor.get("dtype"))
            found[named(tensor)] = self._shaped(value, tensor["shape"])
        name = each.raw["name"]
        if each.raw["class_name"] in configurations.MODELS:
            for index, value in enumerate(self._inner(each, found, place)):
                found[name, each.node, index] = value
            return True
        reason = None
        args: list[Any]
        try:
            args, kwargs = (call(each.inbound[key], lambda name: found[name].ref) for key in ("args", "kwargs"))
        except Opaque as error:
            args, kwargs, reason = [{"tensor": list(found[named(tensor)].ref)} for tensor in tensors], {}, str(error)
        found[name, each.node, 0] = _Value((self._operation(each.raw, each.group, args, kwargs, place, reason), 0))
        return True

    def _inner(self, each: _Call, found: _Named, place: _Place) -> list[_Value]:
        kwargs = each.inbound["kwargs"]
        if any(value is not None for key, value in kwargs.items() if key != "training"):
            raise Unplanned(f"the model inside, {each.raw['name']}, is called with more than its inputs")
        training = place.training if kwargs.get("training") is None else kwargs["training"] is not False
        given = [found[named(tensor)] for tensor in _tensors(each.inbound["args"])]
        return self.model(each.raw, given, place.inside(each.raw, each.group, training))

    def _operation(
        self, raw: Mapping[str, Any], group: str, args: Any, kwargs: Mapping[str, Any], place: _Place, reason: str | None = None
    ) -> int:
        given = kwargs.get("training")
        training = place.training if given is None else given is not False
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        inputs = tuple(refs([args, kwargs]))
        if group not in self.read:
            self.read[group] = self.weights(group)
        digest, count = self.read[group]
        told: Any = None
        try:
            told = telling(raw)
        except Opaque as error:
            reason = reason or str(error)
        if training:
            reason = reason or "it is called in training mode"
        if not inputs:
            reason = reason or "it takes nothing"
        if not count and has_weights(raw):
            reason = reason or "its weights lie with another layer"
        name = raw["config"].get("name") or raw.get("name") or raw["class_name"]
        reason = f"{name}: {reason}" if reason else None
        before = [self.operations[at] for at, _ in inputs]
        reason = reason or next((each.reason for each in before if each.reason), None)
        taken = [f"{self.operations[at].hash}:{index}" for at, index in inputs]
        shown = replaced([args, {key: value for key, value in kwargs.items() if key != "training"}], lambda _: {"tensor": 0})
        made = None if reason else hashed(told, digest, shown, taken)
        masked = masks(raw) or any(each.masked for each in before)
        trainable = bool(raw["config"].get("trainable", True)) and not place.frozen
        config, structure = (told[2], hashed(told)) if told else ({}, "")
        path = (*place.path, name)
        called = (path, raw["class_name"], group, args, kwargs, inputs, made, reason, masked, trainable, digest, count, config)
        return self._add(Operation(*called, structure=structure))


def _groups(layers: Sequence[Mapping[str, Any]], group: str) -> list[str]:
    """The group of each layer's weights in the file."""
    used: dict[str, int] = {}
    found: list[str] = []
    for raw in layers:
        base = configurations.snake_case(raw["class_name"])
        used[base] = used.get(base, -1) + 1
        found.append(f"{group}/{base}" + (f"_{used[base]}" if used[base] else ""))
    return found


def _ends(raw: Any) -> list[Name]:
    """The tensors at a model's inputs or outputs: one, or a list of them."""
    if not isinstance(raw, list) or not raw:
        raise Unplanned("its inputs or outputs are not a list")
    many = raw if isinstance(raw[0], list) else [raw]
    return [(str(name), int(node), int(index)) for name, node, index in many]


def _tensors(value: Any) -> Iterator[Mapping[str, Any]]:
    """What is said of the tensors that a call takes."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]
            return
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from _tensors(each)


def _shape(raw: Any) -> list[int | None]:
    if not isinstance(raw, list) or not all(each is None or (type(each) is int and each >= 0) for each in raw):
        raise Unplanned("the shape of a tensor is none")
    return raw


def _dtype(raw: Mapping[str, Any]) -> str | None:
    """The type of a layer's result, where the layer's policy says it."""
    policy = raw["config"].get("dtype")
    name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return name if name in ("float32", "float64") and raw["class_name"] not in _INTEGERS else None


def build(config: Mapping[str, Any], weights: Weights) -> Plan:
    """The plan of a model's configuration; raises Unplanned, and what a configuration that is none leads to (BROKEN)."""
    builder = _Builder(weights)
    outputs = builder.model(config, None, _Place(frozen=config["config"].get("trainable") is False))
    if len(outputs) != 1:
        raise Unplanned("it has more than one output")
    return _pruned(builder.operations, outputs[0].ref)


def _pruned(operations: Sequence[Operation], output: Ref) -> Plan:
    """A plan of only what the output needs, and the input."""
    needed = {0, output[0]}
    for at in range(len(operations) - 1, -1, -1):
        if at in needed:
            needed.update(before for before, _ in operations[at].inputs)
    places = {at: place for place, at in enumerate(sorted(needed))}

    def moved(value: Any) -> Any:
        return replaced(value, lambda ref: {"tensor": [places[ref[0]], ref[1]]})

    kept: list[Operation] = []
    for each in (operations[at] for at in sorted(needed)):
        inputs = tuple((places[at], index) for at, index in each.inputs)
        kept.append(replace(each, args=moved(each.args), kwargs=moved(each.kwargs), inputs=inputs))
    return Plan(kept, (places[output[0]], output[1]))


def read(path: Path) -> Plan:
    """The plan of a .keras file; raises Unplanned with the reason, for whatever is odd in the file."""
    try:
        with keras.contents(path) as (config, _, weights):
            find = hdf5.children(weights, path)

            def of_group(group: str) -> tuple[str, int]:
                found = find(group) if group else None
                tensors = [] if found is None else list(hdf5.tensors(found, path))
                digest = hashed([(each.name, list(each.shape), each.dtype, each.digest()) for each in tensors])
                return (digest, sum(each.size for each in tensors)) if tensors else ("", 0)

            return build(config, of_group)
    except ExtractionError as error:
        raise Unplanned(error.reason) from None
    except BROKEN as error:
        raise Unplanned(f"its configuration is odd ({type(error).__name__}: {str(error)[:200]})") from None


class Graph:
    """Reads plans, in the process that reads artefacts or in a server's: `plan`, or the `reason` why there is none.

    A model that is not to be loaded is `refused`, with a `hint`: it may need no loading, if its plan is that of another one.
    """

    name = "graph"
    kind = "plan"
    version = str(VERSION)
    suffixes: tuple[str, ...] = (".keras",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            found = read(path).to_json()
            admission.scan(path, options["trusted"], self.suffixes[0])
            return {"plan": found}
        except admission.Refused as error:
            return {"refused": error.message, "hint": error.hint}
        except Unplanned as error:
            return {"reason": error.message}


EXTRACTOR = Graph()
