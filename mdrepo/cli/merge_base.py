"""mdrepo merge-base."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .. import pointers
from ..reporting import data, diffs
from ..reporting import text as texts
from ..reporting.lines import Line, Span, counted
from ..results import Inherited
from . import output
from .shared import json_option, paths, repository, settings


@click.command("merge-base")
@click.argument("name", metavar="DOCUMENT")
@click.option("--from", "revision", metavar="REV", default="HEAD", help="Up to which commit; HEAD if none is named.")
@click.option("--take", multiple=True, metavar="POINTER", help="Settle a conflict by what the base says now.")
@click.option("--keep", multiple=True, metavar="POINTER", help="Settle a conflict by what the child says.")
@json_option
def command(name: str, revision: str, take: tuple[str, ...], keep: tuple[str, ...]) -> int:
    """Bring what was corrected in the document of a model's base (lineage.base) into its own.

    It is a three-way merge from the commit that the child names, which then names REV. What is read off the child's own artefact
    is left alone.
    """
    for pointer in (*take, *keep):
        pointers.parse(pointer)
    repo = repository()
    found = repo.inherit(paths(repo, [name])[0], revision, take=take, keep=keep)
    if settings().json:
        output.answer(data.answer("merge-base", **data.inherited(found)))
    else:
        output.show(_lines(found))
        if not found.delta and not found.conflicts and not settings().quiet:
            output.hint(f"nothing new in {found.base} since {found.before[:7]}")
    if found.conflicts:
        output.complain(f"{counted(len(found.conflicts), 'conflict')}: these fields stay as they are until you settle them")
        return 1
    return 0


def _lines(found: Inherited) -> Iterator[Line]:
    if found.delta:
        yield [Span(found.path, "strong"), f"  {counted(len(found.delta), 'change')} from {found.base} {found.now[:7]}"]
    yield from (diffs.change(each) for each in found.delta)
    for each in found.conflicts:
        pointer = pointers.build(each.path)
        yield from texts.three_values([Span("  ! conflict ", "bad"), pointer], each, ("the child", "its base"))
        yield [Span(f"      settle it: mdrepo merge-base {found.path} --keep '{pointer}' (or --take)", "faint")]
