"""mdrepo log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..changes import MISSING
from ..reporting import data
from ..reporting import text as texts
from ..searching import Search, pattern_of, value_of
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings

if TYPE_CHECKING:
    from ..repository import Repository


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="[REV] [--] [PATH[#POINTER]]...")
@click.option("-n", "--max-count", "limit", type=click.IntRange(min=1), help="At most so many commits.")
@click.option("-S", "value", metavar="VALUE", help="The commits where a field became VALUE (JSON, or text), or stopped being it.")
@click.option("-G", "pattern", metavar="REGEX", help="The commits that changed a field whose pointer or value matches.")
@click.option("--metrics", is_flag=True, help="A table of the documents' metrics over the commits.")
@json_option
def command(arguments: tuple[str, ...], limit: int | None, value: str | None, pattern: str | None, metrics: bool) -> None:
    """Show history with verdicts: all of it, of some documents, or the commits that changed one field.

    Renames of documents are followed, and so are items of lists that have a key, also where the key is renamed.
    """
    revisions, names = revisions_and_paths(arguments)
    if len(revisions) > 1:
        raise click.UsageError("One revision or range; paths stand after '--'.")
    repo = repository()
    revision = revisions[0] if revisions else "HEAD"
    if metrics:
        _metrics(repo, revision, paths(repo, names), limit, searched=value is not None or pattern is not None)
        return
    search = Search(MISSING if value is None else value_of(value), None if pattern is None else pattern_of(pattern))
    found = repo.log(revision, paths(repo, names), limit, search)
    if settings().json:
        output.answer(data.answer("log", commits=[data.logged(each) for each in found]))
    else:
        output.page(texts.log(found))


def _metrics(repo: Repository, revision: str, chosen: Sequence[str], limit: int | None, *, searched: bool) -> None:
    """The table of metrics over commits."""
    from ..reporting import histories

    if searched or any("#" in each for each in chosen):
        raise click.UsageError("--metrics is of documents, not of fields.")
    found = repo.measures(revision, chosen, limit)
    if settings().json:
        output.answer(data.answer("log", metrics=histories.metrics_data(found)))
    elif found:
        output.page([line] for line in histories.metrics(found))
