"""What stands in the form is kept, on every device, and what overwrites it can be undone."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from generations.credits import prices
from generations.credits.prices import Listed
from generations.models import Draft, Generation, PastPrompt
from generations.pipeline import lifecycle
from generations.studio import drafts, prompt_history
from tests.conftest import make_pictures
from tests.studio.test_page import HTMX, open_at, prompt_of, value_of

TYPED = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a heron", "steps": "12", "count": "3"}


def keep(client: Client, **values: str) -> None:
    assert client.post("/draft/", {**TYPED, **values}).status_code == 204


def seed_mode_of(text: str) -> str:
    (mode,) = re.findall(r'id="seed-([a-z]+)"[^>]* checked', text)
    return str(mode)


def fill(client: Client, source: Generation, use: str) -> str:
    return open_at(client, **{"from": str(source.code), "use": use})


@pytest.fixture
def source(alice: User, media: Path) -> Generation:
    """A picture of Alice's, for which BFL used the seed 42."""
    values = {"prompt": "a lighthouse", "aspect_ratio": "5:4", "prompt_upsampling": True}
    lifecycle.create(alice, "flux-kontext-pro", values)
    make_pictures(alice)
    return Generation.objects.get(endpoint="flux-kontext-pro")


# Keeping


def test_what_was_typed_stands_there_on_the_next_device(as_alice: Client, alice: User) -> None:
    keep(as_alice)
    elsewhere = Client()
    elsewhere.force_login(alice)
    text = elsewhere.get("/").text
    assert 'name="form_for" value="flux-dev"' in text
    assert (prompt_of(text), value_of(text, "steps"), value_of(text, "count")) == ("a heron", "12", "3")


def test_it_outlives_a_logout(as_alice: Client, alice: User) -> None:
    keep(as_alice)
    as_alice.post("/accounts/logout/")
    as_alice.force_login(alice)
    assert prompt_of(as_alice.get("/").text) == "a heron"


def test_a_draft_never_buys(as_alice: Client, alice: User) -> None:
    keep(as_alice, press="11111111-2222-4333-8444-555555555555", buy="1")
    assert not Generation.objects.exists()


def test_it_keeps_what_the_form_would_refuse(as_alice: Client) -> None:
    keep(as_alice, steps="999", prompt="x" * 4001)
    text = as_alice.get("/").text
    assert (value_of(text, "steps"), prompt_of(text)) == ("999", "x" * 4001)
    assert "errorlist" not in text


def test_it_keeps_an_empty_prompt_as_well(as_alice: Client) -> None:
    keep(as_alice)
    keep(as_alice, prompt="")
    assert prompt_of(as_alice.get("/").text) == ""


def test_it_keeps_no_more_than_a_form_could_hold(as_alice: Client, alice: User) -> None:
    keep(as_alice, prompt="x" * 30_000, password="secret", csrfmiddlewaretoken="token", raw="a\0b")
    form = Draft.objects.get(user=alice).form
    assert form.keys() == {*TYPED, "raw"}
    assert (len(form["prompt"]), form["raw"]) == (drafts.LONGEST, "ab")


def test_of_two_tabs_the_last_wins(as_alice: Client, alice: User) -> None:
    for prompt in ("a fox", "a heron"):
        keep(as_alice, prompt=prompt)
    assert Draft.objects.get().form["prompt"] == "a heron"


def test_each_has_their_own(as_alice: Client, as_bob: Client) -> None:
    keep(as_alice)
    keep(as_bob, prompt="a fox")
    assert prompt_of(as_alice.get("/").text) == "a heron"
    assert prompt_of(as_bob.get("/").text) == "a fox"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_press_keeps_the_prompt(headers: dict[str, str], as_alice: Client) -> None:
    as_alice.post("/", TYPED, headers=headers)
    assert Generation.objects.count() == 3
    text = as_alice.get("/").text
    assert (prompt_of(text), value_of(text, "count")) == ("a heron", "3")


def test_a_press_that_is_refused_keeps_it_too(as_alice: Client) -> None:
    assert as_alice.post("/", {**TYPED, "steps": "51"}).status_code == 422
    assert value_of(as_alice.get("/").text, "steps") == "51"


