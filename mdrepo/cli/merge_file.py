"""mdrepo merge-file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..files import read_file, write
from ..marking import Marks
from ..marks import MARKER_SIZE
from ..reconciling import reconcile
from ..reporting import data
from ..reporting.lines import counted
from ..schemas import Schema, SchemaStore
from ..settling import Guide
from . import output
from .shared import json_option, settings


@click.command("merge-file")
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.option("-o", "--output", "out", metavar="OUT", help="Write the result to OUT, not to standard output.")
@click.option("--marker-size", type=click.IntRange(min=1), default=MARKER_SIZE, help="The length of conflict markers.")
@click.option("--schema", metavar="FILE", help="A JSON Schema: identities of items (x-mdrepo-key), strategies (x-mdrepo-merge).")
@json_option
def command(base: str, ours: str, theirs: str, out: str | None, marker_size: int, schema: str | None) -> int:
    """Merge three versions of a JSON file; exit 1 if there are conflicts, which are marked as git marks them.

    Git's own text merge stands where it is right; what it cannot merge, or merges wrongly, is merged field by field.
    """
    folder = settings().directory
    sides = [read_file(folder / name) for name in (base, ours, theirs)]
    guide = Guide.of(_schema(folder / schema)) if schema else Guide()
    merged = reconcile(sides[0], sides[1], sides[2], guide, Marks(size=marker_size))
    if out:
        target = folder / out
        write(target.parent.resolve(), target.name, merged.data)
    elif not settings().json:
        sys.stdout.buffer.write(merged.data)
    if settings().json:
        output.answer(data.answer("merge-file", **data.reconciled(merged)))
    elif merged.reason and not settings().quiet:
        output.hint(f"not JSON, so merged as text: {merged.reason}" if merged.how == "not JSON" else merged.reason)
    if merged.settled and not settings().json and not settings().quiet:
        output.hint(f"settled: {'; '.join(data.settled_pointers(merged))}")
    if not merged.clean and merged.conflicts:
        output.complain(f"{counted(len(merged.conflicts), 'conflict')}: {', '.join(data.conflict_names(merged))}")
    return 0 if merged.clean else 1


def _schema(path: Path) -> Schema:
    """The schema in a file that the user named; raises Finding where it is none."""
    from ..validation import check

    found = SchemaStore({str(path): read_file(path)}).find(str(path))
    assert found is not None
    check(found)
    return found
