"""One press of Generate buys once, however often the same form arrives."""

from __future__ import annotations

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from generations import bfl
from generations.credits import ledger, prices
from generations.models import Generation, Offer, PastPrompt, Press
from generations.pipeline import lifecycle
from generations.presentation import wording
from tests.credits.steps import complete, ready, submit

PROMPT = {"prompt": "a lighthouse at dusk"}
TOKEN = uuid.UUID("11111111-2222-4333-8444-555555555555")
HTMX = {"HX-Request": "true"}


def press(user: User, *, endpoint: str = "flux-dev", count: int = 1, **values: object) -> list[Generation]:
    return lifecycle.create(user, endpoint, {**PROMPT, **values}, count=count, token=TOKEN)


def send(client: Client, **values: str) -> HttpResponse:
    """Send the studio's form."""
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", "press": str(TOKEN), **PROMPT, **values}
    response = client.post("/", data)
    assert isinstance(response, HttpResponse)
    return response


def token_in(response: Any) -> str:
    (token,) = re.findall(r'name="press" value="([^"]*)"', response.text)
    return str(uuid.UUID(token))


def test_the_same_press_buys_once(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    first = press(alice)
    with django_capture_on_commit_callbacks() as jobs:
        assert press(alice) == first
    assert jobs == []
    assert ledger.get_balance(alice) == 100 - first[0].price
    assert first[0].events.count() == 1


def test_all_of_a_press_come_back_in_their_order(alice: User) -> None:
    first = press(alice, count=5)
    assert press(alice, count=5) == first
    assert Generation.objects.count() == 5
    assert {row.press for row in first} == {Press.objects.get()}


def test_the_same_settings_written_another_way_are_the_same_press(alice: User) -> None:
    first = press(alice, seed="7", width="1024")
    assert press(alice, width=1024, seed=7) == first
    assert press(alice, seed=7) == first  # the width is the default


@pytest.mark.parametrize(
    "change", [{"prompt": "a fox"}, {"seed": 7}, {"count": 2}, {"endpoint": "flux-pro-1.1"}]
)
def test_a_request_that_was_changed_is_another_press(change: dict[str, Any], alice: User) -> None:
    (first,) = press(alice)
    others = press(alice, **change)
    assert first not in others
    assert ledger.get_balance(alice) == 100 - first.price - ledger.sum_of_prices(others)
    assert press(alice) == [first]


def test_the_same_settings_for_another_endpoint_are_another_press(alice: User) -> None:
    (pro,) = press(alice, endpoint="flux-kontext-pro")
    (best,) = press(alice, endpoint="flux-kontext-max")
    assert pro.params == best.params
    assert (pro.endpoint, best.endpoint) == ("flux-kontext-pro", "flux-kontext-max")


SEEDS = [{**PROMPT, "seed": seed} for seed in (7, 8, 9)]


def test_each_picture_of_a_press_may_have_a_request_of_its_own(alice: User) -> None:
    bought = lifecycle.create_each(alice, "flux-dev", SEEDS, token=TOKEN)
    assert [row.params["seed"] for row in bought] == [7, 8, 9]
    assert {row.press for row in bought} == {Press.objects.get()}
    assert ledger.get_balance(alice) == 100 - ledger.sum_of_prices(bought)


def test_the_same_requests_again_are_one_press_and_in_another_order_another(alice: User) -> None:
    bought = lifecycle.create_each(alice, "flux-dev", SEEDS, token=TOKEN)
    assert lifecycle.create_each(alice, "flux-dev", SEEDS, token=TOKEN) == bought
    assert lifecycle.create_each(alice, "flux-dev", SEEDS[::-1], token=TOKEN) != bought
    assert Generation.objects.count() == 6


def test_of_several_requests_all_are_bought_or_none(alice: User) -> None:
    with pytest.raises(bfl.InvalidParameters):
        lifecycle.create_each(alice, "flux-dev", [*SEEDS, {**PROMPT, "steps": 51}], token=TOKEN)
    assert not Generation.objects.exists()
    assert not Press.objects.exists()
    assert ledger.get_balance(alice) == 100


@pytest.mark.parametrize("requests", [[], [PROMPT] * 101])
def test_it_takes_no_fewer_than_one_and_no_more_than_a_hundred(
    requests: list[dict[str, str]], alice: User
) -> None:
    with pytest.raises(lifecycle.InvalidCount):
        lifecycle.create_each(alice, "flux-dev", requests)


def test_a_hundred_are_bought_at_once(alice: User, staff: User) -> None:
    ledger.grant(alice, Decimal(1000), note="For a hundred", created_by=None)
    prices.save(Offer(endpoint="flux-dev", max_waiting=100), changed_by=staff)
    assert len(lifecycle.create(alice, "flux-dev", PROMPT, count=100)) == 100


def test_a_form_that_counts_up_buys_one_picture_of_each_seed(as_alice: Client, alice: User) -> None:
    for _ in range(2):
        send(as_alice, count="3", seed_mode="counting", seed="7")
    assert [row.params["seed"] for row in Generation.objects.order_by("pk")] == [7, 8, 9]
    assert ledger.get_balance(alice) == Decimal("92.5")


def test_a_press_that_is_refused_leaves_no_past_prompt_either(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    assert send(client).status_code == 422
    assert not PastPrompt.objects.exists()


def test_the_token_of_somebody_else_is_another_press(alice: User, bob: User) -> None:
    (hers,), (his,) = press(alice), press(bob)
    assert (hers.user, his.user) == (alice, bob)
    assert ledger.get_balance(alice) == ledger.get_balance(bob) == 100 - hers.price


def test_without_a_token_every_call_buys(alice: User) -> None:
    for _ in range(2):
        lifecycle.create(alice, "flux-dev", PROMPT)
    assert Generation.objects.count() == 2
    assert not Press.objects.exists()


def test_a_press_that_was_refused_can_be_pressed_again_after_a_grant(charlie: User) -> None:
    with pytest.raises(ledger.InsufficientCredits):
        press(charlie, count=2)
    assert not Press.objects.exists()
    ledger.grant(charlie, Decimal(5), note="Just enough", created_by=None)
    bought = press(charlie, count=2)
    assert len(bought) == 2
    assert press(charlie, count=2) == bought
    assert ledger.get_balance(charlie) == 0


@pytest.mark.parametrize(
    ("refusal", "arguments"),
    [
        (bfl.InvalidParameters, {"steps": 51}),
        (lifecycle.InvalidCount, {"count": 0}),
        (lifecycle.EndpointUnavailable, {"endpoint": "flux-9"}),
    ],
)
def test_what_is_refused_leaves_no_press(
    refusal: type[Exception], arguments: dict[str, Any], alice: User
) -> None:
    with pytest.raises(refusal):
        press(alice, **arguments)
    assert not Press.objects.exists()


def test_what_has_ended_is_not_bought_again_by_the_same_press(alice: User) -> None:
    (first,) = press(alice)
    assert lifecycle.cancel(first, canceled_by=alice)
    assert press(alice) == [first]
    assert ledger.get_balance(alice) == 100


def test_a_retry_belongs_to_no_press(alice: User) -> None:
    (first,) = press(alice)
    assert lifecycle.cancel(first, canceled_by=alice)
    assert lifecycle.retry(first, alice).press is None


def at_once(times: int, user: User, tokens: list[uuid.UUID]) -> list[list[int]]:
    """Press in so many threads at the same moment; return what each has got."""
    together = threading.Barrier(times)

    def one(number: int) -> list[int]:
        try:
            together.wait(10)
            token = tokens[number % len(tokens)]
            return [row.pk for row in lifecycle.create(user, "flux-dev", PROMPT, count=2, token=token)]
        except ledger.InsufficientCredits:
            return []
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


@pytest.mark.django_db(transaction=True)
def test_of_presses_at_the_same_moment_one_buys_and_all_get_it(alice: User) -> None:
    answers = at_once(8, alice, [TOKEN])
    assert answers == [answers[0]] * 8
    assert Generation.objects.count() == 2
    assert ledger.get_balance(alice) == 95


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_share_the_last_credits_fairly(charlie: User) -> None:
    ledger.grant(charlie, Decimal(5), note="For one press", created_by=None)
    answers = at_once(8, charlie, [TOKEN, uuid.uuid4()])
    bought = [row for row in answers if row]
    assert bought
    assert bought == [bought[0]] * len(bought)
    assert Generation.objects.count() == 2
    assert Press.objects.count() == 1
    assert ledger.get_balance(charlie) == 0


def test_a_form_that_arrives_twice_buys_once(as_alice: Client, alice: User) -> None:
    first, second = send(as_alice), send(as_alice)
    assert first["Location"] == second["Location"] == f"/?pressed={Generation.objects.get().code}"
    assert ledger.get_balance(alice) == Decimal("97.5")


def test_a_form_that_was_changed_before_it_is_sent_again_buys(as_alice: Client, alice: User) -> None:
    send(as_alice)
    send(as_alice, prompt="a fox")
    assert [row.prompt for row in Generation.objects.order_by("pk")] == [PROMPT["prompt"], "a fox"]


def test_a_form_that_was_refused_may_be_sent_again_as_it_is(as_alice: Client, alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    assert send(as_alice).status_code == 422
    Offer.objects.update(is_enabled=True)
    assert send(as_alice).status_code == 302
    assert Generation.objects.count() == 1


def test_what_was_bought_is_answered_after_the_model_was_switched_off(as_alice: Client, alice: User) -> None:
    first = send(as_alice)
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    assert send(as_alice)["Location"] == first["Location"]
    assert ledger.get_balance(alice) == Decimal("97.5")


def test_what_was_bought_is_answered_after_the_price_has_changed(as_alice: Client, alice: User) -> None:
    first = send(as_alice, price="2.5")
    Offer.objects.create(endpoint="flux-dev", price=9)
    assert send(as_alice, price="2.5")["Location"] == first["Location"]
    assert ledger.get_balance(alice) == Decimal("97.5")


def price_in(text: str) -> str:
    (price,) = set(re.findall(r'name="price" value="([^"]*)"', text))
    return str(price)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_it_buys_at_the_price_on_the_button_or_not_at_all(
    headers: dict[str, str], as_alice: Client, alice: User
) -> None:
    form = {"endpoint": "flux-dev", "form_for": "flux-dev", **PROMPT}
    shown = price_in(as_alice.get("/", {"endpoint": "flux-dev"}, follow=True).text)
    Offer.objects.create(endpoint="flux-dev", price=9)
    text = as_alice.post("/", {**form, "price": shown}, headers=headers).text
    assert "Dev now costs 9 credits a picture; you were shown 2.5. Nothing was charged." in text
    assert "Generate&nbsp;· 9 credits" in text
    assert ledger.get_balance(alice) == 100
    as_alice.post("/", {**form, "price": price_in(text)}, headers=headers)
    assert ledger.get_balance(alice) == 91


@pytest.mark.parametrize("garbage", ["", "x", "NaN", "-Infinity", "sNaN", "1e999999999"])
def test_a_garbled_price_is_none(garbage: str, as_alice: Client) -> None:
    assert send(as_alice, price=garbage).status_code == 302
    assert Generation.objects.get().price == Decimal("2.5")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_trying_again_tells_its_price_and_keeps_to_it(
    headers: dict[str, str], as_alice: Client, alice: User
) -> None:
    (first,) = press(alice)
    assert lifecycle.fail(first, Generation.FailureCode.PROVIDER_ERROR)
    Offer.objects.create(endpoint="flux-dev", price=3)
    page = as_alice.get("/progress/?whole").text
    shown = price_in(page)
    assert "Try again · 3" in page
    Offer.objects.update(price=9)
    refused = as_alice.post(f"/g/{first.code}/retry/", {"price": shown}, headers=headers, follow=True).text
    assert "Dev now costs 9 credits a picture; you were shown 3. Nothing was charged." in refused
    assert "Try again · 9" in refused
    assert ledger.get_balance(alice) == 100
    as_alice.post(f"/g/{first.code}/retry/", {"price": "9"}, headers=headers)
    assert ledger.get_balance(alice) == 91


def test_what_was_tried_again_with_success_is_not_bought_again(as_alice: Client, alice: User) -> None:
    (first,) = press(alice)
    assert lifecycle.cancel(first, canceled_by=alice)
    complete(ready(submit(lifecycle.retry(first, alice))))
    text = as_alice.post(f"/g/{first.code}/retry/", {"price": "2.5"}, follow=True).text
    assert "That was tried again before, and its picture is in your gallery." in text
    assert Generation.objects.count() == 2
    assert ledger.get_balance(alice) == Decimal("97.5")


@pytest.mark.parametrize(
    "garbage", ["", "x", "1", "{}", "11111111-2222-4333-8444-55555555555g", "\x00", "x" * 5000]
)
def test_a_garbled_token_is_none(garbage: str, as_alice: Client) -> None:
    assert send(as_alice, press=garbage).status_code == 302
    assert Generation.objects.get().press is None


def test_all_forms_have_one_token_until_something_is_bought(as_alice: Client) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", "press": str(TOKEN), **PROMPT}
    drawn = [
        as_alice.get("/"),
        as_alice.get("/"),
        as_alice.post("/form/", data),
        as_alice.post("/form/", data, headers=HTMX),
        as_alice.post("/", {**data, "steps": "51"}),
        as_alice.post("/", {**data, "form_for": "flux-pro"}),
    ]
    (token,) = {token_in(answer) for answer in drawn}
    after = token_in(as_alice.post("/", {**data, "press": token}, headers=HTMX))
    assert after not in (token, str(TOKEN))
    assert token_in(as_alice.get("/")) == after


def test_two_people_never_share_a_token(as_alice: Client, as_bob: Client) -> None:
    assert token_in(as_alice.get("/")) != token_in(as_bob.get("/"))


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_two_tabs_are_one_press(headers: dict[str, str], as_alice: Client, alice: User) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", **PROMPT}
    tabs = [token_in(as_alice.get("/")) for _ in range(2)]
    first, second = (
        as_alice.post("/", {**data, "press": token}, headers=headers, follow=True) for token in tabs
    )
    assert Generation.objects.count() == 1
    assert ledger.get_balance(alice) == Decimal("97.5")
    assert wording.BOUGHT_BEFORE not in first.text
    assert wording.BOUGHT_BEFORE in second.text
    # And both go on with the same form.
    assert token_in(second) == token_in(as_alice.get("/"))
    as_alice.post("/", {**data, "press": token_in(second)}, headers=headers)
    assert Generation.objects.count() == 2


def test_an_old_tab_with_another_prompt_leaves_the_newer_form_its_token(as_alice: Client) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", **PROMPT}
    old = token_in(as_alice.get("/"))
    newer = token_in(as_alice.post("/", {**data, "press": old}, headers=HTMX))
    as_alice.post("/", {**data, "prompt": "a fox", "press": old}, headers=HTMX)
    assert Generation.objects.count() == 2
    assert token_in(as_alice.get("/")) == newer


def test_pressing_again_in_the_form_that_came_back_buys_again(as_alice: Client) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", **PROMPT}
    token = token_in(as_alice.get("/"))
    for _ in range(3):
        token = token_in(as_alice.post("/", {**data, "press": token}, headers=HTMX))
    assert Generation.objects.count() == Press.objects.count() == 3
