"""mdrepo cache."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.option("--clear", is_flag=True, help="Take everything away; it is computed again where it is needed.")
@json_option
def command(clear: bool) -> int:
    """Show what is kept inside .git so that nothing is computed twice: outputs, activations, hashes; and its limit."""
    repo = repository()
    found, limit = repo.cached()
    if clear:
        repo.clear_cache()
    if settings().json:
        kinds = [{"kind": each.kind, "entries": each.entries, "bytes": each.bytes} for each in found]
        output.answer(data.answer("cache", kinds=kinds, limit=limit, cleared=clear))
    else:
        output.show(texts.cache(found, limit, cleared=clear))
    return 0
