"""The layers of a .keras file that a plan runs, made one by one: a model of which only the end is run is not loaded from its start.

Keras, loading a model, makes all layers, calls each on symbols to connect them, draws their first weights, makes variables of them
and searches the file for their values. A plan knows which layers there are, what goes into them, and where their weights lie; and
as it never changes them, they need no variables, which take as long to be made as all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..extraction import hdf5, keras

Place = tuple[str, ...]
"""A layer, by the names of the models around it and its own."""


class Weight(NamedTuple):
    """A layer's weight: its variable, its value, and which it is: of which layer, counted as they are first called, and there."""

    variable: Any
    value: Any
    name: tuple[int, int] | None
    """None where the file does not say it so."""


@dataclass(frozen=True)
class Layers:
    """Layers by their places, and the weights that they have not in themselves; `having` them, they can be called."""

    found: Mapping[Place, Any]
    weights: Sequence[Weight] = ()
    scope: Callable[..., AbstractContextManager[Any]] = nullcontext

    def having(self, values: Sequence[Any]) -> AbstractContextManager[Any]:
        """For a while, layers whose weights have these values."""
        return self.scope([(each.variable, value) for each, value in zip(self.weights, values, strict=True)])


def made(path: Path, operations: Sequence[Mapping[str, Any]], k: Any) -> Layers | None:
    """The layers of some operations in JSON, with their weights beside them (`keras.StatelessScope`); `k` is Keras.

    None where one is not whole by its own configuration and weights, as one that has other layers in it, or is built when it is
    called: then Keras has to load the model. The file must have been admitted.
    """
    found: dict[Place, Any] = {}
    weights: list[Weight] = []
    scope = partial(k.StatelessScope, initialize_variables=False)
    with keras.contents(path) as (config, _, content), scope() as values:
        for number, (place, group) in enumerate(_groups(operations).items()):
            layer = k.utils.deserialize_keras_object(_unset(_configured(config, place)))
            own = {name: each[()] for name, each in _own(content, group).items()}
            if len(getattr(layer, "weights", ())) != len(own):
                return None
            if own:
                layer.load_own_variables(own)
                for index, variable in enumerate(layer.weights):
                    value = np.asarray(values.get_current_value(variable))
                    same = np.array_equal(value, own.get(str(index), ()), equal_nan=True)
                    weights.append(Weight(variable, value, (number, index) if same else None))
            found[place] = layer
    return Layers(found, weights, lambda mapping: scope(state_mapping=mapping))


def stored(path: Path, operations: Sequence[Mapping[str, Any]], names: Sequence[tuple[int, int]]) -> list[Any] | None:
    """Weights as arrays, by their names (`Weight`); None where the file has not all of them. It must have been admitted."""
    groups = [*_groups(operations).values()]
    with keras.contents(path) as (_, _, content):
        find = hdf5.children(content, path)
        found = [find(f"{groups[number]}/vars/{index}") for number, index in names if number < len(groups)]
        return [each[()] for each in found] if len(found) == len(names) and all(map(_is_array, found)) else None


def _is_array(found: Any) -> bool:
    return hasattr(found, "shape")


def _groups(operations: Sequence[Mapping[str, Any]]) -> dict[Place, str]:
    """The places of layers, as they are first called, and the groups of their weights in the file."""
    return {tuple(each["path"]): each["group"] for each in operations}


def _own(content: Any, group: str) -> Mapping[str, Any]:
    """The weights of a group."""
    return (content.get(f"{group}/vars") if group else None) or {}


def of(model: Any) -> Layers:
    """The layers of a model that is loaded."""
    return Layers(_Loaded(model))


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
