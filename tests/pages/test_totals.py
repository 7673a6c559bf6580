"""With ten thousand entries, whatever page and table are asked, they say what the ledger says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from generations import ledger, periods
from generations.models import CreditEntry, Generation
from tests.pages import history
from tests.pages.history import FIRST, LAST, spent, table

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
DAYS = f"?first={FIRST}&last={LAST}"


@pytest.fixture(params=ZONES)
def people(request: pytest.FixtureRequest, settings: Settings, db: None) -> list[User]:
    settings.TIME_ZONE = request.param
    people = [User.objects.create_user(name) for name in ("mei", "tomasz", "+ada", "grace")]
    group = Group.objects.create(name="painters")
    group.user_set.add(*people[:2])
    history.write(people, 6200)
    assert CreditEntry.objects.count() > 10_000
    return people


def of(client: Client, address: str) -> Any:
    return client.get(address).context


def added_up(
    rows: list[dict[str, str]], column: str, by: Callable[[dict[str, str]], str]
) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[by(row)] += Decimal(row[column])
    return dict(sums)


def test_every_total_is_the_ledgers(people: list[User], as_staff: Client) -> None:
    page = of(as_staff, f"/usage/{DAYS}")
    everything = spent(FIRST, LAST)
    assert everything == -sum(
        CreditEntry.objects.exclude(kind="grant").values_list("amount", flat=True), Decimal()
    )
    assert page["total"].spent == everything
    for rows in (page["people"], page["models"], page["groups"]):
        assert sum(row.use.sums.spent for row in rows) == everything
    for bar in page["chart"].bars:
        assert bar.step.sums.spent == spent(bar.step.first, bar.step.last)
    for row in page["people"]:
        assert row.use.sums.spent == spent(FIRST, LAST, account__user__username=row.use.name)
    for row in page["models"]:
        assert row.use.sums.spent == spent(FIRST, LAST, generation__endpoint=row.use.key)
    _check_tables(as_staff, everything)
    _check_filters(as_staff, people)
    for person in people:
        _check_own_page(person)


def _check_tables(as_staff: Client, everything: Decimal) -> None:
    rows = table(as_staff, f"/usage/usage.csv{DAYS}")
    assert added_up(rows, "spent", lambda row: "all") == {"all": everything}
    for day, amount in added_up(rows, "spent", lambda row: row["day"]).items():
        assert amount == spent(date.fromisoformat(day), date.fromisoformat(day))
    entries = table(as_staff, f"/usage/entries.csv{DAYS}")
    assert len(entries) == CreditEntry.objects.exclude(kind="grant").count()
    by_day = added_up(entries, "credits", lambda row: row["day"])
    assert by_day == {day: -paid for day, paid in added_up(rows, "spent", lambda row: row["day"]).items()}
    assert "'+ada" in {row["person"] for row in entries}


def _check_filters(as_staff: Client, people: list[User]) -> None:
    first, last = NOVEMBER
    mei, group = people[0], Group.objects.get()
    for query, wanted in (
        ("", {}),
        (f"&person={mei.pk}", {"account__user": mei}),
        (f"&group={group.pk}", {"account__user__groups": group}),
        ("&endpoint=flux-dev", {"generation__endpoint": "flux-dev"}),
        (f"&person={mei.pk}&endpoint=flux-dev", {"account__user": mei, "generation__endpoint": "flux-dev"}),
    ):
        page = of(as_staff, f"/usage/?month=2026-11{query}")
        assert page["total"].spent == spent(first, last, **wanted), query
        rows = table(as_staff, f"/usage/usage.csv?month=2026-11{query}")
        assert sum(Decimal(row["spent"]) for row in rows) == page["total"].spent, query


def _check_own_page(person: User) -> None:
    client = Client()
    client.force_login(person)
    page = of(client, "/credits/?month=2026-11")
    own = spent(*NOVEMBER, account__user=person)
    assert page["total"].spent == own
    assert sum(bar.step.sums.spent for bar in page["chart"].bars) == own
    assert sum(row.use.sums.spent for row in page["models"]) == own
    rows = table(client, "/credits/entries.csv")
    assert sum(Decimal(row["credits"]) for row in rows) == ledger.get_balance(person)
    assert page["balance"]() == ledger.get_balance(person)
    assert {row["person"] for row in rows} <= {person.username, f"'{person.username}"}
    assert rows[0]["reason"] == "'=SUM(A1:A9)"
    unfinished = Generation.objects.filter(user=person).values_list("price", flat=True)
    assert page["on_hold"] == sum(unfinished, Decimal())


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2028, 2, 29)])
def test_a_day_begins_and_ends_at_local_midnight(
    zone: str, day: date, settings: Settings, bob: User, as_staff: Client
) -> None:
    settings.TIME_ZONE = zone
    tick = timedelta(microseconds=1)
    start, end = periods.start_of(day), periods.start_of(day + timedelta(days=1))
    for moment, price in ((start - tick, 1), (start, 10), (end - tick, 100), (end, 1000)):
        row = Generation.objects.create(
            user=bob,
            endpoint="flux-dev",
            params={"prompt": "x"},
            price=price,
            bfl_price=price,
            created_at=moment,
        )
        entry = ledger._entry_of(row, CreditEntry.Kind.CHARGE, Decimal(-price))
        ledger.grant(bob, Decimal(price), note="For it", created_by=None)
        ledger.append(ledger.lock_account(bob.pk), [entry])
    page = of(as_staff, f"/usage/?first={day}&last={day}")
    assert page["total"].spent == 110
    around = of(as_staff, f"/usage/?first={day - timedelta(days=1)}&last={day + timedelta(days=1)}")
    assert [bar.step.sums.spent for bar in around["chart"].bars] == [1, 110, 1000]
