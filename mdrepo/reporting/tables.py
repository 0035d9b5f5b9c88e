"""Rows to a table of text: the one module that uses rich."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextvars import ContextVar

from .lines import harmless

WIDTH: ContextVar[int | None] = ContextVar("width", default=None)
"""The columns of the terminal that tables are for; None: nobody's, and each is as wide as it asks to be."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 100, right: Sequence[int] = ()) -> list[str]:
    """The lines of a table; columns in `right` are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = WIDTH.get() or width
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(harmless(cell)) for cell in row))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False).print(made)
    return [line.rstrip() for line in out.getvalue().splitlines()]
