"""The studio's form in Chromium: by hand and by keyboard, on a phone and wide, with script and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from generations import bfl
from generations.bfl import InvalidParameters
from proof.site import Site
from tests.browser.conftest import PASSWORD, Member, is_sideways, log_in_by_form

pytestmark = [pytest.mark.browser, pytest.mark.processes]

LogIn = Callable[[Page], None]
Open = Callable[..., Page]
WIDTHS = pytest.mark.parametrize("width", [360, 1280])
# Whatever an endpoint's own defaults are.
PLAIN = "seed_mode=random&aspect_ratio=1:1&width=1024&height=768&prompt_upsampling=false"


@pytest.fixture
def studio(page: Page, log_in: LogIn, site: Site) -> Open:
    return lambda endpoint="flux-kontext-pro", width=1280: _open(page, log_in, site, endpoint, width)


@pytest.fixture
def scriptless(browser: Browser, log_in: LogIn, site: Site) -> Iterator[Open]:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        yield lambda endpoint="flux-kontext-pro", width=1280: _open(page, log_in, site, endpoint, width)


def _open(page: Page, log_in: LogIn, site: Site, endpoint: str, width: int) -> Page:
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page)
    page.goto(f"{site.url}/?endpoint={endpoint}&{PLAIN}&prompt=")
    open_settings(page)
    return page


def open_settings(page: Page) -> None:
    """Open the settings where they are folded away; as a sheet where there is script."""
    if not page.locator(".settings-body").is_visible():
        page.locator(".settings > summary").click()


def close_settings(page: Page) -> None:
    done = page.get_by_role("button", name="Done")
    if done.is_visible():
        done.click()


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def generate(page: Page) -> Locator:
    return page.get_by_role("button", name="Generate")


def count(page: Page) -> Locator:
    return page.get_by_label("Count", exact=True)


def cards(page: Page, words: str) -> Locator:
    return page.locator("#progress li.press", has_text=words).locator("ul.cards > li")


def choose_model(page: Page, name: str) -> None:
    open_settings(page)
    models = page.get_by_role("group", name="Model")
    models.locator("summary").click()
    models.get_by_text(name, exact=True).last.click()


def choose_shape(page: Page, ratio: str) -> None:
    open_settings(page)
    page.locator("label.shape", has_text=ratio).click()
    close_settings(page)


def wait_for_draft(page: Page, act: Callable[[], None]) -> None:
    """Do something, and wait until the server has kept it."""
    with page.expect_response("**/draft/"):
        act()


@WIDTHS
def test_three_in_a_wide_format_cost_what_the_button_said(width: int, studio: Open) -> None:
    page = studio(width=width)
    prompt(page).fill(f"three wide lighthouses at {width}")
    choose_shape(page, "16:9")
    page.get_by_role("button", name="One picture more").click()
    count(page).fill("3")
    expect(generate(page)).to_have_text("Generate 3 · 12 credits")
    left = page.locator("#left-after").inner_text()
    generate(page).click()
    expect(cards(page, f"three wide lighthouses at {width}")).to_have_count(3)
    assert page.locator("#status").inner_text().find(left.split()[1]) >= 0
    assert not is_sideways(page)
    # Three beside each other, each in a place that is narrower than its shape would be.
    page.set_viewport_size({"width": 768, "height": 800})
    assert page.locator("#progress .card").evaluate_all(SPILLING) == []


SPILLING = """cards => cards.filter((card) => card.firstElementChild.offsetWidth > card.offsetWidth)
  .map((card) => card.outerHTML.slice(0, 200))"""


@WIDTHS
def test_the_same_without_script(width: int, scriptless: Open) -> None:
    page = scriptless(width=width)
    prompt(page).fill(f"two plain lighthouses at {width}")
    choose_shape(page, "9:16")
    count(page).fill("2")
    generate(page).click()
    expect(cards(page, f"two plain lighthouses at {width}")).to_have_count(2)
    expect(generate(page)).to_have_text("Generate 2 · 8 credits")
    expect(prompt(page)).to_have_value(f"two plain lighthouses at {width}")
    assert not is_sideways(page)


def test_the_keyboard_alone_sets_everything(studio: Open) -> None:
    page = studio()
    prompt(page).focus()
    page.keyboard.type("a lighthouse by keys")
    page.locator("#ratio-11").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("4:3")).to_be_checked()
    page.locator("#seed-random").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Increment")).to_be_checked()
    page.get_by_label("Seed").fill("41")
    count(page).focus()
    page.keyboard.press("ArrowUp")
    expect(generate(page)).to_have_text("Generate 2 · 8 credits")
    page.keyboard.press("Control+Enter")
    expect(cards(page, "a lighthouse by keys")).to_have_count(2)
    expect(count(page)).to_be_focused()
    expect(page.get_by_label("Seed")).to_have_value("41")


def test_the_key_that_generates_works_from_the_pictures_too(studio: Open) -> None:
    page = studio()
    # With nothing made yet there is no heading to go to.
    press(page, "a lighthouse before it")
    prompt(page).fill("a lighthouse from outside")
    page.keyboard.press("Escape")
    expect(page.locator("#work-title")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(cards(page, "a lighthouse from outside")).to_have_count(1)


def test_the_key_that_generates_is_a_new_tabs_on_a_link_and_nobodys_under_a_dialog(studio: Open) -> None:
    page = studio()
    prompt(page).fill("a lighthouse by mistake")
    prompt(page).blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Credits", exact=True).focus()
    with page.context.expect_page():
        page.keyboard.press("Control+Enter")
    expect(page.locator("#studio-form[data-busy]")).to_have_count(0)
    page.reload()
    expect(cards(page, "a lighthouse by mistake")).to_have_count(0)


def test_the_button_says_beforehand_what_a_press_would_be_refused_for(studio: Open) -> None:
    page = studio()
    prompt(page).fill("too many lighthouses")
    count(page).fill("101")
    expect(page.locator("#refusal")).to_have_text("At most 100 pictures go at once.")
    expect(generate(page)).to_have_attribute("aria-disabled", "true")
    generate(page).click(force=True)
    count(page).fill("1")
    expect(page.locator("#refusal")).to_be_empty()
    expect(generate(page)).not_to_have_attribute("aria-disabled", "true")
    expect(cards(page, "too many lighthouses")).to_have_count(0)


def test_a_phone_reaches_every_setting(studio: Open) -> None:
    page = studio("flux-dev", 360)
    page.get_by_role("button", name="16:9").click()
    expect(page.get_by_label("Width")).to_have_value("1344")
    page.get_by_text("Increment", exact=True).click()
    expect(page.get_by_label("Seed")).to_have_value(re.compile(r"^\d+$"))
    page.locator(".more > summary").click()
    page.get_by_label("Steps").fill("12")
    page.get_by_role("button", name="Reset Steps to 28").click()
    expect(page.get_by_label("Steps")).to_have_value("28")
    choose_model(page, "Kontext Pro")
    expect(page.get_by_label("16:9")).to_be_checked()
    page.locator(".own-shape > summary").click()
    page.get_by_label("Custom ratio").fill("5:4")
    expect(page.locator("[data-preview]")).to_have_text("1152 × 912")
    assert not is_sideways(page)
    press(page, "a lighthouse of its own shape")
    prompt(page).fill("what I was writing")
    page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("a lighthouse of its own shape")


def test_sizes_seeds_and_resets_without_script(scriptless: Open, site: Site) -> None:
    page = scriptless("flux-dev", 360)
    page.locator(".more > summary").click()
    page.get_by_label("Steps").fill("12")
    page.get_by_role("button", name="Reset Steps to 28").click()
    page.locator(".settings > summary").click()
    expect(page.get_by_label("Steps")).to_have_value("28")
    page.get_by_label("Width").fill("1344")
    page.get_by_label("Height").fill("768")
    page.get_by_text("Increment", exact=True).click()
    page.get_by_label("Seed").fill("41")
    count(page).fill("2")
    prompt(page).fill("two plain lighthouses that count up")
    generate(page).click()
    bought = cards(page, "two plain lighthouses that count up")
    expect(bought).to_have_count(2)
    page.goto(f"{site.url}{bought.last.locator('a.shot').get_attribute('href')}")
    for told in ("42", "1344", "768"):
        expect(page.locator(".facts dd").get_by_text(told, exact=True)).to_be_visible()


def test_a_picture_fills_the_form_without_script(scriptless: Open, site: Site) -> None:
    page = scriptless()
    choose_shape(page, "16:9")
    page.get_by_text("Locked", exact=True).click()
    page.get_by_label("Seed").fill("4711")
    prompt(page).fill("a plain lighthouse to use again")
    generate(page).click()
    card = cards(page, "a plain lighthouse to use again")
    reload_until(page, lambda: card.locator("img[src*='/thumbnail']").count() == 1)

    def use(way: str) -> None:
        page.goto(f"{site.url}/?{PLAIN}&prompt=half a plain thought")
        card.get_by_text("Use again").click()
        card.get_by_role("link", name=way).click()

    use("Use seed")
    expect(page.get_by_label("Locked")).to_be_checked()
    expect(page.get_by_label("Seed")).to_have_value("4711")
    expect(prompt(page)).to_have_value("half a plain thought")
    use("Use everything")
    expect(page.get_by_label("16:9")).to_be_checked()
    expect(page.get_by_label("Seed")).to_have_value("4711")
    expect(prompt(page)).to_have_value("a plain lighthouse to use again")
    use("Vary")
    expect(page.get_by_label("16:9")).to_be_checked()
    expect(page.get_by_label("Random")).to_be_checked()
    # What was filled in by an address is nobody's own words.
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    for answer, words in (
        ("Dismiss", "a plain lighthouse to use again"),
        ("Undo", "half a thought of one’s own"),
    ):
        prompt(page).fill("half a thought of one’s own")
        page.get_by_role("button", name="Past prompts").click()
        page.goto(site.url)
        card.get_by_text("Use again").click()
        card.get_by_role("link", name="Use prompt").click()
        page.get_by_role("button", name=answer).click()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        expect(prompt(page)).to_have_value(words)


def reload_until(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(60):
        if is_so():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError("it never came")


@WIDTHS
def test_another_model_keeps_what_fits_and_tells_of_the_rest(width: int, studio: Open) -> None:
    page = studio("flux-dev", width)
    prompt(page).fill("a lighthouse that moves")
    open_settings(page)
    page.get_by_label("Width").fill("1344")
    choose_model(page, "Kontext Max")
    expect(page.locator("#form-note")).to_have_text(
        "Width and height became the shape 16:9: Kontext Max takes a shape."
    )
    expect(page.get_by_label("16:9")).to_be_checked()
    expect(prompt(page)).to_have_value("a lighthouse that moves")
    expect(generate(page)).to_have_text("Generate · 8 credits")


def test_another_model_without_script(scriptless: Open) -> None:
    page = scriptless("flux-dev")
    prompt(page).fill("a plain lighthouse that moves")
    page.locator(".more > summary").click()
    page.get_by_label("Steps").fill("12")
    choose_model(page, "Kontext Max")
    page.get_by_role("button", name="Show settings").click()
    expect(page.locator("#form-note")).to_have_text("Steps was left out: Kontext Max has no such setting.")
    expect(generate(page)).to_have_text("Generate · 8 credits")


def test_a_size_is_drawn_while_it_is_set(studio: Open) -> None:
    page = studio("flux-dev")
    page.get_by_role("button", name="16:9").click()
    expect(page.get_by_label("Width")).to_have_value("1344")
    expect(page.get_by_role("button", name="16:9")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Height").fill("1344")
    expect(page.locator("[data-preview]")).to_have_text("1344 × 1344")
    expect(page.get_by_role("button", name="1:1")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Height").fill("1345")
    expect(page.locator("[data-preview]")).to_have_text("1344 × 1344")


RATIOS = ["5:4", " 5 : 4 ", "7:3", "3:7", "8:3", "3:8", "0:1", "wide", "1", "1:", "1:1:1", "12345:1"]
RATIOS += ["-1:1", "1.5:1"]


def test_a_ratio_of_ones_own_is_judged_alike_on_both_sides(studio: Open) -> None:
    page = studio()
    page.locator(".own-shape > summary").click()
    field = page.get_by_label("Custom ratio")
    beside = page.locator(f"#{field.get_attribute('aria-describedby')}")
    for ratio in RATIOS:
        field.fill(ratio)
        refusal = refusal_of(field.input_value())
        expect(beside).to_have_text(refusal)
        assert (field.get_attribute("aria-invalid") == "true") is bool(refusal), ratio
        # No bubble of the browser's, which would come first when the form is sent, and cover the field.
        assert field.evaluate("field => field.validationMessage") == ""
    # Sent all the same, the server says what has been read already, in the same place, once.
    prompt(page).fill("a lighthouse of no shape")
    generate(page).click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(beside).to_have_text(refusal)
    expect(field).to_be_focused()


def refusal_of(ratio: str) -> str:
    """Return what the server says of a ratio."""
    try:
        bfl.ENDPOINTS["flux-kontext-pro"].clean({"prompt": "any", "aspect_ratio": ratio})
    except InvalidParameters as invalid:
        return invalid.errors["aspect_ratio"]
    return ""


def test_a_seed_is_drawn_when_one_is_wanted(studio: Open) -> None:
    page = studio()
    expect(page.get_by_label("Seed")).to_be_hidden()
    page.get_by_text("Locked", exact=True).click()
    expect(page.get_by_label("Seed")).to_have_value(re.compile(r"^\d+$"))
    count(page).fill("2")
    expect(page.get_by_text("All of these would be one picture")).to_be_visible()
    page.get_by_text("Increment", exact=True).click()
    expect(page.get_by_text("All of these would be one picture")).to_be_hidden()


def test_a_setting_goes_back_to_its_default(studio: Open) -> None:
    page = studio("flux-dev")
    page.locator(".more > summary").click()
    steps, reset = page.get_by_label("Steps"), page.get_by_role("button", name="Reset Steps to 28")
    expect(reset).to_be_hidden()
    steps.fill("12")
    reset.click()
    expect(steps).to_have_value("28")
    expect(steps).to_be_focused()
    expect(reset).to_be_hidden()


def test_what_is_being_written_survives_a_reload(studio: Open, site: Site) -> None:
    page = studio()
    wait_for_draft(page, lambda: prompt(page).press_sequentially("a lighthouse to come back to"))
    count(page).fill("2")
    wait_for_draft(page, lambda: page.get_by_text("Locked", exact=True).click())
    page.goto(f"{site.url}/credits/")
    page.goto(f"{site.url}/")
    expect(prompt(page)).to_have_value("a lighthouse to come back to")
    expect(count(page)).to_have_value("2")
    expect(page.get_by_label("Locked")).to_be_checked()


def test_leaving_at_once_loses_no_word(studio: Open, site: Site) -> None:
    page = studio()
    prompt(page).press_sequentially("a lighthouse in a hurry")
    page.goto(f"{site.url}/credits/")
    page.goto(f"{site.url}/")
    expect(prompt(page)).to_have_value("a lighthouse in a hurry")


def press(page: Page, words: str) -> None:
    prompt(page).fill(words)
    generate(page).click()
    expect(page.locator("#studio-form[data-busy]")).to_have_count(0)
    expect(cards(page, words)).to_have_count(1)


def test_past_prompts_come_back_by_key(studio: Open) -> None:
    page = studio()
    press(page, "the first lighthouse to recall")
    press(page, "the second lighthouse to recall")
    prompt(page).fill("what I was writing")
    page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("the second lighthouse to recall")
    page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("the first lighthouse to recall")
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Alt+ArrowDown")
    expect(prompt(page)).to_have_value("what I was writing")
    page.keyboard.press("Control+z")
    expect(prompt(page)).to_have_value("the second lighthouse to recall")


def end_session(page: Page) -> None:
    """End the person's session while the page stays: a panel that looks again would lead to the login."""
    page.route("**/progress/**", lambda route: route.fulfill(status=204))
    page.context.clear_cookies(name=re.compile("^sessionid"))


