"""The end of a model in numpy: dense layers and what goes with them, over activations that are kept; no TensorFlow."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extraction import ExtractionError, hdf5, keras
from ..extraction.weights import BROKEN
from .operations import Operation, Ref, replaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

VERSION = 1
"""Changes when the same head would give other numbers."""

_ROWS = 1024
_SAME = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise", "GaussianDropout"),
    *("ActivityRegularization", "Identity"),
)
_MERGES = ("Add", "Multiply", "Average", "Maximum", "Concatenate")
_ACTIVATIONS = (
    *("linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "elu", "selu", "silu", "softplus", "softsign"),
    *("exponential", "hard_sigmoid", "leaky_relu"),
)


def _activation(name: str, x: Array) -> Array:  # noqa: C901, PLR0911, PLR0912 - one line each
    import numpy as np

    one = np.float32(1)
    match name:
        case "linear":
            return x
        case "relu":
            return np.maximum(x, np.float32(0))
        case "relu6":
            return np.clip(x, np.float32(0), np.float32(6))
        case "sigmoid":
            return _sigmoid(x)
        case "tanh":
            return np.asarray(np.tanh(x))
        case "softmax":
            return _softmax(x, -1)
        case "log_softmax":
            shifted = x - x.max(axis=-1, keepdims=True)
            return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
        case "elu":
            return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        case "selu":
            scale, alpha = np.float32(1.0507009873554805), np.float32(1.6732632423543772)
            return np.asarray(scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))
        case "silu":
            return np.asarray(x * _sigmoid(x))
        case "softplus":
            return np.asarray(np.logaddexp(x, np.float32(0)))
        case "softsign":
            return np.asarray(x / (one + np.abs(x)))
        case "exponential":
            return np.asarray(np.exp(x))
        case "hard_sigmoid":
            return np.clip(x / np.float32(6) + np.float32(0.5), np.float32(0), one)
        case "leaky_relu":
            return np.where(x > 0, x, np.float32(0.2) * x)
        case _:
            raise ValueError(f"no activation is called {name!r}")


def _sigmoid(x: Array) -> Array:
    import numpy as np

    small = np.exp(-np.abs(x))  # never overflows
    return np.asarray(np.where(x >= 0, np.float32(1), small) / (np.float32(1) + small))


def _softmax(x: Array, axis: int) -> Array:
    import numpy as np

    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def computable(operation: Operation) -> bool:  # noqa: PLR0911 - one line each
    """Whether an operation is one of those that are computed here."""
    config, name = operation.config, operation.class_name
    if operation.hash is None or operation.masked or config.get("dtype") not in (None, "float32"):
        return False
    several = len(operation.args) == 1 and isinstance(operation.args[0], list | tuple)
    if set(operation.kwargs) - {"training"} or len(operation.args) != 1 or several != (name in _MERGES):
        return False
    match name:
        case "Dense":
            return config.get("activation", "linear") in _ACTIVATIONS and not config.get("lora_rank")
        case "Activation":
            return config.get("activation") in _ACTIVATIONS
        case "ReLU":
            return not config.get("threshold")
        case "Softmax":
            return isinstance(config.get("axis"), int)
        case "Flatten" | "GlobalAveragePooling2D" | "GlobalMaxPooling2D" | "GlobalAveragePooling1D" | "GlobalMaxPooling1D":
            return config.get("data_format") == "channels_last"
        case "Rescaling":
            return all(isinstance(config.get(key), int | float) for key in ("scale", "offset"))
        case "BatchNormalization":
            return config.get("axis") in (-1, [-1])
        case "LeakyReLU":
            return isinstance(config.get("negative_slope"), int | float)
        case "Reshape":
            return isinstance(config.get("target_shape"), list)
        case _:
            return name in (*_SAME, *_MERGES)


def _merged(name: str, values: list[Array], axis: int) -> Array:
    import numpy as np

    if name == "Concatenate":
        return np.concatenate(values, axis=axis)
    total = values[0]
    for each in values[1:]:
        if name == "Multiply":
            total = total * each
        elif name == "Maximum":
            total = np.maximum(total, each)
        else:
            total = total + each
    return total / np.float32(len(values)) if name == "Average" else total


def apply(operation: Operation, x: Any, weights: list[Array]) -> Any:  # noqa: PLR0911 - one case each
    """An operation's result, in inference; `x` is its input, or a list of them."""
    import numpy as np

    config, name = operation.config, operation.class_name
    match name:
        case "Dense":
            x = x @ weights[0] + weights[1] if config.get("use_bias", True) else x @ weights[0]
            return _activation(config.get("activation", "linear"), x)
        case "Activation":
            return _activation(config["activation"], x)
        case "ReLU":
            most = np.float32(np.inf if config.get("max_value") is None else config["max_value"])
            return np.where(x > 0, np.minimum(x, most), np.float32(config.get("negative_slope") or 0) * x)
        case "LeakyReLU":
            return np.where(x > 0, x, np.float32(config["negative_slope"]) * x)
        case "Softmax":
            return _softmax(x, config["axis"])
        case "Flatten":
            return np.asarray(x.reshape(len(x), -1))
        case "Reshape":
            return np.asarray(x.reshape(len(x), *config["target_shape"]))
        case "Rescaling":
            return np.asarray(x * np.float32(config["scale"]) + np.float32(config["offset"]))
        case "BatchNormalization":
            values = iter(weights)
            gamma = next(values) if config.get("scale", True) else np.float32(1)
            beta = next(values) if config.get("center", True) else np.float32(0)
            mean, variance = values
            factor = gamma / np.sqrt(variance + np.float32(config.get("epsilon", 1e-3)))
            return np.asarray(x * factor + (beta - mean * factor))
        case "Add" | "Multiply" | "Average" | "Maximum" | "Concatenate":
            return _merged(name, x, config.get("axis", -1))
        case _ if name.startswith("Global"):
            axes = (1, 2) if name.endswith("2D") else (1,)
            pool = np.mean if "Average" in name else np.max
            return np.asarray(pool(x, axis=axes, keepdims=bool(config.get("keepdims"))))
        case _:
            return x  # what does nothing in inference


