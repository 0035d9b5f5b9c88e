"""What a review finds wrong, each at its line of a document: what hosts show as annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .catalogue import Catalogue
from .errors import MdrepoError
from .reviews import DocumentReview, Judged
from .validation import Problem, problem

_BAD = ("regressed", "failed")


def pointed(after: Catalogue, documents: Sequence[DocumentReview], models: Sequence[Judged]) -> Iterator[Problem]:
    """The problems, the stale fields (one for each reason), and the evaluations that are worse, at their places in a snapshot."""
    for each in documents:
        yield from each.problems
        yield from _stale(after, each)
    for model in models:
        if model.result.get("verdict") in _BAD:
            yield from _worse(after, model)


def _stale(after: Catalogue, review: DocumentReview) -> Iterator[Problem]:
    first = {each.reason: each for each in reversed(review.stale)}
    if first:
        document = after.document(review.path)
        for reason, each in first.items():
            count = sum(item.reason == reason for item in review.stale)
            more = f" ({count} derived fields)" if count > 1 else ""
            yield problem(document, each.path, "derived/stale", f"stale: {reason}{more}", "run 'mdrepo patch'")


def _worse(after: Catalogue, model: Judged) -> Iterator[Problem]:
    try:
        document = after.document(model.path)
    except MdrepoError:
        return  # what it is that cannot be read stands among the problems
    verdict, against = model.result["verdict"], f" against {model.against[:7]}" if model.against else ""
    told = "; ".join(_figures(model.result)) or model.result.get("reason", "")
    yield problem(document, ("evaluation",), "evaluation/worse", f"{verdict}{against}: {told}", "'mdrepo review' has the figures")


def _figures(result: Mapping[str, Any]) -> Iterator[str]:
    """The metrics that are established to be worse, and classes and slices by name."""
    for row in result.get("differences", ()):
        if row.get("verdict") == "regressed":
            yield f"{row['metric']} {row['parent']:.4g} -> {row['value']:.4g}"
    for name, rows in (("label", result.get("recall", ())), ("slice", result.get("slices", ()))):
        parts = [str(row[name]) for row in rows if row.get("verdict") == "regressed"]
        if parts:
            yield f"{name} {', '.join(parts[:5])}{', ...' if parts[5:] else ''}"
