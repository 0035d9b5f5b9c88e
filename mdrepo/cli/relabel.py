"""mdrepo relabel."""

from __future__ import annotations

import click

from ..files import read_file
from ..reporting import data
from ..reporting.tables import table
from . import output
from .shared import json_option, paths, repository, settings

_RENAMED = 20
"""So many files with another name are shown."""


@click.command()
@click.argument("document", metavar="DATASET-DOC")
@click.option(
    "--rename", "renames", multiple=True, metavar="OLD=NEW", help="Another name for a class; an existing one merges both."
)
@click.option(
    "--corrections", metavar="CSV", help="Single examples: columns item (from 0, or a picture's path), label, and perhaps was."
)
@click.option("--dry-run", "dry", is_flag=True, help="Only show what would change.")
@json_option
def command(document: str, renames: tuple[str, ...], corrections: str | None, dry: bool) -> int:
    """Apply a changed label map to a data set: its target is written anew, or its pictures moved, as a new DVC version.

    The document follows. Renames come first; corrections name classes as they are called then. Without options it is what people
    wrote into the document's classes. The old version stays in DVC's cache: 'mdrepo checkout' and 'mdrepo rollback' bring it back.
    """
    wanted = dict(_pair(each) for each in renames)
    repo = repository()
    path = paths(repo, [document])[0]
    rows = None if corrections is None else read_file(settings().directory / corrections)
    found = repo.relabel(path, wanted, rows, dry=dry)
    if settings().json:
        output.answer(data.answer("relabel", **data.relabelled(found)))
        return 0
    moved = sum(each.count for each in found.moves)
    lines = table(["was", "is", "examples"], [[each.old, each.new, f"{each.count:,}"] for each in found.moves], right=(2,))
    output.show([line] for line in lines if found.moves)
    lines = table(["file", "is"], [[was, now] for was, now in found.renamed[:_RENAMED]])
    output.show([line] for line in ["", *lines] if found.renamed)
    if not settings().quiet:
        told = f"{moved:,} of {found.examples:,} examples of {found.data}"
        hint = "'mdrepo patch' brings the models' documents up to date, 'mdrepo commit' keeps it"
        done = f"{told} relabelled; {hint}" if found.written else f"{told} would be relabelled"
        if (more := len(found.renamed) - _RENAMED) > 0:
            output.hint(f"and {more:,} more files have another name now: --json names them all")
        if found.retyped:
            output.hint(f"the target's type {found.retyped[0]} does not hold the new classes: it is {found.retyped[1]} now")
        output.hint(done if moved else "nothing to relabel")
    return 0


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (equals and old and new):
        raise click.UsageError(f"--rename {text}: write OLD=NEW.")
    return old, new
