"""Documents and their metrics as pandas frames: the one module of the API that uses pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .ancestry import Version
from .contents import Contents
from .errors import MdrepoError, MissingExtra
from .querying import measures
from .workspace import Workspace

if TYPE_CHECKING:
    from pandas import DataFrame


def documents(space: Workspace, paths: Sequence[str] = (), revision: str | None = None) -> DataFrame:
    """A row for each document of the work tree, or of a revision: its path, and its scalar fields, as `decision.temperature`."""
    pandas = _pandas()
    if revision is None:
        work = space.work()
        contents = [(path, work.content(path)) for path in space.chosen(work, paths)]
    else:
        entries = space.git.tree(space.git.commit_id(revision)).values()
        known = [Version(each.path, each.blob) for each in entries if space.configuration.is_document(each.path)]
        chosen = [each for each in known if not paths or any(_is_at(each.path, path) for path in paths)]
        for path in paths:
            if not any(_is_at(each.path, path) for each in chosen):
                raise MdrepoError(f"there is no document {path} at {revision}", "'mdrepo log' lists the commits")
        read = Contents(space.git, chosen)
        contents = [(each.path, read.of(each)) for each in chosen]
    rows = [{**dict(_scalars(content)), "path": path} for path, content in contents]
    columns = dict.fromkeys(["path", *(name for row in rows for name in row)])
    made: DataFrame = pandas.DataFrame(rows, columns=list(columns))
    return made


def _is_at(path: str, place: str) -> bool:
    """Whether a path is at, or below, a place."""
    return place in (path, ".") or path.startswith(f"{place.rstrip('/')}/")


def _scalars(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, dict):
            yield from _scalars(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            yield f"{prefix}{key}", value


def history(space: Workspace, path: str | None = None, revisions: str = "HEAD") -> DataFrame:
    """A row for each commit and document that it changed or evaluated, newest first; a column for each metric, NaN without it."""
    pandas = _pandas()
    found = measures(space, revisions, [path] if path is not None else [])
    names = sorted({name for each in found for name in each.metrics})
    rows = [
        {
            "commit": each.commit.id,
            "date": each.commit.date,
            "author": each.commit.author,
            "subject": each.commit.subject,
            "path": each.path,
            "verdict": each.verdict,
            **each.metrics,
        }
        for each in found
    ]
    frame: DataFrame = pandas.DataFrame(rows, columns=["commit", "date", "author", "subject", "path", "verdict", *names])
    frame["date"] = pandas.to_datetime(frame["date"], utc=True)
    return frame


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingExtra("pandas", "data") from None
    return pandas
