"""Test data changed by an augmentation policy, for slices that ask how robust a model is: made once, kept, the same every time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..caching import Cache
from ..documents import digest
from ..errors import Finding
from .loading import framework_version
from .modelfiles import Report
from .processes import Limits, run

_KIND = "perturbed"
_ONE_AT_A_TIME = threading.Lock()  # two models may ask for the same data


def perturbed(
    data: Path,
    suffix: str,
    md5: str,
    inputs: Sequence[str],
    policy: Mapping[str, Any],
    place: Path,
    cache: Cache,
    limits: Limits,
    report: Report,
) -> Path:
    """An .npz file, in the folder `place`, of the inputs of some data as a policy's layers change them, each once.

    From the cache, or made in a process of its own by TensorFlow. Raises Finding where the data are no .npz file with one input.
    """
    if suffix != ".npz" or len(inputs) != 1:
        raise Finding("only the test data of an .npz file with one input can be changed by a policy")
    key = digest([md5, list(inputs), policy, framework_version(".keras")])
    file, part = place / f"{key[:16]}.npz", place / f"{key[:16]}.part"
    with _ONE_AT_A_TIME:
        if file.is_file():
            return file
        if cache.take(_KIND, key, part):
            return part.rename(file)
        report("changing the test data by a policy with TensorFlow ...")
        folder = place / f"{key[:16]}-made"
        folder.mkdir(exist_ok=True)
        made = folder / "made.npy"
        task = {
            "augment": {**policy, "copies": 1},
            "data": str(data),
            "suffix": suffix,
            "inputs": list(inputs),
            "outputs": str(made),
        }
        run(task, "the policy on the test data", limits)
        with part.open("wb") as out:
            np.savez(out, **{inputs[0]: np.load(made, allow_pickle=False)})
        cache.add(_KIND, key, part)
        return part.rename(file)
