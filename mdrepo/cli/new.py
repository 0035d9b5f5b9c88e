"""mdrepo new."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting.lines import Span, counted
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("kind", type=click.Choice(["model", "dataset"]))
@click.argument("name")
@click.option("--artefact", metavar="PATH", help="The file it describes; without it, the one that DVC tracks as NAME.")
@json_option
def command(kind: str, name: str, artefact: str | None) -> None:
    """Make metadata/NAME.json from a schema, with what can be read off its artefact.

    A model that has test data called NAME-test gets a dataset document for them too.
    """
    repo = repository()
    made = repo.new(kind, name, paths(repo, [artefact])[0] if artefact else None)
    if settings().json:
        documents = [{"path": each.path, "artefact": each.artefact, "to_write": list(each.to_write)} for each in made]
        output.answer(data.answer("new", documents=documents))
        return
    for each in made:
        derived = counted(len(each.proposal.sources), "derived field")
        output.show([[Span("  + ", "good"), f"{each.path}: {derived} from {each.artefact}"]])
        for problem in each.proposal.problems:
            output.show([[Span("  ! ", "warn"), problem]])
        if each.to_write:
            output.show([[Span(f"    left to write: {', '.join(each.to_write)}", "faint")]])
        if kind == "model" and "evaluation" in each.to_write and not settings().quiet:
            output.hint(f"no test data called {name}-test: nothing is evaluated until /evaluation/dataset names their document")
