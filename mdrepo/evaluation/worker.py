"""The process that runs a model: one fresh process a model, the only place where TensorFlow is imported.

Reads one JSON request from standard input (`model`, `data`, `suffix`, `inputs`, `preprocessing`, `outputs`, `memory`), writes
the outputs to the file `outputs` as .npy, and answers with one JSON line on standard output: `{}` or `{"error": ..., "hint": ...}`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

BATCH = 32


def predict(request: dict[str, Any]) -> None:
    """Load the model, run it over the preprocessed data, save its outputs; raises what goes wrong."""
    import numpy as np

    from ..errors import Finding
    from . import data, preprocessing

    raw = data.inputs(Path(request["data"]), request["suffix"], request["inputs"])
    if not len(raw):
        raise Finding("the test data are empty")
    prepared = preprocessing.apply(raw, request["preprocessing"])

    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    model = tf.keras.models.load_model(request["model"], compile=False, safe_mode=True)
    expected, given = tuple(model.input_shape[1:]), prepared.shape[1:]
    if len(expected) != len(given) or any(e not in (None, g) for e, g in zip(expected, given, strict=False)):
        raise Finding(f"the model takes inputs of shape {expected}, the preprocessed data have {given}", "see #/preprocessing")
    outputs = np.asarray(model.predict(prepared, batch_size=BATCH, verbose=0))
    if not np.isfinite(outputs).all():
        raise Finding("the model's outputs are not all finite numbers (NaN or infinity)")
    np.save(request["outputs"], outputs)


def main() -> int:
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to standard error, not into the answer
    request = json.load(sys.stdin)
    limit = request["memory"] << 30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    answer: dict[str, str] = {}
    try:
        predict(request)
    except MemoryError:
        answer = {"error": f"the model needs more than {request['memory']} GiB", "hint": "raise evaluation.memory in mdrepo.toml"}
    except ImportError as error:
        answer = {"error": f"this needs the package {error.name}, which is not installed", "hint": "pip install 'mdrepo-ml[eval]'"}
    except Exception as error:  # a model file can fail in any way; the command that asked says which
        lines = str(getattr(error, "message", error)).strip().splitlines() or [type(error).__name__]
        answer = {"error": lines[0][:300], "kind": type(error).__name__, "hint": getattr(error, "hint", None) or ""}
    answer_to.write(json.dumps(answer) + "\n")
    answer_to.flush()
    return 1 if answer else 0


if __name__ == "__main__":
    sys.exit(main())
