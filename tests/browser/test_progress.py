"""What is in progress, as a person sees it: in place, by keyboard, and without script."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from generations.presentation import wording
from proof.site import Site
from sandbox import Sandbox
from tests.browser.test_look import MOST_SHIFT, WATCH_SHIFTS, shift_of

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
FaultsOf = Callable[[Page], list[str]]


@pytest.fixture
def prompt() -> str:
    """A prompt that no other test has: all share one site and one BFL."""
    return f"a lighthouse {uuid.uuid4().hex[:8]}"


@pytest.fixture
def studio(page: Page, log_in: LogIn) -> Page:
    log_in(page)
    return page


def press(page: Page, prompt: str, count: int = 1) -> Locator:
    """Generate, and return the group of what was bought."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    field = page.locator("input[name=count]")
    if field.count():
        field.fill(str(count))
    page.get_by_role("button", name="Generate").click()
    group = page.locator("li.press", has_text=prompt)
    expect(group).to_be_visible()
    return group


def pictures(group: Locator) -> Locator:
    return group.locator("img[src*='/thumbnail']")


@pytest.mark.browser_context_args(reduced_motion="no-preference")
@pytest.mark.parametrize("width", [360, 1280])
def test_pictures_are_revealed_in_place(width: int, studio: Page, prompt: str, faults_of: FaultsOf) -> None:
    studio.set_viewport_size({"width": width, "height": 800})
    studio.evaluate(WATCH_SHIFTS)
    group = press(studio, prompt, 3)
    # What the press itself moved is not meant.
    studio.wait_for_timeout(1200)
    studio.evaluate("window.shifted = 0; window.movers = []")
    before = group.bounding_box()
    expect(pictures(group)).to_have_count(3, timeout=30_000)
    assert shift_of(studio) <= MOST_SHIFT, studio.evaluate("window.movers")
    assert group.bounding_box() == before
    assert faults_of(studio) == []


def test_the_focus_stays_on_a_card_that_changes(studio: Page, prompt: str) -> None:
    group = press(studio, prompt)
    shot = group.locator("a.shot")
    shot.focus()
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    expect(shot).to_be_focused()


def test_the_title_and_the_sentence_tell_of_it_without_a_look(studio: Page, prompt: str) -> None:
    group = press(studio, prompt)
    expect(studio).to_have_title("(1) Studio · fluxsite")
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    expect(studio).to_have_title("Studio · fluxsite")
    expect(studio.get_by_role("status").filter(has_text="new picture")).to_be_visible()
    expect(studio.get_by_role("heading", name="Finished")).to_be_visible()


def test_an_idle_page_asks_nothing(studio: Page, prompt: str) -> None:
    group = press(studio, prompt)
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    # Once more, the line below the form is asked for what is left.
    studio.wait_for_timeout(4000)
    asked: list[str] = []
    studio.on("request", lambda request: asked.append(request.url))
    studio.wait_for_timeout(2500)
    assert asked == []


def test_a_picture_leaves_the_panel_when_it_was_looked_at(studio: Page, prompt: str, site: Site) -> None:
    group = press(studio, prompt)
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    expect(studio.locator("#progress li.press", has_text=prompt)).to_be_visible()
    group.locator("a.shot").click()
    studio.wait_for_url("**/g/*/?back=studio")
    studio.goto(site.url)
    expect(studio.locator("#recent li.press", has_text=prompt)).to_be_visible()
    expect(studio.locator("#progress li.press", has_text=prompt)).to_have_count(0)


def test_clearing_keeps_the_focus_on_the_page(studio: Page, prompt: str) -> None:
    group = press(studio, prompt)
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    group.get_by_role("button", name="Clear").focus()
    studio.keyboard.press("Enter")
    expect(studio.locator("#recent li.press", has_text=prompt)).to_be_visible()
    assert studio.evaluate("document.activeElement !== document.body")


def test_an_ended_session_leads_from_the_panel_to_the_login(studio: Page, prompt: str) -> None:
    press(studio, prompt, 2)
    studio.context.clear_cookies(name=re.compile("^sessionid"))
    studio.wait_for_url("**/accounts/login/**", timeout=15_000)