def test_another_endpoint_is_kept_as_well(as_alice: Client) -> None:
    as_alice.post("/form/", {**TYPED, "endpoint": "flux-pro"}, headers=HTMX)
    text = as_alice.get("/").text
    assert 'name="form_for" value="flux-pro"' in text
    assert (prompt_of(text), value_of(text, "steps")) == ("a heron", "12")


def test_what_a_login_has_interrupted_comes_back_into_the_form(as_alice: Client) -> None:
    text = as_alice.post("/draft/", TYPED, headers=HTMX).text
    assert 'data-fresh="all"' in text
    assert prompt_of(text) == "a heron"


def test_a_setting_is_reset_without_script(as_alice: Client) -> None:
    text = as_alice.post("/form/", {**TYPED, "reset": "steps"}).text
    assert (prompt_of(text), value_of(text, "steps")) == ("a heron", "28")


def test_an_endpoint_that_is_gone_leaves_the_prompt(as_alice: Client, alice: User) -> None:
    drafts.keep(alice, {**TYPED, "endpoint": "flux-gone", "form_for": "flux-gone"})
    text = as_alice.get("/").text
    assert prompt_of(text) == "a heron"
    assert 'name="form_for" value="flux-kontext-pro"' in text


# Filling it from a picture


def test_using_everything_repeats_the_request_exactly(
    as_alice: Client, alice: User, source: Generation
) -> None:
    keep(as_alice)
    text = fill(as_alice, source, "all")
    assert prompt_of(text) == "a lighthouse"
    assert (value_of(text, "aspect_ratio_custom"), value_of(text, "seed")) == ("5:4", "42")
    assert re.search(r'name="prompt_upsampling"[^>]* checked', text)
    assert (seed_mode_of(text), value_of(text, "count")) == ("locked", "1")


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("all", "Same settings."),
        ("vary", "Same settings, new seed."),
        ("prompt", "The prompt of that picture."),
        ("seed", "The seed of that picture."),
    ],
)
def test_it_says_what_a_picture_has_put_there(
    use: str, told: str, as_alice: Client, source: Generation
) -> None:
    assert told in fill(as_alice, source, use)


def test_varying_is_everything_but_the_seed(as_alice: Client, source: Generation) -> None:
    keep(as_alice, seed="7", seed_mode="locked")
    text = fill(as_alice, source, "vary")
    assert (prompt_of(text), value_of(text, "aspect_ratio_custom")) == ("a lighthouse", "5:4")
    assert (seed_mode_of(text), value_of(text, "seed")) == ("random", "")


def test_using_the_prompt_leaves_the_rest(as_alice: Client, source: Generation) -> None:
    keep(as_alice, seed="7", seed_mode="locked")
    text = fill(as_alice, source, "prompt")
    assert (prompt_of(text), value_of(text, "steps"), value_of(text, "seed")) == ("a lighthouse", "12", "7")
    assert 'name="form_for" value="flux-dev"' in text


