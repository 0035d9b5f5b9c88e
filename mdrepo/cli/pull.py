"""mdrepo pull."""

from __future__ import annotations

import click

from . import output
from .shared import allow_option, finish, json_option, no_eval_option, remark, repository, settings, terms


@click.command()
@click.argument("remote", required=False)
@click.option("--ff-only", is_flag=True, help="Only follow: refuse where both sides have commits.")
@click.option("--no-rebase", is_flag=True, help="Merge where both sides have commits, whatever the configuration says.")
@click.option("--no-ff", is_flag=True, help="Make a merge commit also where the branch could simply move.")
@no_eval_option
@allow_option
@json_option
def command(remote: str | None, ff_only: bool, no_rebase: bool, no_ff: bool, no_eval: bool, allow_regression: str | None) -> int:
    """Fetch the branch that this one follows, with evaluations and data, and merge it.

    Where both sides have commits, pull.rebase, pull.ff and merge.ff say how to go on, as for git pull; a rebase is left to git.
    """
    if ff_only + no_rebase + no_ff > 1:
        raise click.UsageError("One of --ff-only, --no-rebase and --no-ff.")
    from ..exchanging import Asked

    agreed = terms(no_eval, allow_regression)
    report = output.reporter(settings().quiet, settings().verbose)
    found = repository().pull(remote, Asked(ff_only, no_rebase, no_ff), terms=agreed, report=report)
    code = finish("pull", found.outcome)
    told = [f"evaluations of others came from {found.remote}"] if found.notes else []
    if not settings().json:
        remark(told + ([f"data brought: {', '.join(found.artefacts)}"] if found.artefacts else []))
    return code
