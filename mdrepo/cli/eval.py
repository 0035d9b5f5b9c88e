"""mdrepo eval."""

from __future__ import annotations

import click

from ..reporting import data, evaluations
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--against", metavar="REV", help="Compare with REV instead of the first parent; then no note is written.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if it regressed.")
@json_option
def command(revision: str, against: str | None, exit_code: bool) -> int:
    """Evaluate a commit and compare it with its parent; what was computed before is not computed again."""
    commit, note = repository().evaluate(revision, against, output.reporter(settings().quiet))
    if settings().json:
        output.answer(data.answer("eval", commit=commit, evaluation=note))
    elif note is None:
        output.hint(f"{commit[:7]} has no model document with an evaluation block: nothing to evaluate")
    else:
        output.show(evaluations.note(note))
    return 1 if exit_code and note is not None and note["verdict"] in ("regressed", "failed") else 0
