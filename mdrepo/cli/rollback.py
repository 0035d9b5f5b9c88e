"""mdrepo rollback."""

from __future__ import annotations

import click

from . import output
from .shared import allow_option, finish, json_option, no_eval_option, paths, repository, settings, terms


@click.command()
@click.argument("revision", metavar="REV")
@click.argument("names", nargs=-1, metavar="[PATH[#POINTER]]...")
@click.option("-m", "--message", help="The commit's message; without it, what was brought back from where.")
@click.option("--force", is_flag=True, help="Put local changes aside (a git stash; data in .git/mdrepo/kept) instead of refusing.")
@no_eval_option
@allow_option
@json_option
def command(
    revision: str, names: tuple[str, ...], message: str | None, force: bool, no_eval: bool, allow_regression: str | None
) -> int:
    """Make a new commit that brings back an earlier state of everything, of documents, or of fields, with its data."""
    repo = repository()
    found = repo.rollback(
        revision,
        paths(repo, names),
        message=message,
        terms=terms(no_eval, allow_regression),
        force=force,
        report=output.reporter(settings().quiet, settings().verbose),
    )
    return finish("rollback", found)
