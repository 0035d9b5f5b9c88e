"""mdrepo diff."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..differences import DocumentDiff, Tolerance, compare_bytes
from ..files import read_file
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="[REV [REV]] [--] [PATH[#POINTER]]...")
@click.option("--no-index", is_flag=True, help="Compare two files ('-': standard input), in a repository or not.")
@click.option("--staged", "--cached", is_flag=True, help="Compare HEAD (or REV) with the index.")
@click.option("--stat", is_flag=True, help="One line a document.")
@click.option("--name-only", is_flag=True, help="The paths of the documents that changed.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything differs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "patch", "markdown"]),
    help="text; json; patch: RFC 6902 operations; markdown: for a comment on a pull request.",
)
@click.option("--ignore-order", is_flag=True, help="Lists differ only by what is in them (extra diff).")
@click.option(
    "--significant-digits", type=click.IntRange(min=0), metavar="N", help="Numbers differ only in N decimals (extra diff)."
)
@json_option
def command(
    arguments: tuple[str, ...],
    no_index: bool,
    staged: bool,
    stat: bool,
    name_only: bool,
    exit_code: bool,
    form: str | None,
    ignore_order: bool,
    significant_digits: int | None,
) -> int:
    """Show what changed, field by field: the index against the work tree, REV against it, or two revisions.

    A..B are two revisions, A...B what B changed since it left A.
    """
    tolerance = Tolerance(ignore_order, significant_digits)
    shape = _shape(form, stat, name_only)
    if shape == "patch" and tolerance:
        raise click.UsageError("--format patch is exact: leave --ignore-order and --significant-digits out.")
    if no_index and staged:
        raise click.UsageError("--no-index compares two files, and --staged the index: choose one.")
    found = _of_files(arguments, tolerance, shape) if no_index else _in_repository(arguments, staged, tolerance)
    _show(found, shape)
    return 1 if (exit_code or no_index) and found else 0


def _shape(form: str | None, stat: bool, name_only: bool) -> str:
    """The one form that several options ask for; raises UsageError where they ask for different ones."""
    asked = {"--stat": stat, "--name-only": name_only, f"--format {form}": form is not None, "--json": settings().json}
    names = [name for name, is_asked in asked.items() if is_asked]
    if names in (["--format json", "--json"], ["--format patch", "--json"]):
        names = names[:1]
    if len(names) > 1:
        raise click.UsageError(f"{' and '.join(names)} ask for different forms: choose one.")
    return names[0].removeprefix("--").removeprefix("format ") if names else "text"


def _show(found: list[DocumentDiff], shape: str) -> None:
    """Print a diff; each form loads what it needs."""
    if shape in ("json", "patch"):
        from ..reporting import data

        made = data.document_patch if shape == "patch" else data.document_diff
        output.answer(data.answer("diff", documents=[made(each) for each in found]))
    elif shape == "markdown":
        from ..reporting import markdown

        output.text(markdown.document_diffs(found))
    elif shape == "name-only":
        output.show([each.path] for each in found)
    else:
        from ..reporting import diffs

        output.show(diffs.stat(found)) if shape == "stat" else output.page(diffs.document_diffs(found))


def _of_files(names: Sequence[str], tolerance: Tolerance, shape: str) -> list[DocumentDiff]:
    if len(names) != 2 or names[0] == names[1] == "-":
        raise click.UsageError("--no-index compares two files.")
    old, new = ((name, _bytes(name)) for name in names)
    return compare_bytes(old, new, tolerance, whole=shape in ("json", "patch"))


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    return read_file(settings().directory / name)


def _in_repository(arguments: Sequence[str], staged: bool, tolerance: Tolerance) -> list[DocumentDiff]:
    revisions, names = revisions_and_paths(arguments)
    repo = repository()
    if len(revisions) == 1:
        revisions = list(repo.ends(revisions[0]) or revisions)
    if len(revisions) > 2:
        raise click.UsageError("At most two revisions; paths stand after '--'.")
    old, new = (*revisions, None, None)[:2]
    return repo.diff(old, new, paths(repo, names), staged=staged, tolerance=tolerance)
