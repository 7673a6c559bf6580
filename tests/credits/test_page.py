from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations.credits import ledger
from generations.media import images
from generations.models import Generation
from generations.pipeline import lifecycle
from generations.views.credits import PAGE_SIZE
from tests.conftest import jpeg, make_pictures, make_ready, submit

AMOUNT = re.compile(r'<span class="amount [^"]*">\s*([^<]+?)\s*</span>')


def grants(user: User, count: int) -> None:
    for number in range(count):
        ledger.grant(user, Decimal(number + 1), note=f"Grant {number + 1}", created_by=None)


def amounts(client: Client, url: str = "/credits/") -> tuple[list[str], str]:
    """Return the amounts on a page, and the address of the next."""
    text = client.get(url).text
    following = re.search(r'href="(/credits/\?before=\d+)"', text)
    return AMOUNT.findall(text), following.group(1) if following else ""


def test_it_shows_the_balance_and_each_entry(as_alice: Client, alice: User, media: Path) -> None:
    code = make_pictures(alice)[0].code
    text = as_alice.get("/credits/").text
    assert '<p class="amount">97.5 ' in text
    assert AMOUNT.findall(text) == ["−2.5", "+100"]
    assert f'<a href="/g/{code}/" dir="auto">a lighthouse at dusk</a>' in text
    assert "For the tests" in text


def test_it_asks_strangers_to_log_in(client: Client) -> None:
    assert client.get("/credits/")["Location"] == "/accounts/login/?next=/credits/"


def test_it_hides_other_peoples_entries(as_bob: Client, alice: User, bob: User) -> None:
    ledger.grant(alice, Decimal(7), note="Only for Alice", created_by=None)
    lifecycle.create(alice, "flux-dev", {"prompt": "a secret of Alice's"})
    text = as_bob.get("/credits/").text
    assert AMOUNT.findall(text) == ["+100"]
    assert "Alice" not in text
    assert "held by pictures" not in text


def test_it_shows_what_pictures_in_progress_hold(as_alice: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2)
    text = as_alice.get("/credits/").text
    assert '<p class="amount">95 ' in text
    assert "5 more are held by pictures in progress." in " ".join(text.split())


def test_it_shows_what_came_back(as_alice: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    assert lifecycle.fail(generation, Generation.FailureCode.REQUEST_MODERATED)
    text = as_alice.get("/credits/").text
    assert AMOUNT.findall(text) == ["+2.5", "−2.5", "+100"]
    assert "Refund" in text
    assert "held by pictures" not in text


def test_it_leads_from_charge_and_refund_to_a_late_picture(
    as_alice: Client, alice: User, media: Path
) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    generation = lifecycle.claim()[0]
    submit(generation)
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    make_ready(generation)
    assert lifecycle.complete(generation, images.store(generation, jpeg()))
    text = as_alice.get("/credits/").text
    assert AMOUNT.findall(text) == ["+2.5", "−2.5", "+100"]
    assert text.count(f'<a href="/g/{generation.code}/" dir="auto">a heron</a>') == 2
    assert text.count(f'src="/g/{generation.code}/thumbnail"') == 2


def test_it_says_who_gave_and_why(as_alice: Client, alice: User, staff: User) -> None:
    ledger.grant(alice, Decimal("0.5"), note="A <b>thank you</b>", created_by=staff)
    text = as_alice.get("/credits/").text
    assert "Grant by staff" in text
    assert "A &lt;b&gt;thank you&lt;/b&gt;" in text


def test_it_pages_without_losing_or_doubling(as_bob: Client, bob: User) -> None:
    grants(bob, PAGE_SIZE + 4)
    first, next_url = amounts(as_bob)
    ledger.grant(bob, Decimal(999), note="Came meanwhile", created_by=None)
    second, after_last = amounts(as_bob, next_url)
    expected = [f"+{number}" for number in range(PAGE_SIZE + 4, 0, -1)]
    assert first + second == [*expected, "+100"]
    assert after_last == ""


def test_it_offers_no_next_page_when_the_page_is_just_full(as_bob: Client, bob: User) -> None:
    grants(bob, PAGE_SIZE - 1)
    shown, next_url = amounts(as_bob)
    assert len(shown) == PAGE_SIZE
    assert next_url == ""


@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "٣", "9" * 30, "9" * 19])
def test_it_starts_at_the_newest_when_the_place_makes_no_sense(before: str, as_alice: Client) -> None:
    response = as_alice.get("/credits/", {"before": before})
    assert response.status_code == 200
    assert AMOUNT.findall(response.text) == ["+100"]


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        ("8", ""),
        ("7.9999", "Running low."),
        ("2.5", "Running low."),
        ("2.4999", "Not enough for another picture."),
        ("0", "Not enough for another picture."),
    ],
)
def test_it_says_when_credits_run_low(balance: str, words: str, client: Client, charlie: User) -> None:
    if Decimal(balance):
        ledger.grant(charlie, Decimal(balance), note="For the tests", created_by=None)
    client.force_login(charlie)
    text = client.get("/credits/").text
    assert f'<p class="amount">{balance} ' in text
    assert words in text if words else 'class="level' not in text


def test_it_explains_itself_when_it_is_empty(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    assert "Nothing here yet" in client.get("/credits/").text


@pytest.mark.parametrize("count", [1, 12])
def test_it_costs_the_same_queries_however_many_entries(
    count: int, as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_pictures(alice, count)
    as_alice.get("/credits/")
    # Session, person, entries, on hold, limits, the month and its person; balance and progress, and
    # once a second everybody's progress, BFL's state and the prices, for the frame.
    with django_assert_num_queries(12):
        as_alice.get("/credits/")


def test_it_refuses_to_be_posted_to(as_alice: Client) -> None:
    assert as_alice.post("/credits/").status_code == 405
