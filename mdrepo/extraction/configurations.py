"""The configurations that Keras writes of its models: their layers, and what goes in and comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .weights import Layer, Tensor

MODELS = ("Functional", "Sequential", "Model")
_KEEPS_SHAPE = ("Activation", "Softmax", "ReLU", "LeakyReLU", "Dropout", "BatchNormalization", "LayerNormalization")


@dataclass(frozen=True, slots=True)
class Configured:
    """A layer of the configuration, and the group that has its weights in Keras 3's HDF5 files."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    build: Mapping[str, Any]
    group: str
    frozen: bool = False  # with the model around it


def snake_case(name: str) -> str:
    """Keras' naming.tosnake_case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def layers(config: Mapping[str, Any], prefix: str = "", group: str = "layers", frozen: bool = False) -> Iterator[Configured]:
    """The layers of a configuration, those of models inside of it too, in order."""
    used: dict[str, int] = {}
    for raw in config.get("layers", ()):
        class_name = raw["class_name"]
        base = snake_case(class_name)
        used[base] = used.get(base, -1) + 1
        where = f"{group}/{base}" + (f"_{used[base]}" if used[base] else "")
        name = prefix + raw["config"].get("name", raw.get("name", base))
        if class_name in MODELS:
            inner = frozen or raw["config"].get("trainable") is False
            yield from layers(raw["config"], f"{name}/", f"{where}/layers", inner)
        else:
            yield Configured(name, class_name, raw["config"], raw.get("build_config") or {}, where, frozen)


def layer(configured: Configured, tensors: Sequence[Tensor]) -> Layer:
    """A layer with its weights, of which training changes some, all or none."""
    trainable = bool(configured.config.get("trainable", True)) and not configured.frozen
    trained = sum(tensor.size for tensor in tensors)
    if not trainable or configured.class_name == "Normalization":
        trained = 0
    elif configured.class_name == "BatchNormalization":
        learned = bool(configured.config.get("scale", True)) + bool(configured.config.get("center", True))
        trained = sum(tensor.size for tensor in tensors[:learned])
    return Layer(configured.name, configured.class_name, trainable, tuple(tensors), trained)


def _output_shape(configured: Configured) -> list[int | None] | None:
    before = configured.build.get("input_shape")
    if configured.class_name == "Dense":
        return [*(before[:-1] if before else [None]), configured.config["units"]]
    return before if configured.class_name in _KEEPS_SHAPE else None


def _dtype(configured: Configured) -> str | None:
    """The type of the numbers that a layer computes with: a name, or a policy with a name."""
    found = configured.config.get("dtype")
    if isinstance(found, dict):
        found = found.get("config", {}).get("name")
    return found if isinstance(found, str) and re.fullmatch("b?float[0-9]+|u?int[0-9]+|bool|string", found) else None


def _ends(config: Mapping[str, Any], found: Sequence[Configured], key: str) -> list[Configured]:
    """The layers at the model's inputs or outputs."""
    named = config.get(key)
    if named is None:
        return list(found[:1] if key == "input_layers" else found[-1:])
    if named and isinstance(named[0], str):
        named = [named]
    wanted = [each[0] for each in named]
    return [each for each in found if each.name in wanted]


def _end(configured: Configured, shape: Any) -> dict[str, Any]:
    said = {"name": configured.name, "shape": shape, "dtype": _dtype(configured)}
    return {key: value for key, value in said.items() if value}


def inputs(config: Mapping[str, Any], found: Sequence[Configured]) -> list[dict[str, Any]]:
    """What goes in."""
    ends = _ends(config, found, "input_layers")
    built = config.get("build_input_shape")
    return [_end(each, _shape(each.config) or each.build.get("input_shape") or built) for each in ends]


def _shape(config: Mapping[str, Any]) -> Any:
    """Keras 3 calls it batch_shape, Keras 2 batch_input_shape."""
    return config.get("batch_shape") or config.get("batch_input_shape")


def outputs(config: Mapping[str, Any], found: Sequence[Configured]) -> list[dict[str, Any]]:
    """What comes out."""
    return [_end(each, _output_shape(each)) for each in _ends(config, found, "output_layers")]
