"""mdrepo merge-driver: what git calls to merge a document (gitattributes(5), "Defining a custom merge driver")."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import read_file, write
from ..reporting import data
from ..reporting.lines import counted
from . import output
from .shared import repository


@click.command("merge-driver", hidden=True)
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.argument("size", type=click.IntRange(min=1))
@click.argument("path")
def command(base: str, ours: str, theirs: str, size: int, path: str) -> int:
    """Merge BASE, OURS and THEIRS (%O %A %B), leave the result in OURS; exit 1 if there are conflicts."""
    sides = [read_file(Path(name)) for name in (base, ours, theirs)]
    merged = repository().merge_files(path, sides[0], sides[1], sides[2], size)
    target = Path(ours).absolute()
    write(target.parent.resolve(), target.name, merged.data)
    if merged.reason or merged.settled:
        said = [*([merged.reason] if merged.reason else []), *(f"settled {each}" for each in data.settled_pointers(merged))]
        output.hint(f"{path}: {'; '.join(said)}")
    if not merged.clean and merged.conflicts:
        output.hint(f"{path}: {counted(len(merged.conflicts), 'conflict')}: {', '.join(data.conflict_names(merged))}")
    return 0 if merged.clean else 1
