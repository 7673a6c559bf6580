from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from pytest_django.live_server_helper import LiveServer

from generations import bfl
from generations.bfl.webhooks import read_delivery
from generations.credits import ledger
from generations.models import (
    CreditEntry,
    Delivery,
    GeneratedImage,
    Generation,
    GenerationEvent,
    Provider,
)
from generations.pipeline import lifecycle, queue, results, tasks
from generations.provider import bfl_client
from generations.views.webhook import MAX_BYTES, _accept
from sandbox import Sandbox
from tests.conftest import Work, age, kinds, rows_of, waiting_calls, waiting_jobs

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
    webhook = bfl_client.get_webhook(generation)
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


def test_a_picture_goes_to_storing_at_once(generation: Generation) -> None:
    assert call(generation, ready()).status_code == 200
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url, generation.seed) == ("ready", SAMPLE, 42)
    assert [event.detail for event in generation.events.filter(kind="webhook")] == ["Ready"]
    # A body holds a signed link, and is kept only where it has to wait.
    assert Delivery.objects.get().held == ""


def test_what_it_says_next_counts_as_what_it_said_first(generation: Generation) -> None:
    for progress in (0.25, 0.5):
        call(generation, {"task_id": "task-1", "status": "Pending", "progress": progress})
    assert call(generation, ready()).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY
    assert Delivery.objects.count() == 3


@pytest.mark.parametrize("word", ["Ready", "SUCCESS"])
@pytest.mark.parametrize("name", ["task_id", "id"])
def test_it_reads_the_payload_of_either_year(word: str, name: str, generation: Generation) -> None:
    body = {name: "task-1", "status": word, "result": {"sample": SAMPLE}}
    assert call(generation, body).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY


@pytest.fixture
def claimed(alice: User, settings: Settings) -> Generation:
    """A generation whose submission is under way, so that nobody knows the task's id."""
    settings.PUBLIC_URL = "https://flux.example"
    lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse at dusk"})
    return lifecycle.claim()[0]


def test_it_may_come_before_the_answer_to_the_submission(claimed: Generation) -> None:
    assert call(claimed, ready()).status_code == 200
    assert Generation.objects.get().status == Generation.Status.SUBMITTING
    assert lifecycle.mark_submitted(claimed, bfl.Submission(id="task-1", polling_url=None, cost=None))
    assert results.apply_held(claimed)
    assert Generation.objects.get().status == Generation.Status.READY
    assert not Delivery.objects.exclude(held="").exists()


def test_what_came_before_the_answer_and_is_about_another_task_is_dropped(claimed: Generation) -> None:
    assert call(claimed, ready(task_id="another")).status_code == 200
    assert lifecycle.mark_submitted(claimed, bfl.Submission(id="task-1", polling_url=None, cost=None))
    assert not results.apply_held(claimed)
    assert Generation.objects.get().status == Generation.Status.SUBMITTED
    assert not Delivery.objects.exclude(held="").exists()


def test_the_sweep_believes_it_when_no_answer_can_come_any_more(claimed: Generation) -> None:
    call(claimed, ready())
    tasks.sweep()
    assert Generation.objects.get().status == Generation.Status.SUBMITTING
    age(claimed, claimed_at=61)
    tasks.sweep()
    assert (Generation.objects.get().status, Generation.objects.get().bfl_id) == ("ready", "task-1")


def test_it_is_believed_at_once_when_no_answer_can_come_any_more(claimed: Generation) -> None:
    age(claimed, claimed_at=61)
    assert call(claimed, ready()).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY


def test_what_came_before_the_connection_broke_is_believed_then(claimed: Generation) -> None:
    call(claimed, ready())
    assert lifecycle.mark_unanswered(claimed, "the connection broke")
    assert not lifecycle.mark_unanswered(claimed, "the connection broke")
    assert claimed.events.filter(kind="note", detail__endswith="the connection broke").count() == 1
    assert results.apply_held(claimed)
    assert Generation.objects.get().status == Generation.Status.READY


def test_the_task_of_another_generation_is_refused(claimed: Generation, bob: User) -> None:
    lifecycle.create(bob, "flux-dev", {"prompt": "a harbour"})
    (other,) = lifecycle.claim()
    lifecycle.mark_submitted(other, bfl.Submission(id="task-1", polling_url=None, cost=None))
    assert call(claimed, ready()).status_code == 400
    assert not Delivery.objects.exists()


def test_it_is_judged_by_what_the_row_says_under_the_lock(claimed: Generation) -> None:
    """The answer to the submission is written down just after the call has found its generation."""
    before = Generation.objects.get()
    lifecycle.mark_submitted(claimed, bfl.Submission(id="task-1", polling_url=None, cost=None))
    delivery = read_delivery(ready(task_id="another"))
    assert delivery is not None
    assert not _accept(before, delivery, b"{}")
    assert Generation.objects.get().status == Generation.Status.SUBMITTED


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_early_call_may_come_in_any_encoding_of_json(encoding: str, claimed: Generation) -> None:
    body = json.dumps(ready() | {"details": {"note": "\ud800"}}).encode(encoding)
    assert call(claimed, body).status_code == 200
    assert lifecycle.mark_submitted(claimed, bfl.Submission(id="task-1", polling_url=None, cost=None))
    assert results.apply_held(claimed)


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
    assert kinds(generation)[-2:] == ["webhook", "ready"]


