"""mdrepo merge-file."""

from __future__ import annotations

import sys

import click

from ..files import read_file, write
from ..reconciling import LABELS, MARKER_SIZE, reconcile
from ..reporting import data
from ..reporting.lines import counted
from . import output
from .shared import json_option, settings


@click.command("merge-file")
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.option("-o", "--output", "out", metavar="OUT", help="Write the result to OUT, not to standard output.")
@click.option("--marker-size", type=click.IntRange(min=1), default=MARKER_SIZE, help="The length of conflict markers.")
@json_option
def command(base: str, ours: str, theirs: str, out: str | None, marker_size: int) -> int:
    """Merge three versions of a JSON file; exit 1 if there are conflicts, which are marked as git marks them.

    Git's own text merge stands where it is right; what it cannot merge, or merges wrongly, is merged field by field.
    """
    folder = settings().directory
    sides = [read_file(folder / name) for name in (base, ours, theirs)]
    merged = reconcile(sides[0], sides[1], sides[2], labels=LABELS, size=marker_size)
    if out:
        target = folder / out
        write(target.parent.resolve(), target.name, merged.data)
    elif not settings().json:
        sys.stdout.buffer.write(merged.data)
    if settings().json:
        output.answer(data.answer("merge-file", **data.reconciled(merged)))
    elif merged.reason and not settings().quiet:
        output.hint(f"not JSON, so merged as text: {merged.reason}")
    if not merged.clean and merged.conflicts:
        output.complain(f"{counted(len(merged.conflicts), 'conflict')}: {', '.join(data.conflict_pointers(merged))}")
    return 0 if merged.clean else 1
