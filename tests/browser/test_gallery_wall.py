"""The wall in Chromium: finding, choosing, the trash and back, by mouse, by key and without script."""

from __future__ import annotations

import re
import time
import uuid
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Locator, Page, expect

from proof.people import Person
from proof.site import Site
from tests.browser.conftest import PASSWORD, Member, is_sideways, violations

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]


@pytest.fixture
def word() -> str:
    """A word that the searches of this test find by."""
    return f"w{uuid.uuid4().hex[:12]}"


@pytest.fixture
def wall(page: Page, log_in: LogIn, site: Site, member: Member, word: str) -> Page:
    """A page of somebody who has three pictures of a word on the wall."""
    make(site, member, [f"a lighthouse {word}", f"a heron {word}", f"an orange {word}"])
    log_in(page)
    return page


def make(site: Site, member: Member, prompts: list[str]) -> None:
    """Buy a picture of each, and wait until all are on the wall. Without a browser, which takes longer."""
    person = Person(site, User(username=member.name), member.session_key)
    for prompt in prompts:
        assert person.press(prompt)
    until = time.monotonic() + 30
    while person.read("/gallery/").count("data-picture") < len(prompts):
        assert time.monotonic() < until, "the pictures never came"
        time.sleep(0.1)


def search(page: Page, site: Site, text: str) -> None:
    page.goto(f"{site.url}/gallery/")
    page.get_by_role("searchbox").or_(page.locator("#search")).first.fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/gallery/?q=*")


def shots(page: Page) -> Locator:
    return page.locator("[data-picture]:visible")


def messages(page: Page) -> Locator:
    return page.locator("#messages")


def test_a_search_finds_says_what_to_drop_and_can_be_cleared(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word[:-3])
    expect(shots(wall)).to_have_count(3)
    search(wall, site, f"heron {word}")
    expect(shots(wall)).to_have_count(1)
    search(wall, site, f"{word} tag:nowhere")
    wall.get_by_role("link", name="Without tag:nowhere").click()
    expect(shots(wall)).to_have_count(3)


