"""mdrepo diff."""

from __future__ import annotations

import click

from ..comparing import Tolerance, diff_files
from ..reporting import data
from ..reporting import text as texts
from ..results import DocumentDiff
from . import output
from .shared import Separating, json_option, paths, repository, revisions_and_paths, settings


@click.command(cls=Separating)
@click.argument("arguments", nargs=-1, metavar="[REV [REV]] [--] [PATH[#POINTER]]...")
@click.option("--no-index", is_flag=True, help="Compare two files, in a repository or not.")
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
    if no_index:
        if len(arguments) != 2:
            raise click.UsageError("--no-index compares two files.")
        one, other = (settings().directory / name for name in arguments)
        found = diff_files(one, other, tolerance)
    else:
        found = _in_repository(arguments, staged, tolerance)
    if form == "patch":
        output.answer(data.answer("diff", documents=[data.document_patch(each) for each in found]))
    elif settings().json or form == "json":
        output.answer(data.answer("diff", documents=[data.document_diff(each) for each in found]))
    elif stat:
        output.show(texts.stat(found))
    else:
        output.page(line for each in found for line in texts.document_diff(each))
    return 1 if (exit_code or no_index) and found else 0


def _in_repository(arguments: tuple[str, ...], staged: bool, tolerance: Tolerance) -> list[DocumentDiff]:
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
