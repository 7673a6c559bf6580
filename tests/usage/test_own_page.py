from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from generations import bfl
from generations.credits import ledger
from generations.models import Generation, Limit, Offer
from generations.pipeline import lifecycle
from tests.credits.steps import PROMPT, complete, create, ready, submit, succeed
from tests.usage.history import table


def words(client: Client, address: str = "/credits/") -> str:
    return " ".join(client.get(address, follow=True).text.split())


def limit(scope: str, credits: object, period: str = "day") -> Limit:
    return Limit.objects.create(scope=scope, period=period, credits=Decimal(str(credits)))


@pytest.mark.parametrize(
    ("balance", "level"),
    [("8", ""), ("7.9999", " running</span> low"), ("0", "</span> not enough")],
)
def test_the_header_says_in_words_how_it_stands(
    balance: str, level: str, client: Client, charlie: User
) -> None:
    if Decimal(balance):
        ledger.grant(charlie, Decimal(balance), note="For the tests", created_by=None)
    client.force_login(charlie)
    for address in ("/", "/gallery/", "/credits/"):
        text = words(client, address)
        if level:
            assert f'{balance} <span class="hidden-text">credits,{level}' in text
        else:
            assert f'{balance} <span class="hidden-text">credits</span> </span>' in text


def test_it_tells_each_limit_in_words(as_alice: Client, alice: User) -> None:
    succeed(alice, cost=Decimal("2.6"))
    create(alice)
    limit("everyone", 10)
    limit("team", 5, "month")
    text = words(as_alice)
    assert '<b>Today</b> <span class="number">5.1 of 10 spent</span>' in text
    assert "4.9 left. Begins anew tomorrow at 00:00." in text
    assert '<b>Team this month</b> <span class="number">5.1 of 5 spent</span>' in text
    assert "Used up. Begins anew" in text


def test_it_shows_no_limits_where_there_are_none(as_alice: Client) -> None:
    assert "Your limits" not in words(as_alice)