def test_words_that_no_session_takes_are_there_after_the_login(
    studio: Open, site: Site, member: Member
) -> None:
    page = studio()
    end_session(page)
    prompt(page).press_sequentially("a lighthouse that outlives a session")
    expect(page.locator("#draft-told")).to_have_text("Not saved: kept in this tab")
    prompt(page).press_sequentially(", to the last word")
    generate(page).click()
    page.wait_for_url("**/accounts/login/**")
    log_in_by_form(page, member.name, PASSWORD)
    page.wait_for_url(f"{site.url}/")
    expect(prompt(page)).to_have_value("a lighthouse that outlives a session, to the last word")
    page.reload()
    expect(prompt(page)).to_have_value("a lighthouse that outlives a session, to the last word")
    expect(cards(page, "a lighthouse that outlives a session")).to_have_count(0)


def test_words_that_somebody_else_wrote_stay_out_of_ones_form(
    studio: Open, site: Site, log_in_as_staff: LogIn
) -> None:
    page = studio()
    page.route("**/draft/", lambda route: route.fulfill(status=404))
    prompt(page).fill("a secret lighthouse")
    expect(page.locator("#draft-told")).to_have_text("Not saved: kept in this tab")
    # Elsewhere, nothing of the form is on its way any more when the session ends.
    page.goto(f"{site.url}/credits/")
    page.unroute("**/draft/")
    # Its token stays, as it does when a session ends by itself: a picture that is still being asked for is
    # led to the login too, and would bring another one than the form has.
    page.context.clear_cookies(name=re.compile("^sessionid"))
    log_in_as_staff(page)
    page.goto(site.url)
    expect(prompt(page)).to_be_visible()
    expect(page.get_by_text("a secret lighthouse")).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('unsent')") is None


