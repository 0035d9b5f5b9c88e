"""mdrepo version."""

from __future__ import annotations

import click

from ..reporting import changelogs
from ..reporting.data import answer
from . import output
from .shared import at_option, json_option, paths, remark, repository, settings


@click.command()
@click.argument("document", metavar="DOC")
@at_option
@json_option
def command(document: str, revision: str) -> None:
    """Show a document's semantic version: of its last tag if nothing changed since, else what the next one is."""
    repo = repository()
    found = repo.version(paths(repo, [document])[0], revision)
    if settings().json:
        output.answer(answer("version", **changelogs.version_data(found)))
        return
    output.show([changelogs.version(found)])
    remark([changelogs.reason(found), *found.remarks])
