"""mdrepo log."""

from __future__ import annotations

import click

from ..changes import MISSING
from ..reporting import data
from ..reporting import text as texts
from ..searching import Search, pattern_of, value_of
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="[REV] [--] [PATH[#POINTER]]...")
@click.option("-n", "--max-count", "limit", type=click.IntRange(min=1), help="At most so many commits.")
@click.option("-S", "value", metavar="VALUE", help="The commits where a field became VALUE (JSON, or text), or stopped being it.")
@click.option("-G", "pattern", metavar="REGEX", help="The commits that changed a field whose pointer or value matches.")
@json_option
def command(arguments: tuple[str, ...], limit: int | None, value: str | None, pattern: str | None) -> None:
    """Show history with verdicts: all of it, of some documents, or the commits that changed one field.

    Renames of documents are followed, and so are items of lists that have a key, also where the key is renamed.
    """
    revisions, names = revisions_and_paths(arguments)
    if len(revisions) > 1:
        raise click.UsageError("One revision or range; paths stand after '--'.")
    repo = repository()
    search = Search(MISSING if value is None else value_of(value), None if pattern is None else pattern_of(pattern))
    found = repo.log(revisions[0] if revisions else "HEAD", paths(repo, names), limit, search)
    if settings().json:
        output.answer(data.answer("log", commits=[data.logged(each) for each in found]))
    else:
        output.page(line for each in found for line in texts.logged_changes(each))
