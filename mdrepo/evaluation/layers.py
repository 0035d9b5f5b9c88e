"""The layers of a .keras file that a plan runs, made one by one: a model of which only the end is run is not loaded from its start.

Keras, loading a model, makes all layers, calls each on symbols to connect them, draws their first weights, makes variables of them
and searches the file for their values. A plan knows which layers there are, what goes into them, and where their weights lie; and
as it never changes them, they need no variables, which take as long to be made as all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..extraction import keras

Place = tuple[str, ...]
"""A layer, by the names of the models around it and its own."""


@dataclass(frozen=True)
class Layers:
    """Layers by their places, and the context in which they are called: there they have their weights."""

    found: Mapping[Place, Any]
    weights: AbstractContextManager[Any]


def made(path: Path, operations: Sequence[Mapping[str, Any]], k: Any) -> Layers | None:
    """The layers of some operations in JSON, with their weights as constants (`keras.StatelessScope`); `k` is Keras.

    None where one is not whole by its own configuration and weights, as one that has other layers in it, or is built when it is
    called: then Keras has to load the model. The file must have been admitted.
    """
    found: dict[Place, Any] = {}
    values = k.StatelessScope(initialize_variables=False)
    with keras.contents(path) as (config, _, weights), values:
        for each in operations:
            place = tuple(each["path"])
            if place not in found:
                layer = k.utils.deserialize_keras_object(_unset(_configured(config, place)))
                own = (weights.get(f"{each['group']}/vars") if each["group"] else None) or {}
                if len(getattr(layer, "weights", ())) != len(own):
                    return None
                if own:
                    layer.load_own_variables(own)
                found[place] = layer
    return Layers(found, values)


def of(model: Any) -> Layers:
    """The layers of a model that is loaded."""
    return Layers(_Loaded(model), nullcontext())


class _Loaded(dict[Place, Any]):
    """A model's layers, each looked for when it is asked for."""

    def __init__(self, model: Any) -> None:
        super().__init__({(): model})

    def __missing__(self, place: Place) -> Any:
        around = self[place[:-1]]
        for each in getattr(around, "operations", None) or around.layers:
            self[(*place[:-1], each.name)] = each
        return dict.__getitem__(self, place)


def _configured(config: Any, place: Place) -> Any:
    """The configuration of the layer that some names lead to."""
    for name in place:
        config = {each["config"]["name"]: each for each in config["config"]["layers"]}[name]
    return config


def _unset(value: Any) -> Any:
    """A configuration whose weights begin as zeros: Keras draws them later where it has to load the model after all.

    A name instead of an object's configuration, for a policy of types too: making the object takes Keras longer than the layer.
    """
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    return {key: "zeros" if key.endswith("_initializer") and each is not None else _unset(each) for key, each in value.items()}
