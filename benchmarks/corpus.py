"""Seeded documents like those of models, and edits of them: what the benchmarks of diff and merge are run on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson

SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "20 MB": 20_000_000}


def model(size: int, seed: int = 1) -> dict[str, Any]:
    """A model document of about `size` bytes in the canonical layout: most of it is the list of layers."""
    chance = random.Random(seed)
    layers: list[dict[str, Any]] = []
    document = {
        "$schema": "urn:mdrepo:model:1",
        "name": "net",
        "description": "A model that was made to be compared. " * 4,
        "structure": {"framework": "keras", "layers": layers, "parameters": {"total": 1, "trainable": 1}},
        "labels": [{"index": number, "name": f"label {number}"} for number in range(20)],
        "training": {"hyperparameters": {"learning_rate": 0.0001, "epsilon": 1e-07}},
    }
    written = len(text(document))
    while written < size:
        layers.append(_layer(chance, len(layers)))
        written += len(orjson.dumps(layers[-1], option=orjson.OPT_INDENT_2)) + 150  # two levels further in
    return document


def _layer(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "name": f"block_{number}_conv",
        "class": "Conv2D",
        "trainable": chance.random() < 0.5,
        "config": {
            "filters": chance.randrange(512),
            "kernel_size": [3, 3],
            "strides": [1, 1],
            "activation": "relu",
            "dropout": round(chance.random(), 6),
        },
        "shape": [None, chance.randrange(256), chance.randrange(256), 64],
        "parameters": chance.randrange(10**6),
        "digest": f"{chance.getrandbits(256):064x}",
    }


def edited(document: Any, share: float, seed: int) -> Any:
    """A copy in which a share of the leaves, names excepted, has another value of the same type."""
    chance = random.Random(seed)
    copy = orjson.loads(orjson.dumps(document))

    def walk(value: Any) -> None:
        for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(child, dict | list):
                walk(child)
            elif key != "name" and chance.random() < share:
                value[key] = _other(child)

    walk(copy)
    return copy


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}, edited"


def records(number: int = 10_000, seed: int = 1) -> list[dict[str, Any]]:
    """A list of records with an id, of about 260 bytes each."""
    chance = random.Random(seed)
    return [
        {
            "id": place,
            "name": f"sample {place}",
            "score": round(chance.random(), 4),
            "tags": ["train", "day"],
            "box": {"x": chance.randrange(99), "y": chance.randrange(99)},
            "sha": f"{chance.getrandbits(400):0100x}",
            "checked": chance.random() < 0.5,
            "note": "some words that describe it",
        }
        for place in range(number)
    ]


def shuffled(items: list[dict[str, Any]], seed: int = 2) -> list[dict[str, Any]]:
    """The records with 100 removed, 100 inserted, 100 moved and 98 edited."""
    chance = random.Random(seed)
    places = chance.sample(range(len(items)), 298)
    gone, moved, changed = set(places[:100]), places[100:200], set(places[200:])
    kept = [place for place in range(len(items)) if place not in gone and place not in set(moved)]
    made = [{**items[place], "score": 2.0} if place in changed else dict(items[place]) for place in kept]
    for place in moved:
        made.insert(chance.randrange(len(made)), dict(items[place]))
    for number in range(100):
        made.insert(chance.randrange(len(made)), {**items[0], "id": len(items) + number, "name": f"new {number}"})
    return made


def text(document: Any) -> bytes:
    """The document in the canonical layout, but for the order of its keys."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def write(folder: Path, **documents: Any) -> None:
    for name, document in documents.items():
        (folder / f"{name}.json").write_bytes(text(document))
