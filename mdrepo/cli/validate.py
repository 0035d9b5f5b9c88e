"""mdrepo validate."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import counted
from . import output
from .shared import index, json_option, paths, repository, settings, staged_option


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@staged_option
@json_option
def command(names: tuple[str, ...], staged: bool) -> int:
    """Check documents: as JSON, by their schema, with what they refer to. Shows all problems of all files."""
    if names and staged:
        raise click.UsageError("Either --staged or PATHs: what is staged is looked at as a whole.")
    repo = repository()
    chosen = paths(repo, names)
    found = repo.validate_staged(index()) if staged else repo.validate(chosen)
    if settings().json:
        output.answer(data.answer("validate", problems=[data.problem(each) for each in found]))
    elif found:
        output.show(texts.problems(found))
    elif not settings().quiet and not staged:
        output.hint(f"{counted(len(repo.paths(chosen)), 'document')} valid")
    return 1 if found else 0
