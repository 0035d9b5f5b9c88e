"""mdrepo apply."""

from __future__ import annotations

import sys

import click

from .. import applying
from ..applying import Mode
from ..files import read_file, write
from ..reporting import data
from . import output
from .shared import json_option, repository, settings


@click.command()
@click.argument("patch")
@click.argument("document", required=False)
@click.option("-o", "--output", "out", metavar="OUT", help="Write the result to OUT ('-': standard output), not to DOCUMENT.")
@click.option("--merge-patch", is_flag=True, help="PATCH is an RFC 7396 merge patch.")
@click.option("--reverse", is_flag=True, help="Undo the patch.")
@json_option
def command(patch: str, document: str | None, out: str | None, merge_patch: bool, reverse: bool) -> None:
    """Apply PATCH ('-': standard input): RFC 6902 to the file DOCUMENT, or mdrepo's own to the documents that it names.

    Everything is checked before anything is written. `mdrepo diff --format patch` and `mdrepo patch --json` make mdrepo's own.
    """
    folder = settings().directory
    raw = sys.stdin.buffer.read() if patch == "-" else read_file(folder / patch)
    content = applying.load(raw, patch)
    mode = Mode(merge_patch, reverse)
    if document is None:
        if not applying.is_own(content) or merge_patch or out:
            raise click.UsageError("Name the DOCUMENT that the patch is for.")
        changed = repository().apply(content, reverse=reverse)
    else:
        file = folder / document
        text = applying.to_text(read_file(file), document, content, mode)
        if out == "-":
            output.text(text)
            return
        target = folder / out if out else file
        write(target.parent.resolve(), target.name, text)
        changed = [out or document]
    if settings().json:
        output.answer(data.answer("apply", documents=changed))
    else:
        output.show([f"patched {name}"] for name in changed)
