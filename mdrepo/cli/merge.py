"""mdrepo merge."""

from __future__ import annotations

import click

from . import output
from .shared import allow_option, finish, json_option, no_eval_option, repository, settings, terms


@click.command()
@click.argument("revision", metavar="REV", required=False)
@click.option("-m", "--message", "messages", multiple=True, help="The commit's message; without it, git's own.")
@click.option("--no-ff", "no_forward", is_flag=True, help="Make a merge commit also where the branch could simply move.")
@click.option("--continue", "go_on", is_flag=True, help="Commit the merge that waits, when its conflicts are settled.")
@click.option("--abort", is_flag=True, help="Undo the merge that waits.")
@no_eval_option
@allow_option
@json_option
def command(
    revision: str | None,
    messages: tuple[str, ...],
    no_forward: bool,
    go_on: bool,
    abort: bool,
    no_eval: bool,
    allow_regression: str | None,
) -> int:
    """Merge a revision into what is checked out, field by field where text fails.

    The result is validated, evaluated against each parent, and committed with its data. In conflict, invalid or worse than a
    parent it waits, as git's merges do, to be put right (--continue) or undone (--abort): exit 1.
    """
    if (revision is not None) + go_on + abort != 1:
        raise click.UsageError("Either REV, --continue or --abort.")
    repo = repository()
    arguments = [part for message in messages for part in ("-m", message)]
    report = output.reporter(settings().quiet, settings().verbose)
    if abort:
        return finish("merge", repo.merge_abort())
    agreed = terms(no_eval, allow_regression)
    if revision is None:
        return finish("merge", repo.merge_continue(arguments, terms=agreed, report=report))
    revision = "@{-1}" if revision == "-" else revision
    return finish("merge", repo.merge(revision, arguments, forward=not no_forward, terms=agreed, report=report))
