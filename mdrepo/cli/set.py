"""mdrepo set."""

from __future__ import annotations

import os

import click

from ..changes import MISSING
from ..documents import DocumentError, read
from ..errors import UsageError
from .shared import edited, field, json_option, repository


@click.command()
@click.argument("name", metavar="PATH#POINTER")
@click.argument("value", metavar="VALUE", required=False)
@click.option("--text", "as_text", is_flag=True, help="VALUE is a text, as it is, and no JSON.")
@click.option("--remove", is_flag=True, help="Take the field away.")
@json_option
def command(name: str, value: str | None, as_text: bool, remove: bool) -> int:
    """Change one field of a document to VALUE, which is JSON; the document is validated before it is written.

    '-' at the end of POINTER stands behind the last item of a list. Derived fields may be set too: such a value stays until what it
    is derived from changes, and 'mdrepo patch' asks then.
    """
    if remove == (value is not None):
        raise click.UsageError("Give a VALUE, or --remove.")
    repo = repository()
    revision, path, pointer = field(repo, name)
    if revision is not None:
        raise click.UsageError(f"{name}: a commit cannot be changed; 'mdrepo rollback' brings its state back.")
    if "#" not in name:
        raise click.UsageError(f"{name}: name a field, as in {path}#/labels/3/name.")
    new = MISSING if value is None else value if as_text else _parsed(value)
    return edited("set", repo.set(path, pointer, new))


def _parsed(value: str) -> object:
    try:
        return read(os.fsencode(value), "VALUE").value
    except DocumentError as error:
        hint = error.hint or "a text is JSON in double quotes, '\"so\"', or is given with --text"
        raise UsageError(f"VALUE is no JSON: {error.problem}", hint) from None
