"""mdrepo explain."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..reporting import data
from ..reporting.lines import Span
from ..rules import RULES, rule
from . import output
from .shared import json_option, settings


@click.command()
@click.argument("name", metavar="[RULE]", required=False)
@json_option
def command(name: str | None) -> None:
    """Explain a rule of 'mdrepo validate': what is wrong, why it matters, what to do. Without RULE, list all."""
    found = [rule(name)] if name else [*RULES.values()]
    if settings().json:
        output.answer(data.answer("explain", rules=[asdict(each) for each in found]))
    elif name:
        [one] = found
        output.show([[Span(one.id, "strong")], [one.wrong], ["Why: ", one.why], ["What to do: ", one.remedy]])
    else:
        output.show([Span(f"{each.id:<24}", "strong"), each.wrong] for each in found)