def test_using_the_seed_leaves_the_rest(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    text = fill(as_alice, source, "seed")
    assert (prompt_of(text), value_of(text, "seed"), seed_mode_of(text)) == ("a heron", "42", "locked")


@pytest.mark.parametrize("use", ["prompt", "seed", "all", "vary", "", "nonsense"])
def test_whatever_fills_the_form_sets_the_count_to_one(
    use: str, as_alice: Client, source: Generation
) -> None:
    keep(as_alice, count="64")
    assert value_of(fill(as_alice, source, use), "count") == "1"


def test_somebody_elses_picture_fills_nothing(as_bob: Client, source: Generation) -> None:
    keep(as_bob)
    text = fill(as_bob, source, "all")
    assert (prompt_of(text), value_of(text, "count")) == ("a heron", "3")
    assert "There is no such picture of yours" in text


def test_looking_changes_nothing(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    for address in ("/", f"/g/{source.code}/", "/gallery/", "/?pressed=" + str(source.code)):
        as_alice.get(address)
    as_alice.head("/", {"from": str(source.code)})
    as_alice.get("/", {"from": str(source.code)}, headers={"Sec-Purpose": "prefetch;prerender"})
    assert Draft.objects.get().form == TYPED


def test_a_value_that_is_not_possible_any_more_is_told(as_alice: Client, source: Generation) -> None:
    Generation.objects.filter(pk=source.pk).update(
        endpoint="flux-dev", params={"prompt": "a lighthouse", "steps": 99, "raw": True}
    )
    text = fill(as_alice, source, "all")
    assert "Steps 99 was left out. Steps must be a whole number from 1 to 50." in text
    assert "Raw was left out: Dev has no such setting." in text
    assert value_of(text, "steps") == "28"


def test_a_model_that_is_gone_is_told(as_alice: Client, source: Generation) -> None:
    Generation.objects.filter(pk=source.pk).update(endpoint="flux-gone")
    text = fill(as_alice, source, "all")
    assert "The model flux-gone is not offered any more." in text
    assert prompt_of(text) == "a lighthouse"


# Undo


def undo(client: Client, text: str) -> str:
    """Press Undo in the form of a page as it stands."""
    response = client.post("/draft/undo/", {**TYPED, "prompt": prompt_of(text)}, follow=True)
    assert isinstance(response, HttpResponse)
    return response.text


def test_what_stood_there_can_be_brought_back(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    text = fill(as_alice, source, "all")
    assert 'formaction="/draft/undo/"' in text
    assert "<q" in text
    assert "a heron" in text
    text = undo(as_alice, text)
    assert (prompt_of(text), value_of(text, "steps"), value_of(text, "count")) == ("a heron", "12", "3")


def test_undo_survives_a_reload_and_a_press(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    fill(as_alice, source, "all")
    as_alice.post("/", {**TYPED, "prompt": "a lighthouse"}, headers=HTMX)
    assert prompt_of(undo(as_alice, as_alice.get("/").text)) == "a heron"


def test_undo_takes_back_itself(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    text = undo(as_alice, fill(as_alice, source, "prompt"))
    assert prompt_of(undo(as_alice, text)) == "a lighthouse"


def test_the_same_link_twice_forgets_nothing(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    for _ in range(2):
        text = fill(as_alice, source, "all")
    assert prompt_of(undo(as_alice, text)) == "a heron"


def pick(client: Client, text: str, query: str) -> str:
    """Let what an address names take the place of the form of a page as it stands."""
    values = {**TYPED, "prompt": prompt_of(text).replace("\n", "\r\n")}
    return client.post(f"/draft/fill/?{query}", values, headers=HTMX).text


def test_what_was_typed_last_is_what_undo_brings_back(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    values = {**TYPED, "prompt": "a heron, and not kept yet"}
    text = as_alice.post(f"/draft/fill/?from={source.code}&use=prompt", values, headers=HTMX).text
    assert prompt_of(text) == "a lighthouse"
    assert prompt_of(undo(as_alice, text)) == "a heron, and not kept yet"


def test_several_picks_one_after_the_other_keep_ones_own_words(as_alice: Client) -> None:
    keep(as_alice)
    text = as_alice.get("/").text
    for query in ("prompt=a+fox%0Ain+snow", "prompt=a+hare", "steps=9"):
        text = pick(as_alice, text, query)
    assert prompt_of(text) == "a hare"
    assert prompt_of(undo(as_alice, text)) == "a heron"


def test_words_changed_after_a_pick_are_ones_own_again(as_alice: Client) -> None:
    keep(as_alice)
    pick(as_alice, as_alice.get("/").text, "prompt=a+fox")
    keep(as_alice, prompt="a fox in snow")
    text = pick(as_alice, as_alice.get("/").text, "prompt=a+hare")
    assert prompt_of(undo(as_alice, text)) == "a fox in snow"


def test_a_save_that_comes_late_draws_no_other_form(
    as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_list = prices.get_list

    def overtaken() -> Mapping[str, Listed]:
        drafts.keep(alice, {**TYPED, "endpoint": "flux-dev"})
        return get_list()

    monkeypatch.setattr(prices, "get_list", overtaken)
    text = as_alice.post("/form/", {**TYPED, "endpoint": "flux-kontext-pro"}, headers=HTMX).text
    assert 'name="form_for" value="flux-kontext-pro"' in text


def test_what_another_model_does_not_take_can_be_brought_back(as_alice: Client) -> None:
    text = as_alice.post("/form/", {**TYPED, "endpoint": "flux-kontext-pro"}, headers=HTMX).text
    assert "Steps was left out" in text
    text = undo(as_alice, text)
    assert 'name="form_for" value="flux-dev"' in text
    assert value_of(text, "steps") == "12"


def test_a_press_that_is_refused_keeps_the_offer_to_undo(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    fill(as_alice, source, "all")
    assert (
        "/draft/undo/"
        in as_alice.post("/", {**TYPED, "prompt": "a lighthouse", "steps": "51"}, headers=HTMX).text
    )


@pytest.mark.django_db(transaction=True)
def test_an_older_press_that_comes_meanwhile_is_not_what_undo_brings_back(
    as_alice: Client, alice: User
) -> None:
    prompt_history.remember(alice, "the older")
    past = PastPrompt.objects.get(user=alice).digest
    is_over = threading.Event()

    def keep_the_older() -> None:
        try:
            while not is_over.is_set():
                drafts.keep(alice, {**TYPED, "prompt": "the older"})
        finally:
            connection.close()

    def brought_back(number: int) -> str:
        mine = {**TYPED, "prompt": f"mine {number}"}
        as_alice.post(f"/draft/fill/?past={past}", mine, headers=HTMX)
        return str(drafts.get(alice).before["prompt"])

    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(keep_the_older)
        told = [brought_back(number) for number in range(20)]
        is_over.set()
        late.result()
    assert told == [f"mine {number}" for number in range(20)]


def test_there_is_nothing_to_undo_where_nothing_was_replaced(as_alice: Client, source: Generation) -> None:
    assert "/draft/undo/" not in fill(as_alice, source, "all")
    keep(as_alice)
    assert prompt_of(undo(as_alice, as_alice.get("/").text)) == "a heron"


def test_the_offer_to_undo_can_be_dismissed(as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    text = fill(as_alice, source, "all")
    values = {**TYPED, "prompt": prompt_of(text)}
    assert "/draft/undo/" not in as_alice.post("/draft/forget/", values, follow=True).text
    assert prompt_of(as_alice.get("/").text) == "a lighthouse"


@pytest.mark.parametrize("verb", ["undo", "forget"])
def test_htmx_gets_the_form_alone(verb: str, as_alice: Client, source: Generation) -> None:
    keep(as_alice)
    fill(as_alice, source, "all")
    response = as_alice.post(f"/draft/{verb}/", TYPED, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert 'id="studio-form"' in response.text


# Words that only undo can bring back

KEPT = "Your earlier prompt is kept"


def test_an_earlier_prompt_is_named_only_if_its_words_are_nowhere_else(
    as_alice: Client, alice: User, source: Generation
) -> None:
    keep(as_alice, prompt="a heron in two inks")
    assert KEPT in fill(as_alice, source, "all")
    # Bought meanwhile, it is among the past prompts.
    prompt_history.remember(alice, "a heron in two inks")
    assert KEPT not in as_alice.get("/").text


@pytest.mark.parametrize("own", ["a lighthouse", " a lighthouse\r\n", ""])
def test_an_earlier_form_with_the_same_words_or_none_is_not_named(
    own: str, as_alice: Client, source: Generation
) -> None:
    keep(as_alice, prompt=own)
    assert KEPT not in fill(as_alice, source, "all")


def test_an_earlier_prompt_that_was_carried_on_is_not_lost(as_alice: Client) -> None:
    keep(as_alice, prompt="a heron")
    assert KEPT not in as_alice.get("/", {"prompt": "a heron among reeds"}, follow=True).text


def test_a_save_that_comes_after_a_fill_does_not_change_its_answer(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = make_pictures(alice, prompt="a heron among reeds")
    get_list = prices.get_list

    def save_meanwhile() -> Any:
        # The answer asks for the prices when the fill is written, and before the form is drawn.
        drafts.keep(alice, {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "something else"})
        return get_list()

    form = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "something else"}
    monkeypatch.setattr(prices, "get_list", save_meanwhile)
    answer = as_alice.post(f"/draft/fill/?from={picture.code}&use=all", form, headers=HTMX)
    assert prompt_of(answer.text) == "a heron among reeds"
