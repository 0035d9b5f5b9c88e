"""mdrepo doctor."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..repository import Repository
from ..results import Check
from . import output
from .shared import json_option, remark, settings


@click.command()
@click.option("--fix", is_flag=True, help="Repair what nobody need be asked about: set-up, data, derived fields, evaluations.")
@json_option
def command(fix: bool) -> int:
    """Say what is set up and what is not, and what is stale, missing or not evaluated."""
    folder = settings().directory
    told: list[str] = []
    if fix:
        report = output.reporter(settings().quiet, settings().verbose)
        Repository.open(folder)  # doctor repairs a repository; init makes one
        Repository.init(folder)
        told = Repository.open(folder, report).repair()
    found = list(Repository.diagnose(folder))
    if settings().json:
        output.answer(data.answer("doctor", checks=[_check(each) for each in found], done=told))
    else:
        remark(told)
        output.show(texts.checks(found))
    return 0 if all(each.ok or each.name.startswith("extra") for each in found) else 1


def _check(each: Check) -> dict[str, object]:
    return {"name": each.name, "ok": each.ok, "message": each.message, "hint": each.hint}
