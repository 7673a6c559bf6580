from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from generations import periods
from generations.credits import ledger
from generations.models import CreditEntry
from generations.pipeline import lifecycle
from generations.provider import balance
from generations.usage import report
from tests.credits.steps import PROMPT, create, succeed
from tests.usage.history import table

ADDRESSES = ["/usage/", "/usage/usage.csv", "/usage/entries.csv"]


def today() -> date:
    return periods.local_day(timezone.now())


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_is_open_to_staff_only(address: str, client: Client, as_alice: Client, as_staff: Client) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/?next=/usage/")
    assert as_alice.get(address).status_code == 403
    assert as_staff.get(address).status_code == 200
    assert as_staff.post(address).status_code == 405


def test_only_staff_are_shown_the_way(as_alice: Client, as_staff: Client) -> None:
    assert 'href="/usage/"' not in as_alice.get("/credits/").text
    assert 'href="/usage/"' in as_staff.get("/credits/").text


def test_it_says_when_nothing_was_bought(as_staff: Client) -> None:
    text = as_staff.get("/usage/").text
    assert "Nothing was bought." in text
    assert "BFL has not told its balance yet." in text


def test_it_keeps_the_filters_in_the_address(as_staff: Client, alice: User, bob: User) -> None:
    painters = Group.objects.create(name="painters & <b>")
    alice.groups.add(painters)
    create(alice)
    create(bob, "flux-pro")
    page = as_staff.get("/usage/", {"group": f"{painters.pk}", "endpoint": "flux-dev"})
    assert page.context["total"].spent == Decimal("2.5")
    (person,) = page.context["people"]
    assert person.address == f"/usage/?group={painters.pk}&endpoint=flux-dev&person={alice.pk}"
    chips = {words: address for _, words, address in page.context["chips"]}
    assert chips == {
        "painters & <b>": "/usage/?endpoint=flux-dev",
        "Dev": f"/usage/?group={painters.pk}",
    }
    assert "painters &amp; &lt;b&gt;" in page.text
    assert f'href="/usage/usage.csv?group={painters.pk}&amp;endpoint=flux-dev&amp;mark=1"' in page.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("month=2026-13", "Write a month as 2026-11."),
        ("month=next", "Write a month as 2026-11."),
        ("first=yesterday", "Write a day as 2026-11-22."),
        ("first=2026-11-31", "Write a day as 2026-11-22."),
        ("first=2026-11-02&last=2026-11-01", "The last day comes before the first."),
        ("first=2025-01-01&last=2026-01-02", "Choose a year at most."),
        ("first=0001-01-01", "Choose days from 2020 to 2099."),
        ("last=9999-12-31", "Choose days from 2020 to 2099."),
        ("person=0", "There is no such person."),
        ("person=ada", "There is no such person."),
        ("group=7000", "There is no such group."),
        ("endpoint=flux-9", "There is no such model."),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_shown(
    query: str, sentence: str, as_staff: Client, alice: User
) -> None:
    create(alice)
    page = as_staff.get(f"/usage/?{query}")
    assert page.status_code == 400
    assert sentence in page.text
    assert "total" not in page.context
    for address in ADDRESSES[1:]:
        assert as_staff.get(f"{address}?{query}")["Location"] == f"/usage/?{query}"


@pytest.mark.parametrize(("first", "last", "count"), [("", "", 1), ("{day}", "", 1), ("", "{day}", 1)])
def test_one_end_of_the_days_will_do(
    first: str, last: str, count: int, as_staff: Client, alice: User
) -> None:
    create(alice)
    query = {"first": first.format(day=today()), "last": last.format(day=today())}
    page = as_staff.get("/usage/", query)
    assert page.context["total"].pictures == count


