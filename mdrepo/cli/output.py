"""The one place that prints: lines to standard output, progress and hints to standard error, everything escaped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from ..reporting.lines import Line, Span, harmless, plain

_COLOURS: dict[str, dict[str, Any]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


def _coloured(stream: Any) -> bool:
    return "NO_COLOR" not in os.environ and stream.isatty()


def _rendered(line: Line, colour: bool) -> str:
    if not colour:
        return plain(line)
    parts = (span if isinstance(span, Span) else Span(span) for span in line)
    return "".join(click.style(harmless(part.text), **_COLOURS.get(part.style, {})) for part in parts)


def show(lines: Iterable[Line]) -> None:
    """Print lines, at a terminal as they come."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(plain(line) + "\n" for line in lines)
        sys.stdout.flush()
        return
    colour = _coloured(sys.stdout)
    for line in lines:
        click.echo(_rendered(line, colour), color=colour)


def page(lines: Iterable[Line]) -> None:
    """Print lines through the user's pager at a terminal, as git does; else as they come."""
    if not sys.stdout.isatty():
        show(lines)
        return
    os.environ.setdefault("LESS", "FRX")
    colour = _coloured(sys.stdout)
    click.echo_via_pager((_rendered(line, colour) + "\n" for line in lines), color=colour)


def plainly(lines: Iterable[Line]) -> str:
    """Lines as text for a file, escaped and without colours."""
    return "".join(plain(line) + "\n" for line in lines)


def text(content: str) -> None:
    """Print a document's own text, byte for byte where nobody reads it, escaped at a terminal."""
    shown = "\n".join(harmless(line) for line in content.split("\n")) if sys.stdout.isatty() else content
    click.echo(shown, nl=False)


def answer(content: Any) -> None:
    """Print a value as JSON, numbers of documents in the spelling that they have there."""
    from ..writing import Style, dumps  # most commands answer people

    click.echo(dumps(content, Style(ascii=True)))


def hint(message: str) -> None:
    """Say something beside the point, on standard error."""
    click.echo(harmless(message), err=True)


def complain(message: str, advice: str | None = None) -> None:
    """Say what went wrong, and what to type next, on standard error."""
    colour = _coloured(sys.stderr)
    click.echo(_rendered([Span("mdrepo: ", "bad"), message], colour), err=True, color=colour)
    if advice:
        click.echo(_rendered(["  ", Span(advice, "faint")], colour), err=True, color=colour)


def reporter(quiet: bool) -> Callable[[str], None]:
    """Where long work says what it does: standard error, or nowhere."""
    return (lambda _: None) if quiet else hint
