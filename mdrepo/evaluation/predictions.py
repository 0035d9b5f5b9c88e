"""Model and data to the model's outputs: from the cache, from activations in the cache, or from a process with TensorFlow.

What a model's graph says is worth more than its file's hash: a model that was only saved again has the outputs that are there, and
a model that shares its first operations with one that was evaluated before begins where they end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..caching import Cache
from ..documents import digest
from ..errors import MdrepoError
from ..extraction.running import Runner
from . import loading, planning
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
    view: str | None = None
    policy: Mapping[str, Any] | None = None
    """How the data are changed before they are fed in (`perturbing`), and what the slice that asks for it is called."""
    sample: planning.Sample | None = None
    """Which examples are fed in, by the hash of the data; None for all."""

    @property
    def fed(self) -> list[Any]:
        """What is fed into the model, and what runs it."""
        runs = loading.framework_version(PurePosixPath(self.model).suffix)
        changed: list[Any] = [] if self.policy is None else [self.policy, loading.framework_version(".keras")]
        some = [] if self.sample is None else [["sample", *self.sample]]
        return [self.data_md5, list(self.inputs), list(self.preprocessing), runs, loading.ENGINE, *changed, *some]

    @property
    def whole(self) -> Request | None:
        """The same for all examples, where this is for some."""
        return None if self.sample is None else replace(self, sample=None)

    @property
    def key(self) -> str:
        """SHA-256 of all that the outputs depend on, with the model as the bytes of its file."""
        return digest([self.model_md5, *self.fed])

    @property
    def name(self) -> str:
        """The model file's name, and the view that it is run on."""
        return PurePosixPath(self.model).name + (f" on {self.view}" if self.view else "")


def outputs(requests: Sequence[Request], cache: Cache, limits: Limits, report: Report) -> list[Outputs]:
    """The outputs of each request, in order; what is not in the cache is computed. Raises MdrepoError."""
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        means = Means(cache, limits, Runner(limits.seconds, limits.memory, report), Path(folder), report)
        sides = {request.key: Side(request, means) for request in requests}
        for view in dict.fromkeys(request.view for request in requests):  # models are run side by side on the same data
            alike = [sides[key] for key in dict.fromkeys(each.key for each in requests if each.view == view)]
            _compute([side for side in alike if not side.found()], alike)
        return [sides[request.key].outputs for request in requests]


def of_views(
    requests: Sequence[Sequence[Request]], cache: Cache, limits: Limits, report: Report
) -> list[dict[str | None, Outputs]]:
    """The outputs of each model's requests, one a view of the data, by the view."""
    found = iter(outputs([each for several in requests for each in several], cache, limits, report))
    return [{each.view: next(found) for each in several} for several in requests]


def kept(requests: Sequence[Request], cache: Cache, limits: Limits) -> dict[str | None, Outputs]:
    """The outputs of a model on views of the data, as far as the cache has them; no model is run."""
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        means = Means(cache, limits, Runner(limits.seconds, limits.memory, limits.report), Path(folder), limits.report)
        sides = [(request.view, Side(request, means)) for request in requests]
        return {view: side.outputs for view, side in sides if _is_there(side)}


def _is_there(side: Side) -> bool:
    """Whether outputs are in the cache; not either where the model's file is not here to tell."""
    try:
        return side.found()
    except MdrepoError:
        return False


def clocked(request: Request, times: int, cache: Cache, limits: Limits, report: Report) -> tuple[int, list[float]]:
    """The size of a batch, and the seconds that a model takes for one, each of so many times; never from the cache."""
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        means = Means(cache, limits, Runner(limits.seconds, limits.memory, report), Path(folder), report)
        return Side(request, means).clocked(times)


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
