"""mdrepo eval."""

from __future__ import annotations

import click

from ..reporting import data, evaluations
from . import output
from .shared import json_option, repository, settings

_NOTHING = "{} has no model document with an evaluation block: nothing to evaluate"


@click.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--against", metavar="REV", help="Compare with REV instead of the first parent; then no note is written.")
@click.option("--plan", is_flag=True, help="Say what the test data can prove of a child; nothing is run.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if it regressed.")
@json_option
def command(revision: str, against: str | None, plan: bool, exit_code: bool) -> int:
    """Evaluate a commit and compare it with its parent; what was computed before is not computed again."""
    if plan:
        return _planned(revision, against)
    commit, note = repository().evaluate(revision, against, output.reporter(settings().quiet))
    if settings().json:
        output.answer(data.answer("eval", commit=commit, evaluation=note))
    elif note is None:
        output.hint(_NOTHING.format(commit[:7]))
    else:
        output.show(evaluations.note(note))
    return 1 if exit_code and note is not None and note["verdict"] in ("regressed", "failed") else 0


def _planned(revision: str, against: str | None) -> int:
    from ..reporting.prospects import prospects

    commit, found = repository().foresee(revision, against)
    if settings().json:
        output.answer(data.answer("eval", commit=commit, plan=[data.foreseen(each) for each in found]))
    elif found:
        output.show(prospects(found))
    else:
        output.hint(_NOTHING.format(commit[:7]))
    return 0