def test_leaving_while_a_save_is_under_way_loses_no_word(studio: Open, site: Site) -> None:
    page = studio()
    with page.expect_request("**/draft/"):
        prompt(page).fill("a slow lighthouse")
    page.evaluate("window.real = fetch; fetch = () => new Promise(() => {}); null")
    prompt(page).fill("a slow lighthouse, first")
    page.wait_for_timeout(900)
    prompt(page).fill("a slow lighthouse, first and last")
    page.wait_for_timeout(900)
    # What is sent on leaving arrives late, or, as here, not at all.
    page.goto(f"{site.url}/credits/")
    page.goto(f"{site.url}/")
    expect(prompt(page)).to_have_value("a slow lighthouse, first and last")


def test_leaving_brings_no_old_words_over_those_of_another_device(studio: Open, site: Site) -> None:
    page = studio()
    with page.expect_request("**/draft/"):
        prompt(page).fill("a lighthouse here")
    page.evaluate("window.real = fetch; fetch = () => new Promise(() => {}); null")
    prompt(page).fill("a lighthouse here, unsent")
    page.goto(f"{site.url}/credits/")
    other = page.context.new_page()
    other.goto(f"{site.url}/")
    with other.expect_response("**/draft/"):
        prompt(other).fill("a lighthouse elsewhere")
    page.goto(f"{site.url}/")
    expect(prompt(page)).to_have_value("a lighthouse elsewhere")


