"""mdrepo get."""

from __future__ import annotations

import click

from .. import pointers
from ..reporting import data
from ..writing import Style, dumps
from . import output
from .shared import field, json_option, repository, settings


@click.command()
@click.argument("name", metavar="[REV:]PATH[#POINTER]")
@click.option("-r", "--raw", is_flag=True, help="A text as it is, without quotation marks.")
@json_option
def command(name: str, raw: bool) -> None:
    """Print the value of a field as JSON, of the work tree or of a revision.

    Exit 1 if there is no such field.
    """
    repo = repository()
    revision, path, pointer = field(repo, name)
    value = repo.get(path, pointer, revision)
    if settings().json:
        output.answer(data.answer("get", path=path, pointer=pointers.build(pointers.parse(pointer)), value=value))
    else:
        output.text((value if raw and isinstance(value, str) else dumps(value, Style())) + "\n")
