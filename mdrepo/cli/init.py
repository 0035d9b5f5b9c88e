"""mdrepo init."""

from __future__ import annotations

from pathlib import Path

import click

from ..reporting import data
from ..reporting import text as texts
from ..repository import Repository
from ..results import Step
from . import output
from .shared import json_option, settings


@click.command()
@click.argument("directory", required=False, metavar="[DIR]")
@click.option("--vscode", is_flag=True, help="Bind the schemas in .vscode/settings.json, for completion and hover texts.")
@json_option
def command(directory: str | None, vscode: bool) -> int:
    """Set a repository up, or repair its set-up.

    Makes a git repository where there is none, sets DVC up, writes mdrepo.toml and .gitattributes. What is there is kept.
    """
    repo, steps = Repository.init(Path(settings().directory, directory or "."))
    pasted = None
    if vscode:
        step, pasted = repo.bind_editor()
        steps.append(step)
    if settings().json:
        output.answer(data.answer("init", root=str(repo.root), steps=[_step(each) for each in steps]))
        return 1 if pasted else 0
    output.show(texts.steps(steps))
    if pasted:
        output.text(pasted)
    return 1 if pasted else 0


def _step(step: Step) -> dict[str, str]:
    return {"name": step.name, "state": step.state, "message": step.message}
