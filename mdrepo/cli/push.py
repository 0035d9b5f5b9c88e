"""mdrepo push."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting.lines import counted
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("remote", required=False)
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("-u", "--set-upstream", "upstream", is_flag=True, help="Let the branch follow what is pushed.")
@click.option("--force-with-lease", "force", is_flag=True, help="Replace the remote's branch, if it is as it was last seen.")
@json_option
def command(remote: str | None, refs: tuple[str, ...], upstream: bool, force: bool) -> None:
    """Push data to DVC's remote, and evaluations and branches to git's: nothing is there before what it names is.

    Without REF, the branch that is checked out, under its own name; REF may be SRC:DST.
    """
    report = output.reporter(settings().quiet, settings().verbose)
    found = repository().push(remote, refs, force=force, upstream=upstream, report=report)
    sent = found.data
    if settings().json:
        moved = {"remote": sent.remote or None, "artefacts": list(sent.artefacts), "files": sent.files, "bytes": sent.bytes}
        output.answer(data.answer("push", remote=found.remote, refs=list(found.refs), data=moved, notes=found.notes))
        return
    parts = [", ".join(found.refs)]
    if found.notes:
        parts.append(counted(found.notes, "evaluation"))
    if sent.files:
        parts.append(f"{counted(len(sent.artefacts), 'artefact')} ({sent.bytes:,} bytes)")
    output.show([[f"{found.remote} has {', '.join(parts)}"]])
