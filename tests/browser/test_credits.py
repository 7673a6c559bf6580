"""Credits and usage, in Chromium, on the whole site."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.processes]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = ["/credits/", "/usage/", "/usage/?first=2026-01-01&last=2026-11-22&endpoint=flux-dev"]


@pytest.fixture
def log_in_as_staff(site: Any) -> Any:
    assert site.manage("grant_credits", "admin", "10", "--reason", "For the tests").returncode == 0

    def log_in(page: Page) -> None:
        page.goto(site.url)
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(site.password_of("admin"))
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{site.url}/")

    return log_in


def buy(page: Page, site: Any, prompt: str) -> None:
    page.goto(f"{site.url}/?endpoint=flux-dev")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#progress li", has_text=prompt)).to_be_visible()


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [f"{item['id']}: {node['html'][:100]}" for item in found["violations"] for node in item["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_credits_and_usage_are_accessible_and_fit_a_phone(
    scheme: Any, page: Page, log_in_as_staff: Any, site: Any, axe: str
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    log_in_as_staff(page)
    buy(page, site, f"a ledger in {scheme}")
    for path in PAGES:
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            page.goto(f"{site.url}{path}")
            for fold in page.locator("main details").all():
                fold.evaluate("fold => fold.open = true")
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), (path, width)
            assert violations(page, axe) == [], (path, width)


def test_a_bar_tells_its_day_when_it_is_pointed_at(page: Page, log_in_as_staff: Any, site: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    log_in_as_staff(page)
    buy(page, site, "a bar to point at")
    page.goto(f"{site.url}/credits/")
    for place in ("first", "last"):
        bar = getattr(page.locator(".chart .bar"), place)
        bar.locator(".place").hover()
        expect(bar.locator(".words")).to_have_css("opacity", "1")
        box = bar.locator(".words").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_the_keyboard_alone_changes_what_is_shown(page: Page, log_in_as_staff: Any, site: Any) -> None:
    log_in_as_staff(page)
    buy(page, site, "a filter by keyboard")
    page.goto(f"{site.url}/usage/")
    page.get_by_label("Model", exact=True).focus()
    page.keyboard.type("Dev")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Show").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**endpoint=flux-dev**")
    page.get_by_role("link", name="Show every endpoint again").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "endpoint" not in url)


def test_usage_works_without_script(browser: Browser, site: Any, log_in_as_staff: Any) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in_as_staff(page)
        page.goto(f"{site.url}/usage/")
        page.get_by_label("Model", exact=True).select_option("flux-pro")
        page.get_by_role("button", name="Show").click()
        assert "endpoint=flux-pro" in page.url
        page.goto(f"{site.url}/credits/")
        with page.expect_download() as download:
            page.get_by_role("link", name="All as CSV").click()
        assert download.value.suggested_filename.startswith("fluxsite-credits-")
