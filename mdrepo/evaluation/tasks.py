"""What the process with TensorFlow can be asked for: to run a model over data, and to augment data by a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BATCH = 32


def predict(request: dict[str, Any]) -> None:
    """Load the model, run it over the preprocessed data, save its outputs; raises what goes wrong."""
    import numpy as np

    from ..errors import Finding
    from . import data, loading, preprocessing

    raw = data.inputs(Path(request["data"]), request["suffix"], request["inputs"])
    if not len(raw):
        raise Finding("the test data are empty")
    prepared = preprocessing.apply(raw, request["preprocessing"])

    model = loading.load(Path(request["model"]), request["trusted"], request.get("threads", 0))
    outputs = loading.run(model, prepared, request["tell"])
    if not np.isfinite(outputs).all():
        raise Finding("the model's outputs are not all finite numbers (NaN or infinity)")
    np.save(request["outputs"], outputs)


AUGMENTING = (
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "RandomContrast",
    "RandomBrightness",
    "GaussianNoise",
)
"""Keras' preprocessing layers that a policy may name."""


def augment(request: dict[str, Any]) -> None:
    """Give each example of the data to the policy's layers, as often as it says; integers stay integers, in their type's range."""
    import numpy as np

    from ..errors import Finding
    from . import data

    policy = request["augment"]
    images = data.inputs(Path(request["data"]), request["suffix"], request["inputs"])
    if images.ndim not in (3, 4):
        raise Finding(f"a policy's layers take pictures, and an example has {images.shape[1:]}", "height, width, perhaps channels")

    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(policy["seed"])
    layers = []
    for place, step in enumerate(policy["layers"]):
        if step["layer"] not in AUGMENTING:
            raise Finding(f"{step['layer']} is no layer that augments", f"these do: {', '.join(AUGMENTING)}")
        try:
            layers.append(getattr(tf.keras.layers, step["layer"])(**step.get("parameters", {}), seed=policy["seed"] + place))
        except (TypeError, ValueError) as error:
            raise Finding(f"{step['layer']} does not take these parameters: {str(error).splitlines()[0]}") from None
    pictures = images.astype("float32") if images.ndim == 4 else images.astype("float32")[..., None]
    made = []
    for _ in range(policy.get("copies", 1)):
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            for layer in layers:
                batch = layer(batch, training=True)
            made.append(np.asarray(batch))
    result = np.concatenate(made).reshape(-1, *images.shape[1:])
    if images.dtype.kind in "iu":
        bounds = np.iinfo(images.dtype)
        result = np.clip(np.rint(result), bounds.min, bounds.max)
    np.save(request["outputs"], result.astype(images.dtype))
