from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from pytest_django import Settings

from generations import csv_export, periods
from generations.credits import ledger
from generations.models import CreditEntry, Generation
from generations.pipeline import lifecycle
from generations.usage import report
from generations.usage.report import Filter, Sums
from tests.credits.steps import PROMPT, create, succeed

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 15)
ENDPOINTS = {"flux-dev": "2.5", "flux-pro": "5", "flux-pro-1.1": "4.0003"}


def buy(user: User, *presses: tuple[datetime, str]) -> list[Generation]:
    """Buy pictures at their moments and with their endpoints."""
    rows = [
        Generation(
            user=user,
            endpoint=endpoint,
            params=PROMPT,
            price=Decimal(ENDPOINTS[endpoint]),
            bfl_price=Decimal(ENDPOINTS[endpoint]),
            created_at=moment,
        )
        for moment, endpoint in presses
    ]
    with transaction.atomic():
        Generation.objects.bulk_create(rows)
        ledger.charge(rows)
    return rows


@pytest.fixture
def history(settings: Settings, alice: User, bob: User) -> list[Generation]:
    """Two hundred pictures over a change of the clocks, a third of them given back."""
    settings.TIME_ZONE = "Europe/Berlin"
    chance = random.Random(4)
    start = periods.start_of(FIRST)
    rows: list[Generation] = []
    for person in (alice, bob):
        ledger.grant(person, Decimal(10_000), note="Plenty", created_by=None)
        moments = [start + timedelta(seconds=chance.uniform(0, 46 * 86400)) for _ in range(100)]
        rows += buy(person, *[(moment, chance.choice(list(ENDPOINTS))) for moment in moments])
    for generation in rows:
        if chance.random() < 0.3:
            ledger.refund(generation)
        elif chance.random() < 0.5:
            generation.cost = generation.price + chance.choice([1, -1]) * Decimal("0.0007")
            assert ledger.settle(generation)
    return rows


def net(generations: list[Generation]) -> Decimal:
    return -ledger.sum_of(CreditEntry.objects.filter(generation__in=generations))


def test_its_totals_are_the_ledgers(history: list[Generation]) -> None:
    found = report.get_usage(Filter(first=FIRST, last=LAST))
    assert found.total.spent == net(history)
    assert found.total.pictures == 200
    for lines in (found.days, found.endpoints, found.people, found.groups):
        assert report.add_up([line.sums for line in lines]) == found.total


def test_it_tells_apart_by_local_day_endpoint_and_person(history: list[Generation]) -> None:
    found = report.get_usage(Filter(first=FIRST, last=LAST))
    days, endpoints, people = (defaultdict(list) for _ in range(3))
    for row in history:
        days[row.created_at.astimezone(ZoneInfo("Europe/Berlin")).date().isoformat()].append(row)
        endpoints[row.endpoint].append(row)
        people[row.user.username].append(row)
    assert {line.key: line.sums.spent for line in found.days if line.sums.pictures} == {
        key: net(rows) for key, rows in days.items()
    }
    assert {line.key: line.sums.spent for line in found.endpoints} == {
        key: net(rows) for key, rows in endpoints.items()
    }
    assert {line.name: line.sums.spent for line in found.people} == {
        key: net(rows) for key, rows in people.items()
    }
    assert [line.key for line in found.days] == [
        (FIRST + timedelta(days=number)).isoformat() for number in range(46)
    ]


def test_it_shows_only_what_is_wanted(history: list[Generation], alice: User, bob: User) -> None:
    painters = Group.objects.create(name="painters")
    bob.groups.add(painters)
    for wanted, kept in (
        ({"person": alice.pk}, [row for row in history if row.user == alice]),
        ({"group": painters.pk}, [row for row in history if row.user == bob]),
        ({"endpoint": "flux-pro"}, [row for row in history if row.endpoint == "flux-pro"]),
        ({"endpoint": "flux-9"}, []),
    ):
        assert report.get_usage(Filter(first=FIRST, last=LAST, **wanted)).total.spent == net(kept)


def test_who_is_in_two_groups_counts_in_both(alice: User) -> None:
    alice.groups.add(*(Group.objects.create(name=name) for name in ("painters", "writers")))
    create(alice)
    found = report.get_usage(report.this_month())
    assert [(line.name, str(line.sums.spent)) for line in found.groups] == [
        ("painters", "2.5000"),
        ("writers", "2.5000"),
    ]


