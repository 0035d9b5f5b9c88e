"""mdrepo patch."""

from __future__ import annotations

import click

from ..reporting import data
from ..reporting import text as texts
from ..reporting.lines import counted
from ..repository import Repository
from . import output
from .shared import index, json_option, paths, pushed, repository, settings, staged_option


@click.command()
@click.argument("names", nargs=-1, metavar="[PATH]...")
@click.option("--apply", "apply_it", is_flag=True, help="Merge it into the documents; what people wrote stays.")
@click.option("--check", is_flag=True, help="Exit 1 if anything is, or with --apply stays, stale or cannot be read.")
@click.option("--take-derived", multiple=True, metavar="[PATH]#POINTER", help="Settle a conflict by the derived value.")
@click.option("--keep-manual", multiple=True, metavar="[PATH]#POINTER", help="Settle a conflict by the value written by hand.")
@staged_option
@json_option
def command(
    names: tuple[str, ...], apply_it: bool, check: bool, take_derived: tuple[str, ...], keep_manual: tuple[str, ...], staged: bool
) -> int:
    """Show what the artefacts say should change in the documents, and from which artefact each value comes."""
    if staged:
        if not check or apply_it or names or take_derived or keep_manual:
            raise click.UsageError("--staged goes with --check alone: what is staged is looked at as a whole.")
        return _check_staged()
    repo = repository()
    found = repo.patch(paths(repo, names), take=_fields(repo, take_derived), keep=_fields(repo, keep_manual))
    written = repo.apply_patch(found) if apply_it else []
    if settings().json:
        output.answer({**data.patch(found), "applied": written})
    else:
        output.page(texts.patch(found, applied=apply_it))
        if not apply_it and not settings().quiet and any(each.delta or each.reasons for each in found.proposals.values()):
            output.hint("'mdrepo patch --apply' merges this into the documents")
        if not (found.stale or found.problems or check or settings().quiet):
            for each in repo.unrecorded():
                output.hint(f"{each.path} is not what DVC recorded: run '{each.recording}' before")
    if found.conflicts:
        output.complain(f"{counted(found.conflicts, 'conflict')}: these fields stay as they are until you settle them")
        return 1
    return 1 if found.problems or (check and found.stale and not apply_it) else 0


def _check_staged() -> int:
    """Say which fields of what is staged are stale, by pointers and lock files, without an artefact."""
    found = repository().stale_staged(index(), pushed())
    if settings().json:
        stale = {path: [data.stale(each) for each in fields] for path, fields in found.items()}
        output.answer(data.answer("patch", staged=True, stale=stale))
    else:
        output.show(line for path, fields in found.items() for line in texts.stale(path, fields))
        if found and not settings().quiet:
            output.hint("'mdrepo patch --apply' merges what the artefacts say into the documents; 'git add' them then")
    return 1 if found else 0


def _fields(repo: Repository, typed: tuple[str, ...]) -> list[str]:
    for name in typed:
        if "#" not in name:
            raise click.UsageError(f"{name}: name a field, as in metadata/digits.json#/labels or #/labels.")
    return [name if name.startswith("#") else paths(repo, [name])[0] for name in typed]
