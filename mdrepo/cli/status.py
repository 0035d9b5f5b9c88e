"""mdrepo status."""

from __future__ import annotations

import click

from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@click.option("--provenance", is_flag=True, help="Where each field comes from: an artefact, or people.")
@json_option
def command(names: tuple[str, ...], provenance: bool) -> None:
    """Show documents that are new, changed, invalid or stale, and whether HEAD is evaluated."""
    if provenance:
        _show_provenance(names)
        return
    if names:
        raise click.UsageError("Paths go with --provenance: 'status' looks at everything.")
    found = repository().status()
    if settings().json:
        from ..reporting import data

        output.answer(data.status(found))
    else:
        from ..reporting import text

        output.show(text.status(found))


def _show_provenance(names: tuple[str, ...]) -> None:
    repo = repository()
    found = repo.provenance(paths(repo, names))
    if settings().json:
        from ..reporting import data

        documents = [{"path": path, "fields": [data.provenance(each) for each in fields]} for path, fields in found.items()]
        output.answer(data.answer("status", documents=documents))
    else:
        from ..reporting import text

        output.page(line for path, fields in found.items() for line in text.provenance(path, fields))
