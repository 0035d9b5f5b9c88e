"""mdrepo resolve."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from .. import pointers
from ..documents import DocumentError, read
from ..errors import UsageError
from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import counted
from ..resolving import Choice, Side
from . import output
from .shared import json_option, paths, repository, settings


@click.command()
@click.argument("name", metavar="[PATH[#POINTER]]", required=False)
@click.option("--ours", is_flag=True, help="Take the side of HEAD; in a rebase that is the upstream.")
@click.option("--theirs", is_flag=True, help="Take the side that comes in; in a rebase that is your commit.")
@click.option("--base", is_flag=True, help="Take what both sides came from.")
@click.option("--value", "values", metavar="JSON", multiple=True, help="Take this value; a text stands in double quotes.")
@click.option("--add", is_flag=True, help="With the last conflict settled and the document valid, git add it.")
@click.option("--web", is_flag=True, help="Settle the conflicts on a page in the browser, of all documents or of PATH.")
@json_option
def command(name: str | None, ours: bool, theirs: bool, base: bool, values: tuple[str, ...], add: bool, web: bool) -> int:
    """Settle a conflict that a merge, rebase, cherry-pick, revert or stash left in a document.

    With a POINTER, the conflict there or all those below it; a * in it stands for any key or index. Without one, all of the
    document. The other conflicts stay marked, and what you edited by hand stays too. `mdrepo status` shows the conflicts; `git
    checkout --merge -- PATH` starts anew.
    """
    if web:
        return _web(name, ours or theirs or base or bool(values))
    if name is None:
        raise click.UsageError("Missing argument 'PATH[#POINTER]'.")
    sides: dict[Side, bool] = {"ours": ours, "theirs": theirs, "base": base}
    choice = _choice([side for side, wanted in sides.items() if wanted], values)
    repo = repository()
    [field] = paths(repo, [name])
    path, pointer = pointers.split(field)
    found = repo.resolve(path, pointer, choice, add=add)
    if settings().json:
        output.answer(data.resolved(found))
        return 1 if found.problems else 0
    output.show(texts.resolved(found))
    if found.problems:
        output.show(texts.problems(list(found.problems)))
        output.complain(f"{path} is written, every conflict settled, but it is not valid", "put it right, then 'git add' it")
        return 1
    if not settings().quiet:
        output.hint(_next(path, len(found.left), found.added))
    return 0


def _web(name: str | None, more: bool) -> int:
    """The page; the exit code."""
    from .web import settle

    if more or settings().json or "#" in (name or ""):
        raise click.UsageError("--web goes with a PATH or nothing: the page asks the rest.")
    repo = repository()
    return settle(repo, paths(repo, [name]) if name else [])


def _choice(sides: Sequence[Side], values: Sequence[str]) -> Choice:
    if len(sides) + len(values) != 1:
        raise click.UsageError("One of --ours, --theirs, --base and --value JSON.")
    if sides:
        return Choice(sides[0])
    try:
        return Choice(None, read(os.fsencode(values[0]), "--value").value)
    except DocumentError as error:
        raise UsageError(f"--value is no JSON: {error.problem}", error.hint or "a text is written '\"so\"'") from None


def _next(path: str, left: int, added: bool) -> str:
    if left:
        return f"{counted(left, 'conflict')} left in {path}"
    return f"{path}: every conflict is settled{' and it is added' if added else f': git add {path}'}"