def test_the_filters_write_the_query(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    wall.locator("summary", has_text="Filters").click()
    wall.get_by_label("Model").select_option("flux-dev")
    wall.get_by_role("button", name="Show", exact=True).click()
    expect(wall.locator("#search")).to_have_value(re.compile("endpoint:flux-dev"))
    expect(shots(wall)).to_have_count(3)
    wall.get_by_role("link", name="remove this filter").click()
    expect(wall.get_by_role("link", name="remove this filter")).to_have_count(0)


def test_it_suggests_while_one_types(wall: Page, site: Site) -> None:
    wall.goto(f"{site.url}/gallery/")
    wall.locator("#search").press_sequentially("fox endp")
    expect(wall.locator("#suggestions option[value='fox endpoint:']")).to_have_count(1)


def test_everything_that_matches_goes_to_the_trash_and_back(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.hover()
    shots(wall).first.locator(".pick input").check()
    wall.get_by_label("Everything that matches").check()
    expect(wall.get_by_text("3 pictures match")).to_be_visible()
    wall.get_by_role("button", name="Trash").click()
    expect(messages(wall)).to_contain_text("3 pictures moved to trash.")
    expect(shots(wall)).to_have_count(0)
    wall.get_by_role("button", name="Undo").click()
    expect(messages(wall)).to_contain_text("Undone. 3 pictures as before.")
    expect(shots(wall)).to_have_count(3)


def test_the_keys_put_pictures_in_order_without_a_reload(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    wall.evaluate("window.isTheSamePage = true")
    first, second, third = (shots(wall).nth(number) for number in range(3))
    first.locator("a.shot").focus()
    wall.keyboard.press("f")
    expect(first.locator(".heart")).to_have_attribute("aria-pressed", "true")
    wall.get_by_role("button", name="Undo").press("Enter")
    expect(first.locator(".heart")).to_have_attribute("aria-pressed", "false")
    # The button has gone, and the keys go on from where they were.
    expect(first.locator("a.shot")).to_be_focused()
    wall.keyboard.press("f")
    expect(first.locator(".heart")).to_have_attribute("aria-pressed", "true")
    wall.keyboard.press("ArrowRight")
    expect(second.locator("a.shot")).to_be_focused()
    wall.keyboard.press("x")
    wall.keyboard.press("ArrowRight")
    wall.keyboard.press("x")
    expect(wall.locator("[data-chosen]")).to_have_text("2 chosen")
    wall.keyboard.press("t")
    wall.keyboard.type(f"tag {word}")
    wall.keyboard.press("Enter")
    expect(messages(wall)).to_contain_text("2 pictures tagged")
    third.locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(messages(wall)).to_contain_text("1 picture moved to trash.")
    expect(shots(wall)).to_have_count(2)
    expect(second.locator("a.shot")).to_be_focused()
    wall.get_by_role("button", name="Undo").click()
    expect(shots(wall)).to_have_count(3)
    assert wall.evaluate("window.isTheSamePage")
    search(wall, site, f'tag:"tag {word}" is:favourite')
    expect(wall.get_by_text("No picture matches")).to_be_visible()


def test_a_click_with_shift_chooses_all_between_for_one_zip(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).nth(0).locator(".pick input").click(force=True)
    shots(wall).nth(2).locator(".pick input").click(force=True, modifiers=["Shift"])
    expect(wall.locator("[data-chosen]")).to_have_text("3 chosen")
    with wall.expect_download() as download:
        wall.get_by_role("button", name="Download").click()
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert len(names) == 5
    assert {"manifest.csv", "manifest.json"} < set(names)
    wall.get_by_role("button", name="Clear selection").click()
    expect(wall.locator(".wall-bar")).to_be_hidden()


def test_a_range_is_chosen_by_key_and_without_one(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).nth(0).locator("a.shot").focus()
    wall.keyboard.press("x")
    shots(wall).nth(2).locator("a.shot").focus()
    wall.keyboard.press("Shift+x")
    expect(wall.locator("[data-chosen]")).to_have_text("3 chosen")
    wall.keyboard.press("Escape")
    expect(wall.locator(".wall-bar")).to_be_hidden()
    shots(wall).nth(2).locator(".pick input").click(force=True)
    wall.get_by_role("button", name="Select range").click()
    expect(wall.locator("[data-chosen]")).to_have_text("1 chosen; now the last one")
    shots(wall).nth(0).locator(".pick input").click(force=True)
    expect(wall.locator("[data-chosen]")).to_have_text("3 chosen")


def test_on_a_phone_the_bar_has_two_rows(wall: Page, site: Site, word: str) -> None:
    wall.set_viewport_size({"width": 360, "height": 740})
    search(wall, site, word)
    shots(wall).nth(0).locator(".pick input").click(force=True)
    bar = wall.locator(".wall-bar").bounding_box()
    field = wall.locator("#wall-tag").bounding_box()
    assert bar
    assert field
    assert bar["height"] < 3 * field["height"]


def test_a_key_leads_to_the_bar_and_leaving_it_leads_back(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    second = shots(wall).nth(1).locator("a.shot")
    second.focus()
    wall.keyboard.press("x")
    wall.keyboard.press("b")
    expect(wall.get_by_label("Everything that matches")).to_be_focused()
    wall.keyboard.press("Escape")
    expect(second).to_be_focused()
    wall.keyboard.press("x")
    wall.locator(".wall-bar").get_by_role("button", name="Favorite", exact=True).press("Enter")
    expect(messages(wall)).to_contain_text("1 picture added to favorites.")
    expect(second).to_be_focused()


def test_delete_trashes_what_has_the_focus_and_not_all_that_matches(
    wall: Page, site: Site, word: str
) -> None:
    search(wall, site, word)
    shots(wall).first.locator(".pick input").click(force=True)
    wall.get_by_label("Everything that matches").check()
    shots(wall).first.locator(".pick input").click(force=True)
    shots(wall).first.locator("a.shot").focus()
    # Held down, a key comes again and again.
    for _ in range(3):
        wall.keyboard.down("Delete")
    wall.keyboard.up("Delete")
    expect(messages(wall)).to_contain_text("1 picture moved to trash.")
    expect(shots(wall)).to_have_count(2)


def test_presses_that_come_quickly_all_count(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.locator("a.shot").focus()
    for key in ("f", "ArrowRight", "f", "ArrowRight", "Delete"):
        wall.keyboard.press(key)
    expect(messages(wall)).to_contain_text("1 picture moved to trash.")
    expect(wall.locator("form[data-wall]")).not_to_have_attribute("aria-busy", "true")
    search(wall, site, f"{word} is:favourite")
    expect(shots(wall)).to_have_count(2)


def test_j_and_k_pass_over_what_went_to_the_trash(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).nth(1).locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(shots(wall)).to_have_count(2)
    expect(shots(wall).nth(1).locator("a.shot")).to_be_focused()
    wall.keyboard.press("k")
    expect(shots(wall).nth(0).locator("a.shot")).to_be_focused()


def test_whoever_was_logged_out_is_asked_to_log_in(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.locator("a.shot").focus()
    wall.context.clear_cookies(name=re.compile("session"))
    wall.keyboard.press("Delete")
    wall.wait_for_url("**/accounts/login/?next=/gallery/**")


def test_what_the_site_refused_is_on_the_wall_again(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.locator("a.shot").focus()
    wall.route("**/gallery/change/", lambda route: route.fulfill(status=404))
    wall.keyboard.press("Delete")
    expect(wall.get_by_text("We couldn’t confirm that.")).to_be_visible()
    expect(shots(wall)).to_have_count(3)
    expect(wall.locator("[data-chosen]")).to_have_text("1 chosen")
    wall.unroute("**/gallery/change/")
    wall.keyboard.press("Delete")
    expect(shots(wall)).to_have_count(2)
    expect(wall.get_by_text("We couldn’t confirm that.")).to_be_hidden()


def test_what_stands_around_the_wall_follows_the_last_picture_out_and_back(
    wall: Page, site: Site, word: str
) -> None:
    search(wall, site, f"heron {word}")
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("Backspace")
    undo = wall.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    expect(wall.locator(".wall-head")).to_contain_text("0 pictures")
    expect(wall.locator(".wall-day")).to_be_hidden()
    expect(wall.get_by_role("heading", name="Nothing is left here")).to_be_visible()
    undo.press("Enter")
    expect(wall.locator(".wall-head")).to_contain_text("1 picture")
    expect(wall.locator(".wall-day")).to_be_visible()
    expect(wall.get_by_text("Nothing is left here")).to_be_hidden()
    expect(shots(wall).first.locator("a.shot")).to_be_focused()


def test_a_trash_with_nothing_left_offers_no_emptying(wall: Page, site: Site, word: str) -> None:
    search(wall, site, f"heron {word}")
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(messages(wall)).to_contain_text("1 picture moved to trash.")
    wall.goto(f"{site.url}/gallery/trash/?q={word}")
    empty = wall.get_by_role("link", name="Empty trash")
    expect(empty).to_be_visible()
    shots(wall).first.locator(".pick input").check(force=True)
    wall.get_by_role("button", name="Restore", exact=True).click()
    expect(empty).to_be_hidden()
    expect(wall.locator(".wall-head")).to_contain_text("0 pictures")
    wall.get_by_role("button", name="Undo").click()
    expect(empty).to_be_visible()
    empty.click()
    wall.get_by_role("button", name=re.compile(r"Remove \d+ pictures? for good")).click()
    expect(messages(wall)).to_contain_text("removed for good.")
    expect(wall.get_by_role("heading", name="The trash is empty")).to_be_visible()


def test_a_day_keeps_its_heading_while_it_has_a_picture(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(wall.locator(".wall-head")).to_contain_text("2 pictures")
    expect(wall.locator(".wall-day")).to_be_visible()


def test_backspace_in_a_field_takes_a_letter_and_no_picture(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    shots(wall).first.locator(".pick input").check(force=True)
    wall.locator("#wall-tag").fill("tags")
    wall.locator("#wall-tag").press("Backspace")
    expect(wall.locator("#wall-tag")).to_have_value("tag")
    expect(shots(wall)).to_have_count(3)


def test_a_key_leads_to_the_bar_also_when_nothing_is_chosen(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    second = shots(wall).nth(1).locator("a.shot")
    second.focus()
    wall.keyboard.press("b")
    everything = wall.get_by_label("Everything that matches")
    expect(everything).to_be_focused()
    wall.keyboard.press("Space")
    wall.keyboard.press("Tab")
    expect(wall.locator(".wall-bar")).to_be_visible()
    wall.keyboard.press("Escape")
    expect(wall.locator(".wall-bar")).to_be_hidden()
    expect(second).to_be_focused()


# The upper and lower edges of header, search, day, and of what has the focus.
EDGES = """(search) => {
    const parts = [".head", search, ".wall-day"].map((name) => document.querySelector(name));
    const boxes = [...parts, document.activeElement].map((part) => part.getBoundingClientRect());
    return boxes.map((box) => [box.top, box.bottom]);
}"""


def assert_the_search_stays_in_sight(page: Page) -> None:
    """The search below the header, the day below the search, and below both what has the focus."""
    for width, search_row in ((1280, ".search"), (360, ".search-form")):
        page.set_viewport_size({"width": width, "height": 740})
        for number in (49, 12):
            shots(page).nth(number).locator("a.shot").focus()
        (_, head), (top, bottom), (day, end_of_day), (picture, _) = page.evaluate(EDGES, search_row)
        assert top == pytest.approx(head)
        assert day == pytest.approx(bottom - 1, abs=0.5)
        assert picture >= end_of_day - 1
        assert bottom - top < 60
    page.set_viewport_size({"width": 1280, "height": 720})


def test_it_goes_on_while_one_scrolls_and_comes_back_to_the_same_place(
    page: Page, log_in: LogIn, member: Member, site: Site, word: str, browser: Browser
) -> None:
    log_in(page)
    order = ("--user", member.name, "--endpoint", "flux-dev", "--prompt", f"many {word}", "--count", "50")
    assert site.manage("generate", *order).returncode == 0
    page.goto(f"{site.url}/gallery/?q={word}")
    expect(page.locator("#search")).to_have_value(word)
    # The next page comes before its place is in sight. Both stand under the one day, and the first one's
    # last row goes on with the two that came.
    expect(shots(page)).to_have_count(50)
    expect(page.locator(".wall-page")).to_have_count(1)
    assert page.locator(".wall").nth(1).locator("[data-picture]").count() > 2
    # The row before it reaches from edge to edge as it did: nothing moved, and no gap is left.
    before = page.locator(".wall").first.locator("[data-picture]").last.bounding_box()
    assert before
    width = page.evaluate("document.body.clientWidth")
    assert before["x"] + before["width"] == pytest.approx(width - 6, abs=1)
    assert_the_search_stays_in_sight(page)
    last = shots(page).nth(49).locator("a.shot")
    last.scroll_into_view_if_needed()
    last.click()
    expect(page.locator("dialog[open] [data-viewer]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport(ratio=0.5)
    address = last.get_attribute("href")
    # By the address alone, as after a browser that has forgotten the page.
    page.goto(page.url)
    expect(page.locator(f"a.shot[href='{address}']")).to_be_focused()
    expect(page.locator(f"a.shot[href='{address}']")).to_be_in_viewport()
    turns_pages(page, site, word)
    a_page_that_was_emptied_says_where_there_is_more(page)
    with browser.new_context(java_script_enabled=False) as context:
        scriptless = context.new_page()
        log_in(scriptless)
        turns_pages(scriptless, site, word)


def turns_pages(page: Page, site: Site, word: str) -> None:
    """Go through fifty pictures in pages, and stay on the second."""
    page.goto(f"{site.url}/gallery/?q={word}&view=pages")
    for way, count in (("Older", 14), ("Newer", 36), ("Older", 14)):
        page.get_by_role("link", name=way, exact=True).click()
        expect(shots(page)).to_have_count(count)


def a_page_that_was_emptied_says_where_there_is_more(page: Page) -> None:
    shots(page).first.locator("a.shot").focus()
    page.keyboard.press("x")
    shots(page).last.locator("a.shot").focus()
    page.keyboard.press("Shift+x")
    page.keyboard.press("Delete")
    expect(page.get_by_text("There is more on the pages beside this one.")).to_be_visible()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(shots(page)).to_have_count(14)
    expect(page.get_by_text("Nothing is left here")).to_be_hidden()


def test_the_trash_gives_back_what_was_put_there(wall: Page, site: Site, word: str) -> None:
    search(wall, site, f"orange {word}")
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(messages(wall)).to_contain_text("1 picture moved to trash.")
    wall.goto(f"{site.url}/gallery/trash/?q={word}")
    expect(shots(wall)).to_contain_text("30 days left")
    orange = shots(wall).first
    orange.locator("a.shot").focus()
    # The wall's own keys mean nothing here.
    for key in ("t", "f", "Delete"):
        wall.keyboard.press(key)
    expect(wall.locator(".pick :checked")).to_have_count(0)
    by_key: Callable[[], None] = partial(wall.keyboard.press, "r")
    for restore in (by_key, orange.get_by_role("button", name="Restore").click):
        restore()
        expect(messages(wall)).to_contain_text("1 picture back in the gallery.")
        expect(wall.get_by_role("button", name="Undo")).to_be_focused()
        wall.keyboard.press("Enter")
        expect(orange.locator("a.shot")).to_be_focused()
    wall.keyboard.press("r")
    expect(wall.get_by_role("heading", name="Nothing is left here")).to_be_visible()
    search(wall, site, f"orange {word}")
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("r")
    expect(wall.locator(".pick :checked")).to_have_count(0)


def test_coming_back_restores_place_and_focus(wall: Page, site: Site, word: str) -> None:
    search(wall, site, word)
    middle = shots(wall).nth(1).locator("a.shot")
    address = middle.get_attribute("href")
    middle.click()
    wall.wait_for_url("**/g/**")
    wall.go_back()
    expect(wall.locator(f"a.shot[href='{address}']")).to_be_focused()
    expect(wall.locator("#search")).to_have_value(word)


def test_it_works_on_a_phone_without_script(
    browser: Browser, wall: Page, site: Site, word: str, log_in: LogIn
) -> None:
    phone: Any = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with browser.new_context(java_script_enabled=False, **phone) as context:
        page = context.new_page()
        log_in(page)
        search(page, site, word)
        shots(page).first.locator(".pick input").check(force=True)
        page.locator("#wall-tag").fill("scriptless")
        page.keyboard.press("Enter")
        expect(messages(page)).to_contain_text("1 picture tagged “scriptless”.")
        shots(page).first.locator(".pick input").check(force=True)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert re.fullmatch(r"fluxsite-[0-9-]+\.zip", download.value.suggested_filename)
        page.get_by_role("button", name="Trash").click()
        expect(shots(page)).to_have_count(2)
        page.get_by_role("button", name="Undo").click()
        expect(shots(page)).to_have_count(3)
        filter_without_script(page)
        empty_the_trash_without_script(page, site, word)
        search(page, site, word)
        page.locator("summary", has_text="Months").click()
        page.get_by_role("link", name="Jump to a month").click()
        page.locator(".months a").first.click()
        expect(shots(page).first).to_be_visible()


def filter_without_script(page: Page) -> None:
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Model").select_option("flux-dev")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#search")).to_have_value(re.compile("endpoint:flux-dev"))
    expect(shots(page)).to_have_count(3)
    favourites = page.get_by_role("link", name="Favorites", exact=True)
    favourites.tap()
    expect(page.locator("#search")).to_have_value(re.compile("is:favourite"))
    expect(page.get_by_role("heading", name="No picture matches")).to_be_visible()
    favourites.tap()
    expect(shots(page)).to_have_count(3)


def empty_the_trash_without_script(page: Page, site: Site, word: str) -> None:
    shots(page).first.locator(".pick input").check(force=True)
    page.get_by_role("button", name="Trash").click()
    expect(shots(page)).to_have_count(2)
    page.goto(f"{site.url}/gallery/trash/?q={word}")
    restore = shots(page).first.get_by_role("button", name="Restore")
    box = restore.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 44
    restore.tap()
    expect(messages(page)).to_contain_text("1 picture back in the gallery.")
    page.get_by_role("button", name="Undo").click()
    expect(shots(page)).to_have_count(1)
    page.get_by_role("link", name="Empty trash").click()
    page.get_by_role("button", name=re.compile("for good")).click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"no key leads to {name}")


def test_the_keyboard_alone_leads_from_the_login_to_the_trash_and_back(
    page: Page, site: Site, member: Member, word: str
) -> None:
    keys = page.keyboard
    page.goto(f"{site.url}/accounts/login/")
    keys.type(member.name)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{site.url}/")
    keys.press("/")
    keys.press("Control+a")
    keys.type(f"a fox {word}")
    keys.press("Control+Enter")
    thumbnail = page.locator("#progress li", has_text=word).locator("img[src*='/thumbnail']")
    expect(thumbnail).to_be_visible(timeout=30_000)
    find_by_key(page, word)
    keys.press("j")
    keys.press("Enter")
    expect(page.locator("dialog[open] #prompt-text")).to_contain_text(word)
    keys.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    tab_to(page, "Trash")
    keys.press("Enter")
    page.wait_for_url("**/gallery/trash/")
    keys.press("j")
    keys.press("r")
    expect(messages(page)).to_contain_text("1 picture back in the gallery.")
    find_by_key(page, word)


def find_by_key(page: Page, word: str) -> None:
    page.keyboard.press("Escape")
    page.keyboard.type("gg")
    page.wait_for_url("**/gallery/")
    page.keyboard.press("/")
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    page.wait_for_url("**/gallery/?q=*")
    expect(shots(page)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_wall_search_and_trash_are_accessible_and_fit_a_phone(
    scheme: Any, wall: Page, site: Site, word: str, axe: str
) -> None:
    wall.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    search(wall, site, f"heron {word}")
    shots(wall).first.locator("a.shot").focus()
    wall.keyboard.press("Delete")
    expect(messages(wall)).to_contain_text("moved to trash")
    paths = ["/gallery/", f"/gallery/?q={word}+is:favourite", f"/gallery/?q={word}&view=pages"]
    paths += [f"/gallery/trash/?q={word}", "/gallery/trash/empty/", "/gallery/months/"]
    for path in paths:
        wall.goto(f"{site.url}{path}")
        if shots(wall).count():
            shots(wall).first.locator(".pick input").check(force=True)
        for width in (360, 1280):
            wall.set_viewport_size({"width": width, "height": 800})
            assert not is_sideways(wall), path
            assert violations(wall, axe) == [], path
        if path.endswith("is:favourite"):
            look_into(wall, "Filters", "#filter-endpoint", axe)
            look_into(wall, "Months", ".months", axe)
    wall.context.clear_cookies(name="wall")


def look_into(page: Page, name: str, content: str, axe: str) -> None:
    page.locator("summary", has_text=name).click()
    expect(page.locator(content)).to_be_visible()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert not is_sideways(page), name
        assert violations(page, axe) == [], name
