"""Model files of all formats to one thing: a function from a batch of examples to the model's outputs. Owns TensorFlow and LiteRT.

A batch has BATCH examples. A model that takes any number is given the last ones as they are, as Keras' `predict` does, and gives
the bits of `predict`: what a kernel of oneDNN computes for an example may depend on how many stand beside it. Where fewer than
FEWEST are left, or the model takes a certain number, the last batch is filled up with its last example, and what comes out for
those is dropped.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding, MdrepoError, MissingExtra
from . import admission, layers, traces

BATCH = 32
FEWEST = 7
"""For fewer examples there are other kernels on every processor (one example is a vector, and no matrix)."""

ENGINE = f"batch {BATCH}; a compiled function (TensorFlow) or an interpreter (LiteRT); admitted by mdrepo.evaluation 3"
"""How outputs are computed: a part of what they depend on, beside the model, the data and the version of the framework."""

FORMATS = (".keras", ".h5", ".hdf5", ".tflite", "")
"""The suffixes of models that can be run; one without a suffix must be a folder, a SavedModel."""

HIDDEN = ("sklearn", "scipy", "pandas", "matplotlib")
"""Keras imports these where they are, for conveniences that no evaluation uses, and takes as long for them as for itself."""

Array = NDArray[Any]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Runnable:
    """A model that is loaded: the shape and type of an example (None: any), how many it takes (None: any), and how it is run."""

    shape: tuple[int | None, ...]
    dtype: Any
    batch: int | None
    compiled: Callable[[tuple[int | None, ...]], Callable[[Array], Array]]
    """From the shape of batches, `batch` first, to the function that takes such."""


class _Hiding:
    """A finder that says of some packages that they are not installed, which Keras is prepared for."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """For a while, packages that cannot be imported; who needs one imports it afterwards."""
    finder: Any = _Hiding()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def tensorflow() -> Any:
    """TensorFlow with its Keras, and h5py, imported without what they can do without; no operation is run."""
    with hidden():
        found = importlib.import_module("tensorflow")
        found.keras.models.load_model  # noqa: B018  # tf.keras is imported when something of it is used
        importlib.import_module("h5py")
    return found


def framework(suffix: str) -> str:
    """What runs models with a suffix, and its version, without importing it; raises MissingExtra."""
    from importlib.metadata import PackageNotFoundError, version

    names = ("ai-edge-litert",) if suffix == ".tflite" else ("tensorflow", "tensorflow-cpu")
    for name in names:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    raise MissingExtra(names[0], "tflite" if suffix == ".tflite" else "eval")


@cache
def framework_version(suffix: str) -> str:
    """What runs models with a suffix here, on this kind of machine, without importing it; raises MissingExtra."""
    from importlib.metadata import version

    found = framework(suffix)
    keras = f", keras {version('keras')}" if found.startswith("tensorflow") else ""
    return f"{found}{keras}, {platform.machine()}"


def load(path: Path, trusted: Collection[str] = (), threads: int = 0) -> Runnable:
    """A model file or folder, if it is admitted; `threads`: how many it may use, 0 for one a processor. Raises MdrepoError."""
    found = admission.scan(path, trusted)
    threads = threads or processors()
    if path.suffix == ".tflite" and path.is_file():
        return _tflite(path, threads)
    tf = _settled(threads)
    return _savedmodel(tf, path) if path.is_dir() else _compiled(tf, _loaded(tf, path, found))


def planned(
    path: Path, wanted: traces.Wanted, kept: Sequence[Path], trusted: Collection[str] = (), threads: int = 0
) -> traces.Compute:
    """A function of some tensors of a .keras file to others, if the file is admitted. Raises MdrepoError.

    `kept`: the file that may have it, and the one for a function that had to be made; none where none is kept.
    """
    found = admission.scan(path, trusted)
    tf = _settled(threads or processors())
    there, new = kept or (None, None)
    if there is not None and there.is_file() and (function := traces.read(tf, there, path, wanted)) is not None:
        return function
    return traces.make(tf, keras(tf, path, wanted.called, found), wanted, new)


def keras(tf: Any, path: Path, operations: Sequence[Mapping[str, Any]], found: admission.Admission) -> layers.Layers:
    """The layers of a .keras file, which was admitted, that some operations call."""
    try:
        own = None if found.custom or found.code else layers.made(path, operations, tf.keras)
    except (
        ValueError,
        TypeError,
        LookupError,
    ):  # what cannot be made by itself is no failure yet: Keras loads all of it, or says what is wrong
        own = None
    return layers.of(_loaded(tf, path, found)) if own is None else own


def _settled(threads: int) -> Any:
    """TensorFlow, with so many threads, and the same results every time."""
    tf = tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    return tf


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def fit(shape: tuple[int | None, ...], given: tuple[int, ...]) -> None:
    """Raise Finding where examples of a shape are none that a model takes (None: any)."""
    if len(shape) != len(given) or any(e not in (None, g) for e, g in zip(shape, given, strict=False)):
        raise Finding(f"the model takes inputs of shape {shape}, the preprocessed data have {given}", "see #/preprocessing")


def filled(batch: Array, size: int) -> Array:
    """A batch filled up with its last example."""
    return batch if len(batch) == size else np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])


def batches(chunks: Iterable[Array], size: int) -> Iterator[Array]:
    """Examples that come in chunks of any length, so many at a time; the last ones may be fewer."""
    left: Array | None = None
    for each in chunks:
        chunk = each if left is None else np.concatenate([left, each])
        whole = len(chunk) - len(chunk) % size
        yield from (chunk[start : start + size] for start in range(0, whole, size))
        left = chunk[whole:] if whole < len(chunk) else None
    if left is not None:
        yield left


def run(model: Runnable, examples: Array, tell: Tell = lambda _, __: None) -> Array:
    """The model's outputs for all examples, in order; raises Finding where the examples do not fit."""
    return through(model, [examples], len(examples), tell)


