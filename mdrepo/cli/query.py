"""mdrepo query."""

from __future__ import annotations

import click

from ..reporting import histories
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("expression", metavar="EXPR")
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--all", "everything", is_flag=True, help="All versions up to REV, or in a range, not only those at REV.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), help="table, without it; json; csv.")
@json_option
def command(expression: str, revision: str, everything: bool, form: str | None) -> None:
    """Show the documents that meet a condition, such as 'task == "classification" and metrics.accuracy.value < 0.9'.

    A document is seen with its fields, its path, the commit, and the metrics of that commit's evaluation. A condition on a field
    that is not there does not hold. Beside and, or and not, it is JMESPath: 'labels[?index == 3]', 'length(labels) > 5'.
    """
    if settings().json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for different forms: choose one.")
    found = repository().query(expression, revision, everything=everything)
    if settings().json or form == "json":
        output.answer(histories.query_data(found))
    elif form == "csv":
        output.text(histories.query_csv(found))
    elif found.rows:
        output.page([line] for line in histories.query(found))
    elif not settings().quiet:
        output.hint("no document meets the condition")
