"""The viewer in Chromium: over the wall and as a page, by key, by touch and without script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from proof.site import Site
from sandbox import Sandbox
from tests.browser.conftest import Member, is_sideways, violations
from tests.browser.test_journeys import press

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
NAMES = ("first", "second", "third")
SEARCH = "/gallery/?q=viewerlighthouse"


@pytest.fixture(scope="module")
def member(members: Iterator[Member]) -> Member:
    """One for all tests here: the three pictures are made once."""
    return next(members)


@pytest.fixture(scope="module")
def made() -> set[str]:
    """The names of the pictures that are on the wall already."""
    return set()


@pytest.fixture
def wall(page: Page, log_in: LogIn, site: Site, made: set[str]) -> Page:
    """A page with three pictures of a search, the third one first."""
    log_in(page)
    for name in NAMES:
        if name not in made:
            press(page, f"viewerlighthouse {name}", "flux-dev")
            card = page.locator("#progress li", has_text=f"viewerlighthouse {name}")
            expect(card.locator("img[src*='/thumbnail']").first).to_be_visible(timeout=30_000)
            made.add(name)
    page.goto(site.url + SEARCH)
    expect(page.locator(".wall a.shot")).to_have_count(3)
    return page


def shown(page: Page) -> Locator:
    return page.locator("dialog[open] [data-viewer]")


def opened(page: Page, number: int) -> Locator:
    page.locator(".wall a.shot").nth(number).click()
    expect(shown(page)).to_be_visible()
    return shown(page)


def prompt(name: str) -> re.Pattern[str]:
    return re.compile(f"viewerlighthouse {name}")


def test_it_opens_over_the_wall_and_closes_to_the_same_place(wall: Page) -> None:
    wall.evaluate("window.isTheSamePage = true")
    expect(opened(wall, 1).locator("#prompt-text")).to_have_text(prompt("second"))
    expect(wall).to_have_url(re.compile(r"/g/[0-9a-f-]{36}/\?q=viewerlighthouse$"))
    wall.keyboard.press("Escape")
    expect(shown(wall)).to_have_count(0)
    expect(wall).to_have_url(re.compile(r"/gallery/\?q=viewerlighthouse"))
    expect(wall.locator(".wall a.shot").nth(1)).to_be_focused()
    assert wall.evaluate("window.isTheSamePage")


def test_the_back_button_closes_it_and_forward_opens_it_again(wall: Page) -> None:
    opened(wall, 0)
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))
    wall.go_back()
    expect(shown(wall)).to_have_count(0)
    # The wall follows the picture that was shown.
    expect(wall.locator(".wall a.shot").nth(1)).to_be_focused()
    wall.go_forward()
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))


def test_it_survives_a_reload_and_still_leads_back(wall: Page) -> None:
    opened(wall, 2)
    wall.reload()
    expect(wall.locator("main [data-viewer] #prompt-text")).to_have_text(prompt("first"))
    wall.go_back()
    expect(wall.locator(".wall a.shot")).to_have_count(3)


def test_keys_lead_through_the_search_and_stop_at_its_ends(wall: Page) -> None:
    opened(wall, 0)
    for name in ("second", "first", "first"):
        wall.keyboard.press("ArrowRight")
        expect(shown(wall).locator("#prompt-text")).to_have_text(prompt(name))
    wall.keyboard.press("ArrowLeft")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))


def test_a_key_hides_the_details_and_the_next_picture_keeps_it_so(wall: Page) -> None:
    opened(wall, 0)
    expect(shown(wall).locator("#panel")).to_be_visible()
    wall.keyboard.press("i")
    expect(shown(wall).locator("#panel")).to_be_hidden()
    expect(shown(wall).get_by_role("button", name="Details")).to_have_attribute("aria-expanded", "false")
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))
    expect(shown(wall).locator("#panel")).to_be_hidden()
    wall.keyboard.press("i")
    expect(shown(wall).locator("#panel")).to_be_visible()


def scale_of(page: Page) -> float:
    image = "document.querySelector('dialog img.size')"
    return float(page.evaluate(f"new DOMMatrix(getComputedStyle({image}).transform).a"))


def test_it_zooms_by_key_wheel_button_and_double_click(wall: Page) -> None:
    opened(wall, 0)
    assert scale_of(wall) == 1
    wall.keyboard.press("+")
    by_key = scale_of(wall)
    assert by_key > 1
    wall.keyboard.press("-")
    assert scale_of(wall) == 1
    stage = shown(wall).locator(".view-stage")
    stage.hover()
    wall.mouse.wheel(0, -300)
    expect(wall.locator("[data-zoomed]")).to_have_count(1)
    wall.keyboard.press("0")
    assert scale_of(wall) == 1
    stage.dblclick()
    assert scale_of(wall) >= 2
    shown(wall).get_by_role("button", name="Zoom").click()
    assert scale_of(wall) == 1


def test_what_is_zoomed_is_moved_by_hand_and_not_lost(wall: Page) -> None:
    opened(wall, 0)
    stage = shown(wall).locator(".view-stage")
    stage.dblclick()
    wall.mouse.down()
    wall.mouse.move(2000, 2000, steps=4)
    wall.mouse.up()
    box = stage.bounding_box()
    image = shown(wall).locator("img.size").bounding_box()
    assert box is not None
    assert image is not None
    assert image["x"] <= box["x"] + 1
    assert image["x"] + image["width"] >= box["x"] + box["width"] - 1


def moved(page: Page) -> tuple[float, float]:
    matrix = "new DOMMatrix(getComputedStyle(document.querySelector('dialog img.size')).transform)"
    x, y = page.evaluate(f"(({{e, f}}) => [e, f])({matrix})")
    return x, y


def test_arrows_lead_across_what_is_zoomed_and_else_to_the_next(wall: Page) -> None:
    opened(wall, 0)
    shown(wall).locator(".view-stage").dblclick(position={"x": 300, "y": 300})
    for key, axis, sign in (("Right", 0, -1), ("Left", 0, 1), ("Down", 1, -1), ("Up", 1, 1)):
        before = moved(wall)
        wall.keyboard.press(f"Arrow{key}")
        assert (moved(wall)[axis] - before[axis]) * sign > 0, key
        assert moved(wall)[1 - axis] == before[1 - axis]
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("third"))
    wall.keyboard.press("0")
    wall.keyboard.press("ArrowDown")
    assert moved(wall) == (0, 0)
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))


def test_the_wall_opens_around_a_picture_that_it_had_not_come_to(wall: Page) -> None:
    opened(wall, 0)
    wall.locator("li[data-picture]").nth(1).evaluate("item => item.remove()")
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))
    address = wall.locator("dialog [data-back]").get_attribute("href")
    wall.keyboard.press("Escape")
    expect(wall).to_have_url(re.compile(re.escape(str(address))))
    expect(wall.locator(".wall a.shot")).to_have_count(3)
    expect(wall.locator(".wall a.shot").nth(1)).to_be_focused()


def test_the_trash_of_a_picture_that_the_wall_had_not_come_to_is_undone_there(wall: Page) -> None:
    opened(wall, 0)
    wall.locator("li[data-picture]").nth(1).evaluate("item => item.remove()")
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("second"))
    wall.keyboard.press("Backspace")
    wall.get_by_role("button", name="Undo").click()
    expect(wall.get_by_text("Undone.")).to_be_visible()
    expect(wall.locator(".wall a.shot")).to_have_count(3)


def test_the_keys_are_listed_over_the_wall_and_close_by_themselves(wall: Page) -> None:
    for is_page in (False, True):
        if is_page:
            wall.reload()
        else:
            opened(wall, 0)
        wall.keyboard.press("?")
        keys = wall.get_by_role("dialog", name="Keyboard")
        expect(keys).to_be_visible()
        wall.keyboard.press("ArrowRight")
        wall.keyboard.press("Escape")
        expect(keys).to_be_hidden()
        expect(wall.locator("[data-viewer] #prompt-text")).to_have_text(prompt("third"))


def test_backspace_puts_it_in_the_trash_but_not_while_a_tag_is_written(wall: Page) -> None:
    opened(wall, 1)
    tag = shown(wall).locator("#order-tag")
    tag.fill("xy")
    tag.press("Backspace")
    expect(tag).to_have_value("x")
    shown(wall).focus()
    wall.keyboard.press("Backspace")
    expect(wall.locator(".wall a.shot:visible")).to_have_count(2)
    expect(wall.locator(".wall a.shot").nth(2)).to_be_focused()
    wall.get_by_role("button", name="Undo").click()
    expect(wall.locator(".wall a.shot:visible")).to_have_count(3)
    expect(wall.get_by_text("Undone.")).to_be_visible()


def test_tags_are_written_one_after_the_other_and_taken_off(wall: Page) -> None:
    opened(wall, 1)
    wall.keyboard.press("t")
    field = shown(wall).locator("#order-tag")
    tags = [shown(wall).get_by_role("button", name=re.compile(f"^{name}\\b")) for name in ("ink", "wash")]
    for name, tag in zip(("ink", "wash"), tags, strict=True):
        wall.keyboard.type(name)
        wall.keyboard.press("Enter")
        expect(tag).to_be_visible()
        expect(field).to_have_value("")
        expect(field).to_be_focused()
    for tag in reversed(tags):
        tag.press("Enter")
        expect(tag).to_have_count(0)
        expect(shown(wall).locator("#order")).to_be_focused()
    wall.keyboard.press("ArrowRight")
    expect(shown(wall).locator("#prompt-text")).to_have_text(prompt("first"))


# Where the picture itself is drawn, in its place that may have another ratio; and where the one behind it is.
DRAWN = """() => {
    const box = (part) => part.getBoundingClientRect();
    const image = document.querySelector("dialog img.size");
    const { naturalWidth, naturalHeight } = image;
    const place = box(image);
    const scale = Math.min(place.width / naturalWidth, place.height / naturalHeight);
    const under = box(document.querySelector("dialog .under image:last-child"));
    return [[naturalWidth * scale, naturalHeight * scale], [under.width, under.height],
            [place.x + place.width / 2, place.y + place.height / 2],
            [under.x + under.width / 2, under.y + under.height / 2]];
}"""


def test_until_it_has_come_the_thumbnail_stands_in_its_place(wall: Page) -> None:
    held: list[Route] = []
    wall.route("**/image", lambda route: held.append(route))
    opened(wall, 0)
    image = shown(wall).locator("img.size")
    under = shown(wall).locator(".under image").last
    expect(under).to_have_attribute("href", re.compile("/thumbnail$"))
    before = under.bounding_box()
    expect(image).to_have_js_property("naturalWidth", 0)
    while held:
        held.pop().continue_()
    wall.unroute("**/image")
    expect(image).not_to_have_js_property("naturalWidth", 0)
    assert under.bounding_box() == before
    size, under_size, middle, under_middle = wall.evaluate(DRAWN)
    assert under_size == pytest.approx(size, abs=0.5)
    assert under_middle == pytest.approx(middle, abs=0.5)


def test_a_key_varies_the_picture_in_the_studio(wall: Page, site: Site) -> None:
    opened(wall, 1)
    wall.keyboard.press("v")
    expect(wall).to_have_url(f"{site.url}/#id_prompt")
    expect(wall.get_by_label("Prompt", exact=True)).to_have_value(prompt("second"))
    expect(wall.get_by_label("Prompt", exact=True)).to_be_focused()


def test_what_is_restored_leaves_the_trash_below_and_undo_brings_it_back(wall: Page, site: Site) -> None:
    opened(wall, 1)
    wall.keyboard.press("Delete")
    expect(wall.locator(".wall a.shot:visible")).to_have_count(2)
    wall.goto(f"{site.url}/gallery/trash/?q=viewerlighthouse")
    expect(wall.locator(".wall a.shot")).to_have_count(1)
    opened(wall, 0)
    dialog = wall.locator("dialog[open]")
    restored = wall.locator("li[data-picture][hidden]")
    restore = dialog.get_by_role("button", name="Restore", exact=True)
    restore.press("Enter")
    expect(restored).to_have_count(1)
    # The button has gone; what stands in its place has the focus, and the keys go on.
    expect(dialog.locator("#order")).to_be_focused()
    dialog.get_by_role("button", name="Undo", exact=True).click()
    expect(restored).to_have_count(0)
    expect(restore).to_be_visible()
    wall.keyboard.press("r")
    expect(restored).to_have_count(1)
    wall.keyboard.press("Delete")
    expect(restored).to_have_count(0)
    expect(shown(wall)).to_have_count(0)
    opened(wall, 0)
    restore.click()
    expect(restored).to_have_count(1)
    wall.keyboard.press("Escape")
    expect(wall.locator(".wall a.shot:visible")).to_have_count(0)


def test_a_picture_that_comes_while_it_is_looked_at_makes_the_viewer_whole(
    page: Page, log_in: LogIn, quick_bfl: Sandbox
) -> None:
    text = "a viewer that waits"
    quick_bfl.faults.script("submit", "answer", status=429, prompt=text, times=None)
    log_in(page)
    press(page, text, "flux-dev")
    page.locator("#progress li", has_text=text).locator("a.shot").first.click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    quick_bfl.faults.clear()
    expect(page.locator("[data-viewer]")).to_be_focused(timeout=30_000)
    expect(page.get_by_role("button", name="Zoom")).to_be_visible(timeout=30_000)
    expect(page.locator("img.size")).not_to_have_js_property("naturalWidth", 0)
    expect(page.locator("[data-back]")).to_have_text(re.compile("Studio"))
    expect(page.locator("[data-viewer]")).to_be_focused()


def test_a_favourite_is_made_by_key(wall: Page) -> None:
    opened(wall, 0)
    heart = shown(wall).locator("#order-favourite")
    before = heart.get_attribute("aria-pressed")
    wall.keyboard.press("f")
    expect(heart).to_have_attribute("aria-pressed", "false" if before == "true" else "true")
    expect(shown(wall)).to_be_visible()


def test_the_wall_below_shows_a_favourite_that_was_made_above(wall: Page) -> None:
    item = wall.locator("li[data-picture]").first
    was_one = item.get_attribute("data-favourite") is not None
    opened(wall, 0)
    wall.keyboard.press("f")
    expect(shown(wall).locator("#order-favourite")).to_have_attribute(
        "aria-pressed", str(not was_one).lower()
    )
    wall.keyboard.press("Escape")
    expect(item.locator(".heart")).to_have_attribute("aria-pressed", str(not was_one).lower())


def test_a_key_puts_it_in_the_trash_and_the_wall_can_undo_it(wall: Page) -> None:
    opened(wall, 1)
    wall.keyboard.press("Delete")
    expect(shown(wall)).to_have_count(0)
    expect(wall.locator(".wall a.shot:visible")).to_have_count(2)
    expect(wall.get_by_text("1 picture moved to trash.")).to_be_visible()
    wall.get_by_role("button", name="Undo").click()
    expect(wall.get_by_text("Undone.")).to_be_visible()
    expect(wall).to_have_url(re.compile("/gallery/"))
    expect(wall.locator(".wall a.shot:visible")).to_have_count(3)


def test_what_it_says_is_seen_and_undone_above_the_wall(wall: Page) -> None:
    item = wall.locator("li[data-picture]").first
    before = item.locator(".heart").get_attribute("aria-pressed")
    opened(wall, 0)
    wall.keyboard.press("f")
    undo = wall.locator("dialog[open]").get_by_role("button", name="Undo")
    undo.click()
    expect(wall.locator("dialog[open]").get_by_text("Undone.")).to_be_visible()
    expect(shown(wall).locator("#order-favourite")).to_have_attribute("aria-pressed", str(before))
    wall.keyboard.press("Escape")
    expect(item.locator(".heart")).to_have_attribute("aria-pressed", str(before))
    expect(wall.locator("body > .notices").get_by_text("Undone.")).to_be_visible()


def test_a_failure_is_seen_above_the_wall(wall: Page) -> None:
    opened(wall, 0)
    wall.route("**/trash/", lambda route: route.fulfill(status=404))
    wall.keyboard.press("Delete")
    expect(wall.locator("dialog[open]").get_by_text("We couldn’t confirm that.")).to_be_visible()
    expect(shown(wall).locator("form[aria-busy=true]")).to_have_count(0)
    wall.keyboard.press("Escape")
    expect(wall.locator(".wall a.shot:visible")).to_have_count(3)


def test_it_shows_what_was_changed_since_it_was_asked_for_ahead(wall: Page) -> None:
    opened(wall, 0)
    wall.wait_for_load_state("networkidle")
    wall.keyboard.press("Escape")
    heart = wall.locator("li[data-picture]").nth(1).locator(".heart")
    heart.click()
    expect(wall.locator("#messages")).to_contain_text("1 picture")
    pressed = heart.get_attribute("aria-pressed")
    expect(opened(wall, 1).locator("#order-favourite")).to_have_attribute("aria-pressed", str(pressed))


def test_only_what_is_shown_counts_as_looked_at(wall: Page) -> None:
    asked: list[tuple[str, str, str | None]] = []
    wall.on(
        "request",
        lambda request: asked.append((request.method, request.url, request.headers.get("x-prefetch"))),
    )
    opened(wall, 1)
    wall.wait_for_load_state("networkidle")
    ahead = {url for method, url, prefetch in asked if prefetch == "yes"}
    addresses = wall.locator(".wall a.shot").evaluate_all("links => links.map((link) => link.href)")
    assert ahead == set(addresses)
    assert not [url for method, url, prefetch in asked if url == addresses[2] and not prefetch]


def test_a_key_that_is_held_trashes_one_picture(wall: Page) -> None:
    opened(wall, 1)
    for _ in range(3):
        wall.keyboard.down("Delete")
    expect(shown(wall)).to_have_count(0)
    wall.keyboard.down("Delete")
    wall.keyboard.up("Delete")
    expect(wall.get_by_text("1 picture moved to trash.")).to_be_visible()
    expect(wall.locator(".wall a.shot:visible")).to_have_count(2)
    wall.get_by_role("button", name="Undo").click()
    expect(wall.locator(".wall a.shot:visible")).to_have_count(3)
    expect(wall.get_by_text("Undone.")).to_be_visible()


def test_whoever_was_logged_out_is_asked_to_log_in(wall: Page) -> None:
    opened(wall, 1)
    wall.context.clear_cookies(name=re.compile("session"))
    wall.keyboard.press("Delete")
    wall.wait_for_url("**/accounts/login/?next=/g/**")


@pytest.fixture
def phone(browser: Browser, site: Site, no_complaints: None) -> Iterator[BrowserContext]:
    with browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    ) as context:
        yield context


def swipe(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Move one finger over the screen, as Chromium's own input does."""
    session = page.context.new_cdp_session(page)
    points = [start, ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2), end]
    for kind, point in zip(("touchStart", "touchMove", "touchMove"), points, strict=True):
        touch = [{"x": point[0], "y": point[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_leads_on_opens_the_details_and_leaves(
    wall: Page, phone: BrowserContext, log_in: LogIn, site: Site
) -> None:
    page = phone.new_page()
    log_in(page)
    page.goto(site.url + SEARCH)
    page.locator(".wall a.shot").first.tap()
    expect(shown(page).locator("#prompt-text")).to_have_text(prompt("third"))
    assert not is_sideways(page)
    swipe(page, (300, 300), (60, 310))
    expect(shown(page).locator("#prompt-text")).to_have_text(prompt("second"))
    swipe(page, (60, 300), (300, 310))
    expect(shown(page).locator("#prompt-text")).to_have_text(prompt("third"))
    expect(shown(page).locator("#panel")).to_be_hidden()
    swipe(page, (180, 400), (180, 200))
    expect(shown(page).get_by_role("link", name="Download", exact=True)).to_be_visible()
    # A click: a tap that a busy machine draws out would be a long press.
    shown(page).get_by_role("button", name="Details").click()
    expect(shown(page).locator("#panel")).to_be_hidden()
    swipe(page, (180, 200), (180, 420))
    expect(shown(page)).to_have_count(0)


def test_it_works_without_script(wall: Page, browser: Browser, site: Site, log_in: LogIn) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto(site.url + SEARCH)
        page.locator(".wall a.shot").first.click()
        expect(page.locator("#prompt-text")).to_have_text(prompt("third"))
        page.get_by_role("link", name="Older picture").click()
        expect(page.locator("#prompt-text")).to_have_text(prompt("second"))
        with page.expect_download() as download:
            page.get_by_role("link", name="Download", exact=True).click()
        assert "viewerlighthouse second" in download.value.suggested_filename
        page.locator("[data-back]").click()
        expect(page.locator(".wall a.shot")).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_over_the_wall_and_as_a_page(scheme: Any, wall: Page, axe: str) -> None:
    wall.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    opened(wall, 1)
    for width in (1280, 360):
        wall.set_viewport_size({"width": width, "height": 800})
        assert violations(wall, axe) == []
    wall.get_by_role("button", name="Details").click()
    expect(shown(wall).locator("#panel")).to_be_visible()
    assert violations(wall, axe) == []
    wall.reload()
    for width in (360, 1280):
        wall.set_viewport_size({"width": width, "height": 800})
        expect(wall.locator("main [data-viewer]")).to_be_visible()
        assert violations(wall, axe) == []
        assert not is_sideways(wall)
    wall.set_viewport_size({"width": 360, "height": 800})
    wall.get_by_role("button", name="Details").click()
    expect(wall.locator("#panel")).to_be_visible()
    assert violations(wall, axe) == []


def test_a_picture_of_ones_own_is_read_back(wall: Page, site: Site, axe: str) -> None:
    opened(wall, 0)
    with wall.expect_download() as download:
        shown(wall).get_by_role("link", name="Download", exact=True).click()
    wall.goto(f"{site.url}/read/")
    assert violations(wall, axe) == []
    wall.get_by_label("Picture").set_input_files(download.value.path())
    wall.get_by_role("button", name="Read it").click()
    expect(wall.locator("#prompt-text")).to_have_text(prompt("third"))
    assert violations(wall, axe) == []
    wall.get_by_role("link", name="Use everything").click()
    expect(wall.get_by_label("Prompt", exact=True)).to_have_value(prompt("third"))
