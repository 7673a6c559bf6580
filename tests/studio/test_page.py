from __future__ import annotations

import html
import re
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from generations import bfl
from generations.credits import ledger, prices
from generations.credits.ledger import plain
from generations.models import CreditEntry, Generation, Offer
from generations.pipeline import lifecycle
from tests.conftest import arrive, make_pictures, make_ready, submit, waiting_jobs

HTMX = {"HX-Request": "true"}
UNKNOWN = "00000000-0000-0000-0000-000000000000"
FORM = re.compile(r'<form class="compose".*?</form>', re.DOTALL)
NOT_PARAMETERS = {"csrfmiddlewaretoken", "form_for", "press", "endpoint", "aspect_ratio_custom"}
NOT_PARAMETERS |= {"count", "seed_mode", "reset", "price", "then"}


def open_at(client: Client, **values: str) -> str:
    """Open the studio at an address that fills the form; return the page that this leads to."""
    return client.get("/", values, follow=True).text


def fields_of(text: str) -> set[str]:
    """Return the parameters that a page's form asks for."""
    form = FORM.search(text)
    assert form
    return set(re.findall(r'\bname="([a-z_]+)"', form.group())) - NOT_PARAMETERS


def value_of(text: str, name: str) -> str:
    found = re.search(rf'<input [^>]*name="{name}"[^>]*?value="([^"]*)"', text)
    return found.group(1) if found else ""


def prompt_of(text: str) -> str:
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", text, re.DOTALL)
    assert found
    return html.unescape(found.group(1))


def error_at(text: str, field: str) -> str:
    """Return the sentence that stands at a field, or nothing."""
    found = re.search(rf'<(ul|p) class="errorlist" id="id_{field}_error"[^>]*>(.*?)</\1>', text, re.DOTALL)
    return html.unescape(re.sub("<[^>]+>", "", found.group(2))) if found else ""


def post(client: Client, endpoint: str = "flux-dev", **values: str) -> HttpResponse:
    """Press the button of an endpoint's form as it is drawn, with some values changed."""
    data = {"endpoint": endpoint, "form_for": endpoint, "prompt": "a lighthouse at dusk"}
    response = client.post("/", {**data, **values})
    assert isinstance(response, HttpResponse)
    return response


def assert_nothing_bought(user: User, balance: str = "100") -> None:
    assert not Generation.objects.exists()
    assert not CreditEntry.objects.filter(kind=CreditEntry.Kind.CHARGE).exists()
    assert ledger.get_balance(user) == Decimal(balance)


# Looking


