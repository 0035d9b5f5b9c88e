"""One operation of a model's graph: what of its configuration decides what it computes, and whether that can be told at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Ref = tuple[int, int]
"""A tensor: the number of the operation that it comes from, and which of its outputs it is."""

_NOISE = {"name", "trainable", "seed", "registered_name", "shared_object_id", "build_config", "quantization_config"}
_NOISES = ("_initializer", "_regularizer", "_constraint")
_OWN_CODE = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}
_OWN_STATE = {"StringLookup", "IntegerLookup", "TextVectorization", "FeatureSpace"}
_FUNCTIONS = ("keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.math", "keras.src.ops.image")
_WEIGHTLESS = {
    *("InputLayer", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Identity", "Dropout", "SpatialDropout1D"),
    *("SpatialDropout2D", "SpatialDropout3D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
    *("Flatten", "Reshape", "Permute", "RepeatVector", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
    *("Concatenate", "Dot", "Rescaling", "Resizing", "CenterCrop", "Masking", "AdditiveAttention", "UnitNormalization"),
    *("CategoryEncoding", "Discretization", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    *("RandomContrast", "RandomBrightness", "RandomCrop"),
    *(f"{what}{size}D" for what in ("Cropping", "ZeroPadding", "UpSampling", "MaxPooling", "AveragePooling") for size in (1, 2, 3)),
    *(f"Global{what}Pooling{size}D" for what in ("Max", "Average") for size in (1, 2, 3)),
}
"""Keras' layers without weights; for all others, weights that are not found mean that they lie with another layer."""


class Opaque(Exception):
    """What an operation computes cannot be told from its configuration and its weights: the reason."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a layer. `hash` stands for all that its result depends on, None where that cannot be told (`reason`).

    `path` leads to the layer by the names of the models around it and its own; `args` and `kwargs` are what it is called with,
    with {"tensor": Ref} for a tensor; `shape` is its result's, without the examples. `masked`: a mask goes beside its result;
    `structure` stands for what it computes but for weights and inputs, "" where that cannot be told.
    """

    path: tuple[str, ...]
    class_name: str
    group: str = ""
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Ref, ...] = ()
    hash: str | None = None
    reason: str | None = None
    masked: bool = False
    trainable: bool = False
    weights: str = ""
    parameters: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int | None, ...] | None = None
    structure: str = ""

    def to_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @staticmethod
    def of_json(found: Mapping[str, Any]) -> Operation:
        inputs = tuple((at, index) for at, index in found["inputs"])
        shape = None if found["shape"] is None else tuple(found["shape"])
        return Operation(**{**found, "path": tuple(found["path"]), "inputs": inputs, "shape": shape})


def hashed(*parts: Any) -> str:
    """SHA-256 of values of JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def telling(raw: Mapping[str, Any]) -> Any:
    """What decides what a layer computes: its configuration less names, seeds, object ids and what only training reads.

    Raises Opaque for a layer that runs code of its own, has state outside of its weights, or is not Keras' own.
    """
    module, class_name = str(raw.get("module") or ""), str(raw["class_name"])
    _check(module, class_name, raw.get("registered_name"))
    is_cast = (module, class_name) == ("keras.src.ops.core", "Cast")
    if not (module in ("keras.layers", *_FUNCTIONS) or module.startswith("keras.src.layers.") or is_cast):
        raise Opaque(f"{class_name} ({module or 'of no module'}) is not a layer of Keras")
    return [module, class_name, _told(raw["config"])]


def _check(module: str, class_name: str, registered: Any) -> None:
    if class_name in _OWN_CODE:
        raise Opaque(f"{class_name} runs code of its own")
    if class_name in _OWN_STATE:
        raise Opaque(f"{class_name} has state outside of its weights")
    if module.partition(".")[0] != "keras" or ">" in str(registered or ""):
        raise Opaque(f"{class_name} is a class or function of its own, not Keras'")


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("stateful") is True:
        raise Opaque("it keeps state from batch to batch")
    if "class_name" in value and "config" in value:
        if value["class_name"] == "DTypePolicy":
            return value["config"]["name"]
        _check(str(value.get("module") or ""), str(value["class_name"]), value.get("registered_name"))
        if "shared_object_id" in value and value.get("module") == "keras.layers":
            raise Opaque("it holds a layer that is used elsewhere too")
    if value.get("quantization_config"):
        raise Opaque("it is quantized")
    return {key: _told(each) for key, each in value.items() if key not in _NOISE and not key.endswith(_NOISES)}


def has_weights(raw: Mapping[str, Any]) -> bool:
    """Whether a layer of this class has weights; if they are not found, it shares another layer's."""
    return raw["class_name"] not in _WEIGHTLESS and not str(raw.get("module")).startswith("keras.src.ops.")


def masks(raw: Mapping[str, Any]) -> bool:
    """Whether a layer puts a mask beside its result."""
    return raw["class_name"] == "Masking" or bool(raw["config"].get("mask_zero"))


Name = tuple[str, int, int]
"""A tensor as Keras names it: its layer, which call of it, which output."""


def call(value: Any, ref: Callable[[Name], Ref]) -> Any:
    """A call's argument as the file has it, with {"tensor": Ref} for each tensor; raises Opaque for an object that is no tensor."""
    if isinstance(value, list):
        return [call(each, ref) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        return {"tensor": list(ref(named(value["config"])))}
    if "class_name" in value or "tensor" in value:
        raise Opaque(f"it is called with an object ({value.get('class_name', 'tensor')})")
    return {key: call(each, ref) for key, each in value.items()}


def named(tensor: Mapping[str, Any]) -> Name:
    """The name of a tensor that a call takes."""
    layer, node, index = tensor["keras_history"]
    return layer, node, index


def replaced(value: Any, made: Callable[[Ref], Any]) -> Any:
    """A call's argument with something else for each {"tensor": Ref}."""
    if isinstance(value, Mapping):
        if "tensor" in value:
            return made((value["tensor"][0], value["tensor"][1]))
        return {key: replaced(each, made) for key, each in value.items()}
    return [replaced(each, made) for each in value] if isinstance(value, list | tuple) else value


def refs(value: Any) -> list[Ref]:
    """The tensors in a call's arguments, in order."""
    if isinstance(value, Mapping):
        if "tensor" in value:
            return [(value["tensor"][0], value["tensor"][1])]
        value = [value[key] for key in sorted(value)]  # as hashes have them
    return [ref for each in value for ref in refs(each)] if isinstance(value, list | tuple) else []