def run(head: Mapping[int, Operation], given: Mapping[Ref, Array], output: Ref, weights: Callable[[str], list[Array]]) -> Array:
    """The output of a head, its operations by number and in order, over the activations that it takes."""
    import numpy as np

    of_group = {each.group: weights(each.group) for each in head.values() if each.parameters}
    parts: list[Array] = []
    rows = len(next(iter(given.values())))
    for start in range(0, rows, _ROWS):
        values = {ref: np.asarray(each[start : start + _ROWS]) for ref, each in given.items()}
        for at, each in head.items():
            [x] = replaced(each.args, values.__getitem__)
            values[at, 0] = apply(each, x, of_group.get(each.group, []))
        parts.append(values[output])
    return np.concatenate(parts)


class Head:
    """Computes heads in the process that reads artefacts, or in a server's, as it reads a hostile model's weights.

    Options: `head`, pairs of a number and an operation in JSON; `given`, pairs of a tensor and a .npy file; `output`, a tensor.
    """

    name = "head"
    kind = "outputs"
    version = str(VERSION)
    suffixes: tuple[str, ...] = (".keras",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        import numpy as np

        head = {at: Operation.of_json(each) for at, each in options["head"]}
        given = {(at, index): np.load(file, mmap_mode="r", allow_pickle=False) for (at, index), file in options["given"]}
        try:
            with keras.contents(path) as (_, _, weights):

                def of_group(group: str) -> list[Array]:
                    return [each[()] for each in hdf5.tensors(hdf5.child(weights, group, path), path)]

                made = run(head, given, (options["output"][0], options["output"][1]), of_group)
        except BROKEN as error:
            raise ExtractionError(path, f"its last layers do not fit what comes before them ({error})") from None
        return {"shape": made.shape, "data": base64.b64encode(np.ascontiguousarray(made, np.float32).tobytes()).decode()}


EXTRACTOR = Head()


def outputs(values: Mapping[str, Any]) -> Array:
    """The array in what `Head` derives."""
    import numpy as np

    return np.frombuffer(base64.b64decode(values["data"]), np.float32).reshape(values["shape"])
