"""mdrepo version."""

from __future__ import annotations

import click

from ..reporting import changelogs
from ..reporting.data import answer
from . import output
from .shared import at_option, derived_form, form_option, json_option, paths, remark, repository


@click.command()
@click.argument("document", metavar="DOC")
@at_option
@form_option
@json_option
def command(document: str, revision: str, form: str | None) -> None:
    """Show a document's semantic version: of its last tag if nothing changed since, else what the next one is."""
    form = derived_form(form)
    repo = repository()
    found = repo.version(paths(repo, [document])[0], revision)
    if form == "json":
        output.answer(answer("version", **changelogs.version_data(found)))
    elif form == "markdown":
        output.text(changelogs.version_markdown(found))
        remark(found.remarks)
    else:
        output.show([changelogs.version(found)])
        remark([changelogs.reason(found), *found.remarks])
