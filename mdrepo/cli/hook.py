"""mdrepo hook: what git's hooks call (githooks(5))."""

from __future__ import annotations

import os
import re

import click

from ..plumbing import writer_above
from . import output
from .shared import finish, index, repository, settings

_TOLD = re.compile(r"GITHEAD_([0-9a-f]{40,64})")
"""Environment variables by which git names the heads that it merges."""


@click.command(hidden=True)
@click.argument("name", type=click.Choice(["pre-commit", "pre-merge-commit", "post-commit", "post-merge"]))
def command(name: str) -> int:
    """Judge what git is about to commit (exit 1: it may not be), or note the evaluation of what it has committed."""
    if writer_above() is not None:
        return 0  # mdrepo's own commit, which is judged
    repo = repository()
    if name.startswith("post-"):
        repo.gated()
        return 0
    heads = [found[1] for variable in os.environ if (found := _TOLD.fullmatch(variable))] if name == "pre-merge-commit" else []
    outcome = repo.gate(index(), heads, output.reporter(settings().quiet, settings().verbose))
    if outcome.status not in ("sound", "current"):
        return finish("commit", outcome)
    if outcome.note is not None and not settings().quiet:
        from ..reporting import evaluations

        output.show(evaluations.note(outcome.note))
    return 0
