"""mdrepo checkout."""

from __future__ import annotations

from pathlib import Path

import click

from ..reporting import data
from ..reporting.lines import counted
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="REV [-- PATH...]")
@click.option("--force", is_flag=True, help="Put local changes aside (a git stash; data in .git/mdrepo/kept) instead of refusing.")
@json_option
def command(arguments: tuple[str, ...], force: bool) -> None:
    """Bring documents and DVC data of a revision into the work tree, both or neither."""
    revisions, names = revisions_and_paths(arguments)
    if not revisions and names and Path(settings().directory, names[0]).is_dir():
        revisions, names = names[:1], names[1:]  # a branch may be called as a folder is
    if not revisions and names:
        raise click.UsageError(f"Name the revision, too: mdrepo checkout HEAD -- {' '.join(names)}")
    if len(revisions) != 1:
        raise click.UsageError("Name one revision: mdrepo checkout REV [-- PATH...]")
    repo = repository()
    found = repo.checkout(revisions[0], paths(repo, names), force=force)
    if settings().json:
        kept, artefacts, files = list(found.kept), list(found.artefacts), list(found.paths)
        output.answer(data.answer("checkout", commit=found.commit, paths=files, artefacts=artefacts, kept=kept))
        return
    what = ", ".join(names) or "everything"
    data_too = f", {counted(len(found.artefacts), 'artefact')} brought back" if found.artefacts else ""
    output.show([[f"{what} is as in {found.commit[:7]}{data_too}"]])
    if found.kept:
        output.hint(f"put aside: {', '.join(found.kept)} (files of git: 'git stash list')")
