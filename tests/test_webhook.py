from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from generations import bfl, ledger, lifecycle, provider, webhooks
from generations.models import Delivery, Generation
from generations.sandbox import Sandbox
from tests.conftest import Work

FailureCode = Generation.FailureCode
SAMPLE = "https://delivery-eu1.bfl.ai/results/sample.jpeg?sig=s3cret"


@pytest.fixture
def generation(alice: User, settings: Settings) -> Generation:
    """Alice's, taken by BFL, which will call when it is done."""
    settings.PUBLIC_URL = "https://flux.example"
    lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse at dusk"})
    (claimed,) = lifecycle.claim()
    lifecycle.mark_submitted(claimed, bfl.Submission(id="task-1", polling_url=None, cost=None))
    return claimed


def secret_of(generation: Generation) -> str:
    webhook = provider.get_webhook(generation)
    assert webhook is not None
    return webhook.secret


def call(generation: Generation, body: object, *, secret: str | None = None, **extra: Any) -> HttpResponse:
    headers = {"X-Webhook-Secret": secret_of(generation) if secret is None else secret}
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    url = f"/webhooks/bfl/{generation.code}/"
    response = Client(enforce_csrf_checks=True).post(
        url, content, content_type="application/json", headers=headers, **extra
    )
    assert isinstance(response, HttpResponse)
    return response


def ready(**changes: object) -> dict[str, object]:
    result = {"sample": SAMPLE, "seed": 42, "prompt": "a lighthouse at dusk"}
    return {"task_id": "task-1", "status": "Ready", "result": result, **changes}


def unchanged(generation: Generation) -> bool:
    row = Generation.objects.get(pk=generation.pk)
    has_rows = Delivery.objects.exists() or row.events.filter(kind="webhook").exists()
    return row.status == generation.status and not has_rows


def test_a_picture_goes_to_storing_at_once(generation: Generation) -> None:
    assert call(generation, ready()).status_code == 200
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url, generation.seed) == ("ready", SAMPLE, 42)
    assert generation.events.filter(kind="webhook").count() == 1


@pytest.mark.parametrize("word", ["Ready", "SUCCESS"])
@pytest.mark.parametrize("name", ["task_id", "id"])
def test_it_reads_the_payload_of_either_year(word: str, name: str, generation: Generation) -> None:
    body = {name: "task-1", "status": word, "result": {"sample": SAMPLE}}
    assert call(generation, body).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY


def test_it_may_come_before_the_answer_to_the_submission(alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://flux.example"
    lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse at dusk"})
    (claimed,) = lifecycle.claim()
    assert call(claimed, ready()).status_code == 200
    assert (Generation.objects.get().status, Generation.objects.get().bfl_id) == ("ready", "task-1")


@pytest.mark.parametrize(
    ("word", "failure_code"),
    [
        ("Request Moderated", FailureCode.REQUEST_MODERATED),
        ("Content Moderated", FailureCode.CONTENT_MODERATED),
        ("Error", FailureCode.PROVIDER_ERROR),
        ("FAILED", FailureCode.PROVIDER_ERROR),
    ],
)
def test_a_failure_ends_it_and_gives_the_credits_back(
    word: str, failure_code: str, generation: Generation
) -> None:
    assert call(generation, ready(status=word, result=None)).status_code == 200
    generation.refresh_from_db()
    assert generation.failure_code == failure_code
    assert ledger.get_balance(generation.user) == 100


def test_the_same_call_twice_has_one_effect(generation: Generation) -> None:
    for _ in range(2):
        assert call(generation, ready()).status_code == 200
    assert Delivery.objects.count() == 1
    assert generation.events.filter(kind="ready").count() == 1


def test_a_late_contradiction_changes_nothing(generation: Generation) -> None:
    call(generation, ready())
    assert call(generation, ready(status="Pending", result=None)).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY


@pytest.mark.parametrize(
    "result", [None, {}, {"sample": None}, {"sample": "https://evil.example/x.jpeg"}, {"sample": 7}]
)
def test_a_call_without_a_usable_picture_only_brings_the_next_poll_forward(
    result: object, generation: Generation
) -> None:
    assert call(generation, ready(result=result)).status_code == 200
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url) == ("submitted", "")