# Cancel and try again


PressInVain = Callable[[Page, str, int], Locator]


@pytest.fixture
def press_in_vain(quick_bfl: Sandbox, prompt: str) -> Iterator[PressInVain]:
    """Generates what BFL has no slot for: prompts with the test's own in them."""

    def press_and_wait(page: Page, prompt: str, count: int) -> Locator:
        group = press(page, prompt, count)
        # From the first refusal on, or if BFL was busy before, only one at a time is tried.
        for _ in range(20):
            page.wait_for_timeout(100)
            if any(seen.status == 429 and prompt in str(seen.body) for seen in list(quick_bfl.requests)):
                break
        return group

    # For so many seconds none is tried again: a page shows all of them waiting, and a button finds them so.
    pause = {"Retry-After": "8"}
    quick_bfl.faults.script("submit", "answer", status=429, prompt=prompt, times=None, headers=pause)
    yield press_and_wait
    quick_bfl.faults.clear()


def test_one_that_waits_is_canceled_and_then_all_of_its_press(
    studio: Page, prompt: str, press_in_vain: PressInVain
) -> None:
    group = press_in_vain(studio, prompt, 3)
    group.get_by_role("button", name="Cancel", exact=True).last.click()
    expect(group.get_by_text("Not charged")).to_have_count(1)
    # The second click of a slow double click, on what stands there now.
    group.get_by_role("button", name="Try again").hover()
    studio.mouse.down(click_count=2)
    studio.mouse.up(click_count=2)
    assert studio.evaluate("document.activeElement !== document.body")
    group.get_by_text("Cancel 2 waiting").click()
    group.get_by_role("button", name="Cancel 2 pictures").click()
    expect(studio.get_by_text("2 pictures canceled; 8 refunded.")).to_be_visible()
    expect(studio.locator("#recent li.press", has_text=prompt)).to_be_visible()


def test_all_that_wait_are_canceled_and_the_button_knows(
    studio: Page, prompt: str, press_in_vain: PressInVain
) -> None:
    press_in_vain(studio, prompt, 2)
    tools = studio.locator(".work-tools")
    expect(studio.locator("#room")).to_contain_text("Queue: 2 of 50", timeout=15_000)
    tools.get_by_text("Cancel 2 waiting").click()
    tools.get_by_role("button", name="Cancel 2 pictures").click()
    expect(studio.locator("#recent li.press", has_text=prompt)).to_be_visible()
    expect(studio.locator("#room")).not_to_contain_text("Queue")


def test_a_failed_one_says_why_and_is_tried_again(
    studio: Page, prompt: str, quick_bfl: Sandbox, faults_of: FaultsOf
) -> None:
    quick_bfl.faults.script("submit", "answer", status=422, prompt=prompt, times=1)
    group = press(studio, prompt)
    expect(group).to_contain_text(wording.FAILURES["rejected"], timeout=15_000)
    expect(group).to_contain_text("Not charged")
    assert faults_of(studio) == []
    studio.get_by_label("Prompt", exact=True).fill("something else")
    group.get_by_role("link", name="Change the prompt").click()
    expect(studio.get_by_label("Prompt", exact=True)).to_have_value(prompt)
    expect(studio.get_by_label("Prompt", exact=True)).to_be_focused()
    group.get_by_role("button", name="Try again").click()
    again = studio.locator("#progress li.press", has_text=prompt)
    expect(pictures(again)).to_have_count(1, timeout=30_000)


