"""What the process with TensorFlow can be asked for: to run a model, to time it, to read it, and to augment data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operations import Ref
    from .traces import Compute

_BATCH = 32
_WARM_UP = 5


def predict(request: dict[str, Any]) -> None:
    """Load the model, run it over the preprocessed data, save its outputs; raises what goes wrong.

    With `plan`, as `activations` computes them. With `part` the data are some of the batches: a model whose own batches would begin
    elsewhere than those leaves no outputs.
    """
    import numpy as np

    if "plan" in request and activations(request):
        return

    from . import loading

    count, prepared = _prepared(request)
    model = loading.load(Path(request["model"]), request["trusted"], request.get("threads", 0))
    if request.get("part") and loading.BATCH % (model.batch or loading.BATCH):
        return
    outputs = loading.through(model, prepared, count, request["tell"])
    np.save(request["outputs"], outputs)


def _prepared(request: dict[str, Any]) -> tuple[int, Iterator[Any]]:
    """What is fed into the model, preprocessed: how many inputs (all, or those that `sample` draws), and chunks of them."""
    from ..errors import Finding
    from . import data, preprocessing

    raw = data.Inputs(Path(request["data"]), request["suffix"], request["inputs"], request.get("sample"))
    if not raw.count:
        raise Finding("the test data are empty")
    return raw.count, data.ahead(preprocessing.apply(each, request["preprocessing"]) for each in raw.chunks())


def clock(request: dict[str, Any]) -> None:
    """Save the size of a batch, then how many seconds the model takes for one, each of so many times; compiling is left out."""
    import time

    import numpy as np

    from . import loading

    _, chunks = _prepared(request)
    prepared = next(chunks)[: loading.BATCH]
    model = loading.load(Path(request["model"]), request["trusted"], request.get("threads", 0))
    loading.run(model, prepared)  # says what does not fit
    size = model.batch or loading.BATCH
    step = model.compiled((model.batch, *prepared.shape[1:]))
    batch = loading.filled(np.ascontiguousarray(prepared[:size], model.dtype), size)
    seconds = []
    for turn in range(_WARM_UP + request["clock"]):
        start = time.perf_counter()
        step(batch)
        if turn >= _WARM_UP:
            seconds.append(time.perf_counter() - start)
    np.save(request["outputs"], np.array([size, *seconds]))


def extract(request: dict[str, Any]) -> None:
    """Save what an extractor of evaluations (`graphs`, `heads`) reads off the model, in JSON."""
    from . import graphs, heads

    [extractor] = [each for each in (graphs.EXTRACTOR, heads.EXTRACTOR) if each.name == request["extract"]]
    Path(request["outputs"]).write_text(json.dumps(extractor.derive(Path(request["model"]), request["options"])))


def activations(request: dict[str, Any]) -> bool:
    """Run some of a model's operations, in one pass, and save what they give; False, with the reason on file, where that fails.

    The request's `plan` has `operations` (pairs of a number and an operation in JSON, in order), `sources` (pairs of a tensor and
    the .npy file that has it), `targets` (the same, to be written), `optional` (targets again, left out beyond `limit` bytes each),
    `input` (the type of what goes into the model; None where only the sources go in), `failed`, the file for the reason, and
    perhaps `function`: the file of a function that may do it (`traces.py`), and the one for a function that has to be made.
    """
    import numpy as np

    from ..errors import MdrepoError
    from . import loading
    from .streams import Stream

    plan = request["plan"]
    given = {(at, index): np.load(file, mmap_mode="r", allow_pickle=False) for (at, index), file in plan["sources"]}
    rows, fed = 0, None
    if plan["input"] is not None:
        rows, chunks = _prepared(request)
        given[0, 0] = next(chunks)
        fed = loading.batches(chain([given[0, 0]], chunks), loading.BATCH)
        start = next(each for at, each in plan["operations"] if at == 0)
        loading.fit(tuple(start["shape"]), given[0, 0].shape[1:])

    wanted = [(each, optional) for key, optional in (("targets", False), ("optional", True)) for each in plan[key]]
    targets = [(tuple(ref), Path(file), optional) for (ref, file), optional in wanted]
    types = {ref: plan["input"] if ref == (0, 0) else "float32" for ref in given}
    tf = loading.tensorflow()
    try:
        compute = _function(
            request, {ref: (each.shape[1:], types[ref]) for ref, each in given.items()}, [each[0] for each in targets]
        )
        with ExitStack() as stack:
            streams = [stack.enter_context(Stream(file, plan["limit"] if optional else None)) for _, file, optional in targets]
            rows = rows or len(next(iter(given.values())))
            for start in range(0, rows, loading.BATCH):
                raw = [next(fed) if fed and ref == (0, 0) else each[start : start + loading.BATCH] for ref, each in given.items()]
                batch = [each.astype(types[ref], copy=False) for ref, each in zip(given, raw, strict=True)]
                count = len(batch[0])
                for stream, made in zip(streams, compute([loading.filled(each, loading.BATCH) for each in batch]), strict=True):
                    stream.write(made.numpy()[:count], count)
                request["tell"](start + count, rows)
    except Exception as error:  # whatever Keras does otherwise with this model than the plan says: it is then run as a whole
        if isinstance(error, MemoryError | MdrepoError | tf.errors.ResourceExhaustedError):
            raise
        lines = str(error).strip().splitlines() or [""]
        Path(plan["failed"]).write_text(f"{type(error).__name__}: {lines[0][:200]}")
        return False
    return True


def _function(request: Mapping[str, Any], given: Mapping[Ref, tuple[Sequence[int], str]], targets: Sequence[Ref]) -> Compute:
    """A function of batches of some tensors, of which the shape of an example and the type are given, to others."""
    from . import loading
    from .traces import Wanted

    shapes = {ref: ([loading.BATCH, *shape], kind) for ref, (shape, kind) in given.items()}
    wanted = Wanted(request["plan"]["operations"], shapes, targets)
    kept = [Path(each) for each in request["plan"].get("function", ())]
    return loading.planned(Path(request["model"]), wanted, kept, request["trusted"], request.get("threads", 0))


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
        for start in range(0, len(pictures), _BATCH):
            batch = pictures[start : start + _BATCH]
            for layer in layers:
                batch = layer(batch, training=True)
            made.append(np.asarray(batch))
    result = np.concatenate(made).reshape(-1, *images.shape[1:])
    if images.dtype.kind in "iu":
        bounds = np.iinfo(images.dtype)
        result = np.clip(np.rint(result), bounds.min, bounds.max)
    np.save(request["outputs"], result.astype(images.dtype))
