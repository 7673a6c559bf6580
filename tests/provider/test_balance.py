from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from generations.models import BFLAccount, Generation
from generations.pipeline import accounts, lifecycle
from generations.provider import balance
from sandbox import Sandbox
from tests.credits.steps import create, submit, succeed


@pytest.fixture
def read(db: None) -> balance.View:
    """BFL has been asked, and had a thousand credits of ours."""
    balance.keep(Decimal(1000), timezone.now())
    return view()


def view() -> balance.View:
    found = balance.get_view()
    assert found
    return found


def say(credits: str) -> balance.View:
    balance.keep(Decimal(credits), timezone.now())
    return view()


def test_nothing_is_known_before_bfl_was_asked(db: None) -> None:
    assert balance.get_view() is None


def test_it_agrees_with_bfl(read: balance.View, alice: User) -> None:
    succeed(alice)
    succeed(alice, cost=Decimal("3.25"))
    found = say("994.25")
    assert found.bill == Decimal("5.75")
    assert (found.expected, found.drift) == (Decimal("994.25"), Decimal(0))


def test_it_shows_what_bfl_took_beyond_our_knowledge(read: balance.View, alice: User) -> None:
    succeed(alice)
    assert say("990").drift == Decimal("7.5")
    assert say("990").drift == Decimal("7.5")


def test_what_bfl_does_not_charge_is_not_on_the_bill(read: balance.View, alice: User) -> None:
    lifecycle.fail(submit(create(alice)), Generation.FailureCode.CONTENT_MODERATED)
    lifecycle.fail(submit(create(alice)), Generation.FailureCode.TIMED_OUT)
    lifecycle.cancel(create(alice), canceled_by=alice)
    assert say("997.5").bill == Decimal("2.5")


def test_it_counts_anew_when_credits_were_bought(read: balance.View, alice: User) -> None:
    succeed(alice)
    say("990")
    found = say("1990")
    assert (found.drift, found.expected) == (Decimal(0), Decimal(1990))
    assert found.since == found.read_at
    succeed(alice)
    assert say("1987.5").drift == 0


@pytest.mark.parametrize("given_back", [8, 192])
def test_what_bfl_gives_back_is_no_purchase(given_back: int, read: balance.View, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 24
    found = say(str(1000 + given_back))
    assert (found.drift, found.since) == (Decimal(-given_back), read.since)
    assert say(str(1193 + given_back)).drift == 0


@pytest.mark.parametrize(("minutes", "is_old"), [(14, False), (16, True)])
def test_it_says_when_bfl_has_long_been_silent(
    minutes: int, is_old: bool, as_staff: Client, db: None
) -> None:
    balance.keep(Decimal(1000), timezone.now() - timedelta(minutes=minutes))
    text = as_staff.get("/usage/").text.replace("\xa0", " ")
    assert f"{minutes} minutes ago." in text
    assert (f"BFL has not told its balance for {minutes} minutes." in text) is is_old


@pytest.mark.parametrize(("credits", "is_low"), [("499.9999", True), ("500", False)])
def test_it_warns_below_the_level(credits: str, is_low: bool, settings: Settings, db: None) -> None:
    settings.BFL_LOW_BALANCE = 500
    assert say(credits).is_low is is_low


def test_it_asks_bfl_every_few_minutes(sandbox: Sandbox, db: None) -> None:
    assert balance.read()
    assert view().credits == 1000
    assert not balance.read()
    assert balance.read(timezone.now() + timedelta(minutes=6))


def test_the_books_are_kept_when_bfl_is_away(settings: Settings, db: None) -> None:
    accounts.keep_books()
    assert not BFLAccount.objects.exists()


def test_the_books_are_kept(sandbox: Sandbox, db: None) -> None:
    accounts.keep_books()
    assert view().credits == 1000


def test_only_staff_see_it(read: balance.View, as_staff: Client, as_alice: Client) -> None:
    assert "1,000" in as_staff.get("/admin/generations/bflaccount/").text.replace("1000.0000", "1,000")
    assert as_alice.get("/admin/generations/bflaccount/").status_code == 302
