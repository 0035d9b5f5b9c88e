"""The terminal as the user wants it: colour, width and pager, by options, environment and git's settings, in that order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # most commands start no pager
    import subprocess

_SHELL = set("|&;<>()$`\\\"' \t\n*?[#~=%")
_LEAST = 40


@dataclass
class Wishes:
    """What the global options say of the terminal."""

    color: str = "auto"
    pager: bool = True
    directory: Path = Path()


WISHES = Wishes()
"""Of this process: one command runs in it."""


def coloured(stream: Any) -> bool:
    """Whether to colour: --color, NO_COLOR, CLICOLOR_FORCE; at a terminal also git's color.ui, TERM."""
    environ = os.environ
    if WISHES.color != "auto":
        return WISHES.color == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if not stream.isatty() or environ.get("TERM") == "dumb":
        return False
    return (_setting("color.ui") or "auto").lower() not in ("false", "never", "no", "off", "0")


def width() -> int | None:
    """The columns that tables may take at a terminal, where they stand two columns in; None where there is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return max(_LEAST, shutil.get_terminal_size().columns - 2)


def progresses() -> bool:
    """Whether somebody sees progress go by."""
    return sys.stderr.isatty()


def _setting(name: str) -> str | None:
    from ..plumbing import GitError, Runner  # only at a terminal

    here = WISHES.directory
    with suppress(GitError, OSError):
        return Runner(here, here, here).setting(name)
    return None


def pager() -> str | None:
    """The pager's command line, by git's order: GIT_PAGER, core.pager, PAGER, less; None: no pager."""
    if not WISHES.pager or not sys.stdout.isatty():
        return None
    found = os.environ.get("GIT_PAGER")
    if found is None:
        found = _setting("core.pager")
    if found is None:
        found = os.environ.get("PAGER")
    if found is None:
        import shutil

        found = "less" if shutil.which("less") else ""
    return None if found.strip() in ("", "cat") else found


@contextmanager
def paged() -> Iterator[IO[str] | None]:
    """Where to write what the pager shows, until it ends; None where there is no pager."""
    command = pager()
    process = _started(command) if command else None
    if process is None:
        yield None
        return
    import signal

    assert process.stdin is not None
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is the pager's, as long as it runs
    try:
        with suppress(BrokenPipeError):  # quit before the end
            yield process.stdin
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        signal.signal(signal.SIGINT, before)


def _started(command: str) -> subprocess.Popen[str] | None:
    """The pager; None where it cannot be run, which is said."""
    import shlex
    import subprocess

    words = ["sh", "-c", command] if _SHELL & set(command) else shlex.split(command)
    environ = {"LESS": "FRX", "LV": "-c", **os.environ}
    try:
        return subprocess.Popen(words, stdin=subprocess.PIPE, env=environ, text=True, encoding="utf-8", errors="replace")
    except OSError as error:
        from .output import hint

        how = "GIT_PAGER, core.pager and PAGER name it, --no-pager does without"
        hint(f"the pager {command!r} cannot be run ({error.strerror}): {how}")
        return None
