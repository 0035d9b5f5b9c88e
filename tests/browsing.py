"""A real browser for pages that mdrepo makes: Debian's chromium through Playwright, and what a page must never do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@contextmanager
def browser() -> Iterator[Any]:
    """A running chromium; skips where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: 'apt-get install chromium' brings it")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@dataclass
class Seen:
    """A page that is open, and what it did: what stands in the console, what it asked for, dialogs, popups, errors."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    def clean(self, url: str) -> None:
        assert self.console == []
        assert self.acts == []
        assert [each for each in self.requests if not each.startswith("data:image/png")] == [url]


@contextmanager
def opened(running: Any, url: str, **options: Any) -> Iterator[Seen]:
    """A page in a context of its own; requests to anywhere but the page's own origin are told and not let through."""
    context = running.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    seen = Seen(page)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.acts.append(f"error {error}"))
    page.on("dialog", lambda dialog: (seen.acts.append(f"dialog {dialog.message}"), dialog.dismiss()))
    context.on("page", lambda other: seen.acts.append(f"popup {other.url}") if other is not page else None)
    try:
        page.goto(url)
        yield seen
    finally:
        context.close()


@cache
def _axe() -> Any:
    return pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: pip install -e '.[dev]'"
    ).Axe()


def violations(page: Any) -> list[str]:
    """The serious and critical violations that axe-core finds, each with the first place."""
    found = _axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in ("serious", "critical")]
