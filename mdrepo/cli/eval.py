"""mdrepo eval."""

from __future__ import annotations

from typing import Any

import click

from ..reporting import data, evaluations
from ..reporting.lines import Span
from . import output
from .shared import derived_form, form_option, json_option, repository, settings

_NOTHING = "{} has no model document with an evaluation block: nothing to evaluate"


@click.command()
@click.argument("revision", default="HEAD", metavar="[REV]")
@click.option("--against", metavar="REV", help="Compare with REV instead of the first parent; then no note is written.")
@click.option("--plan", "task", flag_value="plan", help="Say what the test data can prove of a child; nothing is run.")
@click.option("--verify", "task", flag_value="verify", help="Compute the commit's note anew, models and all, and compare.")
@click.option("--latency", "task", flag_value="latency", help="Measure how long the model takes for a batch; kept nowhere.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if it regressed.")
@form_option
@json_option
def command(revision: str, against: str | None, task: str | None, exit_code: bool, form: str | None) -> int:
    """Evaluate a commit, or each of a range, and compare it with its parent; what was computed before is not computed again."""
    form = derived_form(form)
    settings().json = form == "json"
    if task is not None:
        if ".." in revision or form == "markdown" or exit_code or (task != "plan" and against):
            raise click.UsageError(f"--{task} takes one revision, and no other form than text and json.")
        return {"plan": _planned, "verify": _verified, "latency": _clocked}[task](revision, against)
    if ".." in revision:
        return _range(revision, against, exit_code, form)
    commit, note = repository().evaluate(revision, against, output.reporter(settings().quiet, settings().verbose))
    if form == "json":
        output.answer(data.answer("eval", commit=commit, evaluation=note))
    elif form == "markdown":
        from ..reporting import comments

        output.text(comments.note(commit, note))
    elif note is None:
        output.hint(_NOTHING.format(commit[:7]))
    else:
        output.show(evaluations.note(note))
    return 1 if exit_code and _is_worse(note) else 0


def _is_worse(note: Any) -> bool:
    return note is not None and note["verdict"] in ("regressed", "failed")


def _range(revisions: str, against: str | None, exit_code: bool, form: str) -> int:
    """Each commit of a range as it is done; the exit code is the worst."""
    found = []
    for each in repository().evaluate_range(revisions, against, output.reporter(settings().quiet, settings().verbose)):
        found.append(each)
        if form == "text":
            output.show([evaluations.line(each.commit, each.subject, each.note, each.error.message if each.error else None)])
    if form == "json":
        output.answer(data.answer("eval", commits=[data.evaluated(each) for each in found]))
    elif form == "markdown":
        from ..reporting import comments

        told = [evaluations.said(each.note, each.error.message if each.error else None) for each in found]
        output.text(comments.commits([(each.commit, *said, each.subject) for each, said in zip(found, told, strict=True)]))
    elif not found:
        output.hint(f"{revisions} names no commits: nothing to evaluate")
    failed = [each.error for each in found if each.error is not None]
    if failed:
        output.complain(f"{len(failed)} of {len(found)} commits could not be evaluated", failed[0].hint)
    return max([1 if exit_code and _is_worse(each.note) else 0 for each in found] + [each.exit_code for each in failed], default=0)


def _verified(revision: str, _: str | None) -> int:
    from ..reporting import diffs

    found = repository().verify(revision, output.reporter(settings().quiet, settings().verbose))
    short = found.commit[:7]
    if settings().json:
        changes = [data.change(each) for each in found.delta]
        output.answer(data.answer("eval", commit=found.commit, verified=found.same, changes=changes))
    elif found.same:
        output.show([[f"{short}: its note is what its evaluation gives, byte for byte"]])
    elif found.delta:
        output.show(diffs.change(each) for each in found.delta)
        output.complain(f"{short}: its note is not what its evaluation gives (- and the first value: what the note says)")
    else:
        output.complain(f"{short}: its note has the values that its evaluation gives, and is not written as mdrepo writes it")
    return 0 if found.same else 1


def _planned(revision: str, against: str | None) -> int:
    from ..reporting.prospects import prospects

    commit, found = repository().foresee(revision, against)
    if settings().json:
        output.answer(data.answer("eval", commit=commit, plan=[data.foreseen(each) for each in found]))
    elif found:
        output.show(prospects(found))
    else:
        output.hint(_NOTHING.format(commit[:7]))
    return 0


def _clocked(revision: str, _: str | None) -> int:
    commit, found = repository().latency(revision, output.reporter(settings().quiet, settings().verbose))
    if settings().json:
        output.answer(data.answer("eval", commit=commit, latency=[data.latency(each) for each in found]))
        return 0
    if not found:
        output.hint(_NOTHING.format(commit[:7]))
    for each in found:
        lower, median, upper = (f"{seconds * 1000:.3g}" for seconds in (each.lower, each.median, each.upper))
        told = f"  {median} ms for a batch of {each.batch} (half of {each.runs} runs: {lower} to {upper} ms)"
        output.show([[Span(each.path, "strong"), told]])
    return 0
