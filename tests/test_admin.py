from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from generations import ledger, lifecycle, provider
from generations.models import CreditEntry, Delivery, Generation, Offer, Provider
from tests.test_gallery import make_pictures, make_ready, submit

MODELS = [model._meta.model_name for model in apps.get_app_config("generations").get_models()]
EACH_MODEL = pytest.mark.parametrize("name", MODELS)
BY_HAND = {"creditentry", "offer"}
MACHINE_WRITTEN = pytest.mark.parametrize("name", sorted(set(map(str, MODELS)) - BY_HAND))


def make_rows(user: User, count: int = 1) -> None:
    for generation in make_pictures(user, count):
        Delivery.objects.create(
            generation=generation, digest="0" * 64, bfl_status="Ready", received_at=timezone.now()
        )
    Offer.objects.get_or_create(endpoint="flux-dev")
    provider.get_state()


def first(name: str) -> Model:
    row = apps.get_model("generations", name)._default_manager.first()
    assert isinstance(row, Model)
    return row


def give(client: Client, **values: object) -> HttpResponse:
    response = client.post("/admin/generations/creditentry/add/", values)
    assert isinstance(response, HttpResponse)
    return response


@EACH_MODEL
def test_it_lists_and_shows_every_model(name: str, as_staff: Client, alice: User, media: Path) -> None:
    make_rows(alice)
    row = first(name)
    listing = as_staff.get(f"/admin/generations/{name}/")
    assert f"/admin/generations/{name}/{row.pk}/change/" in listing.text
    assert as_staff.get(f"/admin/generations/{name}/{row.pk}/change/").status_code == 200


@EACH_MODEL
def test_it_is_closed_to_members(name: str, as_alice: Client, alice: User, media: Path) -> None:
    make_rows(alice)
    for address in ("", "add/", f"{first(name).pk}/change/"):
        response = as_alice.get(f"/admin/generations/{name}/{address}")
        assert response["Location"].startswith("/admin/login/?next=")