def test_a_seed_that_is_out_of_sight_stops_no_press(studio: Open) -> None:
    page = studio()
    page.get_by_text("Locked", exact=True).click()
    page.get_by_label("Seed").fill("1 234")
    page.get_by_text("Random", exact=True).click()
    press(page, "a lighthouse without its seed")


def test_a_shape_of_ones_own_gives_way_to_the_one_before(studio: Open) -> None:
    page = studio()
    choose_shape(page, "16:9")
    page.locator(".own-shape > summary").click()
    own = page.get_by_label("Custom ratio")
    own.fill("5:4")
    wait_for_draft(page, lambda: own.press("Tab"))
    page.reload()
    expect(page.locator("[data-preview]")).to_have_text("1152 × 912")
    own.fill("")
    expect(page.get_by_label("16:9")).to_be_checked()
    expect(page.locator("[data-preview]")).to_have_text("1360 × 768")


def test_what_the_button_says_is_asked_again_when_it_refuses(studio: Open) -> None:
    page = studio()
    expect(generate(page)).to_be_visible()
    stale = '{"price": 40000, "balance": 0, "bounds": [[0, "Nothing is left."]]}'
    page.locator("#foot").evaluate("(foot, stale) => { foot.dataset.room = stale }", stale)
    prompt(page).press_sequentially("a late lighthouse")
    expect(page.locator("#refusal")).to_have_text("Nothing is left.")
    expect(generate(page)).to_have_accessible_description(re.compile(r"^Nothing is left\."))
    generate(page).click(force=True)
    expect(page.locator("#refusal")).to_be_empty()
    expect(generate(page)).to_have_accessible_description(re.compile("Leaves"))


