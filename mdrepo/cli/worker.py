"""mdrepo worker."""

from __future__ import annotations

from datetime import datetime

import click

from ..reporting import data
from ..reporting.lines import Line, Span
from ..results import WorkerState
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("what", type=click.Choice(["status", "stop"]), default="status")
@json_option
def command(what: str) -> None:
    """Show or stop the process with TensorFlow that waits for the next evaluation ([evaluation] keep_alive in mdrepo.toml)."""
    repo = repository()
    if what == "stop":
        stopped = repo.stop_worker()
        if settings().json:
            output.answer(data.answer("worker", stopped=stopped))
        else:
            output.show(["stopped" if stopped else "no worker is running"])
        return
    found = repo.worker()
    if settings().json:
        output.answer(data.answer("worker", **_data(found)))
    else:
        output.show(_lines(found))


def _data(found: WorkerState) -> dict[str, object]:
    names = ("pid", "ready", "current", "running", "served", "since")
    worker = None if found.pid is None else {name: getattr(found, name) for name in names}
    return {
        "worker": worker,
        "keep_alive": found.idle,
        "confinement": {name: holds for name, (holds, _) in found.confinement.items()},
    }


def _lines(found: WorkerState) -> list[Line]:
    lines: list[Line] = []
    if found.pid is None:
        lines.append(["no worker is running", "" if found.idle else ": [evaluation] keep_alive in mdrepo.toml is 0"])
    elif not found.ready:
        lines.append([f"process {found.pid} is importing TensorFlow, or does not answer"])
    else:
        since = datetime.fromtimestamp(found.since).strftime("%Y-%m-%d %H:%M:%S")
        lines.append([f"process {found.pid}, since {since}: {found.served} models run, {found.running} running"])
    if found.pid is not None and not found.current:
        lines.append(["it is of another environment, and the next evaluation replaces it"])
    lines.append(["a model's process here has:"])
    for holds, words in found.confinement.values():
        lines.append([Span("  ok   ", "good") if holds else Span("  not  ", "warn"), words])
    return lines
