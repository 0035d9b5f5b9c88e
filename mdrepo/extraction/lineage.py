"""How far a model is from the one that it was transferred from: layer by layer, by the bytes of their weights."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from . import ExtractionError, Layered, LayerWeights, reader_of

Layers = Mapping[str, LayerWeights]

_BASE = "/lineage/base#/weights/artefact"


def _shape(tensor: Any) -> tuple[tuple[int, ...], str]:
    return tuple(tensor.shape), str(tensor.dtype)


def _shapes(layer: LayerWeights) -> list[tuple[tuple[int, ...], str]]:
    return sorted(_shape(tensor) for tensor in layer.tensors.values())


def _contents(layer: LayerWeights) -> list[Any]:
    """The weights without their names, which formats give differently."""
    return sorted((_shape(tensor), hashlib.sha256(tensor[()].tobytes()).hexdigest()) for tensor in layer.tensors.values())


def _pairs(one: LayerWeights, other: LayerWeights) -> list[tuple[Any, Any]] | None:
    """The weights of two layers of the same shapes, side by side; None where neither names nor shapes say which are which."""
    if one.tensors.keys() == other.tensors.keys():
        return [(tensor, other.tensors[name]) for name, tensor in one.tensors.items()]
    by_shape = [{_shape(tensor): tensor for tensor in layer.tensors.values()} for layer in (one, other)]
    if len(by_shape[0]) < len(one.tensors):
        return None
    return [(tensor, by_shape[1][shape]) for shape, tensor in by_shape[0].items()]


def _fits(one: LayerWeights, other: LayerWeights) -> bool:
    """Whether two layers have weights of the same shapes and types, under each name where they have the same names."""
    if one.tensors.keys() == other.tensors.keys():
        return all(_shape(tensor) == _shape(other.tensors[name]) for name, tensor in one.tensors.items())
    return _shapes(one) == _shapes(other)


def _identical(one: LayerWeights, other: LayerWeights) -> bool:
    pairs = _pairs(one, other)
    if pairs is None:
        return _contents(one) == _contents(other)
    return all(now[()].tobytes() == before[()].tobytes() for now, before in pairs)


def _distance(pairs: Sequence[tuple[Any, Any]]) -> float:
    """The relative L2 norm of what the weights moved by: |one - other| / |other|, to four significant digits."""
    import numpy as np

    moved = size = 0.0
    for pair in pairs:
        now, before = (np.asarray(each[()], dtype="float64") for each in pair)
        moved += float(np.sum(np.square(now - before)))
        size += float(np.sum(np.square(before)))
    return float(f"{(moved / size) ** 0.5:.4g}") if size else float(moved > 0)


def _compared(layer: LayerWeights, other: LayerWeights | None) -> dict[str, Any]:
    """What has become of the base's layer; the distance only where it is known which weights are which, and all are numbers."""
    if other is None:
        return {"change": "new"}
    if _identical(layer, other):
        return {"change": "identical"}
    pairs = _pairs(layer, other)
    distance = math.nan if pairs is None else _distance(pairs)
    return {"change": "moved", **({"distance": distance} if math.isfinite(distance) else {})}


def _unique(mine: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, str]:
    """The names that have the same key, where that is one name on each side."""
    names = [{key: name for name, key in keys.items()} for keys in (mine, base)]
    counts = [Counter(keys.values()) for keys in (mine, base)]
    return {name: names[1][key] for key, name in names[0].items() if counts[0][key] == counts[1][key] == 1}


def _stripped(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The parts of names, without the first ones that all have: a format may put the model's name before those of its layers."""
    parts = {name: tuple(re.split("[/.]", name)) for name in names}
    shared = takewhile(lambda column: len(set(column)) == 1, zip(*(each[:-1] for each in parts.values()), strict=False))
    at = sum(1 for _ in shared)
    return {name: each[at:] for name, each in parts.items()}


def _by_ending(mine: Layers, base: Layers) -> dict[str, str]:
    """Layers of which one's name ends the other's, as when the base is one part of the model; where there is one such pair."""
    ends: dict[str, list[str]] = {}
    for name in base:
        ends.setdefault(re.split("[/.]", name)[-1], []).append(name)
    found: dict[str, str] = {}
    for name, layer in mine.items():
        near = [other for other in ends.get(re.split("[/.]", name)[-1], ()) if _fits(layer, base[other])]
        near = [
            other for other in near if re.search(rf"(^|[/.]){re.escape(min(name, other, key=len))}$", max(name, other, key=len))
        ]
        if len(near) == 1:
            found[name] = near[0]
    taken = Counter(found.values())
    return {name: other for name, other in found.items() if taken[other] == 1}


def _by_weights(mine: Layers, base: Layers) -> dict[str, str]:
    """Layers with the same bytes; read only where there are such shapes on both sides."""
    shapes = [{name: tuple(_shapes(layer)) for name, layer in layers.items()} for layers in (mine, base)]
    both = set(shapes[0].values()) & set(shapes[1].values())
    contents = [
        {name: tuple(_contents(layer)) for name, layer in layers.items() if known[name] in both}
        for layers, known in zip((mine, base), shapes, strict=True)
    ]
    return _unique(*contents)


def _partners(mine: Layers, base: Layers) -> dict[str, str]:
    """The base's layer of each that has one: of its name, of its name but for what is put before it, or of its weights."""
    stripped = _stripped(mine), _stripped(base)
    rules: tuple[Callable[[Layers, Layers], dict[str, str]], ...] = (
        lambda left, free: {name: name for name in left if name in free},
        lambda left, free: _unique(*({name: keys[name] for name in of} for keys, of in zip(stripped, (left, free), strict=True))),
        _by_ending,
        _by_weights,
    )
    found: dict[str, str] = {}
    for rule in rules:
        taken = set(found.values())
        left = {name: layer for name, layer in mine.items() if name not in found}
        free = {name: layer for name, layer in base.items() if name not in taken}
        found.update((name, other) for name, other in rule(left, free).items() if _fits(mine[name], base[other]))
    return found


class Lineage:
    """Which layers are the base's, byte for byte, which are new, how far the others moved, and which are frozen."""

    name = "lineage"
    kind = "lineage"
    version = "2"
    suffixes = ("",)
    files = (_BASE,)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        base = options[_BASE]
        readers = reader_of("model", path), reader_of("model", base)
        if not isinstance(readers[0], Layered) or not isinstance(readers[1], Layered):
            which = base if isinstance(readers[0], Layered) else path
            raise ExtractionError(path, f"of the format of {which.name} the weights of single layers cannot be read")
        with readers[0].layers(path) as mine, readers[1].layers(base) as theirs:
            partners = _partners(mine, theirs)
            layers = [
                {
                    "name": name,
                    **({} if layer.trainable is None else {"frozen": not layer.trainable}),
                    **_compared(layer, theirs.get(partners.get(name, ""))),
                }
                for name, layer in mine.items()
            ]
            gone = sorted(set(theirs) - set(mine) - set(partners.values()))
        identical = sorted(each["name"] for each in layers if each["change"] == "identical")
        return {"layers": layers, "identical_layers": identical, **({"removed_layers": gone} if gone else {})}


EXTRACTOR = Lineage()
