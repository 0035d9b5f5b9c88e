"""The process that runs extractors: what a library does to a hostile file, and a plugin that never ends, stay in here.

Reads a JSON request a line from standard input (`extractor`, `kind`, `module`, `path`, `options`, `files`, `seconds`, `memory`),
and answers each with a JSON line: `{"values": ...}`, `{"reason": ...}` or `{"missing": [package, extra]}`. What is not done in
time is killed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from . import ExtractionError, Extractor, named


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What an extractor reads, or why it does not."""
    extractor = _own(request["module"]) or named(request["extractor"], request["kind"])
    assert extractor is not None  # the one who asks has loaded it
    files = {option: Path(path) for option, path in request["files"].items()}
    try:
        values = dict(extractor.derive(Path(request["path"]), {**request["options"], **files}))
        json.dumps(values, allow_nan=False)
    except ExtractionError as error:
        return {"reason": error.reason}
    except MissingExtra as error:
        return {"missing": [error.package, error.extra]}
    except MemoryError:
        return {"reason": f"reading it takes more than {request['memory']} GiB of memory"}
    except RecursionError:
        return {"reason": "it is nested too deeply"}
    except Exception as error:  # whatever a plugin raises: the artefact is named, and the rest is done
        lines = str(error).strip().splitlines() or [""]
        return {"reason": f"the extractor {extractor.name} failed: {type(error).__name__}: {lines[0][:300]}"}
    return {"values": values}


def _own(module: str) -> Extractor | None:
    """mdrepo's own extractor of a module: to look it up among all that is installed takes as long as to read a small model."""
    return getattr(import_module(module), "EXTRACTOR", None) if module.startswith("mdrepo.") else None


def main() -> int:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # copies that no other program inherits: what an extractor starts neither takes a request nor answers one, and whatever a
    # library prints goes to standard error
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    me = os.getpid()
    for line in requests:
        request = json.loads(line)
        limit = request["memory"] << 30
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        signal.alarm(request["seconds"])  # without a handler: the end, whatever the process is at
        found = answer(request)
        if os.getpid() != me:  # a copy of this process, which an extractor made and did not end
            os._exit(0)
        signal.alarm(0)
        answers.write(json.dumps(found) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
