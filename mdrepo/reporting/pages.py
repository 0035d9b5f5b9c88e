"""A review as one page of HTML, whole in itself: by a template.

All that comes from a repository is text: control characters become visible, Jinja2 escapes the rest, and a policy in the page
(https://www.w3.org/TR/CSP3/) lets it load nothing, run nothing, and use no style but its own, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .. import pointers
from . import outlines, words
from .lines import Span
from .templates import render

if TYPE_CHECKING:
    from ..changes import Change
    from ..reviews import Item, Judged, Review

_HERE = Path(__file__).parent
_VALUE = 200
_ROWS = 200
_ALL_ROWS = 3_000
_DOCUMENTS = 500
_OPENED = 12
_MODELS = 20
_PLOTS = 16
"""How many plots a page has at most, as each takes some hundredths of a second; those of the worst models come first."""
_NAME = 400


def page(found: Review, *, plots: bool = True) -> str:
    """The page; raises MissingExtra."""
    drawn = _Drawn(plots)
    rows = _Rows(_ALL_ROWS)
    limits = {"most": _ROWS, "longest": _VALUE, "most_plots": _PLOTS, "documents": _DOCUMENTS, "opened": _OPENED, "models": _MODELS}
    names = {"target": _Targets(found).target, "cut": outlines.cut, "anchor": anchor, "pointer_of": pointers.build}
    known = {"outlines": outlines, "classes": outlines.CLASSES}
    helpers = {"once": _Once().named, "worded": _worded, "encoded": _encoded, "room": rows.room, "dropped": rows.dropped}
    made = render(
        "review.html",
        review=found,
        **limits,
        **known,
        **names,
        **helpers,
        plots=drawn.of_model,
        distributions=drawn.distributions,
        spent=drawn.spent,
        style=_STYLE,
        policy=_POLICY,
    )
    style = (_HERE / "html/review.css").read_text(encoding="utf-8") + drawn.style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    head, _, rest = made.lstrip().partition("</head>")  # what is in the head is ours, but for the title, which is ids
    return f"{head.replace(_POLICY, policy).replace(_STYLE, style)}</head>{rest}"


_STYLE = "mdrepo-style"
_POLICY = "mdrepo-policy"


def anchor(prefix: str, path: str, pointer: str | None = None) -> str:
    """The id of a document or of a field in it: as it is named, with what a link may not have escaped."""
    name = f"{path}#{pointer}" if pointer is not None else path
    if len(name) > _NAME:
        name = f"{name[:_NAME]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return prefix + quote(name.encode("utf-8", "surrogatepass"), safe="/")


class _Once:
    """The names that elements have: of several changes at one place, as of an item that moved and was changed, the first."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def named(self, name: str) -> Any:
        """The attribute with the name; nothing where another element has it."""
        from markupsafe import Markup

        if name in self._taken:
            return ""
        self._taken.add(name)
        return Markup(' id="{}"').format(name)


class _Targets:
    """Where a link to a field leads: to its row, to the first one below it, to the one that it is part of, or to its document."""

    def __init__(self, found: Review) -> None:
        self._shown: dict[tuple[str, str], list[str]] = {}
        for place, each in enumerate((found, *found.against)):
            for document in each.changed:
                rows = [pointers.build(item.change.shown_path) for section in document.sections for item in section.items]
                self._shown[f"parent{place}-" if place else "", document.path] = rows

    def target(self, prefix: str, path: str, pointer: str) -> str:
        rows = self._shown.get((prefix, path))
        if rows is None:
            return f"{prefix}changes"
        below = next((row for row in rows if row == pointer or row.startswith(f"{pointer}/")), None)
        around = next((row for row in rows if row and pointer.startswith(f"{row}/")), None)
        return anchor(prefix, path, below or around)


def _encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _worded(change: Change) -> list[list[Span]]:
    """A long text that changed, by word; nothing for any other change."""
    if change.kind != "changed" or not words.are_long(change.old, change.new):
        return []
    return [[_bare(part) for part in line] for line in words.compared(change.old, change.new)]


def _bare(part: Span | str) -> Span:
    """A piece of a text without the marks that a terminal needs."""
    if isinstance(part, str):
        return Span(part)
    return Span(part.text[2:-2], part.style) if part.style in ("bad", "good") else part


class _Rows:
    """How many changes are shown: so many a section, and so many in all."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._dropped = 0

    def room(self, items: Sequence[Item]) -> Sequence[Item]:
        shown = items[: min(_ROWS, self._left)]
        self._left -= len(shown)
        self._dropped = len(items) - len(shown)
        return shown

    def dropped(self) -> int:
        return self._dropped


class _Drawn:
    """The plots of a page, and the styles that they use."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._count = 0
        self._left = _PLOTS
        self.style = ""

    def of_model(self, each: Judged) -> list[tuple[str, Any]]:
        if not self._wanted or self._left <= 0:
            return []
        from . import plots

        return self._marked(plots.of_model(each, self._salt(), self._left))

    def distributions(self, found: Review) -> list[tuple[str, Any]]:
        if not self._wanted or not found.distributions or self._left <= 0:
            return []
        from . import plots

        return self._marked(plots.distributions(found.distributions[: self._left], self._salt()))

    def spent(self) -> bool:
        """Whether there was no room for a plot any more."""
        return self._wanted and self._left <= 0

    def _salt(self) -> str:
        self._count += 1
        return str(self._count)

    def _marked(self, found: Sequence[tuple[str, str, str]]) -> list[tuple[str, Any]]:
        from markupsafe import Markup  # Jinja2's own

        self._left -= len(found)
        for _, _, style in found:
            self.style += style
        return [(name, Markup(drawing)) for name, drawing, _ in found]  # noqa: S704 - of our own making, its texts escaped
