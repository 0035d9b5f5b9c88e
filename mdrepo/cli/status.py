"""mdrepo status."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from . import output
from .shared import json_option, repository, settings


@click.command()
@json_option
def command() -> None:
    """Show documents that are new, changed, invalid or stale, and whether HEAD is evaluated."""
    found = repository().status()
    if settings().json:
        output.answer(data.status(found))
    else:
        output.show(texts.status(found))
