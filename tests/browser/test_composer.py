"""The form on a phone and in a zoomed window: one line, which grows, and a sheet for its settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from proof.site import Site
from tests.browser.conftest import is_sideways
from tests.browser.test_look import MOST_SHIFT, WATCH_SHIFTS, shift_of

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
PHONE, ZOOMED = (360, 740), (640, 360)
SIZES = pytest.mark.parametrize("size", [PHONE, ZOOMED])
# Enough of them to be scrolled, without the seconds that pictures take.
LONG = "document.querySelector('.work').style.minHeight = '3000px'"


@pytest.fixture
def open_at(page: Page, log_in: LogIn) -> Callable[[tuple[int, int]], Page]:
    def opened(size: tuple[int, int]) -> Page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.add_init_script(WATCH_SHIFTS)
        log_in(page)
        page.evaluate(LONG)
        return page

    return opened


OpenAt = Callable[[tuple[int, int]], Page]


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def generate(page: Page) -> Locator:
    return page.get_by_role("button", name="Generate")


def opener(page: Page) -> Locator:
    return page.locator(".settings > summary")


def height_of_form(page: Page) -> float:
    box = page.locator("#studio-form").bounding_box()
    assert box
    return box["height"]


def assert_scrolled(page: Page) -> None:
    for _ in range(100):
        if page.evaluate("scrollY") > 100:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the page did not move")


@SIZES
def test_the_form_is_one_line_that_grows_while_one_writes(size: tuple[int, int], open_at: OpenAt) -> None:
    page = open_at(size)
    assert height_of_form(page) < 80
    expect(generate(page)).to_be_in_viewport(ratio=1)
    prompt(page).click()
    assert height_of_form(page) > 150
    for part in (generate(page), opener(page), page.get_by_label("Count", exact=True)):
        expect(part).to_be_in_viewport(ratio=1)
    page.keyboard.type("a lighthouse\n" * 30)
    expect(generate(page)).to_be_in_viewport(ratio=1)
    page.mouse.click(size[0] / 2, 20)
    assert height_of_form(page) < 80
    expect(generate(page)).to_be_in_viewport(ratio=1)
    assert shift_of(page) <= MOST_SHIFT, page.evaluate("window.movers")
    assert not is_sideways(page)


@SIZES
@pytest.mark.parametrize("is_writing", [False, True])
def test_the_wheel_over_the_form_moves_the_page(
    size: tuple[int, int], is_writing: bool, open_at: OpenAt
) -> None:
    page = open_at(size)
    if is_writing:
        prompt(page).click()
    box = page.locator("#studio-form").bounding_box()
    assert box
    page.mouse.move(box["x"] + 30, box["y"] + 25)
    page.mouse.wheel(0, 400)
    assert_scrolled(page)


def test_the_wheel_over_the_column_of_a_wide_window_moves_the_page(open_at: OpenAt) -> None:
    page = open_at((1280, 800))
    page.mouse.move(100, 400)
    # The column first goes to its own end.
    for _ in range(4):
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(150)
    assert_scrolled(page)


@SIZES
def test_the_settings_are_a_sheet_that_gives_the_focus_back(size: tuple[int, int], open_at: OpenAt) -> None:
    page = open_at(size)
    done = page.get_by_role("button", name="Done")
    opener(page).focus()
    page.keyboard.press("Enter")
    expect(done).to_be_focused()
    page.keyboard.press("Escape")
    expect(done).to_be_hidden()
    expect(opener(page)).to_be_focused()
    opener(page).click()
    done.click()
    expect(opener(page)).to_be_focused()
    opener(page).click()
    page.mouse.click(size[0] / 2, 5)
    expect(done).to_be_hidden()
    # Led out of the sheet by key, one is not left behind it.
    opener(page).click()
    page.locator(".more > summary").focus()
    page.keyboard.press("Tab")
    expect(done).to_be_hidden()


def test_a_press_in_the_closed_line_buys_at_once(open_at: OpenAt) -> None:
    page = open_at(PHONE)
    prompt(page).fill("a lighthouse from one line")
    page.get_by_role("link", name="fluxsite").focus()
    assert height_of_form(page) < 80
    generate(page).click()
    expect(page.get_by_text("a lighthouse from one line").last).to_be_attached()
    expect(page.locator("#progress li.press")).to_have_count(1)


def test_what_the_browser_refuses_is_shown(open_at: OpenAt) -> None:
    page = open_at(PHONE)
    prompt(page).fill("a lighthouse, and too many")
    page.get_by_label("Count", exact=True).fill("")
    page.get_by_label("Count", exact=True).evaluate("field => { field.required = true }")
    page.get_by_role("link", name="fluxsite").focus()
    generate(page).click()
    expect(page.get_by_label("Count", exact=True)).to_be_focused()


@SIZES
def test_it_is_accessible_in_each_of_its_states(
    size: tuple[int, int], open_at: OpenAt, faults_of: Callable[[Page], list[str]]
) -> None:
    page = open_at(size)
    assert faults_of(page) == []
    page.set_viewport_size({"width": size[0], "height": size[1]})
    prompt(page).click()
    assert faults_of(page) == []
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opener(page).click()
    assert faults_of(page) == []


@SIZES
def test_without_script_the_form_is_above_the_pictures_and_whole(
    size: tuple[int, int], browser: Browser, log_in: LogIn, site: Site
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(java_script_enabled=False, viewport=viewport) as context:  # type: ignore[arg-type]
        page = context.new_page()
        log_in(page)
        expect(page.get_by_label("Count", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Done")).to_be_hidden()
        opener(page).click()
        expect(page.get_by_role("group", name="Shape")).to_be_visible()
        assert not is_sideways(page)
        generate(page).scroll_into_view_if_needed()
        expect(generate(page)).to_be_in_viewport(ratio=1)
