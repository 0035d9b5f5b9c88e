"""mdrepo hooks."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import Span
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("what", type=click.Choice(["install", "uninstall", "status"]), default="status")
@json_option
def command(what: str) -> int:
    """Let git commit and git merge gate as mdrepo commit does: by git's own hooks, in this clone.

    Hooks that are there stay, and run first; core.hooksPath is respected; uninstall puts everything back.
    """
    repo = repository()
    if what == "status":
        found = repo.hooks()
        if settings().json:
            output.answer(data.answer("hooks", hooks=dict(found)))
        else:
            output.show([Span("  ok   ", "good") if there else Span("  not  ", "warn"), name] for name, there in found)
        return 0 if all(there for _, there in found) else 1
    steps = repo.install_hooks() if what == "install" else repo.uninstall_hooks()
    if settings().json:
        shown = [{"name": each.name, "state": each.state, "message": each.message} for each in steps]
        output.answer(data.answer("hooks", steps=shown))
    else:
        output.show(texts.steps(steps))
    return 0
