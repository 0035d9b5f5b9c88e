"""The process that runs a model: one fresh process a model.

A request is a JSON object. It has `outputs` (the file to be written), `home` (an empty folder), `memory` (GiB), `seconds` and
`trusted` (names); to run a model `model`, `data`, `suffix`, `inputs` and `preprocessing`, to time it `clock` (how often) too; to
augment `augment` (a policy), `data`, `suffix` and `inputs`; to read a model `extract` (an extractor), `options` and `model`. The
answer is a line of JSON: `{"held": [...]}`, or `{"error": ..., "hint": ...}`; before it may be lines `{"done": N, "of": N}`. The
server forks this process (`server.py`); where it cannot, or need not, this is a program that reads the request from standard input.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from . import confinement

_EVERY = 5  # seconds between two words about how far it is
_MEMORY = "raise evaluation.memory in mdrepo.toml"
_ALLOCATION = {
    -8: 1,  # M_ARENA_MAX: one heap for all threads; those of threads are small, and large blocks go around them
    -3: 32 << 20,  # M_MMAP_THRESHOLD, the most it can be: smaller blocks come from the heap
    -1: 512 << 20,  # M_TRIM_THRESHOLD: so many bytes at the heap's end that are not in use stay
}
"""What malloc.h (glibc) calls them, by number, and their values."""


def serve(request: dict[str, Any], answers: IO[str]) -> None:
    """Confine this process, do what a request asks for, and answer."""
    answer: dict[str, Any] = {}
    try:
        keep_memory()
        held = confined(request)
        from . import tasks

        request["tell"] = _teller(answers)
        others = {"augment": tasks.augment, "clock": tasks.clock, "extract": tasks.extract}
        next((others[name] for name in others if name in request), tasks.predict)(request)
        answer = {"held": held}
    except MemoryError:
        answer = {"error": f"it needs more than {request['memory']} GiB", "hint": _MEMORY}
    except ImportError as error:
        from ..errors import MissingExtra

        extra = "tflite" if error.name == "ai_edge_litert" else "eval"
        missing = MissingExtra((error.name or "tensorflow").replace("_", "-"), extra)
        answer = {"error": missing.message, "hint": missing.hint}
    except Exception as error:  # a model file can fail in any way; the command that asked says which
        hint = _MEMORY if type(error).__name__ == "ResourceExhaustedError" else getattr(error, "hint", None)
        answer = {"error": _reason(error), "kind": type(error).__name__, "hint": hint or ""}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def keep_memory() -> None:
    """Have freed memory used again by this process, where the C library can be told so; before there are threads.

    Else each batch's tensors go back to the kernel, which clears the same pages for the next batch.
    """
    library = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(library, "mallopt"):
        for what, value in _ALLOCATION.items():
            library.mallopt(what, value)  # what it does not take stays as it was: that is slower, and no more


def _reason(error: Exception) -> str:
    """The line of an error that says what is wrong: Keras says a whole configuration before it, TensorFlow where it was."""
    words = str(getattr(error, "message", error)).rpartition("Exception encountered:")[2]
    lines = [line.strip() for line in words.splitlines() if line.strip()] or [type(error).__name__]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return (named or lines)[-1 if named else 0][:300]


def confined(request: Mapping[str, Any]) -> list[str]:
    """Give up what running a model does not need; what holds then."""
    home = Path(request["home"])
    confinement.settle(home)
    named = [Path(request[name]) for name in ("model", "data") if name in request]
    readable = [each.resolve() for each in named] + [each.parent for each in named if each.is_symlink()]
    modules = [Path(each) for each in sys.path if each] if request["trusted"] else []
    return confinement.confine(
        [*readable, *modules], [home, Path(request["outputs"]).parent], request["memory"], request["seconds"]
    )


def _teller(answers: IO[str]) -> Callable[[int, int], None]:
    """Says how many of how many examples are done, now and then."""
    said = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY:
            said = time.monotonic()
            answers.write(json.dumps({"done": done, "of": of}) + "\n")
            answers.flush()

    return tell


def main() -> int:
    """One request from standard input, answered on standard output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to standard error, not into the answer
    serve(json.load(sys.stdin), answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
