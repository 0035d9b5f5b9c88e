"""mdrepo demo."""

from __future__ import annotations

from pathlib import Path

import click

from .. import demo as stories
from . import output
from .shared import settings


@click.command()
@click.argument("directory", required=False, metavar="[DIR]")
def command(directory: str | None) -> int:
    """Play the whole story on real data: scikit-learn's handwritten digits, in a new folder that is yours to play with."""
    from ..demo.story import play

    folder = stories.folder(settings().directory, directory)
    return play(Path(folder), output.show)
