"""What a layer's configuration says of its weights: their shapes, their type, how many there are at least."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..extraction.configurations import Configured

_PER_CHANNEL: Mapping[str, tuple[tuple[str, ...], int]] = {
    "BatchNormalization": (("scale", "center"), 2),
    "LayerNormalization": (("scale", "center"), 0),
}
"""By class the weights that a layer has if it is told to, and how many it has besides, of one number a channel each."""

_VARIABLES = {
    "float32": "float32",
    "mixed_float16": "float32",
    "mixed_bfloat16": "float32",
    "float16": "float16",
    "float64": "float64",
}
"""From the policies of Keras to the type of their variables, where HDF5 has it."""


def least(each: Mapping[str, Any]) -> int:
    """How many parameters a layer has at least, by what its own configuration says."""
    config = each.get("config")
    if not isinstance(config, dict) or not isinstance(each["class_name"], str):
        return 0
    number = {key: value for key, value in config.items() if isinstance(value, int) and not isinstance(value, bool)}
    factors: Sequence[str] = {
        "Embedding": ("input_dim", "output_dim"),
        "MultiHeadAttention": ("num_heads", "key_dim"),
        "GroupQueryAttention": ("num_query_heads", "head_dim"),
    }.get(each["class_name"], ("units",) if "units" in number else ("filters",))
    return math.prod(max(number[key], 0) for key in factors) if all(key in number for key in factors) else 0


def shapes(layer: Configured) -> list[tuple[int, ...]] | None:
    """The shapes of a layer's weights in their order, where its configuration and its input say them."""
    config, before = layer.config, layer.build.get("input_shape")
    policy = config.get("dtype")
    quantized = isinstance(policy, dict) and policy.get("class_name") != "DTypePolicy"
    if quantized or config.get("lora_rank") or config.get("quantization_config"):
        return None
    if layer.class_name == "Embedding":
        return [(config["input_dim"], config["output_dim"])]
    if not isinstance(before, list) or not before or not isinstance(before[-1], int):
        return None
    if layer.class_name in _PER_CHANNEL:
        asked, besides = _PER_CHANNEL[layer.class_name]
        last = config.get("axis", -1) in (-1, [-1], len(before) - 1, [len(before) - 1])
        count = sum(config.get(each, True) is not False for each in asked) + besides
        return [(before[-1],)] * count if last else None
    if (kernel := _kernel(layer, before[-1])) is None:
        return None
    return [kernel, (kernel[-1],)] if config.get("use_bias", True) else [kernel]


def _kernel(layer: Configured, channels: int) -> tuple[int, ...] | None:
    config = layer.config
    if layer.class_name == "Dense":
        return channels, config["units"]
    if layer.class_name in ("Conv1D", "Conv2D", "Conv3D") and config.get("data_format", "channels_last") == "channels_last":
        return (*config["kernel_size"], channels // config.get("groups", 1), config["filters"])
    return None


def dtype(layer: Configured) -> str | None:
    """The type of a layer's weights, where its policy says it."""
    policy = layer.config.get("dtype", "float32")
    name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return _VARIABLES.get(name) if isinstance(name, str) else None