def test_a_phone_cancels_tries_again_varies_and_clears(
    studio: Page, prompt: str, quick_bfl: Sandbox, press_in_vain: PressInVain
) -> None:
    studio.set_viewport_size({"width": 360, "height": 740})
    failing = f"a sea mark {uuid.uuid4().hex[:8]}"
    quick_bfl.faults.script("submit", "answer", status=422, prompt=failing, times=1)
    press(studio, failing).get_by_role("button", name="Try again").click(timeout=15_000)
    group = studio.locator("#progress li.press", has_text=failing)
    expect(pictures(group)).to_have_count(1, timeout=30_000)
    group.get_by_text("Use again").click()
    group.get_by_role("link", name="Vary").click()
    expect(studio.get_by_label("Prompt", exact=True)).to_have_value(failing)
    group.get_by_role("button", name="Clear").click()
    expect(studio.locator("#recent li.press", has_text=failing)).to_have_count(2)
    waiting = press_in_vain(studio, prompt, 2)
    waiting.get_by_role("button", name="Cancel", exact=True).last.click()
    expect(waiting.get_by_text("Not charged")).to_have_count(1)
    # From anywhere on the page, the count in the header leads back to what is in progress.
    studio.evaluate("scrollTo(0, document.body.scrollHeight)")
    studio.locator("#badge").click()
    expect(studio.locator("#work-title")).to_be_focused()
    expect(studio.locator("#work-title")).to_be_in_viewport()
    # On its side there is little room; the form leaves some of it to the pictures.
    studio.set_viewport_size({"width": 640, "height": 360})
    waiting.locator("a.shot").first.click(trial=True)


# Keys


def test_one_that_waits_is_canceled_by_key(
    studio: Page, prompt: str, site: Site, press_in_vain: PressInVain
) -> None:
    group = press_in_vain(studio, prompt, 2)
    # The focus stays out of the form while something moves.
    studio.goto(site.url)
    expect(studio.get_by_label("Prompt", exact=True)).not_to_be_focused()
    for key in ("j", "j", "Tab"):
        studio.keyboard.press(key)
    expect(group.get_by_role("button", name="Cancel", exact=True).last).to_be_focused()
    studio.keyboard.press("Enter")
    expect(group.get_by_text("Not charged")).to_have_count(1)
    expect(group.locator("a.shot").last).to_be_focused()


def test_a_failed_one_is_tried_again_and_its_seed_used_by_key(
    studio: Page, prompt: str, quick_bfl: Sandbox
) -> None:
    quick_bfl.faults.script("submit", "answer", status=422, prompt=prompt, times=1)
    group = press(studio, prompt)
    expect(group.get_by_role("button", name="Try again")).to_be_visible(timeout=15_000)
    for key in ("Escape", "j", "Tab", "Enter"):
        studio.keyboard.press(key)
    again = studio.locator("#progress li.press", has_text=prompt)
    expect(pictures(again)).to_have_count(1, timeout=30_000)
    again.locator("a.shot").focus()
    for key in ("Tab", "Enter", "Tab", "Tab", "Tab", "Tab"):
        studio.keyboard.press(key)
    expect(again.get_by_role("link", name="Use seed")).to_be_focused()
    studio.keyboard.press("Enter")
    expect(studio.get_by_label("Locked")).to_be_checked()
    expect(studio.get_by_label("Prompt", exact=True)).to_be_focused()


def test_a_question_mark_lists_the_keys(studio: Page, faults_of: FaultsOf) -> None:
    # Stays where it is on every page, whatever was made yet.
    gallery = studio.get_by_role("link", name="Gallery").first
    gallery.focus()
    studio.keyboard.press("?")
    dialog = studio.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    assert faults_of(studio) == []
    studio.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(gallery).to_be_focused()


def test_keys_lead_to_the_prompt_and_to_the_pages(studio: Page) -> None:
    prompt = studio.get_by_label("Prompt", exact=True)
    prompt.fill("")
    studio.keyboard.press("Escape")
    studio.keyboard.press("/")
    expect(prompt).to_be_focused()
    studio.keyboard.type("p g c ?")
    expect(prompt).to_have_value("p g c ?")
    studio.keyboard.press("Escape")
    studio.keyboard.press("g")
    studio.keyboard.press("c")
    studio.wait_for_url("**/credits/")


def test_j_and_k_walk_the_pictures(studio: Page, prompt: str) -> None:
    group = press(studio, prompt, 2)
    shots = group.locator("a.shot")
    studio.locator("#work-title").focus()
    studio.keyboard.press("j")
    expect(shots.nth(0)).to_be_focused()
    studio.keyboard.press("j")
    expect(shots.nth(1)).to_be_focused()
    studio.keyboard.press("k")
    expect(shots.nth(0)).to_be_focused()


