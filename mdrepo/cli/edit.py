"""mdrepo edit."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from ..documents import read
from ..errors import Finding, MdrepoError
from ..reporting import text as texts
from ..repository import Repository
from ..results import Edited
from ..writing import Style, dumps
from . import output
from .shared import edited, field, json_option, repository


@click.command()
@click.argument("name", metavar="PATH[#POINTER]")
@json_option
def command(name: str) -> int:
    """Change a document, or one field of it, in the editor that git would open; it is validated before it is written.

    Where it is not valid, the editor opens again; what you wrote is never lost.
    """
    repo = repository()
    revision, path, pointer = field(repo, name)
    if revision is not None:
        raise click.UsageError(f"{name}: a commit cannot be changed; 'mdrepo rollback' brings its state back.")
    whole = repo.work_text(path)
    before = dumps(repo.get(path, pointer), Style()) + "\n" if pointer else whole
    handle, draft = tempfile.mkstemp(prefix=f"mdrepo-edit-{Path(path).stem}-", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(before)
    try:
        found = _in_editor(repo, path, pointer, Path(draft), before, whole)
    except MdrepoError as error:
        if Path(draft).read_bytes() == before.encode("utf-8"):
            Path(draft).unlink()
            raise
        error.hint = f"what you wrote is kept in {draft}"
        raise
    if found is None:
        Path(draft).unlink()
        output.hint(f"{path}: nothing changed")
        return 0
    if found.problems:
        code = edited("edit", found)
        output.hint(f"what you wrote is kept in {draft}")
        return code
    Path(draft).unlink()
    return edited("edit", found)


def _in_editor(repo: Repository, path: str, pointer: str, draft: Path, before: str, whole: str) -> Edited | None:
    """Let the user edit a draft until it is valid, or until they give up; None where nothing was changed."""
    while True:
        try:
            click.edit(filename=str(draft), editor=repo.editor())
        except click.ClickException as error:
            raise MdrepoError(error.format_message(), "git config core.editor names the editor") from None
        text = draft.read_bytes()
        if text == before.encode("utf-8"):
            return None
        if repo.work_text(path) != whole:
            raise MdrepoError(f"{path} was changed by somebody else meanwhile")
        try:
            document = read(text, path)
            found = repo.set(path, pointer, document.value) if pointer else repo.edit(path, document.text)
        except Finding as error:
            if not sys.stdin.isatty():
                raise
            output.complain(error.message, error.hint)
            if not _again():
                raise Finding("nothing written") from None
            continue
        if not found.problems or not sys.stdin.isatty():
            return found
        output.show(texts.problems(list(found.problems)))
        if not _again():
            return found


def _again() -> bool:
    return click.confirm("Edit again?", default=True, err=True)
