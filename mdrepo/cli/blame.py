"""mdrepo blame."""

from __future__ import annotations

import click

from ..reporting import histories
from . import output
from .shared import at_option, field, json_option, repository, settings


@click.command()
@click.argument("name", metavar="PATH[#POINTER]")
@at_option
@json_option
def command(name: str, revision: str) -> None:
    """Show for each leaf of a document, or of a field, the commit that made it what it is.

    With it: author and date, whether the value is derived or written by people (by the lock file at that revision), and what the
    document's evaluation in that commit says. Items of lists are told apart by their keys, not by their places.
    """
    repo = repository()
    given, path, pointer = field(repo, name)
    found = repo.blame(path, pointer, given or revision)
    if settings().json:
        output.answer(histories.blame_data(found))
    else:
        output.page(histories.blame(found))
