from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from generations import bfl
from generations.bfl import ENDPOINTS
from generations.credits import grants, ledger, prices
from generations.models import CreditEntry, Delivery, Generation, Limit, Offer, Press, Provider
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.provider import balance, circuit_breaker
from tests.conftest import end_pause, make_pictures, make_ready, submit

# What people write for themselves is nobody else's: no draft, past prompt or tag is in the admin.
PRIVATE = {"change", "draft", "pastprompt", "picture", "picturetag", "tag"}
MODELS = sorted(
    {str(model._meta.model_name) for model in apps.get_app_config("generations").get_models()} - PRIVATE
)
EACH_MODEL = pytest.mark.parametrize("name", MODELS)
BY_HAND = {"creditentry", "limit", "offer"}
MACHINE_WRITTEN = pytest.mark.parametrize("name", sorted(set(MODELS) - BY_HAND))


TOKEN = uuid.UUID("7e57ab1e-0000-4000-8000-000000000000")


def make_rows(user: User, count: int = 1) -> None:
    for number in range(count):
        lifecycle.create(user, "flux-dev", {"prompt": f"press {number}"}, token=TOKEN)
    for generation in make_pictures(user, count):
        Delivery.objects.create(
            generation=generation, digest="0" * 64, bfl_status="Ready", received_at=timezone.now()
        )
    unpriced = set(ENDPOINTS) - set(Offer.objects.values_list("endpoint", flat=True))
    for endpoint in sorted(unpriced)[:count]:
        prices.save(Offer(endpoint=endpoint, price=Decimal(3)), changed_by=user)
    for number in range(count):
        give_each_month(user, note=f"plan {number}")
    limit(user)
    balance.keep(Decimal(1000), timezone.now())
    circuit_breaker.get_state()


def give_each_month(user: User, *, note: str) -> None:
    order = grants.Order(people=[user], amount=Decimal(1), note=note, is_monthly=True)
    grants.carry_out(order, created_by=user)


def limit(user: User) -> None:
    Limit.objects.create(scope=Limit.Scope.PERSON, person=user, period=Limit.Period.DAY, credits=1000)


def first(name: str) -> Model:
    row = apps.get_model("generations", name)._default_manager.first()
    assert isinstance(row, Model)
    return row


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


def make_people(staff: User, count: int) -> None:
    for _ in range(count):
        person = User.objects.create_user(f"person-{User.objects.count()}")
        ledger.grant(person, Decimal(1), note="For the tests", created_by=staff)
        limit(person)


def queries_of_lists(as_staff: Client) -> dict[str, int]:
    counts = {}
    for name in MODELS:
        with CaptureQueriesContext(connection) as queries:
            as_staff.get(f"/admin/generations/{name}/")
        counts[name] = len(queries)
    return counts


def test_it_lists_many_rows_with_the_queries_of_a_few(
    as_staff: Client, alice: User, bob: User, media: Path
) -> None:
    make_rows(alice, 2)
    make_people(alice, 2)
    of_few = queries_of_lists(as_staff)
    make_rows(bob, 6)
    make_people(bob, 6)
    assert queries_of_lists(as_staff) == of_few
    # The frame's are four of them: the balance, and how far it goes.
    assert max(of_few.values()) <= 14


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
    for name in set(map(str, MODELS)) - {"limit"}:
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


@pytest.mark.parametrize("query", ["alice", str(TOKEN)])
def test_it_finds_presses_by_person_and_token(query: str, as_staff: Client, alice: User, bob: User) -> None:
    for user, token in ((alice, TOKEN), (bob, uuid.uuid4())):
        lifecycle.create(user, "flux-dev", {"prompt": "a heron"}, count=2, token=token)
    rows = re.findall(
        r'<td class="field-token">(.*?)</td><td class="field-bought">(\d+)</td>',
        as_staff.get("/admin/generations/press/", {"q": query}).text,
    )
    assert rows == [(str(TOKEN), "2")]


def test_it_shows_what_a_press_has_bought(as_staff: Client, alice: User) -> None:
    bought = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2, token=TOKEN)
    text = as_staff.get(f"/admin/generations/press/{Press.objects.get().pk}/change/").text
    for generation in bought:
        assert f"/admin/generations/generation/{generation.pk}/change/" in text


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


# What happened when, and what needs a look


def lines_of(client: Client, generation: Generation) -> list[tuple[str, ...]]:
    """Return time since the line before, what and detail of each line of the timeline."""
    text = client.get(f"/admin/generations/generation/{generation.pk}/change/").text
    cells = (rf'<td class="field-{name}">\s*<p>(.*?)</p>' for name in ("since", "what", "detail"))
    return re.findall(r".*?".join(cells), text, re.DOTALL)