def test_it_shows_the_month_of_the_address(as_alice: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(date_joined=timezone.now() - timedelta(days=62))
    create(alice)
    page = as_alice.get("/credits/")
    assert page.context["total"].spent == Decimal("2.5")
    assert page.context["later"] is None
    before = as_alice.get("/credits/", {"month": f"{page.context['earlier']:%Y-%m}"})
    assert "Nothing was bought in this month." in before.text
    assert before.context["later"] == page.context["month"]


@pytest.mark.parametrize("month", ["", "x", "2026-13", "2026-1", "1999-12", "9999-12", "٢٠٢٦-11"])
def test_a_month_that_makes_no_sense_is_this_one(month: str, as_alice: Client) -> None:
    here = as_alice.get("/credits/").context["month"]
    assert as_alice.get("/credits/", {"month": month}).context["month"] == here


def test_the_chart_draws_the_daily_limit_where_it_is_in_sight(as_alice: Client, alice: User) -> None:
    rule = limit("everyone", 5)
    create(alice)
    assert as_alice.get("/credits/").context["chart"].limit.value == 5
    rule.credits = Decimal("5.1")
    rule.save()
    assert as_alice.get("/credits/").context["chart"].limit is None


def test_the_chart_says_what_it_shows_to_those_who_do_not_see_it(as_alice: Client, alice: User) -> None:
    create(alice)
    text = words(as_alice)
    assert 'role="img" aria-label="Credits spent in ' in text
    assert ": 2.5 in all, the most on " in text
    assert "style=" not in text


def test_it_tells_each_kind_of_entry_in_words(as_alice: Client, alice: User, staff: User) -> None:
    failed = create(alice)
    assert lifecycle.fail(failed, Generation.FailureCode.REQUEST_MODERATED)
    assert lifecycle.cancel(create(alice), canceled_by=alice)
    succeed(alice, cost=Decimal(3))
    create(alice)
    soon = timezone.now() + timedelta(days=40)
    given = ledger.grant(alice, Decimal(7), note="By mistake", created_by=staff, expires_at=soon)
    ledger.undo(given, note="Meant for Bob", created_by=staff)
    text = words(as_alice)
    for told in (
        "· FLUX declined the prompt. Reword it and try again.",
        "· It was canceled.",
        "Adjusted by BFL ·",
        "· BFL&#x27;s price was 2.5 and it took 3",
        "· held while the picture is made",
        f"· what is left of it goes on {soon:%-d %B %Y}",
        "Meant for Bob",
        "Taken back by staff ·",
        "· of 7 given on",
    ):
        assert told in text, told


def test_it_tells_of_a_late_picture_what_has_become_of_it(as_alice: Client, alice: User) -> None:
    generation = submit(create(alice))
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    ready(generation)
    text = words(as_alice)
    assert "held while" not in text
    assert "· The picture was given up, and came late after all." in text
    assert lifecycle.fail(generation, Generation.FailureCode.STORING_FAILED)
    assert "is yours for free" not in words(as_alice)


def test_it_tells_of_a_late_picture_that_it_is_free(as_alice: Client, alice: User) -> None:
    generation = submit(create(alice))
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    complete(ready(generation))
    assert "· The picture came late and is yours for free." in words(as_alice)


def test_it_tells_of_a_grant_that_it_has_expired(as_alice: Client, alice: User) -> None:
    now = timezone.now()
    ledger.grant(alice, Decimal(7), note="For October", created_by=None, expires_at=now)
    assert f"· what was left of it went on {timezone.localtime(now):%-d %B %Y}" in words(as_alice)


def test_the_entries_after_the_first_page_come_without_the_month(as_alice: Client, alice: User) -> None:
    create(alice)
    page = as_alice.get("/credits/", {"before": "999999"})
    assert "chart" not in page.context
    assert "Newest entries" in page.text


def test_the_table_holds_ones_own_entries_only(as_bob: Client, alice: User, bob: User) -> None:
    create(alice)
    create(bob)
    rows = table(as_bob, "/credits/entries.csv")
    assert [(row["person"], row["credits"], row["balance"]) for row in rows] == [
        ("bob", "100.0000", "100.0000"),
        ("bob", "-2.5000", "97.5000"),
    ]


def test_it_costs_the_same_queries_however_many_entries(as_alice: Client, alice: User) -> None:
    limit("everyone", 500)
    limit("team", 500, "month")
    as_alice.get("/credits/")
    counts = []
    for count in (1, 12):
        lifecycle.create(alice, "flux-dev", PROMPT, count=count)
        with CaptureQueriesContext(connection) as queries:
            as_alice.get("/credits/")
        counts.append(len(queries))
    assert counts[0] == counts[1] < 16


def test_the_studio_tells_what_room_there_is_before_the_press(as_alice: Client, alice: User) -> None:
    assert "Queue:" not in words(as_alice, "/?endpoint=flux-dev")
    limit("everyone", 20, "month")
    limit("team", 15)
    create(alice)
    text = words(as_alice, "/?endpoint=flux-dev")
    assert "Queue: 1 of 50 · the team has 12.5 of 15 left today" in text


def test_the_studio_names_the_limit_that_would_refuse_the_press(as_alice: Client, alice: User) -> None:
    limit("everyone", 2)
    text = words(as_alice, "/?endpoint=flux-dev")
    sentence = (
        "You may spend 2 credits a day and have 2 left; this costs 2.5. The limit resets tomorrow at 00:00."
    )
    assert sentence in text
    assert 'aria-disabled="true"' in text
    refused = as_alice.post("/", {"endpoint": "flux-dev", "form_for": "flux-dev", **PROMPT})
    assert refused.status_code == 422
    assert "You may spend 2 credits a day and have 2 left" in refused.text


def test_the_studio_says_that_nothing_more_may_wait(as_alice: Client, alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", max_waiting=1)
    create(alice)
    name = bfl.ENDPOINTS["flux-dev"].name
    assert f"You have 1 of 1 {name} pictures waiting. Wait until" in words(as_alice, "/?endpoint=flux-dev")
    assert "You have 1 of 1" not in words(as_alice, "/?endpoint=flux-pro")


def test_a_csv_from_the_page_has_a_mark_for_excel_and_a_script_gets_none(as_alice: Client) -> None:
    page = as_alice.get("/credits/").text
    assert 'csv?mark=1"' in page
    address = page.split('csv?mark=1"')[0].rpartition('"')[2] + "csv"
    assert b"".join(as_alice.get(f"{address}?mark=1").streaming_content).startswith(b"\xef\xbb\xbf")  # type: ignore[attr-defined]
    assert not b"".join(as_alice.get(address).streaming_content).startswith(b"\xef\xbb\xbf")  # type: ignore[attr-defined]
