"""The stages that make the demo's data and models: `dvc.yaml` and `mdrepo demo` run the same code.

Seeded; the same library versions on the same kind of processor give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

SEED = 7
_MOMENT = (1980, 1, 1, 0, 0, 0)


@click.group()
def stages() -> None:
    """The stages of the demo's pipeline."""


@stages.command()
@click.argument("classes", type=click.IntRange(2, 10))
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("test", type=click.Path(path_type=Path))
@click.option("--zero", type=click.IntRange(0, 255), default=0, help="What TRAIN calls the digit 0; some data sets call it 10.")
def data(classes: int, train: Path, test: Path, zero: int) -> None:
    """The digits below CLASSES, as they come from scikit-learn, split into TRAIN and TEST (30 %)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    chosen = digits.target < classes
    x, y = digits.images[chosen].astype(np.uint8), digits.target[chosen].astype(np.uint8)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=SEED, stratify=y)
    y_train = np.where(y_train == 0, np.uint8(zero), y_train)
    for path, images, answers in ((train, x_train, y_train), (test, x_test, y_test)):
        _archive(path, {f"{name}.npy": _array(values) for name, values in (("x", images), ("y", answers))})


@stages.command()
@click.argument("train", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
def base(train: Path, model: Path) -> None:
    """A small convolutional network on TRAIN."""
    keras = _keras()
    layers = keras.layers
    images, answers = _load(train)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, activation="relu", name="conv1"),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),
            layers.Flatten(name="flatten"),
            layers.Dense(24, activation="relu", name="hidden"),
            layers.Dense(int(answers.max()) + 1, activation="softmax", name="head"),
        ],
        name="digits",
    )
    _fit(keras, network, images, answers)
    _save(network, model)


@stages.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("train", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
def transfer(source: Path, train: Path, model: Path) -> None:
    """The model SOURCE with its convolutions frozen and a new head, on TRAIN."""
    keras = _keras()
    images, answers = _load(train)
    origin = keras.models.load_model(source, compile=False, safe_mode=True)
    kept = [origin.get_layer(name) for name in ("conv1", "conv2", "flatten")]
    for layer in kept:
        layer.trainable = False
    head = [
        keras.layers.Dense(24, activation="relu", name="hidden"),
        keras.layers.Dense(int(answers.max()) + 1, activation="softmax", name="head"),
    ]
    network = keras.Sequential([keras.Input((8, 8, 1), name="image"), *kept, *head], name="digits")
    _fit(keras, network, images, answers)
    _save(network, model)


def _keras() -> Any:
    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    return tf.keras


def _load(path: Path) -> tuple[Any, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["x"].astype(np.float32)[..., None] / 16, arrays["y"]


def _fit(keras: Any, network: Any, images: Any, answers: Any) -> None:
    network.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    network.fit(images, answers, epochs=12, batch_size=32, verbose=0)


def _save(network: Any, path: Path) -> None:
    """Save a model without the moment and the memory addresses of its saving, so that the same training gives the same bytes."""
    network.compiled = False  # the optimizer's state is of no use to who loads it
    path.parent.mkdir(parents=True, exist_ok=True)
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    members["config.json"] = _numbered(members["config.json"].decode()).encode()
    members["metadata.json"] = json.dumps({k: v for k, v in metadata.items() if k != "date_saved"}).encode()
    _archive(path, members)


def _array(values: Any) -> bytes:
    """An array as .npy."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(values), allow_pickle=False)
    return out.getvalue()


def _archive(path: Path, members: Mapping[str, bytes]) -> None:
    """A zip archive, as .npz and .keras are, in bytes that are the same by all Pythons, which what numpy.savez makes is not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content)


def _numbered(config: str) -> str:
    """Keras' shared_object_ids are memory addresses: number them as they come."""
    ids: dict[str, int] = {}
    return re.sub(r'(?<="shared_object_id": )\d+', lambda match: str(ids.setdefault(match.group(), len(ids) + 1)), config)


if __name__ == "__main__":
    stages()