def test_keys_work_after_something_was_picked_with_the_mouse(studio: Page) -> None:
    studio.locator("label.shape", has_text="16:9").click()
    studio.keyboard.press("/")
    expect(studio.get_by_label("Prompt", exact=True)).to_be_focused()


def test_escape_leads_from_the_form_to_the_pictures(studio: Page, prompt: str) -> None:
    group = press(studio, prompt)
    studio.locator("input[name=count]").focus()
    studio.keyboard.press("Escape")
    studio.keyboard.press("j")
    expect(group.locator("a.shot").first).to_be_focused()


def test_single_keys_can_be_switched_off(studio: Page) -> None:
    # Not led into the prompt, as one who comes anew to an idle studio is.
    studio.reload()
    studio.keyboard.press("?")
    studio.get_by_label("Single keys do something here").uncheck()
    studio.keyboard.press("Escape")
    studio.reload()
    studio.keyboard.press("/")
    expect(studio.get_by_label("Prompt", exact=True)).not_to_be_focused()
    studio.keyboard.press("?")
    expect(studio.get_by_role("dialog", name="Keyboard")).to_be_visible()


# Without script


@pytest.fixture
def scriptless(browser: Browser, log_in: LogIn) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}) as context:
        page: Page = context.new_page()
        log_in(page)
        yield page


def until(page: Page, is_so: Callable[[], Any]) -> None:
    for _ in range(60):
        if is_so():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError("it never came")


def test_it_is_shown_and_cleared_without_script(scriptless: Page, prompt: str) -> None:
    group = press(scriptless, prompt)
    scriptless.get_by_role("link", name="Look again").click()
    until(scriptless, lambda: pictures(group).count() == 1)
    group.get_by_role("button", name="Clear").click()
    expect(scriptless.locator("#recent li.press", has_text=prompt)).to_be_visible()


def test_all_that_waits_is_canceled_without_script(
    scriptless: Page, prompt: str, press_in_vain: PressInVain
) -> None:
    group = press_in_vain(scriptless, prompt, 4)
    cancel = group.get_by_role("button", name="Cancel", exact=True)
    # The page may be of the moment in which they were tried.
    until(scriptless, lambda: cancel.count() == 4)
    cancel.last.click()
    expect(group.get_by_text("Not charged")).to_have_count(1)
    until(scriptless, lambda: group.get_by_text("Cancel 3 waiting").count() == 1)
    group.get_by_text("Cancel 3 waiting").click()
    group.get_by_role("button", name="Cancel 3 pictures").click()
    expect(scriptless.get_by_text("3 pictures canceled; 12 refunded.")).to_be_visible()
    press_in_vain(scriptless, f"{prompt} and more", 2)
    tools = scriptless.locator(".work-tools")
    until(scriptless, lambda: tools.get_by_text("Cancel 2 waiting").count() == 1)
    tools.get_by_text("Cancel 2 waiting").click()
    tools.get_by_role("button", name="Cancel 2 pictures").click()
    expect(scriptless.get_by_text("2 pictures canceled; 8 refunded.")).to_be_visible()


def test_a_failed_one_is_tried_again_without_script(
    scriptless: Page, prompt: str, quick_bfl: Sandbox
) -> None:
    quick_bfl.faults.script("submit", "answer", status=422, prompt=prompt, times=1)
    group = press(scriptless, prompt)
    until(scriptless, lambda: group.get_by_role("button", name="Try again").count() == 1)
    scriptless.get_by_label("Prompt", exact=True).fill("something else")
    group.get_by_role("link", name="Change the prompt").click()
    expect(scriptless.get_by_label("Prompt", exact=True)).to_have_value(prompt)
    group.get_by_role("button", name="Try again").click()
    again = scriptless.locator("#progress li.press", has_text=prompt)
    until(scriptless, lambda: pictures(again).count() == 1)


def test_the_keys_are_a_page_without_script(scriptless: Page, site: Site) -> None:
    scriptless.goto(f"{site.url}/keys/")
    expect(scriptless.get_by_role("main").get_by_text("Write the prompt")).to_be_visible()
