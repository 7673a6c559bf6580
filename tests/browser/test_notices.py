"""What happened is said in passing, what holds as long as it holds, and nothing on the page moves for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from proof.site import Site
from tests.browser.test_look import MOST_SHIFT, WATCH_SHIFTS, shift_of

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
SIZES = pytest.mark.parametrize("size", [(360, 740), (640, 360), (1280, 800)])
NO_SUCH = "There is no such picture of yours"


def messages(page: Page) -> Locator:
    return page.locator("#messages .notice")


def make_one(page: Page) -> str:
    """Make a picture and return its address."""
    words = f"a lighthouse {uuid.uuid4().hex[:8]}"
    page.get_by_label("Prompt", exact=True).fill(words)
    page.get_by_role("button", name="Generate").click()
    card = page.locator("li.press", has_text=words)
    expect(card.locator("img[src*='/thumbnail']").first).to_be_attached(timeout=30_000)
    return card.locator("a.shot").first.get_attribute("href") or ""


def install_clock(page: Page) -> None:
    page.clock.install()
    # The clock also takes the place of what says how a page was come to.
    page.add_init_script("performance.getEntriesByType = () => [{ type: 'reload' }]")


@pytest.fixture
def told(page: Page, log_in: LogIn, site: Site) -> Page:
    """A studio that has something to say, and whose clock is the test's."""
    install_clock(page)
    log_in(page)
    page.goto(f"{site.url}/?from={uuid.uuid4()}")
    expect(messages(page)).to_have_count(1)
    expect(messages(page)).to_contain_text(NO_SUCH)
    return page


def test_what_happened_leaves_by_itself_but_not_under_the_pointer_or_the_focus(told: Page) -> None:
    messages(told).hover()
    told.clock.fast_forward(60_000)
    expect(messages(told)).to_have_count(1)
    told.mouse.move(5, 5)
    told.get_by_role("button", name="Hide this message").focus()
    told.clock.fast_forward(60_000)
    expect(messages(told)).to_have_count(1)
    told.get_by_label("Prompt", exact=True).focus()
    # Who has asked for less motion has twice the time.
    told.clock.fast_forward(10_000)
    expect(messages(told)).to_have_count(1)
    told.clock.fast_forward(10_000)
    expect(messages(told)).to_have_count(0)


@pytest.mark.parametrize("way", ["click", "Enter", "Escape"])
def test_what_happened_can_be_dismissed(way: str, told: Page) -> None:
    button = told.get_by_role("button", name="Hide this message")
    if way == "click":
        button.click()
    else:
        button.press(way)
    expect(messages(told)).to_have_count(0)
    expect(told.locator("#main")).to_be_focused()


def test_what_can_be_undone_stays_longer_and_is_reached_by_a_key(
    page: Page, log_in: LogIn, site: Site
) -> None:
    log_in(page)
    make_one(page)
    install_clock(page)
    page.goto(f"{site.url}/gallery/")
    page.locator(".heart").first.focus()
    page.keyboard.press("Enter")
    undo = messages(page).get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    # What is under way would be thought to take that long.
    page.wait_for_load_state("networkidle")
    page.clock.fast_forward(30_000)
    expect(undo).to_be_visible()
    page.keyboard.press("u")
    expect(undo).to_be_focused()
    page.clock.fast_forward(60_000)
    page.keyboard.press("Enter")
    expect(messages(page)).to_contain_text("Undone")
    page.wait_for_load_state("networkidle")
    page.clock.fast_forward(60_000)
    expect(messages(page)).to_have_count(0)


def top_of(page: Page) -> float:
    """Return where the page below the header begins."""
    box = page.locator("main").bounding_box()
    assert box
    return box["y"]


@SIZES
def test_no_notice_moves_anything(
    size: tuple[int, int], page: Page, log_in: LogIn, site: Site, faults_of: Callable[[Page], list[str]]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.add_init_script(WATCH_SHIFTS)
    log_in(page)
    before = top_of(page)
    page.goto(f"{site.url}/?from={uuid.uuid4()}")
    expect(messages(page)).to_be_in_viewport(ratio=1)
    assert top_of(page) == before
    # Led here from a picture, one finds the form grown.
    page.evaluate("window.shifted = 0; window.movers = []")
    # A condition that begins while the page is open.
    page.evaluate("document.getElementById('notice-offline').hidden = false")
    page.evaluate("document.getElementById('notice-broken').hidden = false")
    expect(page.locator("#notice-broken")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Generate")).to_be_in_viewport(ratio=1)
    assert top_of(page) == before
    assert shift_of(page) <= MOST_SHIFT, page.evaluate("window.movers")
    assert faults_of(page) == []


def test_without_script_it_is_in_the_page(browser: Browser, log_in: LogIn, site: Site) -> None:
    with browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        log_in(page)
        page.goto(f"{site.url}/?from={uuid.uuid4()}")
        expect(messages(page)).to_be_visible()
        expect(page.get_by_role("button", name="Hide this message")).to_be_hidden()
        notice = messages(page).bounding_box()
        assert notice
        assert notice["y"] + notice["height"] <= top_of(page)
