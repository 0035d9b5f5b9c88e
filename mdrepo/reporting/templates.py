"""Pages from templates, in which nothing from a document can be more than text: the one module that uses Jinja2."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from .lines import harmless


def render(name: str, **values: Any) -> str:
    """The page that a template of `reporting/html` makes of some values; `harmless` shows control and bidirectional characters."""
    return str(_environment().get_template(name).render(**values))


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "review") from None
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "html")
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["harmless"] = harmless
    return made
