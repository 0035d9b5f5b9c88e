"""mdrepo tune."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..reporting import data, diffs
from ..reporting.lines import Line, Span
from ..results import Tuned
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("name", metavar="DOCUMENT")
@click.option("--on", "split", metavar="DATASET", required=True, help="The dataset document to tune on; never the test data.")
@click.option("--apply", is_flag=True, help="Write it into the document.")
@json_option
def command(name: str, split: str, apply: bool) -> int:
    """Propose decision thresholds and a temperature for a model, with the effect that is to be expected.

    What a change is worth is measured on examples that it was not chosen by.
    """
    repo = repository()
    path, other = paths(repo, [name, split])
    found = repo.tune(path, other, output.reporter(settings().quiet, settings().verbose))
    written = apply and found.edited.text != found.edited.before and not found.edited.problems
    if written:
        repo.set(path, "/decision", dict(found.decision))
    if settings().json:
        output.answer(data.answer("tune", **{**data.tuned(found), "written": written}))
    else:
        output.show(_lines(found))
        if not apply and found.edited.delta and not settings().quiet:
            output.hint("'--apply' writes this into the document")
    return 0


def _lines(found: Tuned) -> Iterator[Line]:
    yield [Span(found.path, "strong"), f"  decision, by {found.examples} examples of {found.split}"]
    if not found.edited.delta:
        yield ["  nothing to change: the present decision does as well"]
    yield from (diffs.change(each) for each in found.edited.delta)
    for each in found.effects:
        low, high = each["interval"]
        sides = f"{each['parent']:.4f} -> {each['value']:.4f}"
        yield [f"  {each['metric']}  {sides}  {each['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"]
