from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from generations.bfl import ENDPOINTS
from generations.credits import ledger, prices
from generations.models import Generation, Offer, OfferChange
from generations.pipeline import lifecycle
from tests.credits.steps import PROMPT, create, succeed


def test_it_lists_the_catalogue_where_nothing_else_is_said(db: None) -> None:
    listed = prices.get_list()
    assert list(listed) == list(ENDPOINTS)
    assert all(line.price == line.bfl_price == ENDPOINTS[slug].price for slug, line in listed.items())
    assert all(line.is_enabled and line.max_waiting == 50 for line in listed.values())


def test_its_own_price_follows_bfls_unless_it_has_one(db: None) -> None:
    Offer.objects.create(endpoint="flux-dev", bfl_price=Decimal("2.75"))
    Offer.objects.create(endpoint="flux-pro", price=0)
    listed = prices.get_list()
    assert (listed["flux-dev"].price, listed["flux-dev"].bfl_price) == (Decimal("2.75"), Decimal("2.75"))
    assert (listed["flux-pro"].price, listed["flux-pro"].bfl_price) == (Decimal(0), Decimal(5))


def test_it_sells_at_the_price_on_the_button(as_alice: Client, alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", price=Decimal("7.1234"))
    assert "7.1234" in as_alice.get("/?endpoint=flux-dev", follow=True).text
    as_alice.post("/", {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a heron"})
    assert ledger.get_balance(alice) == Decimal("92.8766")


def test_a_generation_keeps_the_prices_it_was_sold_at(alice: User) -> None:
    offer = Offer.objects.create(endpoint="flux-dev", bfl_price=3, price=9)
    generation = create(alice)
    offer.bfl_price = offer.price = Decimal(8)
    prices.save(offer, changed_by=None)
    generation.refresh_from_db()
    assert (generation.price, generation.bfl_price) == (Decimal(9), Decimal(3))


def test_it_records_each_change(staff: User) -> None:
    offer = Offer(endpoint="flux-dev", price=Decimal("3.5"))
    prices.save(offer, changed_by=staff)
    offer.price, offer.is_enabled = None, False
    prices.save(offer, changed_by=staff)
    changes = OfferChange.objects.order_by("pk").values_list("field", "old", "new", "changed_by")
    assert list(changes) == [
        ("price", "", "3.5", staff.pk),
        ("price", "3.5", "", staff.pk),
        ("is_enabled", "True", "False", staff.pk),
    ]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("price", "-1", "A price cannot be less than nothing."),
        ("price", "1000000000", "no more than 8 digits before the decimal point"),
        ("price", "10000.0001", "A price is at most 10,000 credits."),
        ("bfl_price", "1.00001", "no more than 4 decimal places"),
        ("price", "NaN", "Enter a number."),
        ("max_waiting", "0", "At least one picture must be allowed to wait."),
    ],
)
def test_it_refuses_with_a_sentence(field: str, value: str, sentence: str, as_staff: Client) -> None:
    response = as_staff.post("/admin/generations/offer/add/", {"endpoint": "flux-dev", field: value})
    assert sentence in response.text
    assert not Offer.objects.exists()
    assert not OfferChange.objects.exists()


def test_staff_see_the_change_and_who_made_it(as_staff: Client) -> None:
    as_staff.post("/admin/generations/offer/add/", {"endpoint": "flux-dev", "price": "3", "is_enabled": "on"})
    text = as_staff.get("/admin/generations/offerchange/").text
    assert all(word in text for word in ("flux-dev", "price", "3", "staff"))


def test_staff_are_told_when_bfl_takes_something_else(as_staff: Client, alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev")
    assert "Not said yet" in as_staff.get("/admin/generations/offer/").text
    succeed(alice, cost=Decimal(3))
    assert "3, sold at 2.5: look at BFL" in as_staff.get("/admin/generations/offer/").text


def test_staff_are_told_where_no_line_stands_and_until_the_list_is_right(
    as_staff: Client, alice: User
) -> None:
    told = "BFL took 3 for its last picture of Dev"
    succeed(alice, cost=Decimal("2.5"))
    assert told not in as_staff.get("/usage/").text
    succeed(alice, cost=Decimal(3))
    succeed(alice)
    assert told in as_staff.get("/usage/").text
    prices.save(Offer(endpoint="flux-dev", bfl_price=Decimal(3)), changed_by=None)
    assert told not in as_staff.get("/usage/").text


def test_it_lets_so_many_wait_and_no_more(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=3)
    lifecycle.create(alice, "flux-dev", PROMPT, count=2)
    with pytest.raises(prices.TooManyWaiting, match="You have 2 of 3 Dev pictures waiting; 2 more"):
        lifecycle.create(alice, "flux-dev", PROMPT, count=2)
    create(alice)
    create(alice, "flux-pro")
    assert ledger.get_balance(alice) == Decimal("87.5")


def test_what_has_had_its_turn_makes_room(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=1)
    create(alice)
    lifecycle.claim()
    create(alice)


def test_one_persons_waiting_is_not_anothers(alice: User, bob: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=1)
    create(alice)
    create(bob)


@pytest.mark.django_db(transaction=True)
def test_of_many_presses_at_once_only_so_many_wait(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=2)

    def press(_: int) -> None:
        try:
            create(User.objects.get(pk=alice.pk))
        except prices.TooManyWaiting:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(press, range(16)))
    assert Generation.objects.count() == 2