@pytest.mark.parametrize("endpoint", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
def test_it_asks_for_just_what_the_endpoint_takes(endpoint: bfl.Endpoint, as_alice: Client) -> None:
    text = open_at(as_alice, endpoint=endpoint.slug)
    assert fields_of(text) == {parameter.name for parameter in endpoint.parameters}
    assert f'name="form_for" value="{endpoint.slug}"' in text
    assert f"Generate&nbsp;· {plain(endpoint.price)} credits" in text
    assert f"Leaves {plain(100 - endpoint.price)} credits" in text


def test_it_asks_strangers_to_log_in(client: Client, db: None) -> None:
    assert client.get("/")["Location"] == "/accounts/login/?next=/"
    assert client.post("/", {"prompt": "a heron"}).status_code == 302
    assert not Generation.objects.exists()


def test_it_starts_with_the_first_endpoint_when_the_named_one_is_unknown(as_alice: Client) -> None:
    text = open_at(as_alice, endpoint="flux-9000")
    assert "The model flux-9000 is not offered any more." in text
    assert 'name="form_for" value="flux-kontext-pro"' in text


def test_it_takes_a_prompt_from_the_address(as_alice: Client) -> None:
    text = open_at(as_alice, prompt="a heron", endpoint="flux-dev", steps="12", user="1")
    assert prompt_of(text) == "a heron"
    assert value_of(text, "steps") == "12"


def test_it_leaves_a_box_empty_that_the_address_switches_off(as_alice: Client) -> None:
    text = open_at(as_alice, prompt_upsampling="false")
    assert re.search(r'name="prompt_upsampling"[^>]* checked', text) is None


def test_it_uses_the_settings_of_a_picture_again(as_alice: Client, alice: User) -> None:
    values = {"prompt": "a heron", "aspect_ratio": "5:4", "seed": 7, "prompt_upsampling": True}
    source = lifecycle.create(alice, "flux-kontext-max", values)[0]
    text = open_at(as_alice, **{"from": str(source.code)})
    assert 'name="form_for" value="flux-kontext-max"' in text
    assert prompt_of(text) == "a heron"
    assert (value_of(text, "aspect_ratio_custom"), value_of(text, "seed")) == ("5:4", "7")
    assert re.search(r'name="prompt_upsampling"[^>]* checked', text)


def test_it_never_fills_the_form_from_somebody_elses_picture(as_bob: Client, alice: User) -> None:
    values = {"prompt": "a secret of Alice's", "seed": 12345}
    source = lifecycle.create(alice, "flux-dev", values)[0]
    text = open_at(as_bob, **{"from": str(source.code)})
    assert prompt_of(text) == ""
    assert "12345" not in text
    assert 'name="form_for" value="flux-kontext-pro"' in text


@pytest.mark.parametrize("code", ["nonsense", "", UNKNOWN])
def test_it_shows_an_empty_form_when_the_source_is_unknown(code: str, as_alice: Client) -> None:
    text = open_at(as_alice, **{"from": code})
    assert "There is no such picture of yours, so the form is as it was." in text
    assert prompt_of(text) == ""


def test_it_says_beforehand_when_credits_are_missing(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    text = open_at(client, endpoint="flux-dev")
    assert "One of these costs 2.5 credits and you have 0. Ask a member of staff for more." in text
    assert 'aria-disabled="true"' in text


def test_it_marks_an_endpoint_that_is_switched_off(as_alice: Client) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    text = open_at(as_alice, endpoint="flux-dev")
    assert "Dev is switched off at the moment. Choose another model." in text
    assert re.search(r'value="flux-dev"[^>]*disabled', text)
    assert "Not available now" in text


def test_the_price_and_the_press_stay_with_a_model_that_was_switched_off(as_alice: Client) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    shown = {"form_for": "flux-dev", "prompt": "a heron"}
    refusal = "Dev is switched off at the moment. Choose another model."
    assert refusal in as_alice.get("/form/foot/", {"form_for": "flux-dev", "count": "1"}).text
    response = as_alice.post("/", shown, headers=HTMX)
    assert response.status_code == 422
    assert refusal in response.text
    assert as_alice.post("/draft/", shown).status_code == 204
    assert 'name="form_for" value="flux-dev"' in as_alice.get("/").text


def test_a_shape_of_ones_own_leaves_the_one_to_go_back_to(as_alice: Client) -> None:
    shown = {"form_for": "flux-pro-1.1-ultra", "aspect_ratio": "3:2", "aspect_ratio_custom": "5:4"}
    as_alice.post("/draft/", shown)
    text = as_alice.get("/").text
    assert re.search(r'id="ratio-32"[^>]* checked', text)
    assert value_of(text, "aspect_ratio_custom") == "5:4"
    text = open_at(as_alice, endpoint="flux-pro-1.1-ultra", aspect_ratio="5:4", aspect_ratio_custom="")
    assert re.search(r'id="ratio-169"[^>]* checked', text)
    assert value_of(text, "aspect_ratio_custom") == "5:4"


def test_it_escapes_prompts(as_alice: Client, alice: User) -> None:
    prompt = "</textarea><script>alert(1)</script>"
    lifecycle.create(alice, "flux-dev", {"prompt": prompt})
    text = open_at(as_alice, prompt=prompt)
    assert "<script>alert" not in text
    assert prompt_of(text) == prompt
    assert "<script>alert" not in post(as_alice, prompt=prompt, steps="x").text


# Pressing the button


def test_it_buys_a_picture(
    as_alice: Client, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = post(as_alice, steps="12", seed="7")
    generation = Generation.objects.get(user=alice)
    assert response["Location"] == f"/?pressed={generation.code}"
    assert (generation.params["steps"], generation.params["seed"]) == (12, 7)
    assert ledger.get_balance(alice) == Decimal("97.5")
    assert waiting_jobs("follow") == [("generations.pipeline.tasks.follow", ())]


@pytest.mark.parametrize("endpoint", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
def test_it_sends_what_the_form_shows(endpoint: bfl.Endpoint, as_alice: Client) -> None:
    text = open_at(as_alice, endpoint=endpoint.slug)
    typed = fields_of(text) - {"prompt", "aspect_ratio", "output_format", "prompt_upsampling", "raw"}
    assert post(as_alice, endpoint.slug, **{name: value_of(text, name) for name in typed}).status_code == 302
    assert Generation.objects.get().params == endpoint.clean({"prompt": "a lighthouse at dusk"})


def test_it_answers_htmx_with_the_form_to_go_on_with(as_alice: Client, alice: User) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a heron", "steps": "12"}
    response = as_alice.post("/", data, headers=HTMX)
    assert response.status_code == 200
    assert response["HX-Trigger"] == "queue-changed"
    assert (prompt_of(response.text), value_of(response.text, "steps")) == ("a heron", "12")
    assert "Leaves 95 credits" in response.text
    assert Generation.objects.get(user=alice).prompt == "a heron"


def test_it_takes_a_shape_of_ones_own(as_alice: Client) -> None:
    post(as_alice, "flux-kontext-pro", aspect_ratio="16:9", aspect_ratio_custom="5:4")
    assert Generation.objects.get().params["aspect_ratio"] == "5:4"


def test_it_ignores_settings_of_other_endpoints(as_alice: Client) -> None:
    post(as_alice, "flux-kontext-pro", steps="12", width="64", user="1", price="4")
    generation = Generation.objects.get()
    assert {"steps", "width", "user", "price"}.isdisjoint(generation.params)
    assert generation.price == 4


LONG = "x" * 4001
REFUSALS = [
    ("flux-dev", "prompt", "", "Write what you want to see."),
    ("flux-dev", "prompt", " \n ", "Write what you want to see."),
    ("flux-dev", "prompt", LONG, "Prompt is 4,001 characters long; 4,000 is the most."),
    ("flux-dev", "prompt", "a\x07b", "Prompt has a control character in it. Take it out and try again."),
    ("flux-dev", "steps", "0", "Steps must be a whole number from 1 to 50."),
    ("flux-dev", "steps", "51", "Steps must be a whole number from 1 to 50."),
    ("flux-dev", "steps", "4.5", "Steps must be a whole number from 1 to 50."),
    ("flux-dev", "guidance", "5.01", "Guidance must be a number from 1.5 to 5."),
    ("flux-dev", "guidance", "nan", "Guidance must be a number from 1.5 to 5."),
    ("flux-dev", "guidance", "much", "Guidance must be a number from 1.5 to 5."),
    ("flux-dev", "width", "1000", "Width must be a whole number from 256 to 1440, in steps of 32."),
    ("flux-dev", "height", "224", "Height must be a whole number from 256 to 1440, in steps of 32."),
    ("flux-dev", "seed", "-1", f"Seed must be a whole number from 0 to {2**63 - 1}."),
    ("flux-dev", "seed", str(2**63), f"Seed must be a whole number from 0 to {2**63 - 1}."),
    ("flux-dev", "seed", "lucky", f"Seed must be a whole number from 0 to {2**63 - 1}."),
    ("flux-dev", "safety_tolerance", "7", "Safety tolerance must be a whole number from 0 to 6."),
    ("flux-dev", "output_format", "gif", "File format must be jpeg or png."),
    ("flux-pro", "interval", "4.5", "Interval must be a number from 1 to 4."),
    ("flux-kontext-pro", "aspect_ratio", "3:1", "Shape must lie between 3:7 and 7:3."),
    ("flux-kontext-pro", "aspect_ratio_custom", "1:3", "Shape must lie between 3:7 and 7:3."),
    (
        "flux-kontext-pro",
        "aspect_ratio_custom",
        "wide",
        "Shape must be two whole numbers with a colon, such as 16:9.",
    ),
    (
        "flux-pro-1.1-ultra",
        "aspect_ratio_custom",
        "0:0",
        "Shape must be two whole numbers with a colon, such as 16:9.",
    ),
]


@pytest.mark.parametrize(("endpoint", "field", "value", "sentence"), REFUSALS)
def test_it_refuses_bad_input_at_its_field(
    endpoint: str, field: str, value: str, sentence: str, as_alice: Client, alice: User
) -> None:
    response = post(as_alice, endpoint, **{field: value})
    assert response.status_code == 422
    assert error_at(response.text, field) == sentence
    assert "Nothing was charged." in response.text
    assert_nothing_bought(alice)


def test_it_keeps_what_was_given_when_it_refuses(as_alice: Client) -> None:
    text = post(as_alice, steps="51", seed="7", prompt="a heron").text
    assert (prompt_of(text), value_of(text, "steps"), value_of(text, "seed")) == ("a heron", "51", "7")


def test_it_names_every_mistake_at_once(as_alice: Client, alice: User) -> None:
    text = post(as_alice, prompt="", steps="51", width="1").text
    assert all(error_at(text, field) for field in ("prompt", "steps", "width"))
    assert "Please look at these again. Nothing was charged." in text
    assert_nothing_bought(alice)


def test_it_refuses_htmx_with_the_form_alone(as_alice: Client, alice: User) -> None:
    data = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": ""}
    response = as_alice.post("/", data, headers=HTMX)
    assert response.status_code == 422
    assert "<html" not in response.text
    assert error_at(response.text, "prompt") == "Write what you want to see."
    assert_nothing_bought(alice)


@pytest.mark.parametrize("endpoint", ["", "flux-9000", "../flux-dev", "FLUX-DEV"])
def test_it_refuses_an_endpoint_that_is_not_there(endpoint: str, as_alice: Client, alice: User) -> None:
    response = post(as_alice, endpoint)
    assert response.status_code == 422
    assert "There is no such model. Choose one of these." in response.text
    assert prompt_of(response.text) == "a lighthouse at dusk"
    assert_nothing_bought(alice)


def test_it_refuses_without_enough_credits(client: Client, charlie: User) -> None:
    ledger.grant(charlie, Decimal("2.4999"), note="Almost enough", created_by=None)
    client.force_login(charlie)
    response = post(client)
    assert response.status_code == 422
    assert "This costs 2.5 credits and you have 2.4999." in response.text
    assert_nothing_bought(charlie, "2.4999")


def test_it_refuses_an_endpoint_that_is_switched_off(as_alice: Client, alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    response = post(as_alice)
    assert response.status_code == 422
    assert "Dev is switched off at the moment. Choose another model." in response.text
    assert_nothing_bought(alice)


def test_it_charges_nothing_for_a_form_drawn_for_another_endpoint(as_alice: Client, alice: User) -> None:
    response = post(as_alice, "flux-kontext-max", form_for="flux-dev", seed="7")
    assert response.status_code == 200
    assert "These are the settings and the price of Kontext Max." in response.text
    assert fields_of(response.text) == {
        parameter.name for parameter in bfl.ENDPOINTS["flux-kontext-max"].parameters
    }
    assert (prompt_of(response.text), value_of(response.text, "seed")) == ("a lighthouse at dusk", "7")
    assert_nothing_bought(alice)


def test_it_charges_nothing_when_the_page_does_not_say_what_it_showed(as_alice: Client, alice: User) -> None:
    response = as_alice.post("/", {"endpoint": "flux-dev", "prompt": "a heron"})
    assert response.status_code == 200
    assert_nothing_bought(alice)


def test_it_refuses_a_body_that_is_too_large(as_alice: Client, alice: User) -> None:
    assert post(as_alice, prompt="x" * (1024 * 1024 + 1)).status_code in (400, 413)
    assert_nothing_bought(alice)


# Another endpoint


def test_it_keeps_values_when_the_endpoint_changes(as_alice: Client) -> None:
    data = {"endpoint": "flux-pro", "prompt": "a heron", "seed": "7", "steps": "12", "width": "512"}
    text = as_alice.post("/form/", {**data, "form_for": "flux-dev"}, headers=HTMX).text
    assert (prompt_of(text), value_of(text, "seed"), value_of(text, "steps")) == ("a heron", "7", "12")
    assert value_of(text, "width") == "512"
    assert "Generate&nbsp;· 5 credits" in text


def test_it_leaves_out_what_the_new_endpoint_does_not_take(as_alice: Client) -> None:
    data = {"endpoint": "flux-kontext-pro", "steps": "12", "aspect_ratio_custom": "5:4", "raw": "on"}
    text = as_alice.post("/form/", data, headers=HTMX).text
    assert "steps" not in fields_of(text)
    assert "raw" not in fields_of(text)
    assert value_of(text, "aspect_ratio_custom") == "5:4"


def test_it_changes_the_endpoint_without_script_too(as_alice: Client, alice: User) -> None:
    response = as_alice.post("/form/", {"endpoint": "flux-dev", "prompt": "a heron"})
    assert "<html" in response.text
    assert "steps" in fields_of(response.text)
    assert_nothing_bought(alice)


def test_it_does_not_scold_while_the_form_is_being_filled(as_alice: Client) -> None:
    response = as_alice.post("/form/", {"endpoint": "flux-dev", "prompt": "", "steps": "999"}, headers=HTMX)
    assert response.status_code == 200
    assert "errorlist" not in response.text


def test_it_changes_the_endpoint_by_post_only(as_alice: Client) -> None:
    assert as_alice.get("/form/").status_code == 405


# Progress


def version_of(client: Client) -> str:
    found = re.search(r"/progress/\?version=([0-9a-f]+)", client.get("/").text)
    assert found
    return found.group(1)


def test_it_shows_what_is_in_progress_and_recent(as_alice: Client, alice: User, media: Path) -> None:
    done = make_pictures(alice)[0]
    waiting = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    text = as_alice.get("/progress/", headers=HTMX).text
    assert text.index(str(waiting.code)) < text.index(str(done.code))
    assert f'src="/g/{done.code}/thumbnail"' in text
    assert "1 waiting." in text
    assert "<html" not in text


def test_it_moves_nothing_while_nothing_is_new(as_alice: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    version = version_of(as_alice)
    unchanged = as_alice.get("/progress/", {"version": version}, headers=HTMX)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert as_alice.get("/progress/", {"version": version}, headers=HTMX).status_code == 200


def test_it_tells_of_every_step(as_alice: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    versions = [version_of(as_alice)]
    generation = lifecycle.claim()[0]
    versions.append(version_of(as_alice))
    submit(generation)
    versions.append(version_of(as_alice))
    make_ready(generation)
    versions.append(version_of(as_alice))
    assert len(set(versions)) == 4


def test_it_asks_again_only_while_something_moves(as_alice: Client, alice: User) -> None:
    assert "every 1s" not in as_alice.get("/progress/").text
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]
    assert "every 1s" in as_alice.get("/progress/").text
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert "every 1s" not in as_alice.get("/progress/").text


def test_it_shows_everything_unfinished_however_much(as_alice: Client, alice: User) -> None:
    ledger.grant(alice, Decimal(200), note="For many", created_by=None)
    first = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=prices.MAX_WAITING)[0]
    lifecycle.create(alice, "flux-pro-1.1", {"prompt": "a fox"}, count=20)
    text = as_alice.get("/progress/", headers=HTMX).text
    assert "70 waiting." in text
    assert f'action="/g/{first.code}/cancel/"' in text


def test_it_never_shows_other_peoples_work(as_bob: Client, alice: User, media: Path) -> None:
    done = make_pictures(alice, prompt="a secret of Alice's")[0]
    waiting = lifecycle.create(alice, "flux-dev", {"prompt": "another secret"})[0]
    for address in ("/", "/progress/"):
        text = as_bob.get(address, headers=HTMX).text
        assert "secret" not in text
        assert str(done.code) not in text
        assert str(waiting.code) not in text


def test_it_counts_everybodys_work_without_naming_it(as_bob: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=3)
    assert "0 of yours in progress, 3 in all" in as_bob.get("/").text


def test_it_keeps_the_signed_link_to_itself(as_alice: Client, alice: User) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    generation = lifecycle.claim()[0]
    submit(generation)
    make_ready(generation)
    text = as_alice.get("/").text
    assert "Saving" in text
    assert "signed-by-bfl" not in text


@pytest.mark.parametrize("count", [1, 12])
def test_it_costs_the_same_queries_however_much_is_going_on(
    count: int,
    as_alice: Client,
    alice: User,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ledger.grant(alice, Decimal(100), note="For many", created_by=None)
    make_pictures(alice, count)
    lifecycle.mark_seen(alice.generations.all())
    make_pictures(alice, count)
    pressed = lifecycle.create(alice, "flux-dev", {"prompt": "a fox"}, count=2 * count, token=uuid.uuid4())
    for generation in lifecycle.claim()[:count]:
        arrive(generation)
    assert lifecycle.mark_seen(alice.generations.of_press_of(pressed[0]))
    # Not a new second each time: it has a test of its own.
    monkeypatch.setattr("generations.studio.site_snapshot.HOLDS_FOR", 1e9)
    as_alice.get("/")
    # Session, person, offers, draft, balance, limits; moving, ended, the rest of each press, recent, refunds.
    with django_assert_num_queries(11):
        as_alice.get("/")


def test_it_tells_progress_to_those_who_ask_only(as_alice: Client, client: Client) -> None:
    assert as_alice.post("/progress/").status_code == 405
    assert client.get("/progress/").status_code == 302


# Cancel and retry


@pytest.fixture
def waiting(alice: User) -> Generation:
    return lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]


@pytest.fixture
def failed(waiting: Generation) -> Generation:
    assert lifecycle.fail(waiting, Generation.FailureCode.REQUEST_MODERATED)
    return waiting


def test_it_cancels_what_waits(as_alice: Client, alice: User, waiting: Generation) -> None:
    response = as_alice.post(f"/g/{waiting.code}/cancel/")
    waiting.refresh_from_db()
    assert response["Location"] == "/"
    assert waiting.is_canceled
    assert ledger.get_balance(alice) == 100
    assert waiting.timeline[-1].created_by == alice


def test_it_answers_a_cancel_by_htmx_with_the_progress(as_alice: Client, waiting: Generation) -> None:
    response = as_alice.post(f"/g/{waiting.code}/cancel/", headers=HTMX)
    assert response.status_code == 200
    assert "Not charged" in response.text
    assert "<html" not in response.text


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_it_denies_that_other_peoples_pictures_exist(verb: str, as_bob: Client, waiting: Generation) -> None:
    assert as_bob.post(f"/g/{waiting.code}/{verb}/").status_code == 404
    assert Generation.objects.get().status == Generation.Status.QUEUED


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_it_changes_nothing_by_get(verb: str, as_alice: Client, waiting: Generation) -> None:
    assert as_alice.get(f"/g/{waiting.code}/{verb}/").status_code == 405
    assert Generation.objects.get().status == Generation.Status.QUEUED


def test_it_cannot_cancel_what_bfl_has(as_alice: Client, alice: User, waiting: Generation) -> None:
    lifecycle.claim()
    response = as_alice.post(f"/g/{waiting.code}/cancel/", follow=True)
    assert "That picture is already being made, so it can no longer be canceled." in response.text
    assert Generation.objects.get().status == Generation.Status.SUBMITTING
    assert ledger.get_balance(alice) == Decimal("97.5")


def test_it_says_so_to_htmx_at_once(as_alice: Client, waiting: Generation) -> None:
    lifecycle.claim()
    sentence = "That picture is already being made, so it can no longer be canceled."
    assert sentence in as_alice.post(f"/g/{waiting.code}/cancel/", headers=HTMX).text
    assert sentence not in as_alice.get("/").text


def test_it_cancels_once_however_often_it_is_asked(
    as_alice: Client, alice: User, waiting: Generation
) -> None:
    for _ in range(2):
        as_alice.post(f"/g/{waiting.code}/cancel/")
    assert ledger.get_balance(alice) == 100


def test_it_buys_what_failed_again(as_alice: Client, alice: User, failed: Generation) -> None:
    response = as_alice.post(f"/g/{failed.code}/retry/")
    again = Generation.objects.get(retry_of=failed)
    assert response["Location"] == "/"
    assert (again.params, again.status) == (failed.params, Generation.Status.QUEUED)
    assert ledger.get_balance(alice) == Decimal("97.5")


def test_it_answers_a_retry_by_htmx_with_the_progress(as_alice: Client, failed: Generation) -> None:
    text = as_alice.post(f"/g/{failed.code}/retry/", headers=HTMX).text
    assert f'id="card-{Generation.objects.get(retry_of=failed).code}"' in text
    assert "every 1s" in text


def test_it_says_why_a_retry_is_refused(as_alice: Client, alice: User, failed: Generation) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    response = as_alice.post(f"/g/{failed.code}/retry/", headers=HTMX)
    assert "Dev is switched off at the moment. Choose another model." in response.text
    assert Generation.objects.get() == failed
    assert ledger.get_balance(alice) == 100


def test_it_says_why_a_retry_is_refused_without_script_too(client: Client, charlie: User) -> None:
    ledger.grant(charlie, Decimal(4), note="For one", created_by=None)
    canceled = lifecycle.create(charlie, "flux-dev", {"prompt": "a heron"})[0]
    assert lifecycle.cancel(canceled, canceled_by=charlie)
    lifecycle.create(charlie, "flux-pro-1.1", {"prompt": "a heron"})
    client.force_login(charlie)
    assert "This costs 2.5 credits" in client.post(f"/g/{canceled.code}/retry/", follow=True).text


@pytest.mark.parametrize("status", ["queued", "succeeded"])
def test_it_retries_only_what_has_no_picture(
    status: str, as_alice: Client, alice: User, media: Path, waiting: Generation
) -> None:
    code = waiting.code if status == "queued" else make_pictures(alice)[0].code
    before = Generation.objects.count()
    as_alice.post(f"/g/{code}/retry/")
    assert Generation.objects.count() == before


def test_another_model_gets_its_own_defaults_and_keeps_what_was_set(as_alice: Client) -> None:
    drawn = {"form_for": "flux-pro", "prompt": "a heron", "steps": "40", "guidance": "4.5", "seed": "7"}
    page = as_alice.post("/form/", {**drawn, "endpoint": "flux-dev"}).content.decode()
    assert 'value="28"' in page
    assert 'value="4.5"' in page
    assert 'value="40"' not in page


def test_it_starts_with_a_model_that_is_offered(as_alice: Client) -> None:
    Offer.objects.create(endpoint="flux-kontext-pro", is_enabled=False)
    page = as_alice.get("/").content.decode()
    assert 'name="form_for" value="flux-kontext-max"' in page
