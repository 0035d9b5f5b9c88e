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
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything differs.")
@click.option("--format", "form", type=click.Choice(["text", "json", "patch"]), default="text", help="patch: RFC 6902 operations.")
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
    exit_code: bool,
    form: str,
    ignore_order: bool,
    significant_digits: int | None,
) -> int:
    """Show what changed, field by field: the index against the work tree, REV against it, or two revisions.

    A..B are two revisions, A...B what B changed since it left A.
    """
    tolerance = Tolerance(ignore_order, significant_digits)
    found = _of_files(arguments, tolerance) if no_index else _in_repository(arguments, staged, tolerance)
    _show(found, "json" if settings().json and form == "text" else "stat" if stat else form)
    return 1 if (exit_code or no_index) and found else 0


def _show(found: list[DocumentDiff], form: str) -> None:
    """Print a diff; each form loads what it needs."""
    if form in ("json", "patch"):
        from ..reporting import data

        made = data.document_patch if form == "patch" else data.document_diff
        output.answer(data.answer("diff", documents=[made(each) for each in found]))
        return
    from ..reporting import diffs

    if form == "stat":
        output.show(diffs.stat(found))
    else:
        output.page(diffs.document_diffs(found))


def _of_files(names: Sequence[str], tolerance: Tolerance) -> list[DocumentDiff]:
    if len(names) != 2 or names[0] == names[1] == "-":
        raise click.UsageError("--no-index compares two files.")
    old, new = ((name, _bytes(name)) for name in names)
    return compare_bytes(old, new, tolerance)


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    path = settings().directory / name
    if path.is_dir():
        raise click.UsageError(f"{name} is a directory: --no-index compares two files.")
    return read_file(path)


def _in_repository(arguments: Sequence[str], staged: bool, tolerance: Tolerance) -> list[DocumentDiff]:
    revisions, names = revisions_and_paths(arguments)
    repo = repository()
    if len(revisions) == 1 and "..." in revisions[0]:
        one, other = (part or "HEAD" for part in revisions[0].split("...", 1))
        revisions = [repo.merge_base(one, other), other]
    elif len(revisions) == 1 and ".." in revisions[0]:
        revisions = [part or "HEAD" for part in revisions[0].split("..", 1)]
    if len(revisions) > 2:
        raise click.UsageError("At most two revisions; paths stand after '--'.")
    old, new = (*revisions, None, None)[:2]
    return repo.diff(old, new, paths(repo, names), staged=staged, tolerance=tolerance)
