"""Model and data to the model's outputs: from the cache, from activations in the cache, or from a process with TensorFlow.

What a model's graph says is worth more than its file's hash: a model that was only saved again has the outputs that are there, and
a model that shares its first operations with one that was evaluated before begins where they end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..caching import Cache
from ..documents import digest
from ..extraction.running import Runner
from . import loading
from .processes import Limits
from .sides import Means, Outputs, Report, Side, shares_much

Locate = Callable[[Path], tuple[Path, Path]]
"""Finds the files of the model and of the data, perhaps as links in a folder; called only where no outputs are in the cache."""


@dataclass(frozen=True)
class Request:
    """One model to be run over one data set: the artefacts' hashes and names, what is fed in and how."""

    model: str
    model_md5: str
    data: str
    data_md5: str
    inputs: tuple[str, ...]
    preprocessing: Sequence[Mapping[str, Any]]
    locate: Locate

    @property
    def fed(self) -> list[Any]:
        """What is fed into the model, and what runs it."""
        runs = loading.framework_version(PurePosixPath(self.model).suffix)
        return [self.data_md5, list(self.inputs), list(self.preprocessing), runs, loading.ENGINE]

    @property
    def key(self) -> str:
        """SHA-256 of all that the outputs depend on, with the model as the bytes of its file."""
        return digest([self.model_md5, *self.fed])

    @property
    def name(self) -> str:
        """The model file's name."""
        return PurePosixPath(self.model).name


def outputs(requests: Sequence[Request], cache: Cache, limits: Limits, report: Report) -> list[Outputs]:
    """The outputs of each request, in order; what is not in the cache is computed. Raises MdrepoError."""
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        means = Means(cache, limits, Runner(limits.seconds, limits.memory, report), Path(folder), report)
        sides = {request.key: Side(request, means) for request in requests}
        missing = [side for side in sides.values() if not side.found()]
        _compute(missing, list(sides.values()))
        return [sides[request.key].outputs for request in requests]


def will_run(request: Request, cache: Cache, limits: Limits) -> bool:
    """Whether TensorFlow would have to compute anything of a request."""
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        means = Means(cache, limits, Runner(limits.seconds, limits.memory, limits.report), Path(folder), limits.report)
        return Side(request, means).will_run()


def _compute(missing: Sequence[Side], sides: Sequence[Side]) -> None:
    """Compute what is missing: side by side, or one after the other where the second can begin where the first ends."""
    if len(missing) == 2 and shares_much(*missing):
        for side in reversed(missing):
            side.run(sides)
            side.finish()
        return
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda side: side.run(sides, len(missing)), missing))
    for side in missing:
        side.finish()