def test_the_same_news_twice_is_told_once(generation: Generation) -> None:
    for _ in range(2):
        assert call(generation, ready(status="Pending", result=None)).status_code == 200
    assert kinds(generation).count("webhook") == 1


def test_what_comes_after_the_end_is_not_told(generation: Generation) -> None:
    lifecycle.fail(generation, FailureCode.CONTENT_MODERATED)
    assert call(generation, ready()).status_code == 200
    assert kinds(generation)[-1] == "failed"


def test_a_late_contradiction_changes_nothing(generation: Generation) -> None:
    call(generation, ready())
    assert call(generation, ready(status="Pending", result=None)).status_code == 200
    assert Generation.objects.get().status == Generation.Status.READY


@pytest.mark.parametrize(
    "result", [None, {}, {"sample": None}, {"sample": "https://evil.example/x.jpeg"}, {"sample": 7}]
)
def test_a_call_without_a_usable_picture_only_brings_the_next_poll_forward(
    result: object,
    generation: Generation,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert call(generation, ready(result=result)).status_code == 200
    assert generation.pk in queue.wait_for_wake(1)
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url) == ("submitted", "")


# What is refused


GOOD_BODY = json.dumps({"task_id": "task-1", "status": "Ready", "result": {"sample": SAMPLE}})


@dataclass(frozen=True)
class Call:
    """A call that is refused: all that is not given is as it should be."""

    status: int
    body: str | bytes = GOOD_BODY
    secret: str | None = None
    is_signed: bool = True
    method: str = "POST"
    code: str = ""
    content_type: str = "application/json"


GOOD = Call(200)


def large(size: int) -> str:
    return json.dumps(ready(padding=""))[:-2] + "x" * size + '"}'


def deep(depth: int) -> str:
    return '{"task_id": "task-1", "status": "Ready", "result": ' + "[" * depth + "]" * depth + "}"


TABLE = {
    "empty secret": Call(401, secret=""),
    "wrong secret": Call(401, secret="wrong"),
    "secret with an accent": Call(401, secret="naïve".encode().decode("latin-1")),
    "secret of other letters": Call(401, secret=("Ω" * 64).encode().decode("latin-1")),
    "secret of the right length": Call(401, secret="0" * 64),
    "very long secret": Call(401, secret="x" * 8000),
    "no secret": Call(401, is_signed=False),
    "unknown address": Call(401, code="00000000-0000-4000-8000-000000000000"),
    "wrong secret and a body too large": Call(401, secret="wrong", body="x" * 300_000),
    "wrong secret and a body that is no JSON": Call(401, secret="wrong", body="{"),
    "address that is none": Call(404, code="../../admin"),
    "GET": Call(405, method="GET"),
    "HEAD": Call(405, method="HEAD"),
    "PUT": Call(405, method="PUT"),
    "PATCH": Call(405, method="PATCH"),
    "DELETE": Call(405, method="DELETE"),
    "OPTIONS": Call(405, method="OPTIONS"),
    "one byte too large": Call(413, body=large(MAX_BYTES)[: MAX_BYTES + 1]),
    "300 KB": Call(413, body=large(300_000)),
    "300 KB of nothing": Call(413, body=b"\x00" * 300_000),
    "nothing": Call(400, body=b""),
    "a blank": Call(400, body=" "),
    "cut off": Call(400, body=GOOD_BODY[:40]),
    "null": Call(400, body="null"),
    "number": Call(400, body="7"),
    "NaN": Call(400, body="NaN"),
    "list": Call(400, body="[]"),
    "list of deliveries": Call(400, body=f"[{GOOD_BODY}]"),
    "text": Call(400, body='"Ready"'),
    "empty object": Call(400, body="{}"),
    "form": Call(400, body="task_id=task-1&status=Ready", content_type="application/x-www-form-urlencoded"),
    "page of HTML": Call(400, body="<!doctype html>", content_type="text/html"),
    "other encoding": Call(400, body=b"\xff\xfe{"),
    "half a letter": Call(400, body=b'{"task_id": "task-1", "status": "Ready\xc3"}'),
    "no number": Call(400, body='{"status": "Ready"}'),
    "no status": Call(400, body='{"task_id": "task-1"}'),
    "status that is a number": Call(400, body='{"task_id": "task-1", "status": 7}'),
    "status that is a list": Call(400, body='{"task_id": "task-1", "status": ["Ready"]}'),
    "empty number": Call(400, body='{"task_id": "", "status": "Ready"}'),
    "number that is a number": Call(400, body='{"task_id": 1, "status": "Ready"}'),
    "number that is an object": Call(400, body='{"task_id": {"id": "task-1"}, "status": "Ready"}'),
    "number that is too long": Call(400, body=json.dumps({"task_id": "t" * 65, "status": "Ready"})),
    "number with a NUL": Call(400, body='{"task_id": "task-1\\u0000", "status": "Ready"}'),
    "number with half a surrogate": Call(400, body='{"id": "task-1\\ud800", "status": "Ready"}'),
    "task of another": Call(400, body=json.dumps({"task_id": "task-2", "status": "Ready"})),
    "task of another, in the payload of a poll": Call(400, body='{"id": "task-2", "status": "Error"}'),
    "nested deeply, unfinished": Call(400, body="[" * 9999),
    "nested deeply, finished": Call(400, body=deep(30_000)),
}


