"""mdrepo clone."""

from __future__ import annotations

from pathlib import Path

import click

from ..reporting import data
from ..reporting.lines import counted
from . import output
from .shared import json_option, settings


@click.command()
@click.argument("url", metavar="URL")
@click.argument("directory", required=False, metavar="[DIR]")
@click.option("-b", "--branch", metavar="BRANCH", help="Check this branch out instead of the remote's own.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Only the last N commits.")
@json_option
def command(url: str, directory: str | None, branch: str | None, depth: int | None) -> None:
    """Clone a repository with its evaluations and data, set up to merge documents field by field."""
    from ..exchanging import folder_of
    from ..repository import Repository

    start = settings().directory.absolute()
    name = directory or folder_of(url)
    if not name:
        raise click.UsageError(f"{url!r} does not say what the folder is to be called: mdrepo clone URL DIR")
    options = [*([f"--branch={branch}"] if branch else []), *([f"--depth={depth}"] if depth else [])]
    repo, found = Repository.clone(url, Path(start, name), start, options, output.reporter(settings().quiet, settings().verbose))
    if settings().json:
        artefacts = list(found.artefacts)
        output.answer(
            data.answer(
                "clone", root=str(repo.root), commit=found.commit, branch=found.branch, artefacts=artefacts, notes=found.notes
            )
        )
        return
    if found.commit is None:
        output.show([[f"{name} is cloned; there is no commit yet"]])
        return
    notes = ", with evaluations" if found.notes else ", nothing is evaluated"
    output.show([[f"{name} is cloned: {found.branch or 'detached HEAD'} at {found.commit[:7]}{notes}"]])
    output.show([[f"{counted(len(found.artefacts), 'artefact')} brought"]])
