"""Model and data to the model's outputs: from the cache, from activations in the cache, or from a process with TensorFlow.

What a model's graph says is worth more than its file's hash: a model that was only saved again has the outputs that are there, and
a model that shares its first operations with one that was evaluated before begins where they end.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..caching import Cache
from ..errors import MdrepoError
from .modelfiles import Means, Report, equipped
from .processes import Limits
from .requests import Request
from .sides import Outputs, Side, shares_much


def outputs(requests: Sequence[Request], cache: Cache, limits: Limits, report: Report) -> list[Outputs]:
    """The outputs of each request, in order; what is not in the cache is computed. Raises MdrepoError."""
    with equipped(cache, limits, report) as means:
        return [_or_raise(each) for each in _tried(requests, means)]


def _or_raise(found: Outputs | MdrepoError) -> Outputs:
    if isinstance(found, MdrepoError):
        raise found
    return found


def _tried(requests: Sequence[Request], means: Means) -> list[Outputs | MdrepoError]:
    """The outputs of each request, or why there are none."""
    sides = {request.key: Side(request, means) for request in requests}
    for view in dict.fromkeys(request.view for request in requests):  # models are run side by side on the same data
        alike = [sides[key] for key in dict.fromkeys(each.key for each in requests if each.view == view)]
        _compute([side for side in alike if not side.tried(side.found)], alike)
    return [sides[request.key].failure or sides[request.key].outputs for request in requests]


def of_views(requests: Sequence[Sequence[Request]], means: Means) -> list[dict[str | None, Outputs]]:
    """The outputs of each model's requests, one a view of the data, by the view; raises MdrepoError.

    What is wrong with the first of several models is raised first: the others are what it is compared with.
    """
    found = iter(_tried([each for several in requests for each in several], means))
    made: list[dict[str | None, Outputs]] = []
    for several in requests:
        tried = {each.view: next(found) for each in several}
        if made and (failure := next((each for each in tried.values() if isinstance(each, MdrepoError)), None)) is not None:
            raise Incomparable(failure.message)
        made.append({view: _or_raise(each) for view, each in tried.items()})
    return made


class Incomparable(MdrepoError):
    """A model ran, and the one that it is compared with did not."""


def kept(requests: Sequence[Request], cache: Cache, limits: Limits) -> dict[str | None, Outputs]:
    """The outputs of a model on views of the data, as far as the cache has them; no model is run."""
    with equipped(cache, limits) as means:
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
    with equipped(cache, limits, report) as means:
        return Side(request, means).clocked(times)


def will_run(request: Request, cache: Cache, limits: Limits) -> bool:
    """Whether TensorFlow would have to compute anything of a request."""
    with equipped(cache, limits) as means:
        return Side(request, means).will_run()


def _compute(missing: Sequence[Side], sides: Sequence[Side]) -> None:
    """Compute what is missing: side by side, or one after the other where the second can begin where the first ends."""
    missing = [side for side in missing if side.failure is None]
    if len(missing) == 2 and shares_much(*missing):
        for side in reversed(missing):
            side.tried(lambda side=side: side.run(sides))  # type: ignore[misc]
            side.finish()
        return
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda side: side.tried(lambda: side.run(sides, len(missing))), missing))
    for side in missing:
        side.finish()
