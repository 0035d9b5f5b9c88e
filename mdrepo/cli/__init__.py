"""The command line: arguments, printing, exit codes; one file a command, loaded only when it is called."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import MdrepoError
from ..guessing import nearest
from ..reporting import tables
from . import terminal
from .output import complain

COMMANDS = {
    "init": "Set a repository up, or repair its set-up.",
    "new": "Make a document from a schema, derived fields filled.",
    "status": "Show documents that are new, changed, invalid or stale.",
    "validate": "Check documents: schema, references, artefact digests.",
    "explain": "Explain a rule of validate: what is wrong, why, what to do.",
    "format": "Bring documents into the canonical layout.",
    "diff": "Show what changed, field by field.",
    "get": "Print the value of a field.",
    "set": "Change one field; validated before it is written.",
    "edit": "Change a document in an editor; validated before it is written.",
    "patch": "Show what the artefacts say should change; --apply merges it.",
    "apply": "Apply a patch (RFC 6902, RFC 7396, mdrepo's own) or undo it.",
    "commit": "Validate, evaluate against the parent, then git commit.",
    "eval": "Evaluate a revision and compare it with its parent.",
    "log": "Show history with verdicts, also of one field.",
    "show": "Show a commit, its evaluation and changes; or a document.",
    "blame": "Show which commit made each field what it is.",
    "review": "Review a commit, a range or what is staged, for people to decide.",
    "query": "Show the documents that meet a condition, also over history.",
    "changelog": "Show what changed in a document, by release and commit.",
    "version": "Show a document's semantic version, by what changed.",
    "tag": "Tag a version or a stage of a document, as GTO does.",
    "checkout": "Bring documents and DVC data of a revision back together.",
    "rollback": "Make a new commit that brings an earlier state back.",
    "relabel": "Apply a changed label map to a data set.",
    "augment": "Make further training data by a document's policy.",
    "hooks": "Install git hooks, so that git commit gates as mdrepo commit.",
    "worker": "Show or stop the process that waits to run models.",
    "tune": "Propose decision thresholds and a temperature.",
    "merge": "Merge a revision; validated, evaluated against each parent.",
    "merge-base": "Bring corrections of a base model's document into a child's.",
    "merge-file": "Merge three versions of a file, field by field where text fails.",
    "push": "Push data, evaluations and branches, in that order.",
    "pull": "Fetch and merge, with evaluations and data.",
    "clone": "Clone a repository with its evaluations and data.",
    "resolve": "Settle a conflict that git left in a document, field by field.",
    "cache": "Show what is kept so that nothing is computed twice; --clear; share it: push, pull.",
    "schema": "List, show, begin and check schemas.",
    "doctor": "Say what is set up and what is not; --fix repairs it.",
    "completion": "Print the completion script of a shell.",
    "demo": "Play the whole story on real data, in a new folder.",
}

FOR_GIT = ("merge-driver", "hook")
"""Commands that git calls, and people do not."""

OF_GIT = ("add", "branch", "cherry-pick", "fetch", "mv", "rebase", "remote", "reset", "restore", "revert", "rm", "stash", "switch")
"""What people type here by habit, and git does."""


@dataclass
class Settings:
    """What the global options say."""

    directory: Path
    json: bool = False
    quiet: bool = False
    verbose: bool = False


class _Commands(click.Group):
    """The commands by name; a command's module is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS and cmd_name not in FOR_GIT:
            return None
        found = importlib.import_module(f"mdrepo.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and args[0] not in FOR_GIT and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            hint = f"Did you mean '{near}'?" if near else "'mdrepo --help' lists the commands."
            hint = f"It is git's: 'git {args[0]}'." if args[0] in OF_GIT else hint
            raise click.UsageError(f"There is no command '{args[0]}'. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if error.ctx is None and (called := self.get_command(ctx, ctx.invoked_subcommand or "")):
                error.ctx = click.Context(called, ctx, ctx.invoked_subcommand)  # click's parser does not say whose option it is
            raise


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from .. import __version__

        click.echo(f"mdrepo {__version__}")
        ctx.exit()


def _colour(ctx: click.Context, _: click.Parameter, wanted: str) -> None:
    terminal.WISHES.color = wanted  # at once: what comes next may complain


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "directory", metavar="DIR", default=".", help="Run as if started in DIR.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no hints.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    expose_value=False,
    callback=_colour,
    help="Colours: auto (at a terminal), always, never.",
)
@click.option("--no-pager", is_flag=True, help="Show nothing through a pager.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def group(ctx: click.Context, directory: str, as_json: bool, quiet: bool, verbose: bool, no_pager: bool) -> None:
    """Version control for the metadata of transferred models."""
    folder = Path(directory)
    if not folder.is_dir():
        raise click.UsageError(f"-C {directory}: there is no such folder.")
    terminal.WISHES.pager = not no_pager
    terminal.WISHES.directory = folder
    tables.WIDTH.set(terminal.width())
    ctx.obj = Settings(folder, as_json, quiet, verbose)


def main(arguments: list[str] | None = None, name: str | None = None) -> int:
    """Run one command; its exit code: 0 fine, 1 a finding, 2 wrong usage, 3 a failure, 4 busy, 130 interrupted."""
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # NumPy's threads wait asleep: awake, they cost as much as importing it
    gc.disable()  # a command ends before collecting pays: over the values of a 20 MB document it takes as long as parsing them
    sys.setrecursionlimit(10_000)  # documents may be 500 levels deep, and Python's own frames are cheap
    try:
        result = group.main(args=arguments, prog_name=name or "mdrepo", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return _ended(error)
    finally:
        gc.freeze()  # Python collects once more when it ends, which takes longer than what there is to free is worth
    return result if isinstance(result, int) else 0


def _ended(error: BaseException) -> int:
    """Say how a command failed, in one or two lines; the exit code."""
    code = 3
    match error:
        case click.UsageError():
            called = error.ctx.command_path if error.ctx else "mdrepo"
            complain(error.format_message(), f"'{called} --help' says how it is used")
            code = 2
        case click.Abort() | KeyboardInterrupt():
            complain("interrupted")
            code = 130
        case MdrepoError():
            complain(error.message, error.hint)
            code = error.exit_code
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away, as `head` does
            code = 0
        case SystemExit():  # so click ends where the reader went away; nothing of ours exits
            code = 0
        case OSError():
            complain(f"{error.filename or 'output'}: {error.strerror}")
        case _:
            code = _bug(error)
    return code


def _bug(error: BaseException) -> int:
    """Keep the traceback in a file, and say that this is our mistake."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="mdrepo-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    complain(f"a bug in mdrepo: {type(error).__name__}: {error}", f"please report it with {file.name}")
    return 3


def as_git_command() -> int:
    """`git mdrepo ...`."""
    return main(name="git mdrepo")
