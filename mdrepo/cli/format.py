"""mdrepo format."""

from __future__ import annotations

import click

from ..reporting import data
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a document is not in the canonical layout.")
@json_option
def command(names: tuple[str, ...], check: bool) -> int:
    """Bring documents into the canonical layout: schema order, two spaces, one scalar a line."""
    repo = repository()
    changed = repo.format(paths(repo, names), check=check)
    if settings().json:
        output.answer(data.answer("format", check=check, documents=changed))
    else:
        output.show([f"{'not formatted' if check else 'formatted'}: {path}"] for path in changed)
    return 1 if check and changed else 0
