"""The document's preprocessing steps, applied to raw inputs with numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Finding

Array = NDArray[Any]


def apply(inputs: Array, steps: Sequence[Mapping[str, Any]]) -> Array:
    """The inputs (examples first) after all steps, as float32 where a step computes; raises Finding."""
    for number, step in enumerate(steps):
        try:
            inputs = _apply_one(inputs, step)
        except (ValueError, TypeError) as error:
            raise Finding(f"#/preprocessing/{number} ({step['op']}) does not fit the data: {error}") from None
    return inputs


def _apply_one(inputs: Array, step: Mapping[str, Any]) -> Array:
    match step["op"]:
        case "cast":
            return inputs.astype(step["dtype"])
        case "rescale":
            return inputs.astype(np.float32) * np.float32(step["scale"]) + np.float32(step.get("offset", 0))
        case "normalize":
            mean, std = np.asarray(step["mean"], np.float32), np.asarray(step["std"], np.float32)
            return (inputs.astype(np.float32) - mean) / std
        case "reshape":
            return inputs.reshape(len(inputs), *step["shape"])
        case name:
            raise ValueError(f"no step is called {name!r}")
