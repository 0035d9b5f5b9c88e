"""Where a model is cut: what it shares with another one, what is kept of it, and how much then has to be computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import heads
from .operations import Operation, Ref
from .plans import Plan

_FEATURES = 1 << 18  # numbers for each example in what is kept at one cut
_TENSORS = 4  # in one cut
_WEIGHTS = 1 << 24  # in a head that numpy computes
_PRICE = 50  # multiplications that take as long as to keep one number and to read it again
_WORTH = 0.1  # the part of all multiplications that a cut must save
_STRETCHES = ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95))  # parts of all multiplications
_INPUT = 0


@dataclass(frozen=True)
class Split:
    """A model in two: TensorFlow computes the `features`, and numpy from them the `head`, operations by number; none without.

    It follows from the model alone, so that its outputs are the same bytes whatever is in the cache.
    """

    features: tuple[Ref, ...]
    head: tuple[int, ...] = ()


@dataclass(frozen=True)
class Work:
    """What is to be computed: from which tensors that are kept, and by which operations, in order."""

    sources: tuple[Ref, ...]
    operations: tuple[int, ...]


def split(plan: Plan) -> Split:
    """The model's last dense layers and what goes with them, apart from the rest: at the smallest tensor before them.

    A model that is nothing but such layers is cut where what is frozen ends, if anything is.
    """
    tail = _tail(plan)
    dense = {at for at in tail if plan.operations[at].class_name == "Dense"}
    if any(before == _INPUT for at in tail for before, _ in plan.operations[at].inputs):
        dense -= frozen(plan)
    if not dense or sum(plan.operations[at].parameters for at in tail) > _WEIGHTS:
        return Split((plan.output,))
    places = (
        place
        for place in _places(plan, range(len(plan.operations)))
        if len(place.tensors) == 1 and place.at < min(dense) and tail.issuperset(range(place.at + 1, len(plan.operations)))
    )
    best = min(places, key=lambda place: (place.size, place.at), default=None)
    if best is None or not _keepable(plan.operations[best.tensors[0][0]]):
        return Split((plan.output,))
    return Split(best.tensors, tuple(range(best.at + 1, len(plan.operations))))


def _tail(plan: Plan) -> set[int]:
    """The operations before the output that numpy computes, up to the first on each way that it does not."""
    found: set[int] = set()
    waiting = [plan.output[0]]
    while waiting:
        at = waiting.pop()
        if at not in found and at != _INPUT and heads.computable(plan.operations[at]):
            found.add(at)
            waiting += [before for before, _ in plan.operations[at].inputs]
    return found


def _keepable(operation: Operation) -> bool:
    return operation.hash is not None and not operation.masked


def _size(plan: Plan, ref: Ref) -> float:
    """The numbers for each example in a tensor; infinite where that is not known."""
    shape = plan.operations[ref[0]].shape if ref[1] == 0 else None
    return math.inf if shape is None or None in shape else math.prod(each or 0 for each in shape)


def frozen(plan: Plan) -> set[int]:
    """The operations that, like all that come before them, have no weights that are trained; none where none has weights."""
    found: set[int] = set()
    for at, each in enumerate(plan.operations):
        if not (each.parameters and each.trainable) and all(before in found for before, _ in each.inputs):
            found.add(at)
    return found if any(plan.operations[at].parameters for at in found) else set()


def shared(plan: Plan, other: Plan) -> set[int]:
    """The operations whose results are another model's too; with each one all that come before it."""
    theirs = {each.hash for each in other.operations}
    return {at for at, each in enumerate(plan.operations) if each.hash in theirs and _keepable(each)}


def cost(operation: Operation) -> int:
    """About how many multiplications an operation takes for each example."""
    *positions, _ = operation.shape or (None,)
    return operation.parameters * math.prod(each or 1 for each in positions)


def frontier(plan: Plan, known: Collection[int]) -> tuple[Ref, ...]:
    """The tensors to keep of operations that come first: few and small, with much before them; none if that is little."""
    return _best(place for place in _places(plan, known) if place.part >= _WORTH)


def waypoints(plan: Plan) -> tuple[Ref, ...]:
    """The tensors to keep for a later model of which only the last blocks are others: one on each stretch of the way."""
    alone = [place for place in _places(plan, range(len(plan.operations))) if len(place.tensors) == 1]
    return tuple(ref for start, end in _STRETCHES for ref in _best(place for place in alone if start <= place.part < end))


@dataclass(frozen=True)
class _Place:
    """A place in the order of operations: all that comes before it can be had from `tensors`, made before it and taken after it."""

    at: int
    tensors: tuple[Ref, ...]
    size: float
    saved: int
    part: float

    @property
    def gain(self) -> float:
        """What it saves less what it takes to keep it."""
        return self.saved - _PRICE * self.size


def _best(places: Iterable[_Place]) -> tuple[Ref, ...]:
    found = max(places, key=lambda place: place.gain, default=None)
    return found.tensors if found and found.gain > 0 else ()


def _places(plan: Plan, known: Collection[int]) -> Iterator[_Place]:
    """The places among the operations that come first at which few and small tensors stand for all before them."""
    last: dict[Ref, float] = {plan.output: math.inf}
    for at, each in enumerate(plan.operations):
        for ref in each.inputs:
            last[ref] = max(last.get(ref, -1), at if at in known else math.inf)
    made: dict[int, list[Ref]] = {}
    for ref in last:
        made.setdefault(ref[0], []).append(ref)
    living: dict[Ref, float] = {}
    saved, total = 0, sum(map(cost, plan.operations))
    for at in sorted(known):
        saved += cost(plan.operations[at])
        living |= {ref: last[ref] for ref in made.get(at, ()) if at != _INPUT}
        living = {ref: until for ref, until in living.items() if until > at}
        size = sum(_size(plan, ref) for ref in living)
        if living and len(living) <= _TENSORS and size <= _FEATURES and saved:
            yield _Place(at, tuple(living), size, saved, saved / total)


def work(plan: Plan, targets: Sequence[Ref], kept: Callable[[Ref], bool]) -> Work:
    """What has to be computed for some tensors: from them back to what is kept, or to the input."""
    sources: list[Ref] = []
    needed: set[int] = set()
    seen: set[Ref] = set()
    waiting = list(targets)
    while waiting:
        ref = waiting.pop()
        if ref in seen:
            continue
        seen.add(ref)
        if ref[0] != _INPUT and kept(ref):
            sources.append(ref)
        elif ref[0] not in needed:
            needed.add(ref[0])
            waiting += plan.operations[ref[0]].inputs
    return Work(tuple(sorted(sources)), tuple(sorted(needed)))


def difference(plan: Plan, other: Plan) -> str:
    """Why two models share no more than they do: the first operation that is not shared, and how it differs."""
    same = shared(plan, other)
    theirs = {each.path: each for each in other.operations}
    for at, each in enumerate(plan.operations):
        if at in same or any(before not in same for before, _ in each.inputs):
            continue
        name = "/".join(each.path)
        if each.reason or each.masked:
            return each.reason or f"{name} has a mask"
        if each.path not in theirs:
            return f"{name} is new"
        return f"{name} has other weights" if theirs[each.path].weights != each.weights else f"{name} is set up otherwise"
    return ""
