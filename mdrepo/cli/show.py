"""mdrepo show."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..differences import DocumentDiff
from ..reporting import data, diffs, evaluations
from ..reporting import text as texts
from ..reporting.lines import Line, Span
from ..results import Logged
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("name", default="HEAD", metavar="[REV][:PATH]")
@json_option
def command(name: str) -> None:
    """Show a commit with its evaluation and its changes; with :PATH the document as it was then."""
    repo = repository()
    revision, colon, path = name.partition(":")
    if colon:
        content = repo.text(revision or "HEAD", paths(repo, [path])[0])
        if settings().json:
            output.answer(data.answer("show", path=path, text=content))
        else:
            output.text(content)
        return
    logged, changes = repo.show(revision)
    if settings().json:
        output.answer(data.answer("show", **data.logged(logged), documents=[data.document_diff(each) for each in changes]))
    else:
        output.page(_lines(logged, changes))


def _lines(logged: Logged, changes: list[DocumentDiff]) -> Iterator[Line]:
    commit = logged.commit
    yield [Span(f"commit {commit.id}", "warn")]
    yield [f"Author: {commit.author} <{commit.email}>"]
    yield [f"Date:   {commit.date:%Y-%m-%d %H:%M:%S %z}"]
    yield []
    for line in commit.message.rstrip().splitlines():
        yield [f"    {line}"]
    yield []
    if logged.note is None:
        yield [texts.verdict(None), ": 'mdrepo eval' evaluates it"]
    else:
        yield from evaluations.note(logged.note)
    for each in changes:
        yield []
        yield from diffs.document_diff(each)