def test_it_tells_every_line_with_its_attempt(as_staff: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    for _ in range(2):
        assert lifecycle.put_back(lifecycle.claim()[0], "BFL is busy")
    generation = lifecycle.claim()[0]
    events = list(generation.events.order_by("pk"))
    for number, event in enumerate(events):
        event.created_at = events[0].created_at + number * timedelta(seconds=20)
        event.save()
    assert lines_of(as_staff, generation) == [
        ("", "Queued", "-"),
        ("+20 s", "Turn has come, attempt 1", "-"),
        ("+20 s", "Put back in the queue", "BFL is busy"),
        ("+20 s", "Turn has come, attempt 2", "-"),
        ("+20 s", "Put back in the queue", "BFL is busy"),
        ("+20 s", "Turn has come, attempt 3", "-"),
    ]
    assert (
        "Waited 1 min 40 s; 3 attempts."
        in as_staff.get(f"/admin/generations/generation/{generation.pk}/change/").text
    )


@pytest.mark.parametrize("count", [0, 10])
def test_it_tells_a_timeline_with_the_same_queries_however_long(
    count: int, as_staff: Client, staff: User, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    for number in range(count):
        lifecycle.note(generation, lifecycle.Kind.NOTE, f"note {number}", by=staff)
    address = f"/admin/generations/generation/{generation.pk}/change/"
    as_staff.get(address)
    # Session, person, the row, whose it is, its image, events once in short and once in lines, deliveries;
    # and the four of the frame.
    with django_assert_num_queries(12):
        as_staff.get(address)


@pytest.mark.parametrize("failure_code", Generation.FailureCode)
def test_it_lists_what_needs_a_look(
    failure_code: Generation.FailureCode, as_staff: Client, alice: User
) -> None:
    recent, old = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2)
    for generation in (recent, old):
        assert lifecycle.fail(generation, failure_code)
    Generation.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=8))
    text = as_staff.get("/admin/generations/generation/", {"look": "yes"}).text
    needs_a_look = failure_code in ("outcome_unknown", "storing_failed")
    assert f"Outcome unknown or not saved, last 7 days ({int(needs_a_look)})" in text
    assert (f"/generation/{recent.pk}/change/" in text) == needs_a_look
    assert f"/generation/{old.pk}/change/" not in text


def test_it_finds_late_pictures(as_staff: Client, alice: User) -> None:
    late, other = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2)
    assert lifecycle.fail(late, Generation.FailureCode.OUTCOME_UNKNOWN)
    result = bfl.Result(status=bfl.Status.READY, word="Ready", sample_url="https://delivery.eu.bfl.ai/a.jpeg")
    assert lifecycle.mark_ready(late, result, bfl_id="late")
    text = as_staff.get("/admin/generations/generation/", {"is_late__exact": "1"}).text
    assert f"/generation/{late.pk}/change/" in text
    assert f"/generation/{other.pk}/change/" not in text
    assert '<td class="field-late">Free</td>' in text


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
    offer = Offer(endpoint="flux-dev", is_enabled=False)
    prices.save(offer, changed_by=None)
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
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402: out of credits", seconds=60)
    assert "HTTP 402: out of credits" in as_staff.get("/admin/generations/provider/").text


def test_it_tells_the_state_of_bfl(as_staff: Client) -> None:
    address = f"/admin/generations/provider/{circuit_breaker.get_state().pk}/change/"
    assert "BFL takes tasks" in as_staff.get(address).text
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402: out of credits", seconds=60)
    text = as_staff.get(address).text
    assert wording.NOTICES["no_funds"].replace("'", "&#x27;") in text
    assert '<div class="readonly">once</div>' in text
    assert f"{timezone.localtime(circuit_breaker.get_state().paused_until):%H:%M:%S}" in text


def test_it_claims_no_number_of_tries_that_nobody_counted(as_staff: Client) -> None:
    for _ in range(25):
        circuit_breaker.pause(Provider.Pause.NO_FUNDS)
        end_pause()
    assert "20 times or more" in as_staff.get("/admin/generations/provider/").text
    assert "Tried 20 times or more, next try at" in as_staff.get("/").text


def test_it_shows_balances(as_staff: Client, alice: User) -> None:
    assert '<td class="field-balance">100</td>' in as_staff.get("/admin/generations/creditaccount/").text


@pytest.mark.parametrize("name", ["generation", "generatedimage"])
def test_it_shows_the_picture_and_leads_to_its_file(
    name: str, as_staff: Client, alice: User, media: Path
) -> None:
    (generation,) = make_pictures(alice, 1)
    row = generation.image if name == "generatedimage" else generation
    text = as_staff.get(f"/admin/generations/{name}/{row.pk}/change/").text
    assert f'href="/g/{generation.code}/image"><img src="/g/{generation.code}/thumbnail"' in text
    assert str(generation.image.file) not in text
    assert as_staff.get(f"/g/{generation.code}/image").status_code == 200


def test_it_escapes_prompts(as_staff: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "<script>alert(1)</script>"})[0]
    for address in ("", f"{generation.pk}/change/"):
        text = as_staff.get(f"/admin/generations/generation/{address}").text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
