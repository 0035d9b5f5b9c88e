"""Pages from templates, in which nothing from a document can be more than text: the one module that uses Jinja2."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from .lines import harmless


def render(name: str, **values: Any) -> str:
    """The page that a template of `reporting/html` makes of some values, control and bidirectional characters made visible."""
    return str(_environment().get_template(name).render(**values))


def _visible(value: Any) -> Any:
    """What a template prints; what is mark-up already stays as it is."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "\n".join(map(harmless, value.split("\n")))  # a line end is white space in HTML


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "review") from None
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "html", encoding="utf-8")
    undefined = jinja2.StrictUndefined
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=undefined, trim_blocks=True, lstrip_blocks=True, finalize=_visible
    )
