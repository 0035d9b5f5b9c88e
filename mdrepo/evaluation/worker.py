"""The process that runs a model: one fresh process a model, the only place where TensorFlow is imported.

Reads one JSON request from standard input, does what it asks for, writes the outputs to the file `outputs` as .npy, and answers
with one JSON line on standard output: `{}` or `{"error": ..., "hint": ...}`. A request has `outputs` and `memory` (GiB); to run a
model `model`, `data`, `suffix`, `inputs` and `preprocessing`; to augment `augment` (a policy), `data`, `suffix` and `inputs`.
"""

from __future__ import annotations

import json
import os
import resource
import sys


def main() -> int:
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to standard error, not into the answer
    request = json.load(sys.stdin)
    limit = request["memory"] << 30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    answer: dict[str, str] = {}
    try:
        from . import tasks

        (tasks.augment if "augment" in request else tasks.predict)(request)
    except MemoryError:
        answer = {"error": f"it needs more than {request['memory']} GiB", "hint": "raise evaluation.memory in mdrepo.toml"}
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