def look(page: Page) -> None:
    """Ask what is in progress, as the page does when one comes back to it."""
    script = (
        'htmx.ajax("GET", "/progress/?whole", {source: "#progress", target: "#progress", swap: "outerMorph"})'
    )
    with page.expect_response("**/progress/**"):
        page.evaluate(script)


def test_what_changes_soon_after_a_look_is_looked_at_too(studio: Open) -> None:
    page = studio()
    with page.expect_response("**/form/foot/**"):
        look(page)
    with page.expect_response("**/form/foot/**"):
        press(page, "a lighthouse that costs something")


def test_a_look_that_finds_all_as_it_was_asks_nothing_at_the_button(studio: Open) -> None:
    page = studio()
    with page.expect_response("**/form/foot/**"):
        look(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    look(page)
    # What is found to have changed waits no longer than 3 s to be asked for.
    page.wait_for_timeout(3500)
    assert [url for url in asked if "/form/foot/" in url] == []


# The site has done it all. Here, and not by a route, since Chromium would complain of each on its console, as
# htmx does.
LOSE_ANSWERS_TO_POSTS = """() => {
    console.error = () => {};
    window.real = fetch;
    window.fetch = async (address, given) => {
        const answer = await real(address, given);
        if (given?.method !== "POST") return answer;
        throw new TypeError("The answer was lost.");
    };
}"""


def test_a_press_whose_answer_was_lost_is_pressed_again_and_bought_once(studio: Open) -> None:
    page = studio()
    wait_for_draft(page, lambda: prompt(page).fill("a lighthouse without an answer"))
    page.evaluate(LOSE_ANSWERS_TO_POSTS)
    generate(page).click()
    expect(page.get_by_text("We couldn’t confirm that. Press again; you won’t pay twice.")).to_be_visible()
    page.evaluate("window.fetch = real; null")
    generate(page).click()
    expect(page.locator("#notice-broken")).to_be_hidden()
    expect(cards(page, "a lighthouse without an answer")).to_have_count(1)
    page.reload()
    expect(cards(page, "a lighthouse without an answer")).to_have_count(1)


def test_what_the_page_asked_for_by_itself_is_not_told_as_unsent(studio: Open) -> None:
    page = studio()
    page.route("**/prompts/**", lambda route: route.fulfill(status=404))
    page.get_by_role("link", name="Past prompts").click()
    expect(page.get_by_role("dialog")).to_contain_text("They could not be fetched.")
    expect(page.locator("#notice-broken")).to_be_hidden()


def test_past_prompts_that_did_not_come_are_asked_for_again(studio: Open) -> None:
    page = studio()
    press(page, "a lighthouse to recall")
    prompt(page).fill("mine")
    page.route("**/prompts/", lambda route: route.fulfill(status=404))
    with page.expect_response("**/prompts/"):
        page.keyboard.press("Alt+ArrowUp")
    page.unroute_all()
    with page.expect_response("**/prompts/"):
        page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("a lighthouse to recall")


def test_what_a_picture_brings_keeps_what_was_typed_last(studio: Open) -> None:
    page = studio()
    press(page, "a lighthouse to use again")
    card = cards(page, "a lighthouse to use again")
    expect(card.locator("img[src*='/thumbnail']")).to_be_visible(timeout=30_000)
    page.evaluate("window.isTheSamePage = true")
    prompt(page).fill("half a thought, typed last")
    card.get_by_text("Use again").click()
    card.get_by_role("link", name="Use prompt").click()
    expect(prompt(page)).to_have_value("a lighthouse to use again")
    expect(prompt(page)).to_be_focused()
    expect(card.get_by_role("link", name="Use prompt")).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("half a thought, typed last")
    # What it takes the place of is a past prompt, and not lost.
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    expect(prompt(page)).to_be_focused()
    assert page.evaluate("window.isTheSamePage")


def test_enter_in_the_list_of_past_prompts_searches(studio: Open) -> None:
    page = studio()
    press(page, "a lighthouse to look for")
    page.get_by_role("link", name="Past prompts").click()
    dialog = page.get_by_role("dialog", name="Past prompts")
    expect(dialog.get_by_role("listitem").first).to_be_visible()
    search = dialog.get_by_role("searchbox")
    search.fill("lighthouse look for")
    search.press("Enter")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    expect(search).to_be_focused()


def test_a_list_that_does_not_come_says_so(studio: Open) -> None:
    page = studio()
    page.route("**/prompts/", lambda route: route.fulfill(status=404))
    page.get_by_role("link", name="Past prompts").click()
    expect(page.get_by_role("dialog")).to_contain_text("They could not be fetched.")


def test_recalling_begins_anew_after_a_word_of_ones_own(studio: Open) -> None:
    page = studio()
    press(page, "the older lighthouse")
    press(page, "the newer lighthouse")
    prompt(page).fill("mine")
    for _ in range(2):
        page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("the older lighthouse")
    page.keyboard.type(" at dusk")
    page.keyboard.press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("the newer lighthouse")
    page.keyboard.press("Alt+ArrowDown")
    expect(prompt(page)).to_have_value("the older lighthouse at dusk")


def test_tab_alone_leads_to_the_button(studio: Open) -> None:
    page = studio()
    prompt(page).focus()
    page.keyboard.type("a lighthouse by tab")
    for _ in range(40):
        page.keyboard.press("Tab")
        if generate(page).evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(cards(page, "a lighthouse by tab")).to_have_count(1)


def test_a_press_that_did_not_get_through_is_told_until_one_does(studio: Open) -> None:
    page = studio()
    page.route(page.url.split("?")[0], lambda route: route.fulfill(status=404))
    prompt(page).fill("a lighthouse cut off")
    generate(page).click()
    expect(page.locator("#notice-broken")).to_be_visible()
    page.evaluate('htmx.ajax("GET", "/progress/?whole", {source: "#progress", target: "#progress"})')
    expect(page.locator("#notice-offline")).to_be_hidden()
    expect(page.locator("#notice-broken")).to_be_visible()
    page.unroute_all()
    generate(page).click()
    expect(cards(page, "a lighthouse cut off")).to_have_count(1)
    expect(page.locator("#notice-broken")).to_be_hidden()


@WIDTHS
def test_past_prompts_are_searched_and_one_is_used_and_undone(width: int, studio: Open) -> None:
    page = studio(width=width)
    words = f"a lighthouse {width} with a Größe"
    press(page, words)
    prompt(page).fill("something else")
    page.get_by_role("link", name="Past prompts").click()
    dialog = page.get_by_role("dialog", name="Past prompts")
    dialog.get_by_role("searchbox").fill(f"grosse {width} LIGHT")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_text(words).click()
    expect(dialog).to_be_hidden()
    expect(prompt(page)).to_have_value(words)
    expect(prompt(page)).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("something else")


def test_past_prompts_without_script(scriptless: Open) -> None:
    page = scriptless()
    prompt(page).fill("a plain lighthouse to recall")
    generate(page).click()
    prompt(page).fill("half a plain thought")
    page.get_by_role("button", name="Past prompts").click()
    page.get_by_role("searchbox").fill("recall plain")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("a plain lighthouse to recall").click()
    expect(prompt(page)).to_have_value("a plain lighthouse to recall")
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("half a plain thought")


def test_a_picture_fills_the_form_and_undo_brings_it_back(studio: Open, site: Site) -> None:
    page = studio()
    press(page, "a lighthouse to vary")
    code = (cards(page, "a lighthouse to vary").first.get_attribute("id") or "").removeprefix("card-")
    wait_for_draft(page, lambda: prompt(page).fill("half a thought"))
    page.goto(f"{site.url}/?from={code}&use=vary")
    expect(page).to_have_url(f"{site.url}/#id_prompt")
    expect(prompt(page)).to_have_value("a lighthouse to vary")
    expect(prompt(page)).to_be_focused()
    expect(page.get_by_text("Same settings, new seed.")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("half a thought")


@WIDTHS
@pytest.mark.parametrize("endpoint", ["flux-kontext-pro", "flux-pro"])
def test_the_form_is_accessible_with_everything_open(
    width: int, endpoint: str, studio: Open, faults_of: Callable[[Page], list[str]]
) -> None:
    page = studio(endpoint, width)
    prompt(page).focus()
    page.evaluate("document.querySelectorAll('#studio-form details').forEach(fold => { fold.open = true })")
    page.get_by_text("Increment", exact=True).click()
    count(page).fill("101")
    assert faults_of(page) == []


def test_the_list_of_past_prompts_is_accessible(
    studio: Open, faults_of: Callable[[Page], list[str]], site: Site
) -> None:
    page = studio()
    press(page, "a lighthouse to look up")
    page.get_by_role("link", name="Past prompts").click()
    expect(page.get_by_role("dialog").get_by_text("a lighthouse to look up")).to_be_visible()
    assert faults_of(page) == []
    page.goto(f"{site.url}/prompts/?q=lighthouse")
    assert faults_of(page) == []


@pytest.mark.parametrize("width", [360, 800])
def test_every_target_is_large_enough_for_a_thumb(
    width: int, browser: Browser, log_in: LogIn, site: Site
) -> None:
    with browser.new_context(has_touch=True, is_mobile=True) as context:
        page = _open(context.new_page(), log_in, site, "flux-kontext-pro", width)
        expect(page.locator(".head")).to_have_css("height", "56px")
        press(page, "a lighthouse for a thumb")
        card = cards(page, "a lighthouse for a thumb").first
        expect(card.locator("img[src*='/thumbnail']")).to_be_visible(timeout=30_000)
        page.get_by_text("Your menu").first.evaluate("text => { text.closest('details').open = true }")
        small = faults_for_a_thumb(page)
        viewer = card.locator("a.shot").get_attribute("href")
        page.goto(site.url)
        # The keyboard would cover the pictures.
        expect(prompt(page)).not_to_be_focused()
        for path in ("/prompts/", "/gallery/", viewer, "/gallery/trash/", "/credits/"):
            page.goto(f"{site.url}{path}")
            small += faults_for_a_thumb(page)
    assert small == []


def faults_for_a_thumb(page: Page) -> list[str]:
    """Return what is too low to be hit, and the fields that a phone would zoom in on."""
    return [f"{page.url}: {target}" for target in page.evaluate(SMALL_TARGETS) + page.evaluate(SMALL_FIELDS)]


SMALL_FIELDS = """() => [...document.querySelectorAll(`:is(textarea, select,
    input:not([type=hidden], [type=radio], [type=checkbox]))`)]
  .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16)
  .map((field) => field.outerHTML.slice(0, 80))"""

SMALL_TARGETS = """() => [...document.querySelectorAll(
  `:is(a, button, summary, textarea, label:has(input),
    input:not([type=hidden], [type=radio], [type=checkbox])):not(.skip)`
)].filter((target) => target.checkVisibility({visibilityProperty: true}))
  .filter((target) => target.getBoundingClientRect().height < 43.9)
  .map((target) => target.outerHTML.slice(0, 80))"""