@pytest.mark.parametrize(("first", "last"), [(LAST, FIRST), (FIRST, FIRST + timedelta(days=366))])
def test_it_refuses_days_out_of_order_and_too_many(first: date, last: date) -> None:
    with pytest.raises(ValueError, match="a year of them at most"):
        Filter(first=first, last=last)


def test_what_is_given_is_not_usage(alice: User) -> None:
    ledger.undo(ledger.grant(alice, Decimal(5), note="x", created_by=None), note="y", created_by=None)
    assert report.get_usage(report.this_month()).total == Sums()


def test_it_holds_what_may_still_come_back(alice: User) -> None:
    succeed(alice)
    create(alice, "flux-pro")
    lifecycle.cancel(create(alice), canceled_by=alice)
    assert report.get_on_hold(alice) == 5


def test_it_pages_through_the_entries(alice: User, bob: User) -> None:
    for _ in range(report.PAGE_SIZE + 1):
        ledger.grant(alice, Decimal(1), note="One more", created_by=None)
    first = report.get_page(alice)
    second = report.get_page(alice, first.before)
    shown = [entry.pk for entry in first.entries + second.entries]
    assert (len(first.entries), second.before) == (report.PAGE_SIZE, None)
    assert shown == list(
        CreditEntry.objects.filter(account__user=alice).order_by("-pk").values_list("pk", flat=True)
    )


def test_the_entries_of_a_usage_come_to_the_same(history: list[Generation]) -> None:
    assert ledger.sum_of(report.entries_of(Filter(first=FIRST, last=LAST))) == -net(history)


def test_its_tables_come_to_the_same(history: list[Generation]) -> None:
    wanted = Filter(first=FIRST, last=LAST)
    _, *rows = report.usage_rows(wanted)
    assert sum(Decimal(row[-1]) for row in rows) == net(history)
    heading, *rows = report.entry_rows(report.entries_of(wanted))
    assert sum(Decimal(row[heading.index("credits")]) for row in rows) == -net(history)


def test_its_table_has_whoever_pressed_first_while_it_was_made(alice: User, charlie: User) -> None:
    wanted, asked = report.this_month(), []
    create(alice)

    def press_between_the_questions(execute: Any, *question: Any) -> Any:
        asked.append(question)
        if len(asked) == 2:
            ledger.grant(charlie, Decimal(10), note="Welcome", created_by=None)
            create(charlie)
        return execute(*question)

    with connection.execute_wrapper(press_between_the_questions):
        _, *rows = report.usage_rows(wanted)
    assert [row[1] for row in rows] == ["alice", "charlie"]
    assert {row[-1] for row in rows} == {"2.5000"}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t1", "\n=1", " =1", "＝1"])
def test_no_words_are_a_formula(text: str) -> None:
    assert csv_export.harmless(text) == f"'{text}"


def test_words_stay_as_they_are() -> None:
    assert csv_export.harmless("a = b - c") == "a = b - c"


def test_no_cell_of_a_table_is_a_formula(alice: User) -> None:
    alice.username = "@SUM(1)"
    alice.save()
    ledger.grant(alice, Decimal(5), note="=HYPERLINK(1)", created_by=alice)
    create(alice)
    *_, granted, charged = report.entry_rows(CreditEntry.objects.filter(account__user=alice))
    assert (granted[2], granted[8], granted[9]) == ("'@SUM(1)", "'=HYPERLINK(1)", "'@SUM(1)")
    assert charged[4] == "-2.5000"
    *_, row = report.usage_rows(report.this_month())
    assert row[1] == "'@SUM(1)"


def test_a_day_stays_what_it_was_when_the_sites_clocks_are_set_otherwise(
    settings: Settings, alice: User
) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    day = date(2028, 2, 29)
    buy(alice, (periods.start_of(day), "flux-dev"))
    settings.TIME_ZONE = "UTC"
    assert report.get_usage(Filter(first=day, last=day)).total.pictures == 1


def test_a_press_counts_for_the_day_it_falls_on(settings: Settings, alice: User) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    day = date(2028, 2, 29)
    midnight = periods.start_of(day)
    tick = timedelta(microseconds=1)
    for moment in (midnight - tick, midnight, midnight + timedelta(days=1) - tick):
        buy(alice, (moment, "flux-dev"))
    days = report.get_usage(Filter(first=date(2028, 2, 28), last=date(2028, 3, 1))).days
    assert [line.sums.pictures for line in days] == [1, 2, 0]
