"""mdrepo commit."""

from __future__ import annotations

import click

from . import output
from .shared import allow_option, finish, json_option, no_eval_option, paths, repository, settings, terms


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@click.option("-m", "--message", "messages", multiple=True, help="The commit's message; without it git opens your editor.")
@click.option("-a", "--all", "everything", is_flag=True, help="All changes to tracked files too, as in git commit -a.")
@no_eval_option
@allow_option
@json_option
def command(
    names: tuple[str, ...], messages: tuple[str, ...], everything: bool, no_eval: bool, allow_regression: str | None
) -> int:
    """Validate, evaluate against the parent, then git commit.

    With PATHs: these documents with their lock files and DVC pointers. Else what is staged, if a document is staged; else every
    changed document with all that belongs to it. A regression beyond the tolerance stops the commit: exit 1, nothing has changed.
    """
    if names and everything:
        raise click.UsageError("Either -a or PATHs.")
    repo = repository()
    arguments = [part for message in messages for part in ("-m", message)]
    found = repo.commit(
        arguments,
        paths(repo, names),
        everything=everything,
        terms=terms(no_eval, allow_regression),
        report=output.reporter(settings().quiet, settings().verbose),
    )
    return finish("commit", found)
