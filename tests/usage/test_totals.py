"""With ten thousand entries, whatever page and table are asked, they say what the ledger says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from generations import periods
from generations.credits import ledger
from generations.credits.amounts import plain
from generations.models import CreditEntry, Generation
from tests.usage import history
from tests.usage.history import FIRST, LAST, table

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
PEOPLE = ("mei", "tomasz", "+ada", "grace")
PAINTERS = PEOPLE[:2]
NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))
# The clocks of Berlin and New York change in these.
CHANGES = (date(2026, 10, 24), date(2026, 11, 2))
# What tables of entries call what pictures cost.
KINDS = {"Charge": "charge", "Refund": "refund", "Adjusted by BFL": "adjustment"}


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


class Figures(NamedTuple):
    """As pages and tables name them."""

    pictures: Decimal = Decimal()
    charged: Decimal = Decimal()
    refunded: Decimal = Decimal()
    settled: Decimal = Decimal()
    spent: Decimal = Decimal()


# What the ledger says by day, person and endpoint. Added up here and not by the database.
Told = dict[tuple[date, str, str], Figures]
Rows = list[dict[str, str]]


def read_ledger(zone: str) -> Told:
    entries = CreditEntry.objects.exclude(kind="grant").values_list(
        "generation__created_at", "account__user__username", "generation__endpoint", "kind", "amount"
    )
    found: dict[tuple[date, str, str], list[Figures]] = defaultdict(list)
    for moment, person, endpoint, kind, amount in entries:
        day = moment.astimezone(ZoneInfo(zone)).date()
        found[day, person, endpoint].append(figures_of_entry(kind, amount))
    return {key: add_up(several) for key, several in found.items()}


def figures_of_entry(kind: str, amount: Decimal) -> Figures:
    if kind == "charge":
        return Figures(pictures=Decimal(1), charged=-amount, spent=-amount)
    if kind == "refund":
        return Figures(refunded=amount, spent=-amount)
    assert kind == "adjustment"
    return Figures(settled=-amount, spent=-amount)


def add_up(several: Iterable[Figures]) -> Figures:
    return Figures(*(sum(column, Decimal()) for column in zip(Figures(), *several, strict=True)))


def of_days(
    told: Told, first: date, last: date, people: Collection[str] = PEOPLE, endpoint: str = ""
) -> Figures:
    return add_up(
        figures
        for (day, person, slug), figures in told.items()
        if first <= day <= last and person in people and endpoint in ("", slug)
    )


def by_day(told: Told) -> dict[str, Figures]:
    days: dict[str, list[Figures]] = defaultdict(list)
    for (day, _, _), figures in told.items():
        days[day.isoformat()].append(figures)
    return {day: add_up(several) for day, several in days.items()}


def of(client: Client, address: str) -> Any:
    return client.get(address).context


def shown(sums: Any) -> Figures:
    """Return what a page was given to show."""
    return Figures(*(Decimal(getattr(sums, name)) for name in Figures._fields))


def in_row(row: dict[str, str]) -> Figures:
    """Return what a line of the table of usage says."""
    return Figures(*(Decimal(row[name]) for name in Figures._fields))


def in_entry(row: dict[str, str]) -> Figures:
    """Return what a line of a table of entries adds to the figures."""
    return figures_of_entry(KINDS[row["kind"]], Decimal(row["credits"]))


def by_day_of(rows: Rows, figures_of: Callable[[dict[str, str]], Figures]) -> dict[str, Figures]:
    days: dict[str, list[Figures]] = defaultdict(list)
    for row in rows:
        days[row["day"]].append(figures_of(row))
    return {day: add_up(several) for day, several in days.items()}


def written(figures: Figures, *names: str) -> list[str]:
    return [plain(getattr(figures, name)) for name in names]


def cells(text: str, caption: str) -> list[list[str]]:
    """Return what stands in a table of a page, without the names of its lines."""
    found = re.search(rf"<caption[^>]*>{caption}</caption>(.*?)</table>", text, re.DOTALL)
    assert found
    _, _, *lines = found[1].split("<tr>")
    return [re.findall("<td[^>]*>(.*?)</td>", line) for line in lines]


def test_every_total_is_the_ledgers_in_every_zone(people: list[User], zone: str, as_staff: Client) -> None:
    told = read_ledger(zone)
    _check_usage_page(as_staff, told)
    _check_table_of_usage(as_staff, told)
    _check_table_of_entries(as_staff, told, *CHANGES)
    _check_table_of_entries(as_staff, told, FIRST, LAST)
    _check_filters(as_staff, people[0], told)
    for person in people:
        _check_own_page(person, told)
        _check_own_table(person, told)


def _check_usage_page(as_staff: Client, told: Told) -> None:
    response = as_staff.get(f"/usage/?first={FIRST}&last={LAST}")
    page = response.context
    everything = add_up(told.values())
    assert shown(page["total"]) == everything == of_days(told, FIRST, LAST)
    for rows in (page["people"], page["models"], page["groups"]):
        assert add_up(shown(row.use.sums) for row in rows) == everything
    for bar in page["chart"].bars:
        assert shown(bar.step.sums) == of_days(told, bar.step.first, bar.step.last)
    for row in page["people"]:
        assert shown(row.use.sums) == of_days(told, FIRST, LAST, [row.use.name])
    for row in page["models"]:
        assert shown(row.use.sums) == of_days(told, FIRST, LAST, endpoint=row.use.key)
    _check_words_of_usage(response.text, page, told)


def _check_words_of_usage(text: str, page: Any, told: Told) -> None:
    assert re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text)[:5] == list(
        zip(
            ("Spent", "Pictures", "Charged", "Refunded", "Adjusted by BFL"),
            written(add_up(told.values()), "spent", "pictures", "charged", "refunded", "settled"),
            strict=True,
        )
    )
    assert cells(text, "Credits spent by person") == [
        written(of_days(told, FIRST, LAST, [row.use.name]), *Figures._fields) for row in page["people"]
    ]
    assert cells(text, "Credits spent by model") == [
        written(of_days(told, FIRST, LAST, endpoint=row.use.key), "pictures", "spent")
        for row in page["models"]
    ]


def _check_table_of_usage(as_staff: Client, told: Told) -> None:
    rows = table(as_staff, f"/usage/usage.csv?first={FIRST}&last={LAST}")
    assert by_day_of(rows, in_row) == by_day(told)


def _check_table_of_entries(as_staff: Client, told: Told, first: date, last: date) -> None:
    rows = table(as_staff, f"/usage/entries.csv?first={first}&last={last}")
    assert by_day_of(rows, in_entry) == {
        day: figures for day, figures in by_day(told).items() if str(first) <= day <= str(last)
    }
    assert "'+ada" in {row["person"] for row in rows}


def _check_filters(as_staff: Client, mei: User, told: Told) -> None:
    group = Group.objects.get()
    for query, people, endpoint in (
        ("", PEOPLE, ""),
        (f"&person={mei.pk}", ["mei"], ""),
        (f"&group={group.pk}", PAINTERS, ""),
        ("&endpoint=flux-dev", PEOPLE, "flux-dev"),
        (f"&person={mei.pk}&endpoint=flux-dev", ["mei"], "flux-dev"),
    ):
        wanted = of_days(told, *NOVEMBER, people, endpoint)
        page = of(as_staff, f"/usage/?month=2026-11{query}")
        assert shown(page["total"]) == wanted, query
        rows = table(as_staff, f"/usage/usage.csv?month=2026-11{query}")
        assert add_up(map(in_row, rows)) == wanted, query


def _check_own_page(person: User, told: Told) -> None:
    response = _as(person).get("/credits/?month=2026-11")
    page = response.context
    own = of_days(told, *NOVEMBER, [person.username])
    assert shown(page["total"]) == own
    assert add_up(shown(bar.step.sums) for bar in page["chart"].bars) == own
    assert add_up(shown(row.use.sums) for row in page["models"]) == own
    assert page["balance"]() == ledger.get_balance(person)
    unfinished = Generation.objects.filter(user=person).values_list("price", flat=True)
    assert page["on_hold"] == sum(unfinished, Decimal())
    _check_words_of_own_page(response.text, page, person, told)


def _check_words_of_own_page(text: str, page: Any, person: User, told: Told) -> None:
    spent, pictures, refunded = written(
        of_days(told, *NOVEMBER, [person.username]), "spent", "pictures", "refunded"
    )
    assert f'<span class="sum-amount">{spent}</span>' in text
    assert f"credits spent on {pictures} pictures; {refunded} refunded" in text
    assert cells(text, "Credits spent by model") == [
        written(of_days(told, *NOVEMBER, [person.username], row.use.key), "pictures", "spent")
        for row in page["models"]
    ]
    assert cells(text, page["chart"].title) == [
        written(of_days(told, bar.step.first, bar.step.last, [person.username]), "pictures", "spent")
        for bar in page["chart"].bars
        if not bar.is_ahead
    ]


def _check_own_table(person: User, told: Told) -> None:
    rows = table(_as(person), "/credits/entries.csv")
    assert sum(Decimal(row["credits"]) for row in rows) == ledger.get_balance(person)
    bought = [row for row in rows if row["kind"] != "Grant"]
    assert add_up(map(in_entry, bought)) == of_days(told, FIRST, LAST, [person.username])
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
