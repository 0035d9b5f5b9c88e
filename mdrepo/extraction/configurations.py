"""The configurations that Keras writes of its models: their layers, and what goes in and comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .weights import Layer, Tensor

MODELS = ("Functional", "Sequential", "Model")
_LEARNED = re.compile(  # the layers of Keras all of whose weights training changes
    "Dense|EinsumDense|(Reversible)?Embedding|PReLU|(Depthwise|Separable)?Conv[123]D(Transpose)?|(Layer|Group|RMS)Normalization|"
    "(SimpleRNN|GRU|LSTM)(Cell)?|ConvLSTM[123]D|CuDNN(GRU|LSTM)|(Additive|MultiHead|Group(ed)?Query)?Attention"
)
_WRAPPERS = {"TimeDistributed": "layer", "Bidirectional": "layer", "RNN": "cell"}
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
    named: bool = True
    own: bool = False  # a class that is not Keras'


def snake_case(name: str) -> str:
    """Keras' naming.to_snake_case."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _is_own(raw: Mapping[str, Any]) -> bool:
    """Whether a class is somebody's own, by what Keras 3 says of its module, or by the name that it was registered with."""
    module = raw.get("module", "keras")
    said = f"{raw['class_name']}{raw.get('registered_name') or ''}"
    return ">" in said or not isinstance(module, str) or module.partition(".")[0] not in ("keras", "tf_keras", "tensorflow")


def _name(raw: Mapping[str, Any]) -> str | None:
    said = raw["config"].get("name", raw.get("name"))
    return None if said is None else str(said)


def layers(config: Mapping[str, Any], prefix: str = "", group: str = "layers", frozen: bool = False) -> Iterator[Configured]:
    """The layers of a configuration, those of models inside of it too, in order."""
    frozen = frozen or config.get("trainable") is False
    used: dict[str, int] = {}
    for raw in config.get("layers", ()):
        class_name = raw["class_name"]
        base = snake_case(class_name)
        used[base] = used.get(base, -1) + 1
        where = f"{group}/{base}" + (f"_{used[base]}" if used[base] else "")
        said = _name(raw)
        name = prefix + (base if said is None else said)
        if class_name in MODELS:
            yield from layers(raw["config"], f"{name}/", f"{where}/layers", frozen)
        else:
            build = raw.get("build_config") or {}
            yield Configured(name, class_name, raw["config"], build, where, frozen, said is not None, _is_own(raw))


def layer(configured: Configured, tensors: Sequence[Tensor]) -> Layer:
    """A layer with its weights, of which training changes some, all or none; None where the configuration cannot say how many."""
    said = configured.config.get("trainable", None if configured.own else True)
    trainable = False if configured.frozen else None if said is None else bool(said)
    trained = 0 if trainable is False else None if configured.own else _trained(configured.class_name, configured.config, tensors)
    return Layer(configured.name, configured.class_name, trainable, tuple(tensors), trained)


def _trained(class_name: str, config: Mapping[str, Any], tensors: Sequence[Tensor]) -> int | None:
    """How many numbers of a layer of Keras training changes; None where that is not known of its class, or as it is used."""
    policy = config.get("dtype")
    quantized = isinstance(policy, dict) and "Quantized" in str(policy.get("class_name"))
    if quantized or config.get("lora_rank") or config.get("quantization_config") or config.get("stateful"):
        return None
    if not tensors or class_name == "Normalization":
        return 0
    if class_name == "BatchNormalization":
        learned = bool(config.get("scale", True)) + bool(config.get("center", True))
        return sum(tensor.size for tensor in tensors[:learned])
    if class_name in _WRAPPERS:
        inner = [config[key] for key in (_WRAPPERS[class_name], "backward_layer") if config.get(key)]
        counts = {_wrapped(each, tensors) for each in inner}
        return counts.pop() if len(counts) == 1 else None
    return sum(tensor.size for tensor in tensors) if _LEARNED.fullmatch(class_name) else None


def _wrapped(raw: Mapping[str, Any], tensors: Sequence[Tensor]) -> int | None:
    """How much of a wrapper's weights training changes, if it has this layer inside."""
    if _is_own(raw):
        return None
    return 0 if raw["config"].get("trainable") is False else _trained(raw["class_name"], raw["config"], tensors)


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


def _named(raw: Any, name: str | None = None) -> Iterator[tuple[str | None, str]]:
    """A configuration's ends, [layer, call, output], in lists, and in dicts by name: their names, None without, and the layers."""
    if isinstance(raw, Mapping):
        for key, each in raw.items():
            yield from _named(each, key if name is None else f"{name}/{key}")
    elif raw and isinstance(raw[0], str):
        yield name, raw[0]
    else:
        for each in raw:
            yield from _named(each, name)


def _ends(config: Mapping[str, Any], found: Sequence[Configured], key: str) -> list[tuple[str, Configured | None]]:
    """What the model's inputs or outputs are called, and their layers (None: several layers of a model inside)."""
    raw = config.get(key)
    if raw is None:
        return [(each.name, each) for each in (found[:1] if key == "input_layers" else found[-1:])]
    models = {_name(each): each["config"] for each in config["layers"] if each["class_name"] in MODELS}
    single = {each.name: each for each in found}
    ends: list[tuple[str, Configured | None]] = []
    for name, where in _named(raw):
        if where in models:
            inner = _ends(models[where], list(layers(models[where])), key)
            at = inner[0][1] if len(inner) == 1 else None
        else:
            at = single[where]
        ends.append((where if name is None else name, at))
    return ends


def _end(name: str, shape: Any, dtype: str | None) -> dict[str, Any]:
    said = {"name": name, "shape": shape, "dtype": dtype}
    return {key: value for key, value in said.items() if value}


def _unique(ends: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ends whose names differ: of those that a layer gives when it is called again the second is NAME_1, as in Keras 2."""
    taken: set[str] = set()
    for each in ends:
        name, count = each["name"], 0
        while each["name"] in taken:
            count += 1
            each["name"] = f"{name}_{count}"
        taken.add(each["name"])
    return list(ends)


def inputs(config: Mapping[str, Any], found: Sequence[Configured]) -> list[dict[str, Any]] | None:
    """What goes in; None where the configuration is of a class of its own, and does not say."""
    if "layers" not in config:
        return None
    built = config.get("build_input_shape")

    def end(name: str, at: Configured | None) -> dict[str, Any]:
        return _end(name, _shape(at.config) or at.build.get("input_shape") or built, _dtype(at)) if at else _end(name, None, None)

    return _unique([end(name, at) for name, at in _ends(config, found, "input_layers")])


def _shape(config: Mapping[str, Any]) -> Any:
    """Keras 3 calls it batch_shape, Keras 2 batch_input_shape."""
    return config.get("batch_shape") or config.get("batch_input_shape")


def outputs(config: Mapping[str, Any], found: Sequence[Configured]) -> list[dict[str, Any]] | None:
    """What comes out; None where the configuration is of a class of its own, and does not say."""
    if "layers" not in config:
        return None
    ends = _ends(config, found, "output_layers")
    return _unique([_end(name, _output_shape(at) if at else None, _dtype(at) if at else None) for name, at in ends])
