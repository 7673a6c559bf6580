"""What is said beside the button before the press, which is what the press would say."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from generations.context_processors import Frame
from generations.credits import ledger, prices
from generations.models import Limit, Offer
from generations.pipeline import lifecycle
from generations.studio.quote import Room, of

PROMPT = {"prompt": "a heron"}


def room_of(user: User, endpoint: str = "flux-dev") -> Room:
    return of(user, prices.get_list()[endpoint], Frame(user))


def granted(user: User, credits: str) -> User:
    ledger.grant(user, Decimal(credits), note="For the tests", created_by=None)
    return user


def test_it_says_what_a_press_costs_and_leaves(alice: User) -> None:
    quote = room_of(alice).quote(3)
    assert (quote.total, quote.left_after, quote.refusal) == (Decimal("7.5"), Decimal("92.5"), "")


def test_it_lets_the_last_credits_be_spent(charlie: User) -> None:
    assert room_of(granted(charlie, "5")).quote(2).refusal == ""
    assert room_of(charlie).quote(3).refusal == (
        "Your 5 credits pay for 2 of these. Make fewer, or ask a member of staff for more."
    )


def test_it_says_how_much_is_missing_for_one(charlie: User) -> None:
    sentence = "One of these costs 2.5 credits and you have 2.4999. Ask a member of staff for more."
    assert room_of(granted(charlie, "2.4999")).quote(1).refusal == sentence


def test_it_says_first_that_the_endpoint_is_switched_off(charlie: User) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    assert room_of(charlie).quote(1).refusal == ("Dev is switched off at the moment. Choose another model.")


def test_it_says_how_many_a_limit_leaves(alice: User) -> None:
    Limit.objects.create(scope=Limit.Scope.EVERYONE, period=Limit.Period.DAY, credits=Decimal(6))
    refusal = room_of(alice).quote(3).refusal
    assert refusal.startswith("You may spend 6 credits a day and have 6 left: enough for 2 of these.")
    assert room_of(alice).quote(2).refusal == ""


def test_it_says_when_a_limit_is_reached(alice: User) -> None:
    Limit.objects.create(scope=Limit.Scope.TEAM, period=Limit.Period.DAY, credits=Decimal(2))
    refusal = room_of(alice).quote(1).refusal
    assert refusal.startswith("The team may spend 2 credits a day and has 2 left; this costs 2.5.")
    assert "The limit resets" in refusal


def test_it_says_how_many_may_still_wait(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=5)
    lifecycle.create(alice, "flux-dev", PROMPT, count=3)
    assert room_of(alice).sentence == "Queue: 3 of 5"
    assert room_of(alice).quote(2).refusal == ""
    assert room_of(alice).quote(3).refusal == (
        "You have 3 of 5 Dev pictures waiting, so there is room for 2 more."
    )


def test_it_says_when_nothing_more_may_wait(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=1)
    lifecycle.create(alice, "flux-dev", PROMPT)
    assert room_of(alice).quote(1).refusal == (
        "You have 1 of 1 Dev pictures waiting. Wait until some have had their turn, or cancel some."
    )


def test_what_costs_nothing_has_only_the_largest_count_against_it(charlie: User) -> None:
    Offer.objects.create(endpoint="flux-dev", price=0, max_waiting=500)
    assert room_of(charlie).quote(lifecycle.LARGEST_COUNT).refusal == ""
    assert room_of(charlie).quote(101).refusal == "At most 100 pictures go at once."


@pytest.mark.parametrize("count", [1, 4, 5, 6, 40, 41, 100, 101])
def test_it_refuses_just_what_the_press_refuses(count: int, alice: User) -> None:
    Limit.objects.create(scope=Limit.Scope.PERSON, person=alice, period=Limit.Period.DAY, credits=Decimal(12))
    refused = bool(room_of(alice).quote(count).refusal)
    try:
        lifecycle.create(alice, "flux-dev", PROMPT, count=count)
    except lifecycle.REFUSALS:
        assert refused
    else:
        assert not refused


def test_the_script_is_given_the_same_to_reckon_with(alice: User) -> None:
    given = json.loads(room_of(alice).as_json)
    assert (given["price"], given["balance"]) == (25_000, 1_000_000)
    assert given["bounds"] == [[bound.most, bound.sentence] for bound in room_of(alice).bounds]
