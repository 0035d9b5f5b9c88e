"""The operations of a plan as one function, which TensorFlow runs; traced once for all models of the same structure.

Keras takes as long to make layers and to call them on symbols as TensorFlow takes to run them on many examples. What comes of it, a
graph, depends on the structure alone where weights go in like examples do: it is kept, and of the next model of that structure only
the weights are read. A file has a line of JSON, which says what goes in and comes out, and after it a GraphDef (graph.proto).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..documents import digest
from ..extraction.protobuf import Message
from . import layers, savedmodels
from .layers import Layers
from .operations import Operation, Ref, replaced

VERSION = 1
"""Changes when the same operations would make another function."""

_GIVEN = (
    *(f"{what}{size}D" for what in ("Conv", "DepthwiseConv", "SeparableConv") for size in (1, 2, 3)),
    *(f"Conv{size}DTranspose" for size in (1, 2, 3)),
    *("BatchNormalization", "Dense", "EinsumDense", "Embedding", "GroupNormalization", "LayerNormalization", "PReLU"),
)
"""The layers with weights that use them when they are called, and not before; Normalization computes with them when it loads."""

Compute = Callable[[Sequence[Any]], Sequence[Any]]
"""From batches of the tensors that are given, as arrays of NumPy, to tensors of TensorFlow."""


class Wanted(NamedTuple):
    """What a function computes: operations by their numbers, in JSON and in order; what is given, in shape and type; what for."""

    operations: Sequence[tuple[int, Mapping[str, Any]]]
    given: Mapping[Ref, tuple[Sequence[int], str]]
    targets: Sequence[Ref]

    @property
    def called(self) -> list[Mapping[str, Any]]:
        """The operations without the input, which is none that is called."""
        return [each for _, each in self.operations if each["inputs"]]

    @property
    def signature(self) -> list[list[Any]]:
        """The shapes and types of what is given."""
        return [[[*shape], dtype] for shape, dtype in self.given.values()]


def key(operations: Sequence[tuple[int, Operation]], given: Sequence[Ref], targets: Sequence[Ref], engine: Any) -> str | None:
    """What stands for a function, but for the shapes of what goes in; None where it may depend on more than the structure."""
    places: dict[tuple[str, ...], int] = {}
    told: list[Any] = []
    for at, each in operations:
        if each.inputs and (not each.structure or (each.parameters and each.class_name not in _GIVEN)):
            return None
        place = places.setdefault(each.path, len(places))
        told.append([at, place, each.structure, each.parameters, each.args, each.kwargs])
    return digest([VERSION, engine, told, given, targets])


def read(tf: Any, file: Path, model: Path, wanted: Wanted) -> Compute | None:
    """The function in a file with the weights of a model, which must have been admitted; None where they do not go into it."""
    head, _, graph = file.read_bytes().partition(b"\n")
    found = json.loads(head)
    savedmodels.operations(Message(memoryview(graph)), ())
    names = [(place, index) for place, index, _, _ in found["weights"]]
    weights = layers.stored(model, wanted.called, names)
    if weights is None or _said(names, weights) != found["weights"] or wanted.signature != found["given"]:
        return None
    definition = tf.compat.v1.GraphDef.FromString(graph)

    def imported(*args: Any) -> Any:
        given = dict(zip(found["inputs"], args, strict=True))
        return tf.graph_util.import_graph_def(definition, input_map=given, return_elements=found["outputs"], name="")

    signature = [*wanted.signature, *(each[2:] for each in found["weights"])]
    function = tf.compat.v1.wrap_function(imported, [tf.TensorSpec(shape, dtype) for shape, dtype in signature])
    return _computing(tf, function, weights)


def make(tf: Any, found: Layers, wanted: Wanted, file: Path | None) -> Compute:
    """The function that layers are together; into the file, if there is one and weights go in, what `read` takes."""
    calls = [(at, found.found[tuple(each["path"])], each) for at, each in wanted.operations if each["inputs"]]
    count = len(wanted.given)

    def compute(*args: Any) -> list[Any]:
        values = dict(zip(wanted.given, args[:count], strict=True))
        with found.having(args[count:]):
            for at, layer, each in calls:
                taken, named = (replaced(each[name], values.__getitem__) for name in ("args", "kwargs"))
                made = layer(*taken, **named)
                values |= {(at, index): one for index, one in enumerate(made if isinstance(made, list | tuple) else [made])}
        return [values[ref] for ref in wanted.targets]

    weights = [each.value for each in found.weights]
    signature = [*wanted.signature, *([each.shape, each.dtype] for each in weights)]
    specified = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    traced = tf.function(compute, input_signature=specified, autograph=False).get_concrete_function()
    function = tf.compat.v1.wrap_function(partial(traced), specified)
    names = [each.name for each in found.weights if each.name is not None]
    if file is not None and len(names) == len(weights) and not traced.captured_inputs:
        _write(file, function, wanted, _said(names, weights))
    return _computing(tf, function, weights)


def _said(names: Sequence[tuple[int, int]], weights: Sequence[Any]) -> list[list[Any]]:
    """The names, shapes and types of weights."""
    return [[*name, [*each.shape], each.dtype.name] for name, each in zip(names, weights, strict=True)]


def _write(file: Path, function: Any, wanted: Wanted, weights: list[list[Any]]) -> None:
    """Keep a graph that calls a function: a function that is called TensorFlow optimizes as it does one that it has traced."""
    ends = {"inputs": [each.name for each in function.inputs], "outputs": [each.name for each in function.outputs]}
    head = json.dumps({"given": wanted.signature, "weights": weights, **ends})
    file.write_bytes(head.encode() + b"\n" + function.graph.as_graph_def().SerializeToString(deterministic=True))


def _computing(tf: Any, function: Callable[..., Any], weights: Sequence[Any]) -> Compute:
    """The function is a wrapped one: others look at all that is given, hundreds of weights, for milliseconds on every call."""
    constants = [tf.constant(each) for each in weights]
    return lambda batch: function(*map(tf.constant, batch), *constants)