def through(model: Runnable, chunks: Iterable[Array], count: int, tell: Tell) -> Array:
    """The same for so many examples that come in chunks."""
    size = model.batch or BATCH
    step: Callable[[Array], Array] | None = None
    made: Array | None = None
    done = 0
    for batch in batches(chunks, size):
        if step is None:
            fit(model.shape, batch.shape[1:])
            step = model.compiled((model.batch, *batch.shape[1:]))
        given = np.ascontiguousarray(batch, model.dtype)
        if model.batch or len(given) < FEWEST:
            given = filled(given, size)
        outputs = step(given)
        if outputs.shape[:1] != given.shape[:1]:
            raise Finding(f"the model gives outputs of shape {outputs.shape} for {len(given)} examples")
        if made is None:
            made = np.empty((count, *outputs.shape[1:]), outputs.dtype)
        made[done : done + size] = outputs[: len(batch)]
        done += len(batch)
        tell(done, count)
    if made is None:
        raise Finding("the test data are empty")
    return made


def _one(found: Any, what: str) -> Any:
    """The only one of several; raises Finding."""
    if len(found) != 1:
        raise Finding(f"the model has {len(found)} {what}, and only a model with one can be evaluated")
    return found[0]


def _loaded(tf: Any, path: Path, found: admission.Admission) -> Any:
    custom = {name: _imported(module, name) for module, name in sorted(found.custom) if module}
    return tf.keras.models.load_model(path, custom_objects=custom, compile=False, safe_mode=not found.code)


def _compiled(tf: Any, model: Any) -> Runnable:
    taken = _one(getattr(model, "inputs", None) or (), "inputs")
    _one(getattr(model, "outputs", None) or (), "outputs")

    def compiled(shape: tuple[int | None, ...]) -> Callable[[Array], Array]:
        signature = [tf.TensorSpec(shape, taken.dtype)]
        step = tf.function(lambda batch: model(batch, training=False), input_signature=signature, jit_compile=False)
        call = step.get_concrete_function()
        constant = tf.constant

        def outputs(batch: Array) -> Array:
            result: Array = call(constant(batch)).numpy()
            return result

        return outputs

    return Runnable(tuple(taken.shape[1:]), tf.as_dtype(taken.dtype).as_numpy_dtype, taken.shape[0], compiled)


def _imported(module: str, name: str) -> Any:
    """A class or function that the user trusts, from where the model says it is."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise MdrepoError(f"{module}.{name} is trusted, and cannot be imported here", "install the package that has it") from None


def _savedmodel(tf: Any, path: Path) -> Runnable:
    loaded = tf.saved_model.load(str(path))
    signature = getattr(loaded, "signatures", {}).get("serving_default")
    if signature is None:
        raise Finding("the SavedModel has no signature serving_default")
    taken = _one(list(signature.structured_input_signature[1].values()), "inputs")
    out = _one(list(signature.structured_outputs), "outputs")
    if taken.shape.rank is None:
        raise Finding("the SavedModel does not say which shape its input has")

    def compiled(_: tuple[int | None, ...]) -> Callable[[Array], Array]:
        def outputs(batch: Array, kept: Any = loaded) -> Array:  # the signature does not keep the model alive
            result: Array = signature(**{taken.name: tf.constant(batch)})[out].numpy()
            return result

        return outputs

    batch, *shape = taken.shape.as_list()
    return Runnable(tuple(shape), taken.dtype.as_numpy_dtype, batch, compiled)


def _tflite(path: Path, threads: int) -> Runnable:
    try:
        interpreters = importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        raise MissingExtra("ai-edge-litert", "tflite") from None
    interpreter = interpreters.Interpreter(model_path=str(path), num_threads=threads)
    taken = _one(interpreter.get_input_details(), "inputs")
    out = _one(interpreter.get_output_details(), "outputs")
    signed = [int(each) for each in taken["shape_signature"]]
    fixed = BATCH if signed[0] < 0 else signed[0]  # memory is set aside for so many
    quantized = np.issubdtype(taken["dtype"], np.integer) and taken["quantization"][0]

    def compiled(shape: tuple[int | None, ...]) -> Callable[[Array], Array]:
        interpreter.resize_tensor_input(taken["index"], shape)
        interpreter.allocate_tensors()

        def outputs(batch: Array) -> Array:
            whole = quantized and batch.dtype != taken["dtype"]  # integers of the model's own type are what it takes
            interpreter.set_tensor(taken["index"], _quantized(batch, taken) if whole else batch.astype(taken["dtype"], copy=False))
            interpreter.invoke()
            return _real(interpreter.get_tensor(out["index"]), out)

        return outputs

    return Runnable(tuple(None if each < 0 else each for each in signed[1:]), None, fixed, compiled)


def _quantized(batch: Array, details: Any) -> Array:
    """Real numbers as the integers that stand for them (TensorFlow Lite's quantization specification)."""
    scale, zero = details["quantization"]
    bounds = np.iinfo(details["dtype"])
    integers: Array = np.clip(np.rint(batch / scale + zero), bounds.min, bounds.max).astype(details["dtype"])
    return integers


def _real(values: Array, details: Any) -> Array:
    scale, zero = details["quantization"]
    if not scale or not np.issubdtype(values.dtype, np.integer):
        return values
    real: Array = (values.astype(np.float32) - zero) * np.float32(scale)
    return real
