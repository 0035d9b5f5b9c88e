"""The one place that prints: lines to standard output, progress and hints to standard error, everything escaped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from ..reporting.lines import Line, Span, harmless, plain
from . import terminal

_COLOURS: dict[str, dict[str, Any]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


def _rendered(line: Line, colour: bool) -> str:
    if not colour:
        return plain(line)
    parts = (span if isinstance(span, Span) else Span(span) for span in line)
    return "".join(click.style(harmless(part.text), **_COLOURS.get(part.style, {})) for part in parts)


def _texts(lines: Iterable[Line]) -> Iterator[str]:
    colour = terminal.coloured(sys.stdout)
    return (_rendered(line, colour) + "\n" for line in lines)


def show(lines: Iterable[Line]) -> None:
    """Print lines, at a terminal as they come."""
    if not sys.stdout.isatty():
        sys.stdout.writelines(_texts(lines))
        sys.stdout.flush()
        return
    for each in _texts(lines):
        _write(each)


def _write(each: str) -> None:
    sys.stdout.write(each)
    sys.stdout.flush()


def page(lines: Iterable[Line]) -> None:
    """Print lines through the user's pager at a terminal, as git does; else as they come."""
    _paged(_texts(lines)) if sys.stdout.isatty() else show(lines)


def _paged(texts: Iterable[str]) -> None:
    with terminal.paged() as pager:
        for each in texts:
            pager.write(each) if pager else _write(each)


def plainly(lines: Iterable[Line]) -> str:
    """Lines as text for a file, escaped and without colours."""
    return "".join(plain(line) + "\n" for line in lines)


def text(content: str) -> None:
    """Print a document's own text, byte for byte where nobody reads it, escaped at a terminal, and paged where it is long."""
    if sys.stdout.isatty():
        _paged(harmless(line) + end for line, end in _ended_lines(content))
    else:
        click.echo(content, nl=False)


def _ended_lines(content: str) -> Iterator[tuple[str, str]]:
    *lines, last = content.split("\n")
    yield from ((line, "\n") for line in lines)
    if last:
        yield last, ""


def records(found: Iterable[str], end: str) -> None:
    """Print what programs read, byte for byte as git names paths, never coloured or paged."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(each.encode("utf-8", "surrogateescape") + end.encode() for each in found)
    sys.stdout.buffer.flush()


def answer(content: Any) -> None:
    """Print a value as JSON, numbers of documents in the spelling that they have there."""
    from ..writing import Style, dumps  # most commands answer people

    click.echo(dumps(content, Style(ascii=True)))


def hint(message: str) -> None:
    """Say something beside the point, on standard error."""
    click.echo(harmless(message), err=True)


def complain(message: str, advice: str | None = None) -> None:
    """Say what went wrong, and what to type next, on standard error."""
    colour = terminal.coloured(sys.stderr)
    click.echo(_rendered([Span("mdrepo: ", "bad"), message], colour), err=True, color=colour)
    if advice:
        click.echo(_rendered(["  ", Span(advice, "faint")], colour), err=True, color=colour)


def reporter(quiet: bool, verbose: bool = False) -> Callable[[str], None]:
    """Where long work says what it does: standard error. Progress, which ends in dots, is for people who watch it."""

    def report(message: str) -> None:
        if verbose or not message.endswith(("...", " s left")) or terminal.progresses():
            hint(message)

    return (lambda _: None) if quiet else report
