"""What holds for the look of every page, in Chromium: nothing jumps, nothing flashes, little is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, expect

from proof.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
PAGES = [
    "/",
    "/gallery/",
    "/gallery/months/",
    "/gallery/trash/",
    "/credits/",
    "/accounts/password/change/",
    "/nowhere/",
]
MOST_SHIFT = 0.02
MOST_REQUESTS = 12
MOST_SCRIPT, MOST_STYLE = 40 * 1024, 15 * 1024

# Adds up how far things moved that nobody had touched, as browsers judge it, from the first paint on.
WATCH_SHIFTS = """
window.shifted = 0;
window.movers = [];
const name = ({ node, previousRect, currentRect }) =>
  `${node?.outerHTML?.slice(0, 80)} ${JSON.stringify(previousRect)} -> ${JSON.stringify(currentRect)}`;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.shifted += entry.value;
    window.movers.push(...entry.sources.map(name));
  }
}).observe({ type: "layout-shift", buffered: true });
"""


def shift_of(page: Page) -> float:
    """Return how far the page has shifted since it was opened with WATCH_SHIFTS."""
    page.wait_for_timeout(600)
    return float(page.evaluate("window.shifted"))


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_jumps_when_a_page_is_opened(
    width: int, page: Page, log_in_as_staff: LogIn, site: Site
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.add_init_script(WATCH_SHIFTS)
    page.goto(f"{site.url}/accounts/login/")
    assert shift_of(page) <= MOST_SHIFT
    # Who sees all pages.
    log_in_as_staff(page)
    kept, thrown_away = make_two(page)
    page.goto(f"{site.url}{thrown_away}")
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    for path in [*PAGES, "/usage/", kept]:
        page.goto(f"{site.url}{path}")
        assert shift_of(page) <= MOST_SHIFT, (path, page.evaluate("window.movers"))


def make_two(page: Page) -> list[str]:
    """Make two pictures and return their addresses."""
    words = f"two lighthouses {uuid.uuid4().hex[:8]}"
    page.get_by_label("Prompt", exact=True).fill(words)
    page.get_by_label("Count", exact=True).fill("2")
    page.get_by_role("button", name="Generate").click()
    press = page.locator("#progress li.press", has_text=words)
    expect(press.locator("img[src*='/thumbnail']")).to_have_count(2, timeout=20_000)
    return [shot.get_attribute("href") or "" for shot in press.locator("a.shot").all()]


def test_nothing_jumps_from_the_press_to_the_picture(page: Page, log_in: LogIn) -> None:
    page.add_init_script(WATCH_SHIFTS)
    log_in(page)
    page.get_by_label("Prompt", exact=True).fill("a lighthouse that stays where it is")
    page.get_by_role("button", name="Generate").click()
    card = page.locator("#progress li.press", has_text="a lighthouse that stays where it is")
    card.wait_for()
    page.evaluate("window.shifted = 0")
    card.locator("img[src*='/thumbnail']").wait_for(timeout=20_000)
    assert shift_of(page) <= MOST_SHIFT


@pytest.mark.parametrize(("chosen", "system"), [("dark", "light"), ("light", "dark")])
def test_the_chosen_theme_is_there_before_anything_is_painted(
    chosen: str, system: Any, browser: Browser, site: Site
) -> None:
    with browser.new_context(color_scheme=system) as context:
        page = context.new_page()
        page.goto(f"{site.url}/accounts/login/")
        before = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.evaluate("theme => localStorage.setItem('theme', theme)", chosen)
        # The first thing after <head>: nothing has been painted by then.
        page.add_init_script("""
            new MutationObserver((_, observer) => {
              if (!document.body) return;
              window.first = getComputedStyle(document.documentElement).backgroundColor;
              observer.disconnect();
            }).observe(document, { childList: true, subtree: true });
        """)
        page.reload()
        now = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert page.evaluate("window.first") == now != before


def test_without_script_the_theme_follows_the_system(browser: Browser, site: Site) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(f"{site.url}/accounts/login/")
            grounds.add(page.screenshot(clip={"x": 4, "y": 4, "width": 1, "height": 1}))
    assert len(grounds) == 2


def test_the_first_view_of_the_studio_asks_for_little(
    browser: Browser, page: Page, log_in: LogIn, site: Site
) -> None:
    log_in(page)
    asked: list[Request] = []
    with browser.new_context(storage_state=page.context.storage_state()) as context:
        fresh = context.new_page()
        fresh.on("request", lambda request: asked.append(request))
        fresh.goto(site.url, wait_until="networkidle")
    own = [request.url for request in asked if "/g/" not in request.url and request.url.startswith("http")]
    assert len(own) <= MOST_REQUESTS, own
    assert weight(own, ".js") <= MOST_SCRIPT
    assert weight(own, ".css") <= MOST_STYLE


def weight(addresses: list[str], ending: str) -> int:
    """Return the bytes of all files with that ending as they travel, compressed."""
    files = [address for address in addresses if address.endswith(ending)]
    assert files
    answers = [requests.get(address, headers={"Accept-Encoding": "gzip"}, stream=True) for address in files]
    return sum(len(answer.raw.read(decode_content=False)) for answer in answers)


TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter((part) => document.documentElement.scrollWidth > innerWidth
        && part.getBoundingClientRect().right > innerWidth)
    .map((part) => part.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("path", PAGES)
def test_at_twice_the_size_nothing_runs_out_of_the_window(
    path: str, page: Page, log_in: LogIn, site: Site
) -> None:
    log_in(page)
    # 1280 pixels at 200 %, and words twice as large besides.
    page.set_viewport_size({"width": 640, "height": 400})
    page.goto(f"{site.url}{path}")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(TOO_WIDE) == []
