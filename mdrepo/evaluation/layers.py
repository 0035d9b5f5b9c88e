"""The layers of a .keras file that a plan runs, made one by one: a model of which only the end is run is not loaded from its start.

Keras, loading a model, makes all layers, calls each on symbols to connect them, draws their first weights and searches the file for
theirs. A plan knows which layers there are, what goes into them, and where their weights lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..extraction import keras

Made = Mapping[tuple[str, ...], Any]
"""Layers by the names of the models around them and their own."""


def made(path: Path, operations: Sequence[Mapping[str, Any]], of_config: Callable[[Any], Any]) -> Made | None:
    """The layers of some operations in JSON, with their weights; `of_config` is Keras' function from a configuration to an object.

    None where one is not whole by its own configuration and weights, as one that has other layers in it, or is built when it is
    called: then Keras has to load the model. The file must have been admitted.
    """
    found: dict[tuple[str, ...], Any] = {}
    with keras.contents(path) as (config, _, weights):
        for each in operations:
            place = tuple(each["path"])
            if place not in found:
                layer = of_config(_unset(_configured(config, place)))
                own = (weights.get(f"{each['group']}/vars") if each["group"] else None) or {}
                if len(getattr(layer, "weights", ())) != len(own):
                    return None
                if own:
                    layer.load_own_variables(own)
                found[place] = layer
    return found


def _configured(config: Any, place: tuple[str, ...]) -> Any:
    """The configuration of the layer that some names lead to."""
    for name in place:
        config = {each["config"]["name"]: each for each in config["config"]["layers"]}[name]
    return config


def _unset(value: Any) -> Any:
    """A configuration whose weights begin as zeros: drawing those that the file's replace takes a tenth of the time."""
    if not isinstance(value, dict):
        return value
    zeros: dict[str, Any] = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
    return {key: zeros if key.endswith("_initializer") and each is not None else _unset(each) for key, each in value.items()}