def send(refused: Call, generation: Generation) -> int:
    secret = secret_of(generation) if refused.secret is None else refused.secret
    body = refused.body if isinstance(refused.body, bytes) else refused.body.encode()
    response = Client(enforce_csrf_checks=True, raise_request_exception=False).generic(
        refused.method,
        f"/webhooks/bfl/{refused.code or generation.code}/",
        body,
        refused.content_type,
        headers={"X-Webhook-Secret": secret} if refused.is_signed else {},
        CONTENT_LENGTH=str(len(body)),
    )
    return int(response.status_code)


def everything() -> list[object]:
    """Return all that a call could change."""
    rows = rows_of(Generation, GenerationEvent, Delivery, CreditEntry, GeneratedImage, Provider)
    jobs = [waiting_jobs(name) for name in ("follow", "store", "default", "last")]
    return [rows, jobs, waiting_calls()]


@pytest.fixture
def at_the_sandbox(sandbox: Sandbox, generation: Generation) -> Sandbox:
    """The BFL that would hear of it if a call made us ask."""
    assert list(sandbox.requests) == []
    return sandbox


@pytest.mark.parametrize("state", ["submitting", "submitted", "given up"])
def test_it_refuses_without_a_change(
    state: str,
    at_the_sandbox: Sandbox,
    generation: Generation,
    alice: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    if state == "given up":
        lifecycle.fail(generation, FailureCode.TIMED_OUT)
    if state == "submitting":
        lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse at dusk"})
        (generation,) = lifecycle.claim()
    before = everything()
    for name, refused in TABLE.items():
        # Before the answer to the submission any number may be the right one.
        if state == "submitting" and name.startswith("task of another"):
            continue
        with django_capture_on_commit_callbacks(execute=True) as jobs:
            assert send(refused, generation) == refused.status, name
        assert (jobs, everything()) == ([], before), name
    assert list(at_the_sandbox.requests) == []


def test_the_table_is_refused_for_its_own_reasons(generation: Generation) -> None:
    assert send(GOOD, generation) == 200
    assert Generation.objects.get().status == Generation.Status.READY


def test_it_takes_the_largest_body_that_it_may(generation: Generation) -> None:
    body = large(MAX_BYTES - len(large(0)))
    assert len(body) == MAX_BYTES
    assert call(generation, body).status_code == 200


def test_it_refuses_the_secret_of_another_generation(generation: Generation, bob: User) -> None:
    other = lifecycle.create(bob, "flux-dev", {"prompt": "a fox"})[0]
    before = everything()
    assert call(generation, ready(), secret=secret_of(other)).status_code == 401
    assert everything() == before


def test_it_refuses_an_unknown_address_in_the_same_words(generation: Generation) -> None:
    url = "/webhooks/bfl/00000000-0000-4000-8000-000000000000/"
    headers = {"X-Webhook-Secret": secret_of(generation)}
    response = Client().post(url, ready(), content_type="application/json", headers=headers)
    assert (response.status_code, response.content) == (401, call(generation, {}, secret="no").content)


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:1/x.jpeg", "https://169.254.169.254/latest", "file:///etc/passwd"),
        *("https://bfl.ai.evil.example/x.jpeg", "https://delivery-eu1.bfl.ai@evil.example/x.jpeg"),
        *("http://delivery-eu1.bfl.ai/x.jpeg", "//delivery-eu1.bfl.ai/x.jpeg", "javascript:alert(1)"),
    ],
)
def test_a_picture_elsewhere_is_neither_fetched_nor_believed(
    address: str, at_the_sandbox: Sandbox, generation: Generation
) -> None:
    assert call(generation, ready(result={"sample": address})).status_code == 200
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url) == ("submitted", "")
    assert waiting_jobs("store") == []
    assert list(at_the_sandbox.requests) == []


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


@pytest.mark.parametrize("word", ["Error", "Content Moderated"])
def test_a_failure_told_after_ready_throws_no_picture_away(generation: Generation, word: str) -> None:
    assert call(generation, ready()).status_code == 200
    assert call(generation, ready(status=word, result=None)).status_code == 200
    generation.refresh_from_db()
    assert (generation.status, generation.sample_url) == (Generation.Status.READY, SAMPLE)


def test_a_call_that_was_held_is_applied_though_the_follower_died_meanwhile(
    alice: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://flux.example"
    lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse at dusk"})
    (generation,) = lifecycle.claim()
    assert call(generation, ready()).status_code == 200
    tasks.sweep()
    assert Generation.objects.submitting().exists()
    lifecycle.mark_submitted(generation, bfl.Submission(id="task-1", polling_url=None, cost=None))
    tasks.sweep()
    assert Generation.objects.ready().exists()
