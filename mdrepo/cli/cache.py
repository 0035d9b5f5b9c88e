"""mdrepo cache."""

from __future__ import annotations

import click

from ..errors import UsageError
from ..reporting import data
from ..reporting import text as texts
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("what", type=click.Choice(["show", "push", "pull"]), default="show")
@click.option("-r", "--remote", metavar="NAME", help="The DVC remote to push to or pull from; without it, DVC's default.")
@click.option("--clear", is_flag=True, help="Take everything away; it is computed again where it is needed.")
@json_option
def command(what: str, remote: str | None, clear: bool) -> int:
    """Show what is kept inside .git so that nothing is computed twice: outputs, activations, hashes; and its limit.

    push and pull share what HEAD's evaluation needs through a DVC remote.
    """
    if what != "show":
        if clear:
            raise UsageError(f"--clear does not go with {what}")
        return _shared(what, remote)
    if remote:
        raise UsageError("--remote goes with push or pull")
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


def _shared(way: str, remote: str | None) -> int:
    repo = repository()
    found = repo.push_cache(remote) if way == "push" else repo.pull_cache(remote)
    if settings().json:
        counts = {"entries": found.entries, "bytes": found.bytes, "there": found.there, "broken": list(found.broken)}
        output.answer(data.answer("cache", **{f"{way}ed": counts}))
        return 0
    mebibytes = f"{found.bytes / (1 << 20):,.1f} MiB"
    output.show([f"{way}ed {found.entries} of {found.entries + found.there} entries, {mebibytes}"])
    for words in found.broken:
        output.complain(words, "it is computed again where it is needed")
    return 0
