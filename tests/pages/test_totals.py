"""With ten thousand entries, whatever page and table are asked, they say what the ledger says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from generations import ledger, periods
from generations.models import CreditEntry, Generation
from tests.pages import history
from tests.pages.history import FIRST, LAST, table

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
PEOPLE = ("mei", "tomasz", "+ada", "grace")
PAINTERS = PEOPLE[:2]
NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
# The clocks of Berlin and New York change in these.
CHANGES = (date(2026, 10, 24), date(2026, 11, 2))


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The zone of the site's clocks, from before the first picture was bought."""
    settings.TIME_ZONE = request.param
    return str(request.param)


@pytest.fixture
def people(db: None, zone: str) -> list[User]:
    people = [User.objects.create_user(name) for name in PEOPLE]
    group = Group.objects.create(name="painters")
    group.user_set.add(*people[:2])
    history.write(people, 6200)
    assert CreditEntry.objects.count() > 10_000
    return people


# What the ledger says by day, person and endpoint. Added up here and not by the database.
Spent = dict[tuple[date, str, str], Decimal]


def read_ledger(zone: str) -> Spent:
    spent: Spent = defaultdict(Decimal)
    entries = CreditEntry.objects.exclude(kind="grant").values_list(
        "generation__created_at", "account__user__username", "generation__endpoint", "amount"
    )
    for moment, person, endpoint, amount in entries:
        spent[moment.astimezone(ZoneInfo(zone)).date(), person, endpoint] -= amount
    return spent


def of_days(
    spent: Spent, first: date, last: date, people: Collection[str] = PEOPLE, endpoint: str = ""
) -> Decimal:
    parts = (
        amount
        for (day, person, slug), amount in spent.items()
        if first <= day <= last and person in people and endpoint in ("", slug)
    )
    return sum(parts, Decimal())


def by_day(spent: Spent) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (day, _, _), amount in spent.items():
        sums[day.isoformat()] += amount
    return dict(sums)


def of(client: Client, address: str) -> Any:
    return client.get(address).context


def added_up(
    rows: list[dict[str, str]], column: str, by: Callable[[dict[str, str]], str]
) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[by(row)] += Decimal(row[column])
    return dict(sums)


def test_every_total_is_the_ledgers_in_every_zone(people: list[User], zone: str, as_staff: Client) -> None:
    spent = read_ledger(zone)
    _check_usage_page(as_staff, spent)
    _check_table_of_usage(as_staff, spent)
    _check_table_of_entries(as_staff, spent, *CHANGES)
    _check_table_of_entries(as_staff, spent, FIRST, LAST)
    _check_filters(as_staff, people[0], spent)
    for person in people:
        _check_own_page(person, spent)
        _check_own_table(person)


def _check_usage_page(as_staff: Client, spent: Spent) -> None:
    page = of(as_staff, f"/usage/?first={FIRST}&last={LAST}")
    everything = sum(spent.values(), Decimal())
    assert page["total"].spent == everything == of_days(spent, FIRST, LAST)
    for rows in (page["people"], page["models"], page["groups"]):
        assert sum(row.use.sums.spent for row in rows) == everything
    for bar in page["chart"].bars:
        assert bar.step.sums.spent == of_days(spent, bar.step.first, bar.step.last)
    for row in page["people"]:
        assert row.use.sums.spent == of_days(spent, FIRST, LAST, [row.use.name])
    for row in page["models"]:
        assert row.use.sums.spent == of_days(spent, FIRST, LAST, endpoint=row.use.key)


def _check_table_of_usage(as_staff: Client, spent: Spent) -> None:
    rows = table(as_staff, f"/usage/usage.csv?first={FIRST}&last={LAST}")
    assert added_up(rows, "spent", lambda row: row["day"]) == by_day(spent)


def _check_table_of_entries(as_staff: Client, spent: Spent, first: date, last: date) -> None:
    rows = table(as_staff, f"/usage/entries.csv?first={first}&last={last}")
    told = added_up(rows, "credits", lambda row: row["day"])
    wanted = by_day(spent)
    assert told == {day: -amount for day, amount in wanted.items() if str(first) <= day <= str(last)}
    assert "'+ada" in {row["person"] for row in rows}


def _check_filters(as_staff: Client, mei: User, spent: Spent) -> None:
    group = Group.objects.get()
    for query, people, endpoint in (
        ("", PEOPLE, ""),
        (f"&person={mei.pk}", ["mei"], ""),
        (f"&group={group.pk}", PAINTERS, ""),
        ("&endpoint=flux-dev", PEOPLE, "flux-dev"),
        (f"&person={mei.pk}&endpoint=flux-dev", ["mei"], "flux-dev"),
    ):
        page = of(as_staff, f"/usage/?month=2026-11{query}")
        assert page["total"].spent == of_days(spent, *NOVEMBER, people, endpoint), query
        rows = table(as_staff, f"/usage/usage.csv?month=2026-11{query}")
        assert sum(Decimal(row["spent"]) for row in rows) == page["total"].spent, query


def _check_own_page(person: User, spent: Spent) -> None:
    page = of(_as(person), "/credits/?month=2026-11")
    own = of_days(spent, *NOVEMBER, [person.username])
    assert page["total"].spent == own
    assert sum(bar.step.sums.spent for bar in page["chart"].bars) == own
    assert sum(row.use.sums.spent for row in page["models"]) == own
    assert page["balance"]() == ledger.get_balance(person)
    unfinished = Generation.objects.filter(user=person).values_list("price", flat=True)
    assert page["on_hold"] == sum(unfinished, Decimal())


def _check_own_table(person: User) -> None:
    rows = table(_as(person), "/credits/entries.csv")
    assert sum(Decimal(row["credits"]) for row in rows) == ledger.get_balance(person)
    assert {row["person"] for row in rows} <= {person.username, f"'{person.username}"}
    assert rows[0]["reason"] == "'=SUM(A1:A9)"


def _as(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2028, 2, 29)])
@pytest.mark.usefixtures("zone")
def test_a_day_begins_and_ends_at_local_midnight(day: date, bob: User, as_staff: Client) -> None:
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
