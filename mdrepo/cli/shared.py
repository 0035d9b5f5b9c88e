"""What several commands share: the repository, the --json option, paths and fields as users type them, outcomes of commits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import pointers
from ..reporting.lines import Span, counted
from . import Settings, output

if TYPE_CHECKING:  # a command that needs no repository does not load one
    from ..committing import Terms
    from ..repository import Repository
    from ..results import Edited, Outcome


def _set_json(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.find_root().obj.json = True


ANNOTATIONS = ("github", "gitlab", "rdjson", "sarif", "junit")
"""The forms of problems that hosts show at their lines."""

json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_set_json, help="Answer in JSON, in a form that stays the same."
)
no_eval_option = click.option("--no-eval", is_flag=True, help="Do not evaluate; the commit counts as not evaluated.")
allow_option = click.option("--allow-regression", metavar="REASON", help="Commit even a regression; the reason is recorded.")

at_option = click.option(
    "--at", "revision", metavar="REV", default="HEAD", help="The revision that is asked about; HEAD without it."
)


form_option = click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), help="text; markdown: for a file; json."
)


def derived_form(form: str | None) -> str:
    """The form that --format and --json ask for; raises UsageError where they contradict each other."""
    if settings().json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for different forms: choose one.")
    return "json" if settings().json else form or "text"


staged_option = click.option("--staged", is_flag=True, help="What is staged, read from git's index; in a hook, from that commit's.")


def index() -> Path | None:
    """The index of the commit that a hook is called by (githooks(5)); None is the repository's own."""
    named = os.environ.get("GIT_INDEX_FILE")
    return Path(named).absolute() if named else None


def pushed() -> str | None:
    """The commit that pre-commit or prek has a hook look at before a push, in place of what is staged; None where there is none."""
    return os.environ.get("PRE_COMMIT_TO_REF") or None


def remark(remarks: Sequence[str]) -> None:
    """Say what is beside the point, unless nobody wants to hear it."""
    for each in () if settings().quiet else remarks:
        output.hint(each)


def settings() -> Settings:
    """The global options of this call."""
    found = click.get_current_context().find_root().obj
    assert isinstance(found, Settings)
    return found


def repository() -> Repository:
    """The repository of this call."""
    from ..repository import Repository

    return Repository.open(settings().directory, output.reporter(settings().quiet, settings().verbose))


def terms(no_eval: bool, allow_regression: str | None) -> Terms:
    from ..committing import Terms

    if allow_regression is not None and not allow_regression.strip():
        raise click.UsageError("--allow-regression needs a reason.")
    return Terms(not no_eval, allow_regression)


def paths(repo: Repository, typed: Sequence[str]) -> list[str]:
    """Paths, or PATH#POINTER, from the repository's root."""
    found: list[str] = []
    for name in typed:
        path, pointer = pointers.split(name)
        if pointer is not None:
            pointers.parse(pointer)
        found.append(repo.relative(path, settings().directory.absolute()) + ("" if pointer is None else f"#{pointer}"))
    return found


def field(repo: Repository, typed: str) -> tuple[str | None, str, str]:
    """[REV:]PATH[#POINTER] as (revision, path from the root, pointer); a file that exists is not taken for a revision."""
    name, _, pointer = typed.partition("#")
    revision, colon, path = name.partition(":")
    if colon and not Path(settings().directory, name).exists():
        return revision or "HEAD", repo.relative(path, settings().directory.absolute()), pointer
    pointers.parse(pointer)
    return None, repo.relative(name, settings().directory.absolute()), pointer


def edited(command: str, found: Edited) -> int:
    """Print what became of an edit; the exit code."""
    from ..reporting import data, diffs
    from ..reporting import text as texts

    if settings().json:
        output.answer(data.answer(command, **data.edited(found)))
        return 1 if found.problems else 0
    if found.problems:
        output.show(texts.problems(list(found.problems)))
        output.complain(f"{found.path}: nothing written: it would not be valid", "'mdrepo edit' changes several fields at once")
        return 1
    output.show(diffs.change(each) for each in found.delta)
    if not settings().quiet:
        for place, source in found.overridden:
            output.hint(f"{pointers.build(place)} is derived ({source.shown()}): what you wrote stays until that changes")
    return 0


class Separating(click.Command):
    """A command that remembers where `--` stood, which click itself forgets."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["mdrepo.paths"] = args[args.index("--") + 1 :] if "--" in args else None
        return super().parse_args(ctx, args)


def revisions_and_paths(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments as (revisions, paths): as git, what stands after `--` is a path, and before it a file that exists is one."""
    after = click.get_current_context().meta.get("mdrepo.paths")
    if after is not None:
        return list(arguments[: len(arguments) - len(after)]), list(after)
    for place, argument in enumerate(arguments):
        if "#" in argument or Path(settings().directory, argument).exists():
            return list(arguments[:place]), list(arguments[place:])
    return list(arguments), []


def finish(command: str, found: Outcome) -> int:
    """Print what became of a commit; the exit code."""
    from ..reporting import text as texts

    if settings().json:
        from ..reporting import data

        output.answer(data.outcome(command, found))
        return 0 if found.made else 1
    waits = "'mdrepo merge --continue' commits it then, 'mdrepo merge --abort' undoes it" if found.waiting else None
    if found.status == "conflicts":
        output.show(line for each in found.conflicts for line in texts.document_status(each))
        output.complain(f"{counted(len(found.conflicts), 'file')} in conflict: settle, and 'git add', them", waits)
        return 1
    if found.status == "invalid":
        output.show(texts.problems(list(found.problems)))
        output.complain("nothing committed: the documents are not valid", waits)
        return 1
    if found.note is not None:
        from ..reporting import evaluations

        output.show(evaluations.note(found.note))
    if found.status == "regressed":
        names = ", ".join(found.blocking)
        verdicts = {"regressed": "regressed", "inconclusive": "is not established to be no worse"}
        why = verdicts.get(found.note["verdict"] if found.note else "", "cannot be compared")
        output.complain(f"nothing committed: {names} {why}", waits or "put it right, or: mdrepo commit --allow-regression REASON")
        return 1
    verdict = texts.verdict(found.note["verdict"] if found.note else None)
    told = {"current": "has all of it already", "forwarded": "moved here, ", "aborted": "the merge was undone"}.get(
        found.status, ""
    )
    words = [told] if found.status in ("current", "aborted") else [told, verdict]
    output.show([[f"[{found.branch or 'detached HEAD'} ", Span(str(found.id)[:7], "warn"), "] ", *words]])
    if not settings().quiet:
        if found.remark:
            output.hint(found.remark)
        if found.left:
            output.hint(f"{counted(len(found.left), 'changed document')} not staged, not committed: {', '.join(found.left)}")
    return 0
