"""Credits and usage, in Chromium, on the whole site."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PAGES = ["/credits/", "/usage/", "/usage/?first=2026-01-01&last=2026-11-22&endpoint=flux-dev"]


def buy(page: Page, site: Any, prompt: str) -> None:
    page.goto(f"{site.url}/?endpoint=flux-dev")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#progress li", has_text=prompt)).to_be_visible()


def test_credits_and_usage_are_accessible_and_fit_a_phone(
    page: Page, log_in_as_staff: Any, site: Any, faults_of: Any
) -> None:
    log_in_as_staff(page)
    buy(page, site, "a ledger for everybody")
    for path in PAGES:
        page.goto(f"{site.url}{path}")
        for fold in page.locator("main details").all():
            fold.evaluate("fold => fold.open = true")
        assert faults_of(page) == [], path


def test_a_bar_tells_its_day_when_it_is_pointed_at(page: Page, log_in_as_staff: Any, site: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    log_in_as_staff(page)
    buy(page, site, "a bar to point at")
    page.goto(f"{site.url}/credits/")
    for place in ("first", "last"):
        bar = getattr(page.locator(".chart .bar"), place)
        # Above what was spent there, which on the last of a month is today.
        bar.locator(".place").hover(position={"x": 4, "y": 4})
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
