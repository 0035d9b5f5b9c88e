"""Documents by a condition, at a revision or over its history; and the metrics of documents over commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .ancestry import Version
from .contents import Contents
from .errors import UsageError
from .expressions import Expression
from .moments import Moment, metrics_of, moments, notes_of, result_of
from .records import Found, Measure, Queried
from .workspace import Workspace


def query(space: Workspace, text: str, revision: str = "HEAD", *, everything: bool = False) -> Queried:
    """The documents for which an expression holds at a revision, or (`everything`) all their versions up to it, or in a range.

    Documents are seen with their `path`, `commit`, and `metrics` of that commit's evaluation. Raises UsageError.
    """
    expression = Expression(text)
    seen = _everything(space, revision) if everything else _at(space, revision)
    contents = Contents(space.git, [each.version for each in seen])
    fields = [field for field in expression.fields if field not in ("path", "commit")]
    found = []
    for each in seen:
        view = _view(contents.of(each.version), each)
        if expression.holds(view):
            found.append(Found(each.version.path, each.commit, {field: _value(view, field) for field in fields}))
    return Queried(text, tuple(fields), tuple(found))


def _everything(space: Workspace, revisions: str) -> list[Moment]:
    return moments(space.git, space.cache, space.git.span(revisions), space.configuration.is_document)


def _at(space: Workspace, revision: str) -> list[Moment]:
    if space.git.ends(revision):
        raise UsageError(f"{revision} is a range: what was in its commits is asked for with --all")
    commit = space.git.commit_id(revision)
    note = notes_of(space.git, [commit]).get(commit)
    entries = space.git.tree(commit).values()
    known = (each for each in entries if each.mode != "120000" and space.configuration.is_document(each.path))
    return [Moment(commit, Version(each.path, each.blob), result_of(note, each.path)) for each in known]


def _view(content: Any, moment: Moment) -> dict[str, Any]:
    own = content if isinstance(content, dict) else {}
    return {**own, "path": moment.version.path, "commit": moment.commit, "metrics": metrics_of(moment.result)}


def _value(view: Any, field: str) -> Any:
    for name in field.split("."):
        view = view.get(name) if isinstance(view, dict) else None
    return view


def measures(space: Workspace, revisions: str = "HEAD", paths: Sequence[str] = (), limit: int | None = None) -> list[Measure]:
    """The metrics of the documents that each commit changed or evaluated, newest first; `limit` counts commits."""
    git = space.git
    found = moments(git, space.cache, git.span(revisions), space.configuration.is_document, paths)
    ids = list(dict.fromkeys(each.commit for each in found))[:limit]
    commits = dict(zip(ids, git.commits(ids), strict=True))
    return [
        Measure(commits[each.commit], each.version.path, each.result.get("verdict"), dict(_numbers(each)))
        for each in found
        if each.commit in commits
    ]


def _numbers(moment: Moment) -> Iterator[tuple[str, float]]:
    for name, metric in metrics_of(moment.result).items():
        if isinstance(metric["value"], int | float):
            yield name, metric["value"]
