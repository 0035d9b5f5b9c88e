"""The page of a review in a real browser: it asks for nothing, runs nothing, and can be read by everybody."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nasty
import pytest
from browsing import browser, opened, violations
from conftest import Result, git, mdrepo

BAD = "script, iframe, frame, object, embed, form, input, button, select, textarea, base, link, video, audio, template, style[src]"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def demo_page(demo_run: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The review of the demo's last commit."""
    page = tmp_path_factory.mktemp("page") / "review.html"
    mdrepo("review", "-o", str(page), cwd=demo_run[0])
    return page.as_uri()


@pytest.fixture(scope="module")
def poisoned_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The review of payloads in every place that takes text."""
    root = tmp_path_factory.mktemp("poisoned")
    nasty.poisoned(root)
    page = root.parent / "poisoned.html"
    mdrepo("review", "-o", str(page), cwd=root)
    return page.as_uri()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: MDREPO_SCREENSHOTS, else with the run's other files."""
    named = os.environ.get("MDREPO_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_review_of_the_demo_opens_and_asks_for_nothing(
    chromium: Any, demo_page: str, pictures: Path, width: int, script: bool
) -> None:
    with opened(chromium, demo_page, viewport={"width": width, "height": 900}, java_script_enabled=script) as seen:
        page = seen.page
        seen.clean(demo_page)
        assert page.title().startswith("Review of ")
        assert page.locator("h2").all_inner_texts() == ["Changes", "What it means", "Parameters", "Evaluation", "Data", "Reproduce"]
        assert page.locator(".examples img").first.get_attribute("src").startswith("data:image/png;base64,")
        assert page.locator("figure svg").count() >= 4
        assert "accuracy" in page.locator("figure svg").first.inner_html()  # text as text
        picture = pictures / f"review-{width}{'' if script else '-without-script'}.png"
        page.screenshot(path=str(picture), full_page=True)
        assert picture.stat().st_size > 50_000
        if script:
            wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_review_is_accessible(chromium: Any, demo_page: str, scheme: str) -> None:
    with opened(chromium, demo_page, color_scheme=scheme, bypass_csp=True) as seen:  # axe itself is a script
        assert violations(seen.page) == []


def test_a_link_leads_to_a_field_and_keys_to_everything(chromium: Any, demo_page: str) -> None:
    field = "metadata/digits.json%23/decision/thresholds/1"
    with opened(chromium, f"{demo_page}#{field}", bypass_csp=True) as seen:
        page = seen.page
        assert "0.45" in page.locator(":target").inner_text()
        links = page.locator("nav a, li a").evaluate_all("all => all.map(a => a.getAttribute('href').slice(1))")
        assert links
        assert all(page.evaluate("id => document.getElementById(id) !== null", link) for link in links)
        page.locator("details.document > summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details.document").first.get_attribute("open") is None
    with opened(chromium, demo_page) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.locator(":focus").inner_text() == "To the changes"


def test_what_is_folded_is_printed(chromium: Any, demo_page: str) -> None:
    with opened(chromium, demo_page) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.locator("nav").first.is_hidden()
        assert len(seen.page.pdf()) > 50_000


@pytest.mark.parametrize("bypass", [False, True])
def test_no_payload_executes(chromium: Any, poisoned_page: str, bypass: bool) -> None:
    """With the page's own policy, and without it: what is escaped needs no policy."""
    with opened(chromium, poisoned_page, bypass_csp=bypass) as seen:
        page = seen.page
        page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        for link in page.locator("nav a").all():
            link.click()
        page.wait_for_timeout(200)
        assert page.evaluate("window.__canary") is None
        assert page.locator(BAD).count() == 0
        attributes = page.evaluate("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())")
        assert not [name for name in attributes if name.startswith("on") or name in ("srcdoc", "formaction", "style")]
        links = page.evaluate(
            "[...document.querySelectorAll('*')].map(e => e.getAttribute('href') ?? e.getAttribute('xlink:href') ?? '#')"
        )
        assert all(link.startswith("#") for link in links)
        assert page.evaluate("[...document.querySelectorAll('img')].every(e => e.src.startsWith('data:image/png'))")
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        text = page.locator("body").inner_text()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", text)
        shown = [each for each in nasty.PAYLOADS if each.isprintable() and len(each) < 60]
        assert len([each for each in shown if each in text]) > 40  # they are there, as text
        assert [each for each in seen.requests if not each.startswith(poisoned_page)] == []
        assert seen.acts == []
        assert seen.console == []


def test_the_page_says_what_it_lets_in(demo_run: tuple[Path, Result]) -> None:
    text = mdrepo("review", "--format", "html", "--no-plots", cwd=demo_run[0]).out
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1] or "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http:" not in text
    assert "https:" not in text
    assert "<svg" not in text


def test_a_merge_is_shown_against_each_parent(chromium: Any, tmp_path: Path) -> None:
    root = tmp_path / "merge"
    root.mkdir()
    base = nasty.forked(root)
    page = tmp_path / "merge.html"
    mdrepo("review", "-o", str(page), cwd=root)
    with opened(chromium, page.as_uri()) as seen:
        seen.clean(page.as_uri())
        titles = seen.page.locator("h1").all_inner_texts()
        assert len(titles) == 2
        assert "Against the other parent" in titles[1]
        ids = seen.page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
    assert git("merge-base", "HEAD^1", "HEAD^2", cwd=root) == base
