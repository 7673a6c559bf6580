"""What a person does, in Chromium, on the whole site."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from generations import bfl
from proof.site import Site
from tests.browser.conftest import PASSWORD, Member, is_sideways

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
FaultsOf = Callable[[Page], list[str]]


def press(page: Page, prompt: str, endpoint: str) -> None:
    page.goto(f"{page.url.split('?')[0]}?endpoint={endpoint}")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Generate").click()


def picture(page: Page, prompt: str) -> Any:
    return page.locator("#progress li", has_text=prompt).locator("img[src*='/thumbnail'], img[src*='/image']")


def test_from_login_to_six_pictures_without_a_reload(page: Page, log_in: LogIn, site: Site) -> None:
    log_in(page)
    prompts = {endpoint: f"({endpoint}) a lighthouse" for endpoint in bfl.ENDPOINTS}
    for endpoint, prompt in prompts.items():
        press(page, prompt, endpoint)
        expect(page.locator("#progress li", has_text=prompt)).to_be_visible()
    page.evaluate("window.isTheSamePage = true")
    for prompt in prompts.values():
        expect(picture(page, prompt)).to_be_visible(timeout=20_000)
    assert page.evaluate("window.isTheSamePage")


def test_the_card_has_the_size_of_its_picture_from_the_start(page: Page, log_in: LogIn) -> None:
    log_in(page)
    press(page, "a lighthouse that does not jump", "flux-dev")
    card = page.locator("#progress li", has_text="a lighthouse that does not jump")
    before = card.bounding_box()
    expect(picture(page, "a lighthouse that does not jump")).to_be_visible(timeout=20_000)
    after = card.bounding_box()
    assert before is not None
    assert after is not None
    assert (before["x"], before["y"], before["width"]) == (after["x"], after["y"], after["width"])
    assert abs(before["height"] - after["height"]) <= 1


def test_the_keyboard_alone_gets_a_picture_and_back(page: Page, log_in: LogIn, site: Site) -> None:
    log_in(page)
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.type("a lighthouse by keyboard")
    page.keyboard.press("Control+Enter")
    expect(picture(page, "a lighthouse by keyboard")).to_be_visible(timeout=20_000)
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.locator("#progress li a").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    # Whoever goes back comes to look.
    expect(page.get_by_label("Prompt", exact=True)).not_to_be_focused()


def test_a_newcomer_gets_three_in_a_wide_format_by_few_keys(page: Page, site: Site, member: Member) -> None:
    prompt = page.get_by_label("Prompt", exact=True)
    page.goto(f"{site.url}/accounts/login/")
    page.keyboard.type(member.name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(prompt).to_be_focused()
    # Out of the form, and back.
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Your pictures appear here")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("a lighthouse at first sight")
    for key in ["Tab", "Tab", "ArrowLeft", "ArrowLeft", "ArrowLeft"]:
        page.keyboard.press(key)
    expect(page.get_by_label("16:9")).to_be_checked()
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Count", exact=True)).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Generate 3 · 12 credits")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    press = page.locator("#progress li.press.wide", has_text="a lighthouse at first sight")
    expect(press.locator("ul.cards > li")).to_have_count(3)


def test_a_key_held_down_buys_once(page: Page, log_in: LogIn) -> None:
    log_in(page)
    page.goto(f"{page.url}?seed_mode=locked&seed=7")
    page.get_by_label("Prompt", exact=True).fill("a lighthouse, once")
    page.keyboard.down("Control")
    for _ in range(12):
        page.keyboard.down("Enter")
        page.wait_for_timeout(60)
    page.keyboard.up("Enter")
    page.keyboard.up("Control")
    page.get_by_label("Seed").focus()
    page.keyboard.press("Enter")
    cards = page.locator("#progress li", has_text="a lighthouse, once")
    expect(cards.first).to_be_visible()
    page.wait_for_timeout(500)
    expect(cards).to_have_count(1)


def test_a_prompt_without_spaces_breaks_no_page(page: Page, log_in: LogIn, site: Site) -> None:
    log_in(page)
    press(page, "W" * 600, "flux-pro-1.1")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#progress li a").first).to_be_visible()
    for path in ["/", "/credits/", page.locator("#progress li a").first.get_attribute("href")]:
        page.goto(f"{site.url}{path}")
        assert not is_sideways(page), path


def test_a_refusal_stands_at_its_field_and_costs_nothing(page: Page, log_in: LogIn) -> None:
    log_in(page)
    press(page, " ", "flux-dev")
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_attribute("aria-invalid", "true")
    expect(prompt).to_be_focused()
    expect(page.get_by_text("Write what you want to see.").first).to_be_visible()
    assert page.locator("#progress li", has_text="Write what").count() == 0


def test_another_model_brings_its_settings_and_keeps_the_prompt(page: Page, log_in: LogIn) -> None:
    log_in(page)
    page.get_by_label("Prompt", exact=True).fill("a lighthouse that stays")
    models = page.get_by_role("group", name="Model")
    models.locator("summary").click()
    models.get_by_text("Dev", exact=True).click()
    expect(page.get_by_label("Width")).to_have_value("1024")
    expect(page.get_by_role("button", name="Generate")).to_contain_text("2.5 credits")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a lighthouse that stays")


def test_an_ended_session_leads_to_the_login_and_not_into_the_panel(page: Page, log_in: LogIn) -> None:
    log_in(page)
    page.context.clear_cookies(name=re.compile("^sessionid"))
    page.get_by_label("Prompt", exact=True).fill("a lighthouse too late")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/accounts/login/**")


def test_it_works_without_script(browser: Browser, site: Site, log_in: LogIn) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.get_by_label("Prompt", exact=True).fill("a lighthouse without script")
        page.get_by_role("button", name="Generate").click()
        expect(page.locator("#progress li", has_text="a lighthouse without script")).to_be_visible()
        for _ in range(20):
            page.wait_for_timeout(500)
            page.reload()
            if picture(page, "a lighthouse without script").count():
                break
        picture(page, "a lighthouse without script").click()
        expect(page.get_by_role("link", name="Download")).to_be_visible()


def test_every_page_is_accessible_and_fits_a_phone(
    page: Page, log_in: LogIn, site: Site, faults_of: FaultsOf
) -> None:
    page.goto(f"{site.url}/accounts/login/")
    assert faults_of(page) == []
    log_in(page)
    press(page, "a lighthouse for everybody", "flux-pro-1.1")
    expect(picture(page, "a lighthouse for everybody")).to_be_visible(timeout=20_000)
    pages = ["/", "/?endpoint=flux-pro", "/gallery/", "/credits/", "/accounts/password/change/", "/nowhere/"]
    for path in [*pages, page.locator("#progress li a").first.get_attribute("href")]:
        page.goto(f"{site.url}{path}")
        assert faults_of(page) == [], path


def test_the_gallery_and_the_viewer_show_the_whole_picture(
    page: Page, log_in: LogIn, site: Site, context: BrowserContext
) -> None:
    log_in(page)
    press(page, "a lighthouse for the wall", "flux-pro-1.1")
    expect(picture(page, "a lighthouse for the wall")).to_be_visible(timeout=20_000)
    page.goto(f"{site.url}/gallery/")
    page.locator("main li a").first.click()
    image = page.locator("img[src$='/image']")
    expect(image).to_be_visible()
    expect(page.locator("img[src$='/image']")).to_have_js_property("naturalWidth", 1024)
