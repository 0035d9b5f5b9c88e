"""Pages from templates, in which nothing from a document can be more than text: the one module that uses Jinja2."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from .lines import harmless

_FOLDER = Path(__file__).parent / "html"


def render(name: str, **values: Any) -> str:
    """The page that a template of `reporting/html` makes of some values; `harmless` shows control and bidirectional characters."""
    return str(_environment().get_template(name).render(**values))


def render_visibly(name: str, **values: Any) -> str:
    """As render, but control and bidirectional characters, line ends too, are shown in all that the template prints."""
    return str(_environment(visibly=True).get_template(name).render(**values))


def ready(text: str) -> Any:
    """Mark-up of our own making, which a template prints as it is."""
    from markupsafe import Markup  # Jinja2's own

    return Markup(text)  # noqa: S704


def source(name: str) -> str:
    """The text of another file beside the templates."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def _visible(value: Any) -> Any:
    return harmless(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _environment(*, visibly: bool = False) -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "review") from None
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible if visibly else None,
    )
    made.filters["harmless"] = harmless
    return made
