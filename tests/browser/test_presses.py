"""One press, one purchase: what a hasty hand and the back button do, in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]


@pytest.fixture
def scriptless(browser: Browser, log_in: LogIn) -> Iterator[Page]:
    """A page on which only the server can tell one press from two."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        open_form(page)
        yield page


def open_form(page: Page) -> None:
    """Begin with a count of 1, whatever the draft has."""
    page.goto(f"{page.url.split('?')[0]}?endpoint=flux-dev&seed_mode=random&prompt=")


def write(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)


def generate(page: Page) -> Locator:
    return page.get_by_role("button", name="Generate")


def cards(page: Page, prompt: str) -> Locator:
    return page.locator("#progress li", has_text=prompt)


def token_of(page: Page) -> str:
    return page.locator("input[name=press]").input_value()


def test_a_double_click_buys_once(page: Page, log_in: LogIn) -> None:
    log_in(page)
    open_form(page)
    write(page, "a hasty lighthouse")
    generate(page).dblclick()
    expect(cards(page, "a hasty lighthouse")).to_be_visible()
    page.reload()
    expect(cards(page, "a hasty lighthouse")).to_have_count(1)


def test_a_double_click_without_script_buys_once(scriptless: Page) -> None:
    write(scriptless, "a scriptless lighthouse")
    generate(scriptless).dblclick()
    scriptless.wait_for_url("**/?pressed=*")
    scriptless.reload()
    expect(cards(scriptless, "a scriptless lighthouse")).to_have_count(1)


def test_a_second_press_buys_again(page: Page, log_in: LogIn) -> None:
    log_in(page)
    open_form(page)
    write(page, "two lighthouses")
    before = token_of(page)
    generate(page).click()
    expect(cards(page, "two lighthouses")).to_have_count(1)
    expect(page.locator("input[name=press]")).not_to_have_value(before)
    generate(page).click()
    expect(cards(page, "two lighthouses")).to_have_count(2)


def test_two_tabs_buy_once(page: Page, log_in: LogIn) -> None:
    log_in(page)
    open_form(page)
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        write(tab, "a lighthouse in two tabs")
        generate(tab).click()
        expect(cards(tab, "a lighthouse in two tabs")).to_have_count(1)
    expect(other.get_by_text("That press was made already")).to_be_visible()
    generate(other).click()
    expect(cards(other, "a lighthouse in two tabs")).to_have_count(2)


def test_going_back_and_pressing_again_buys_only_what_was_changed(scriptless: Page) -> None:
    write(scriptless, "a lighthouse to come back to")
    generate(scriptless).click()
    scriptless.wait_for_url("**/?pressed=*")
    bought = scriptless.url
    scriptless.go_back()
    expect(scriptless.get_by_label("Prompt", exact=True)).to_have_value("a lighthouse to come back to")
    generate(scriptless).click()
    expect(scriptless).to_have_url(bought)
    expect(cards(scriptless, "a lighthouse to come back to")).to_have_count(1)
    scriptless.go_back()
    write(scriptless, "another lighthouse to come back to")
    generate(scriptless).click()
    expect(cards(scriptless, "another lighthouse to come back to")).to_have_count(1)
