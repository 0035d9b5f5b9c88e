"""mdrepo schema."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import Span, counted
from . import output
from .shared import json_option, paths, repository, settings

_ARGUMENTS = {"list": (0, 0), "show": (1, 1), "new": (1, 1), "check": (0, None)}


@click.command()
@click.argument("what", type=click.Choice([*_ARGUMENTS]), default="list")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@click.option("--for", "pattern", metavar="PATTERN", help="With new: the files it is bound to; without it, metadata/NAME/*.json.")
@json_option
def command(what: str, names: tuple[str, ...], pattern: str | None) -> int:
    """List the schemas and what they are bound to; show one; begin a new one in schemas/; check files of schemas themselves.

    Without a FILE, check looks at all of schemas/, and at what mdrepo.toml binds.
    """
    least, most = _ARGUMENTS[what]
    if len(names) < least or (most is not None and len(names) > most):
        raise click.UsageError(f"'schema {what}' takes {'one NAME' if least else 'no names'}.")
    if pattern is not None and what != "new":
        raise click.UsageError("--for goes with new.")
    if what == "check":
        return _check(names)
    if what == "new":
        path, bound = repository().new_schema(names[0], pattern)
        if settings().json:
            output.answer(data.answer("schema", path=path, pattern=bound))
        else:
            output.show([[Span("  + ", "good"), f"{path}, bound to {bound} in mdrepo.toml"]])
    elif what == "show":
        text = repository().schema_text(names[0])
        if settings().json:
            output.answer(data.answer("schema", name=names[0], text=text))
        else:
            output.text(text)
    else:
        _list()
    return 0


def _list() -> None:
    found = repository().schemas()
    if settings().json:
        rows = [{**vars(each), "patterns": list(each.patterns)} for each in found]
        output.answer(data.answer("schema", schemas=rows))
        return
    for each in found:
        where = each.path or "built in"
        bound = f", bound to {', '.join(each.patterns)}" if each.patterns else ""
        output.show([[Span(each.name, "strong"), f"  {each.title} ({where}): {counted(each.documents, 'document')}{bound}"]])


def _check(names: tuple[str, ...]) -> int:
    repo = repository()
    found = repo.check_schemas(paths(repo, names))
    if settings().json:
        output.answer(data.answer("schema", problems=[data.problem(each) for each in found]))
    elif found:
        output.show(texts.problems(found))
    elif not settings().quiet:
        output.hint("nothing is wrong with the schemas")
    return 1 if found else 0