@pytest.mark.parametrize("count", [1, 8])
@EACH_MODEL
def test_it_lists_with_the_same_queries_however_many_rows(
    name: str,
    count: int,
    as_staff: Client,
    alice: User,
    media: Path,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    make_rows(alice, count)
    for number in range(count):
        person = User.objects.create_user(f"person-{number}")
        ledger.grant(person, Decimal(1), note="For the tests", created_by=alice)
    with django_assert_max_num_queries(10):
        as_staff.get(f"/admin/generations/{name}/")


@MACHINE_WRITTEN
def test_it_lets_nobody_write_what_the_machine_writes(
    name: str, as_staff: Client, alice: User, media: Path
) -> None:
    make_rows(alice)
    row = first(name)
    assert as_staff.post(f"/admin/generations/{name}/add/").status_code == 403
    assert as_staff.post(f"/admin/generations/{name}/{row.pk}/change/").status_code == 403
    assert as_staff.post(f"/admin/generations/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert apps.get_model("generations", name)._default_manager.filter(pk=row.pk).exists()


@MACHINE_WRITTEN
def test_it_offers_no_field_to_write_in(name: str, as_staff: Client, alice: User, media: Path) -> None:
    make_rows(alice)
    text = as_staff.get(f"/admin/generations/{name}/{first(name).pk}/change/").text
    inputs = re.findall(r"<(?:input|textarea|select)[^>]*>", text[text.index('id="content"') :])
    assert [tag for tag in inputs if 'type="hidden"' not in tag] == []


def test_it_offers_no_deletion_in_bulk(as_staff: Client, alice: User, media: Path) -> None:
    make_rows(alice)
    for name in set(map(str, MODELS)) - {"offer"}:
        assert "delete_selected" not in as_staff.get(f"/admin/generations/{name}/").text


def test_it_never_shows_the_signed_link(as_staff: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    generation = lifecycle.claim()[0]
    submit(generation)
    make_ready(generation)
    addresses = ["generation/", f"generation/{generation.pk}/change/", "generationevent/"]
    texts = [as_staff.get(f"/admin/generations/{address}").text for address in addresses]
    assert not any("signed-by-bfl" in text or "sample_url" in text for text in texts)


@pytest.mark.parametrize("query", ["heron", "alice", "task-"])
def test_it_finds_generations(query: str, as_staff: Client, alice: User, bob: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    lifecycle.create(bob, "flux-dev", {"prompt": "a lighthouse"})
    generation = Generation.objects.get(user=alice)
    found = as_staff.get("/admin/generations/generation/", {"q": query}).text
    assert (f"/generation/{generation.pk}/change/" in found) == (query != "task-")
    assert "a lighthouse" not in found


@pytest.mark.parametrize("query", ["code", "unknown", "' OR 1=1", "%", "\\"])
def test_it_survives_any_search(query: str, as_staff: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    asked = str(generation.code) if query == "code" else query
    response = as_staff.get("/admin/generations/generation/", {"q": asked})
    assert response.status_code == 200
    assert ("a heron" in response.text) == (query == "code")


@EACH_MODEL
def test_it_searches_every_model_that_offers_it(
    name: str, as_staff: Client, alice: User, media: Path
) -> None:
    make_rows(alice)
    assert as_staff.get(f"/admin/generations/{name}/", {"q": "alice"}).status_code == 200


# Giving credits


def test_it_gives_credits(as_staff: Client, staff: User, alice: User) -> None:
    response = give(as_staff, person=alice.pk, amount="12.5", note=" For the poster ")
    entry = CreditEntry.objects.latest("pk")
    assert response["Location"] == "/admin/generations/creditentry/"
    assert (entry.kind, entry.note, entry.created_by) == ("grant", "For the poster", staff)
    assert ledger.get_balance(alice) == Decimal("112.5")


def test_it_gives_credits_to_somebody_who_never_had_any(as_staff: Client, charlie: User) -> None:
    give(as_staff, person=charlie.pk, amount="1", note="Welcome")
    assert ledger.get_balance(charlie) == 1


@pytest.mark.parametrize(
    ("amount", "note", "sentence"),
    [
        ("0", "x", "The amount must be more than 0 and at most 1,000,000 credits."),
        ("-5", "x", "The amount must be more than 0 and at most 1,000,000 credits."),
        ("1000000.0001", "x", "The amount must be more than 0 and at most 1,000,000 credits."),
        ("1.00001", "x", "Ensure that there are no more than 4 decimal places."),
        ("nan", "x", "Enter a number."),
        ("much", "x", "Enter a number."),
        ("", "x", "This field is required."),
        ("5", "", "Give a reason of at most 200 characters."),
        ("5", "  ", "Give a reason of at most 200 characters."),
        ("5", "x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
    ],
)
def test_it_refuses_a_grant_with_a_sentence(
    amount: str, note: str, sentence: str, as_staff: Client, alice: User
) -> None:
    response = give(as_staff, person=alice.pk, amount=amount, note=note)
    assert response.status_code == 200
    assert sentence in response.text
    assert ledger.get_balance(alice) == 100


@pytest.mark.parametrize("person", ["", "9999", "alice"])
def test_it_refuses_a_grant_to_nobody(person: str, as_staff: Client, alice: User) -> None:
    response = give(as_staff, person=person, amount="5", note="x")
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert CreditEntry.objects.count() == 1


def test_it_never_changes_an_entry(as_staff: Client, alice: User) -> None:
    entry = CreditEntry.objects.get()
    address = f"/admin/generations/creditentry/{entry.pk}"
    data = {"person": alice.pk, "amount": "999", "note": "more"}
    assert as_staff.post(f"{address}/change/", data).status_code == 403
    assert as_staff.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert ledger.get_balance(alice) == 100


# Actions and switches


def test_it_cancels_what_waits_and_says_what_it_kept(as_staff: Client, staff: User, alice: User) -> None:
    claimed = lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse"})[0]
    lifecycle.claim()
    waiting = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    data = {"action": "cancel_waiting", "_selected_action": [claimed.pk, waiting.pk]}
    response = as_staff.post("/admin/generations/generation/", data, follow=True)
    waiting.refresh_from_db()
    assert "Canceled 1. 1 had already gone to BFL or ended." in response.text
    assert waiting.is_canceled
    assert waiting.timeline[-1].created_by == staff
    assert ledger.get_balance(alice) == Decimal("97.5")


def test_it_switches_an_endpoint_off(as_staff: Client, as_alice: Client) -> None:
    as_staff.post("/admin/generations/offer/add/", {"endpoint": "flux-dev"})
    assert not Offer.objects.get(endpoint="flux-dev").is_enabled
    assert "Not available now" in as_alice.get("/").text


def test_it_switches_an_endpoint_on_again_from_the_list(as_staff: Client) -> None:
    offer = Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    data = {
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
        "form-0-id": offer.pk,
        "form-0-is_enabled": "on",
        "_save": "Save",
    }
    as_staff.post("/admin/generations/offer/", data)
    offer.refresh_from_db()
    assert offer.is_enabled


def test_it_shows_why_nothing_is_claimed(as_staff: Client) -> None:
    provider.pause(Provider.Pause.NO_FUNDS, "HTTP 402: out of credits", seconds=60)
    assert "HTTP 402: out of credits" in as_staff.get("/admin/generations/provider/").text


def test_it_shows_balances(as_staff: Client, alice: User) -> None:
    assert '<td class="field-balance">100</td>' in as_staff.get("/admin/generations/creditaccount/").text


def test_it_escapes_prompts(as_staff: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "<script>alert(1)</script>"})[0]
    for address in ("", f"{generation.pk}/change/"):
        text = as_staff.get(f"/admin/generations/generation/{address}").text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
