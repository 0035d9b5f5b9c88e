"""mdrepo review."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import MdrepoError
from ..files import write
from . import output
from .shared import ANNOTATIONS, derived_form, json_option, repository, settings

if TYPE_CHECKING:
    from ..reviews import Review

_SUFFIXES = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json", ".txt": "text"}


@click.command()
@click.argument("revisions", nargs=-1, metavar="[REV|A..B]")
@click.option("--staged", "--cached", is_flag=True, help="Review what is staged against HEAD.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json", *ANNOTATIONS]),
    help="text; markdown: for a pull request; html: one page for itself (extra review); json; or annotations for a host.",
)
@click.option("-o", "--output", "out", metavar="FILE", help="Write it to FILE; the format is its suffix's, if none is given.")
@click.option("--no-plots", is_flag=True, help="html without plots.")
@json_option
def command(revisions: tuple[str, ...], staged: bool, form: str | None, out: str | None, no_plots: bool) -> None:
    """Say what a reviewer has to know of a commit (HEAD), of A..B, or of what is staged.

    A merge is reviewed against each of its parents; A...B is what B changed since it left A.
    """
    if len(revisions) > 1:
        raise click.UsageError(f"One commit, or a range: 'mdrepo review {'..'.join(revisions[:2])}'.")
    if form is None and not settings().json and out is not None:
        form = _SUFFIXES.get(suffix := Path(out).suffix.lower())
        if form is None:
            raise click.UsageError(f"No review is a {suffix or 'file without suffix'}: {', '.join(_SUFFIXES)}, or say --format.")
    form = derived_form(form)
    repo = repository()
    found = repo.review(*revisions, staged=staged, drawn=form == "html" and not no_plots)
    if form == "markdown":
        _summarised(found)
    if form == "text" and out is None:
        from ..reporting import reviewed

        output.page(reviewed.text(found))
        return
    content = _content(found, form, plots=not no_plots)
    if out is None:
        output.text(content)
        return
    target = settings().directory / out
    write(target.parent.resolve(), target.name, content)
    if not settings().quiet:
        output.hint(f"the review is in {out}")


def _content(found: Review, form: str, *, plots: bool) -> str:
    """The review in one of its forms."""
    if form == "html":
        from ..reporting import pages

        return pages.page(found, plots=plots)
    if form == "markdown":
        from ..reporting import requests

        return requests.comment(found)
    if form in ANNOTATIONS:
        from ..reporting import annotations

        every = [*found.pointed, *(each for other in found.against for each in other.pointed)]
        return annotations.RENDERERS[form]([*dict.fromkeys(every)])
    from ..reporting import reviewed

    if form == "json":
        from ..writing import Style, dumps

        return dumps(reviewed.answer(found), Style(ascii=True)) + "\n"
    return output.plainly(reviewed.text(found))


def _summarised(found: Review) -> None:
    """Add the review to the summary of the job, where it runs as one of GitHub's."""
    from ..reporting import requests

    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(file).open("a", encoding="utf-8") as summary:
                summary.write(requests.comment(found))
        except OSError as error:
            raise MdrepoError(f"the job's summary {file} cannot be written: {error.strerror}") from None
