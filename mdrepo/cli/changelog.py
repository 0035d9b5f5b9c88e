"""mdrepo changelog."""

from __future__ import annotations

import click

from ..reporting import changelogs
from . import output
from .shared import at_option, json_option, paths, remark, repository, settings


@click.command()
@click.argument("document", metavar="DOC")
@at_option
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), help="text; markdown: for a file; json.")
@json_option
def command(document: str, revision: str, form: str | None) -> None:
    """Show what changed in a document, release by release and commit by commit, by the class of each change."""
    if settings().json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for different forms: choose one.")
    repo = repository()
    found = repo.changelog(paths(repo, [document])[0], revision)
    if settings().json or form == "json":
        output.answer(changelogs.changelog_data(found))
        return
    output.text(changelogs.markdown(found)) if form == "markdown" else output.page(changelogs.text(found))
    remark(found.remarks)
