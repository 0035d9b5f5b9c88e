"""Two models weighed by the outputs that are kept here: the comparison of their documents, and what a page shows of it.

No model is run, and nothing is fetched: what is not here raises MdrepoError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .between import Between
from .errors import MdrepoError, MissingExtra
from .evaluating import confirmed
from .reviews import Example, Insight, Judged
from .subjects import Side, artefact, before_of, kept_of, known, scored_of
from .workspace import Workspace


def weighed(between: Between, each: Judged) -> Judged:
    """An evaluation with what the outputs of both sides say; raises MdrepoError where they are not here."""
    try:
        from .evaluation import comparison, illustrations, terms
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    space = between.space.offline
    child = Side(between.after, each.path)
    if "evaluation" not in (child.content or {}) or between.after.problems(each.path):
        raise MdrepoError(f"{each.path} is not as it was evaluated, so that its outputs say nothing")
    parent = before_of(child, between.before)
    name = child.content["evaluation"]["dataset"]
    dataset = child.catalogue.content(name) or {}
    test_data = artefact(Side(child.catalogue, name), ("artefact",))
    asked = terms.terms(child.content, parent.content if parent else None)
    taken = known(space, asked, dataset, test_data)
    if each.result.get("examples") in taken.ends:
        taken = taken.first(taken.ends.index(each.result["examples"]) + 1)
    sides = [child] if parent is None else [child, parent]
    views = each.basis != "note"
    kept = [kept_of(space, side, dataset, test_data, asked, taken, views=views) for side in sides]
    if None not in kept[0]:
        raise MdrepoError(f"the outputs of {each.path} are not here")
    scored = [scored_of(side, outputs, taken.truth) for side, outputs in zip(sides, kept, strict=True) if None in outputs]
    after, before = [*scored, None][:2]
    made = each
    if each.basis == "notes" and parent is not None and before is not None:
        cuts = [cut for cut in taken.cuts if cut.view is None or all(cut.view in outputs for outputs in kept)]
        result: dict[str, Any] = {"key": child.key, "dataset": name, "examples": len(after), "verdict": "baseline"}
        result |= comparison.compare(before, after, asked, cuts, taken.names)
        result = confirmed(space, child, parent, result, partial(_kept, space), lambda _: None)
        made = replace(each, result=result, basis="outputs", before={})
    if not between.drawn:
        return made
    file = space.store.require([test_data])[test_data]
    seen = illustrations.Data(file, test_data.path, tuple(dataset.get("inputs") or ["x"]), taken.places)
    found = illustrations.insight(before, after, taken.names, seen)
    found |= {side: tuple(Example(*one) for one in found.get(side, ())) for side in ("lost", "won")}
    return replace(made, insight=Insight(**found))


def _kept(space: Workspace, requests: Sequence[Any]) -> list[Any]:
    """The outputs of each request; raises MdrepoError where they are not here."""
    from .evaluation import predictions

    found = [predictions.kept([each], space.cache, space.limits) for each in requests]
    if not all(found):
        raise MdrepoError("the outputs on the parent's test data are not here")
    return found
