"""mdrepo tag."""

from __future__ import annotations

import click

from ..reporting import changelogs
from ..reporting.data import answer
from ..reporting.lines import Span
from ..repository import Repository
from . import output
from .shared import at_option, json_option, paths, remark, repository, settings


@click.command()
@click.argument("document", metavar="DOC")
@click.argument("version", required=False, metavar="[VERSION]")
@click.option("--next", "next_one", is_flag=True, help="The version that follows from the changes: see 'mdrepo version'.")
@click.option("--stage", metavar="STAGE", help="Put the release VERSION, or the last one, into a stage such as prod.")
@click.option("-m", "--message", help="The tag's message.")
@at_option
@json_option
def command(document: str, version: str | None, next_one: bool, stage: str | None, message: str | None, revision: str) -> None:
    """Tag a version of a document, as GTO does (name@v1.2.3, name#stage#1); without VERSION and --next, list its releases."""
    if next_one and (version is not None or stage is not None):
        raise click.UsageError("--next makes the version itself, and a stage is of a release that is there: give --next alone.")
    repo = repository()
    path = paths(repo, [document])[0]
    if version is None and stage is None and not next_one:
        if message is not None:
            raise click.UsageError("-m is the message of a tag: give VERSION, --next or --stage.")
        _list(repo, path, revision)
        return
    found = repo.assign(path, stage, version, revision, message) if stage else repo.tag(path, version, revision, message)
    if settings().json:
        output.answer(answer("tag", **changelogs.tagged_data(found)))
        return
    output.show([[Span(found.ref, "strong"), "  ", Span(found.commit[:7], "warn")]])
    remark([*found.remarks, f"'git push origin {found.ref}' shares it"])


def _list(repo: Repository, path: str, revision: str) -> None:
    found = repo.releases(path, revision)
    if settings().json:
        output.answer(answer("tag", **changelogs.releases_data(found)))
        return
    output.show(changelogs.releases(found))
    remark(found.remarks)
