"""TensorFlow's SavedModel folders: saved_model.pb, the checkpoint in variables/ and keras_metadata.pb, read without TensorFlow.

Field numbers are those of saved_model.proto, meta_graph.proto, saved_object_graph.proto, trackable_object_graph.proto.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ExtractionError, Malformed, bundles
from .bundles import Bundle
from .protobuf import Message
from .weights import Layer, Model, ModelExtractor, Tensor, grouped, natural

_LIMIT = 2 << 30  # what a protobuf may have
_TRAINING = {"optimizer", "_optimizer", "keras_api", "_all_variables", "metrics", "_metrics", "_trainer", "_loss_tracker"}


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable: where it is in the graph of objects, its own name, its key in the checkpoint, whether training changes it."""

    path: str
    name: str
    key: str
    trained: bool | None


def _message(path: Path) -> Message:
    if path.stat().st_size > _LIMIT:
        raise Malformed(f"its {path.name} is larger than {_LIMIT >> 30} GiB")
    return Message(memoryview(path.read_bytes()))


def _children(node: Message) -> dict[str, int]:
    """An object's parts, by name: their numbers in the graph."""
    return {each.text(2): each.number(1) for each in node.messages(1)}


def _members(nodes: Sequence[Message], at: int | None) -> set[int] | None:
    """The objects in a list that belongs to the outermost object; None without the list."""
    return None if at is None else set(_children(nodes[at]).values())


def _variables(nodes: Sequence[Message], stored: Sequence[Message]) -> Iterator[_Variable]:
    """The model's variables, by walking the objects of the model and those of its checkpoint side by side.

    Keras lists its `variables` and the `trainable_variables`. What else is there belongs to training, and is left out.
    """
    outermost = _children(nodes[0])
    listed, trained = (_members(nodes, outermost.get(name)) for name in ("variables", "trainable_variables"))
    is_keras = bool(listed or {"_operations", "_layers", "keras_api"} & set(outermost))
    seen: set[int] = set()
    left = deque([(0, 0, "")])
    while left:
        here, there, path = left.popleft()
        if here in seen:
            continue
        seen.add(here)
        variable = nodes[here].message(7)
        keys = {each.text(1): each.text(3) for each in stored[there].messages(2)}
        if variable and "VARIABLE_VALUE" in keys and (not listed or here in listed):
            flag = here in trained if listed and trained is not None else None if is_keras else bool(variable.number(3))
            yield _Variable(path, variable.text(6) or path, keys["VARIABLE_VALUE"], flag)
        parts = _children(stored[there])
        for name, number in _children(nodes[here]).items():
            if name in parts and (listed or name not in _TRAINING):
                left.append((number, parts[name], f"{path}/{name}" if path else name))


def _weights(bundle: Bundle, found: Sequence[_Variable]) -> Iterator[tuple[str, Tensor, bool | None]]:
    """The variables of numbers, by name; by their places in the model where several have one name."""
    names = [each.name for each in found]
    for each in sorted(found, key=lambda variable: natural(variable.path)):
        name = each.name if names.count(each.name) == 1 else each.path
        tensor = bundle.tensor(each.key, name)
        if tensor is not None and "seed_generator" not in name:
            yield name, tensor, each.trained


def _classes(path: Path) -> dict[str, str]:
    """What Keras 2 says of the layers: their classes, by name."""
    file = path / "keras_metadata.pb"
    if not file.exists():
        return {}
    told = (json.loads(node.text(5)) for node in _message(file).messages(1) if node.text(5))
    return {str(each["name"]): str(each["class_name"]) for each in told if "name" in each and "class_name" in each}


def _layers(path: Path, graph: Message | None) -> list[Layer]:
    if not (path / "variables/variables.index").exists():
        return []
    bundle = Bundle(path / "variables", "variables")
    stored, nodes = bundle.graph(), list(graph.messages(1)) if graph else []
    if nodes and stored:
        found = list(_weights(bundle, list(_variables(nodes, stored))))
    else:  # before TensorFlow 2: the keys are the variables' names
        keys = sorted(bundle.entries, key=natural)
        found = [(key, tensor, None) for key in keys if (tensor := bundle.tensor(key, key)) is not None]
    trained = {tensor.read: flag for _, tensor, flag in found}
    classes = _classes(path)
    layers = []
    for name, tensors in grouped(((name, tensor) for name, tensor, _ in found), "/"):
        flags = [trained[each.read] for each in tensors]
        known = None not in flags
        count = sum(each.size for each, flag in zip(tensors, flags, strict=True) if flag)
        kind = classes.get(name.rpartition("/")[2])
        layers.append(Layer(name, kind, any(flags) if known else None, tuple(tensors), count if known else None))
    return layers


def _ends(tensors: Iterator[tuple[str, Message]]) -> list[dict[str, Any]]:
    """The inputs or outputs of a signature."""
    ends: list[dict[str, Any]] = []
    for name, info in tensors:
        end: dict[str, Any] = {"name": name}
        if (sizes := bundles.shape(info.message(3))) is not None:
            end["shape"] = [size if size > 0 else None for size in sizes]
        if (dtype := bundles.dtype(info.number(2))) is not None:
            end["dtype"] = dtype
        ends.append(end)
    return ends


def _signature(graph: Message) -> Mapping[str, Any]:
    """What goes in and comes out of the signature that is served, or of the first one."""
    known = {name: each for name, each in graph.map(5) if name != "__saved_model_init_op"}
    chosen = known.get("serving_default") or next(iter(known.values()), None)
    return {} if chosen is None else {"inputs": _ends(chosen.map(1)), "outputs": _ends(chosen.map(2))}


class SavedModel(ModelExtractor):
    """Signatures and variables, and what Keras 2 says of its layers."""

    name = "savedmodel"
    version = "1"
    suffixes = ("/",)
    what = "a SavedModel"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        if not (path / "saved_model.pb").is_file():
            raise ExtractionError(path, "not a SavedModel: the folder has no saved_model.pb")
        graphs = list(_message(path / "saved_model.pb").messages(2))
        infos = [graph.message(1) for graph in graphs]
        served = [graph for graph, info in zip(graphs, infos, strict=True) if info and b"serve" in map(bytes, info.all(4))]
        graph = (served or graphs)[0]
        about = graph.message(1)
        version = about.text(5) if about else ""
        yield Model("savedmodel", _layers(path, graph.message(7)), "tensorflow", version or None, **_signature(graph))


EXTRACTOR = SavedModel()
