"""How far a model is from the one that it was transferred from: layer by layer, by the bytes of their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import ExtractionError, Layered, LayerWeights, reader_of

_BASE = "/lineage/base#/weights/artefact"


def _distance(one: LayerWeights, other: LayerWeights) -> float:
    """The relative L2 norm of what the weights moved by: |one - other| / |other|, to four significant digits."""
    import numpy as np

    moved = size = 0.0
    for name, tensor in one.tensors.items():
        now, before = (np.asarray(each[()], dtype="float64") for each in (tensor, other.tensors[name]))
        moved += float(np.sum(np.square(now - before)))
        size += float(np.sum(np.square(before)))
    return float(f"{(moved / size) ** 0.5:.4g}") if size else float(moved > 0)


def _shapes(layer: LayerWeights) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tuple(tensor.shape), str(tensor.dtype)) for name, tensor in layer.tensors.items()}


def _compared(mine: Mapping[str, LayerWeights], base: Mapping[str, LayerWeights]) -> Iterator[dict[str, Any]]:
    for name, layer in mine.items():
        other = base.get(name)
        entry: dict[str, Any] = {"name": name, **({} if layer.trainable is None else {"frozen": not layer.trainable})}
        if other is None or _shapes(layer) != _shapes(other):
            yield {**entry, "change": "new"}
        elif all(tensor[()].tobytes() == other.tensors[each][()].tobytes() for each, tensor in layer.tensors.items()):
            yield {**entry, "change": "identical"}
        else:
            yield {**entry, "change": "moved", "distance": _distance(layer, other)}


class Lineage:
    """Which layers are the base's, byte for byte, which are new, how far the others moved, and which are frozen."""

    name = "lineage"
    kind = "lineage"
    version = "1"
    suffixes = ("",)
    files = (_BASE,)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        base = options[_BASE]
        readers = reader_of("model", path), reader_of("model", base)
        if not isinstance(readers[0], Layered) or not isinstance(readers[1], Layered):
            which = base if isinstance(readers[0], Layered) else path
            raise ExtractionError(path, f"of the format of {which.name} the weights of single layers cannot be read")
        with readers[0].layers(path) as mine, readers[1].layers(base) as theirs:
            layers = [*_compared(mine, theirs)]
            gone = sorted(set(theirs) - set(mine))
        identical = sorted(each["name"] for each in layers if each["change"] == "identical")
        return {"layers": layers, "identical_layers": identical, **({"removed_layers": gone} if gone else {})}


EXTRACTOR = Lineage()
