"""mdrepo changelog."""

from __future__ import annotations

import click

from ..reporting import changelogs
from . import output
from .shared import at_option, derived_form, form_option, json_option, paths, remark, repository


@click.command()
@click.argument("document", metavar="DOC")
@at_option
@form_option
@json_option
def command(document: str, revision: str, form: str | None) -> None:
    """Show what changed in a document, release by release and commit by commit, by the class of each change."""
    form = derived_form(form)
    repo = repository()
    found = repo.changelog(paths(repo, [document])[0], revision)
    if form == "json":
        output.answer(changelogs.changelog_data(found))
        return
    output.text(changelogs.markdown(found)) if form == "markdown" else output.page(changelogs.text(found))
    remark(found.remarks)