@pytest.mark.parametrize(("days", "bars"), [(62, 62), (63, range(3, 5)), (366, range(12, 14))])
def test_many_days_are_told_by_the_month(days: int, bars: Any, as_staff: Client, alice: User) -> None:
    create(alice)
    first = today() - timedelta(days=days - 1)
    chart = as_staff.get("/usage/", {"first": f"{first}", "last": f"{today()}"}).context["chart"]
    assert len(chart.bars) in (bars if isinstance(bars, range) else [bars])
    assert chart.bars[0].step.first == first
    assert chart.bars[-1].step.last == today()
    assert chart.step_name == ("Day" if days == 62 else "Month")


@pytest.mark.parametrize("month", ["2020-01", "2099-12", "2024-02"])
def test_any_month_may_be_looked_at(month: str, as_staff: Client) -> None:
    page = as_staff.get("/usage/", {"month": month})
    assert page.status_code == 200
    assert f'value="{month}" selected' in page.text


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        ("2.5", "BFL has taken just what our pictures cost."),
        ("5.5", "BFL has taken 3 more than our pictures explain."),
        ("2", "BFL has taken less than our pictures cost."),
    ],
)
def test_it_shows_bfls_account_beside_ours(
    taken: str, sentence: str, as_staff: Client, alice: User, settings: Settings
) -> None:
    settings.BFL_LOW_BALANCE = Decimal(990)
    balance.keep(Decimal(1000), timezone.now())
    succeed(alice)
    balance.keep(1000 - Decimal(taken), timezone.now())
    text = " ".join(as_staff.get("/usage/").text.split())
    assert sentence in text
    assert "Buy more there before pictures have to wait." not in text
    settings.BFL_LOW_BALANCE = Decimal(999)
    assert "Buy more there before pictures have to wait." in as_staff.get("/usage/").text


def test_it_costs_the_same_queries_however_much_was_spent(as_staff: Client) -> None:
    as_staff.get("/usage/")
    counts = []
    for number in range(1, 7):
        person = User.objects.create_user(f"person {number}")
        person.groups.add(Group.objects.create(name=f"group {number}"))
        ledger.grant(person, Decimal(100), note="For the tests", created_by=None)
        lifecycle.create(person, "flux-dev", PROMPT, count=number)
        with CaptureQueriesContext(connection) as queries:
            as_staff.get("/usage/")
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert counts[0] < 22


def test_no_cell_of_a_table_is_a_formula(as_staff: Client, staff: User) -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(1)"):
        person = User.objects.create_user(name)
        ledger.grant(person, Decimal(10), note="=HYPERLINK(1)", created_by=staff)
        create(person)
    for address in ADDRESSES[1:]:
        people = {row["person"] for row in table(as_staff, address)}
        assert people == {"'=1+1", "'+1", "'-1", "'@SUM(1)"}


def test_the_amounts_of_a_table_are_numbers(as_staff: Client, alice: User) -> None:
    create(alice)
    (row,) = table(as_staff, "/usage/entries.csv")
    assert row["credits"] == "-2.5000"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["at"])
    assert row["day"] == today().isoformat()


def test_prompts_of_others_are_in_no_table(as_staff: Client, alice: User) -> None:
    create(alice)
    for address in ADDRESSES[1:]:
        assert "lighthouse" not in b"".join(as_staff.get(address)).decode()


def test_a_table_is_sent_line_by_line(as_staff: Client, alice: User) -> None:
    create(alice)
    response: Any = as_staff.get("/usage/entries.csv")
    assert response.streaming
    assert response["Content-Disposition"].startswith('attachment; filename="fluxsite-entries-')
    heading, line = list(response)
    assert heading.endswith(b"\r\n")
    assert line.count(b"\n") == 1


def test_it_counts_only_what_was_bought(as_staff: Client, alice: User) -> None:
    ledger.grant(alice, Decimal(7), note="More", created_by=None)
    lifecycle.cancel(create(alice), canceled_by=alice)
    create(alice)
    total = as_staff.get("/usage/").context["total"]
    assert (total.charged, total.refunded, total.spent) == (5, Decimal("2.5"), Decimal("2.5"))
    assert total.spent == -ledger.sum_of(CreditEntry.objects.filter(bought_at__isnull=False))
    assert report.get_usage(report.this_month()).total == total