@pytest.mark.parametrize("secret", ["", "wrong", "naïve", "Ω" * 64])
def test_it_refuses_a_wrong_secret(secret: str, generation: Generation) -> None:
    assert call(generation, ready(), secret=secret.encode().decode("latin-1")).status_code == 401
    assert unchanged(generation)


def test_it_refuses_a_call_without_a_secret(generation: Generation) -> None:
    url = f"/webhooks/bfl/{generation.code}/"
    assert Client().post(url, ready(), content_type="application/json").status_code == 401
    assert unchanged(generation)


def test_it_refuses_the_secret_of_another_generation(generation: Generation, bob: User) -> None:
    other = lifecycle.create(bob, "flux-dev", {"prompt": "a fox"})[0]
    assert call(generation, ready(), secret=secret_of(other)).status_code == 401
    assert unchanged(generation)


def test_it_refuses_an_unknown_address_in_the_same_words(generation: Generation) -> None:
    url = "/webhooks/bfl/00000000-0000-4000-8000-000000000000/"
    headers = {"X-Webhook-Secret": secret_of(generation)}
    response = Client().post(url, ready(), content_type="application/json", headers=headers)
    assert (response.status_code, response.content) == (401, call(generation, {}, secret="no").content)


def test_it_refuses_the_task_of_another_generation(generation: Generation) -> None:
    assert call(generation, ready(task_id="task-2")).status_code == 400
    assert unchanged(generation)


@pytest.mark.parametrize(
    "body",
    [
        *(" ", "{", "null", "[]", '"Ready"', "{}", '{"status": "Ready"}', '{"task_id": "task-1"}'),
        *(
            "[" * 9999,
            b"\xff\xfe",
            '{"task_id": "task-1", "status": 7}',
            '{"task_id": "", "status": "Ready"}',
        ),
    ],
)
def test_it_refuses_what_is_no_delivery(body: str | bytes, generation: Generation) -> None:
    assert call(generation, body).status_code == 400
    assert unchanged(generation)


def test_it_refuses_a_large_body(generation: Generation) -> None:
    assert call(generation, ready(padding="x" * webhooks.MAX_BYTES)).status_code == 413
    assert unchanged(generation)


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_it_answers_to_post_only(method: str, generation: Generation) -> None:
    response = getattr(Client(), method)(f"/webhooks/bfl/{generation.code}/")
    assert response.status_code == 405


def test_a_key_of_yesterday_is_still_good(generation: Generation, settings: Settings) -> None:
    secret, yesterday = secret_of(generation), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [yesterday]
    assert call(generation, ready(), secret=secret).status_code == 200


@pytest.fixture
def site_with_webhooks(live_server: LiveServer, settings: Settings) -> LiveServer:
    settings.PUBLIC_URL = live_server.url
    return live_server


def test_bfl_calls_and_nobody_polls(
    site_with_webhooks: LiveServer, work: Work, alice: User, sandbox: Sandbox
) -> None:
    lifecycle.create(alice, "flux-pro-1.1", {"prompt": "a lighthouse at dusk"})
    work()
    assert Generation.objects.get().is_succeeded
    assert not any(request.path.startswith("/v1/get_result") for request in sandbox.requests)


def test_a_task_whose_number_was_never_learnt_comes_back_by_its_address(
    site_with_webhooks: LiveServer, work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "drop", accepted=True)
    lifecycle.create(alice, "flux-pro-1.1", {"prompt": "a lighthouse at dusk"})
    work()
    assert Generation.objects.get().is_succeeded
    assert len(sandbox.tasks) == 1
