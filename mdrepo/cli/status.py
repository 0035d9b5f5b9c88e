"""mdrepo status."""

from __future__ import annotations

import click

from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@click.option("--provenance", is_flag=True, help="Where each field comes from: an artefact, or people.")
@click.option(
    "--porcelain",
    is_flag=False,
    flag_value="1",
    type=click.Choice(["1"]),
    metavar="[=1]",
    help="Lines for scripts, in a form that stays.",
)
@click.option("-z", "nul", is_flag=True, help="Lines of --porcelain end in NUL, and paths stand as they are.")
@json_option
def command(names: tuple[str, ...], provenance: bool, porcelain: str | None, nul: bool) -> None:
    """Show documents that are new, changed, invalid or stale, and whether HEAD is evaluated."""
    if nul:
        porcelain = porcelain or "1"
    if porcelain and (settings().json or provenance):
        raise click.UsageError("--porcelain goes without --json and --provenance.")
    if provenance:
        _show_provenance(names)
        return
    if names:
        raise click.UsageError("Paths go with --provenance: 'status' looks at everything.")
    found = repository().status()
    if settings().json:
        from ..reporting import data

        output.answer(data.status(found))
    elif porcelain:
        from ..reporting import porcelains

        output.records(porcelains.status(found, quoted=not nul), "\0" if nul else "\n")
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
