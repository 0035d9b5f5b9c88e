"""mdrepo log."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="[REV] [--] [PATH[#POINTER]]...")
@click.option("-n", "--max-count", "limit", type=click.IntRange(min=1), help="At most so many commits.")
@json_option
def command(arguments: tuple[str, ...], limit: int | None) -> None:
    """Show history with verdicts: all of it, of some documents, or the commits that changed one field."""
    revisions, names = revisions_and_paths(arguments)
    if len(revisions) > 1:
        raise click.UsageError("One revision or range; paths stand after '--'.")
    repo = repository()
    found = repo.log(revisions[0] if revisions else "HEAD", paths(repo, names), limit)
    if settings().json:
        output.answer(data.answer("log", commits=[data.logged(each) for each in found]))
    else:
        output.page(texts.logged(each) for each in found)
