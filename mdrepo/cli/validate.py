"""mdrepo validate."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import counted
from ..validation import Problem
from . import output
from .shared import ANNOTATIONS, derived_form, index, json_option, paths, pushed, repository, settings, staged_option

_FORMS = click.Choice(["text", "json", *ANNOTATIONS])


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@staged_option
@click.option("--format", "form", type=_FORMS, help="text; json; or annotations for a host, worst first.")
@json_option
def command(names: tuple[str, ...], staged: bool, form: str | None) -> int:
    """Check documents: as JSON, by their schema, with what they refer to. Shows all problems of all files."""
    if names and staged:
        raise click.UsageError("Either --staged or PATHs: what is staged is looked at as a whole.")
    form = derived_form(form)
    repo = repository()
    chosen = paths(repo, names)
    found = repo.validate_staged(index(), pushed()) if staged else repo.validate(chosen)
    _print(found, form)
    if form == "text" and not found and not settings().quiet:
        output.hint("what is staged is valid" if staged else f"{counted(len(repo.paths(chosen)), 'document')} valid")
    return 1 if found else 0


def _print(found: list[Problem], form: str) -> None:
    if form == "json":
        output.answer(data.answer("validate", problems=[data.problem(each) for each in found]))
    elif form != "text":
        from ..reporting import annotations

        output.text(annotations.RENDERERS[form](found))
    elif found:
        output.show(texts.problems(found))
