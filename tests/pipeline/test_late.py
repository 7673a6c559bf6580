"""Pictures that come after we had given them up: kept, free, and paid for once at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from pytest_django.live_server_helper import LiveServer

from generations import bfl, doctor
from generations.credits import ledger
from generations.media import images
from generations.models import Generation, Picture
from generations.models.generation import GIVEN_UP, LATE_FOR
from generations.pipeline import follower, lifecycle, tasks
from generations.provider import bfl_client
from sandbox import Sandbox
from sandbox.messages import Seen
from tests.conftest import (
    Work,
    age,
    follow_until,
    jpeg,
    kinds,
    make_ready,
    run_jobs,
    submit,
    sweep,
    waiting_jobs,
)

Status = Generation.Status
FailureCode = Generation.FailureCode
# Quick to draw and to read.
SMALL = {"prompt": "a lighthouse at dusk", "width": 256, "height": 256}
FOLLOW = ("generations.pipeline.tasks.follow", ())
SAMPLE = "https://delivery-eu1.bfl.ai/results/sample.jpeg?sig=s3cret"
ENDED_BY_BFL = [code for code in FailureCode if code not in GIVEN_UP]


@pytest.fixture(autouse=True)
def _late_looks_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LATE_INTERVAL", 0.1)


@pytest.fixture
def with_webhooks(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://flux.example"


def claimed(user: User) -> Generation:
    lifecycle.create(user, "flux-dev", SMALL)
    return lifecycle.claim()[0]


def submitted(user: User) -> Generation:
    generation = claimed(user)
    submit(generation)
    return generation


def ready(user: User) -> Generation:
    generation = submitted(user)
    make_ready(generation)
    return generation


def given_up(user: User, failure_code: FailureCode = FailureCode.TIMED_OUT) -> Generation:
    """A generation that we stopped waiting for where that can happen."""
    make = {FailureCode.OUTCOME_UNKNOWN: claimed, FailureCode.STORING_FAILED: ready}
    generation = make.get(failure_code, submitted)(user)
    assert lifecycle.fail(generation, failure_code)
    return generation


def at_bfl(user: User) -> Generation:
    """A generation that BFL has taken, and that we stopped waiting for."""
    generation = claimed(user)
    submission = bfl_client.get_client().submit(generation.endpoint, generation.params)
    assert lifecycle.mark_submitted(generation, submission)
    assert lifecycle.fail(generation, FailureCode.TIMED_OUT)
    return generation


def call(generation: Generation, status: str = "Ready", result: object = None) -> int:
    """Call as BFL does; return the status of the answer."""
    webhook = bfl_client.get_webhook(generation)
    assert webhook is not None
    body = {
        "task_id": generation.bfl_id or "task-1",
        "status": status,
        "result": result or {"sample": SAMPLE},
    }
    headers = {"X-Webhook-Secret": webhook.secret}
    url = f"/webhooks/bfl/{generation.code}/"
    return Client().post(url, json.dumps(body), "application/json", headers=headers).status_code


def looks(sandbox: Sandbox) -> list[Seen]:
    return [request for request in sandbox.requests if request.path.startswith("/v1/get_result")]


def is_ready() -> bool:
    return Generation.objects.ready().exists()


def assert_free(generation: Generation) -> None:
    """Charged once, refunded once, and the ledger in order."""
    entries = list(generation.entries.order_by("pk").values_list("kind", "amount"))
    assert entries == [("charge", -generation.price), ("refund", generation.price)]
    assert list(doctor.check_ledger()) == []


@pytest.mark.usefixtures("with_webhooks")
@pytest.mark.parametrize("failure_code", sorted(GIVEN_UP))
def test_bfl_may_call_after_we_have_given_up(
    failure_code: FailureCode,
    alice: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    generation = given_up(alice, FailureCode(failure_code))
    with django_capture_on_commit_callbacks(execute=True):
        assert call(generation) == 200
    generation.refresh_from_db()
    assert (generation.status, generation.is_late, generation.sample_url) == (Status.READY, True, SAMPLE)
    assert (generation.failure_code, generation.failure_detail) == ("", "")
    assert (generation.finished_at, generation.late_until) == (None, None)
    assert waiting_jobs("store") == [("generations.pipeline.tasks.store", (generation.pk,))]
    assert ledger.get_balance(alice) == 100
    assert_free(generation)


@pytest.mark.usefixtures("with_webhooks")
@pytest.mark.parametrize("failure_code", ENDED_BY_BFL)
def test_what_bfl_itself_has_ended_stays_so(
    failure_code: FailureCode,
    alice: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    generation = given_up(alice, failure_code)
    told = kinds(generation)
    with django_capture_on_commit_callbacks() as jobs:
        assert call(generation) == 200
    result = bfl.Result(status=bfl.Status.READY, word="Ready", sample_url=SAMPLE)
    assert not lifecycle.mark_ready(generation, result, bfl_id=generation.bfl_id)
    generation.refresh_from_db()
    assert (generation.status, generation.failure_code) == (Status.FAILED, failure_code)
    assert (generation.late_until, kinds(generation), jobs) == (None, told, [])


@pytest.mark.usefixtures("with_webhooks")
def test_what_was_canceled_stays_so(alice: User) -> None:
    (generation,) = lifecycle.create(alice, "flux-dev", SMALL)
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert call(generation) == 200
    generation.refresh_from_db()
    assert generation.is_canceled


@pytest.mark.usefixtures("with_webhooks")
def test_the_second_call_for_a_late_picture_changes_nothing(alice: User) -> None:
    generation = given_up(alice)
    assert [call(generation), call(generation, result={"sample": SAMPLE, "seed": 7})] == [200, 200]
    assert kinds(generation).count("ready") == 1
    assert_free(generation)


def test_a_late_picture_is_stored_and_free(work: Work, alice: User, sandbox: Sandbox) -> None:
    generation = at_bfl(alice)
    follow_until(is_ready)
    run_jobs("store")
    generation.refresh_from_db()
    assert (generation.is_succeeded, generation.is_late) == (True, True)
    assert Path(generation.image.file.path).stat().st_size == generation.image.byte_size
    assert Picture.objects.of(alice).on_wall().filter(pk=generation.pk).exists()
    assert ledger.get_balance(alice) == 100
    assert_free(generation)
    assert list(doctor.check_files()) == []
    assert len(sandbox.tasks) == 1


def test_the_follower_looks_again_until_the_picture_is_there(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("poll", "status", task_status="Pending", times=2)
    sandbox.faults.script("poll", "not_found", skip=2)
    sandbox.faults.script("poll", "answer", status=500, skip=3)
    generation = at_bfl(alice)
    follow_until(is_ready)
    assert kinds(generation) == ["queued", "submitting", "submitted", "failed", "ready"]
    assert_free(generation)


def test_a_task_that_was_lost_may_turn_up(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "NOT_FOUND_TOLERANCE", 0.2)
    sandbox.faults.script("submit", "unknown", seconds=60)
    (generation,) = lifecycle.create(alice, "flux-dev", SMALL)
    follow_until(lambda: Generation.objects.late().filter(failure_code=FailureCode.TASK_LOST).exists())
    assert ledger.get_balance(alice) == 100
    sandbox.advance(60)
    follow_until(is_ready)
    assert kinds(generation)[-2:] == ["failed", "ready"]
    assert_free(generation)


@pytest.mark.usefixtures("with_webhooks")
def test_a_task_without_a_number_comes_back_by_its_address_after_we_gave_up(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "drop", accepted=True)
    (generation,) = lifecycle.create(alice, "flux-dev", SMALL)
    follow_until(lambda: generation.events.filter(kind="note").exists())
    age(generation, claimed_at=tasks.GRACE_WITH_WEBHOOK + 1)
    tasks.sweep()
    generation.refresh_from_db()
    assert (generation.failure_code, generation.late_until) == (FailureCode.OUTCOME_UNKNOWN, None)
    assert call(generation) == 200
    generation.refresh_from_db()
    assert (generation.status, generation.is_late, generation.bfl_id) == (Status.READY, True, "task-1")
    assert len(sandbox.tasks) == 1
    assert_free(generation)


def test_a_submission_that_is_answered_after_the_sweep_gave_up_is_followed(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "hang", seconds=0.5)
    (generation,) = lifecycle.create(alice, "flux-dev", SMALL)

    def sweep_until_ready() -> bool:
        age(generation, claimed_at=tasks.GRACE_WITHOUT_WEBHOOK + 1)
        tasks.sweep()
        return is_ready()

    follow_until(sweep_until_ready)
    generation.refresh_from_db()
    assert kinds(generation) == ["queued", "submitting", "failed", "note", "ready"]
    assert [generation.bfl_id] == list(sandbox.tasks)
    assert generation.submitted_at is not None
    assert_free(generation)


@pytest.mark.usefixtures("with_webhooks")
def test_an_answer_that_comes_after_bfl_has_refused_is_not_given_up(alice: User) -> None:
    generation = claimed(alice)
    lifecycle.mark_unanswered(generation, "the connection broke")
    assert call(generation, "Content Moderated") == 200
    lifecycle.mark_taken_late(generation, bfl.Submission(id="task-1", polling_url=None, cost=None))
    generation.refresh_from_db()
    assert (generation.failure_code, generation.late_until) == (FailureCode.CONTENT_MODERATED, None)
    assert kinds(generation)[-1] == "failed"


def test_a_late_picture_that_cannot_be_stored_is_refunded_once(alice: User) -> None:
    generation = given_up(alice)
    for _ in range(2):
        make_ready(generation)
        assert lifecycle.fail(generation, FailureCode.STORING_FAILED)
    generation.refresh_from_db()
    assert (generation.status, generation.is_late, generation.late_until) == (Status.FAILED, True, None)
    assert ledger.get_balance(alice) == 100
    assert_free(generation)


def test_it_may_have_been_tried_again_meanwhile(alice: User, media: Path) -> None:
    generation = given_up(alice)
    again = lifecycle.retry(generation, alice)
    make_ready(generation)
    assert lifecycle.complete(generation, images.store(generation, jpeg()))
    assert ledger.get_balance(alice) == 100 - again.price
    assert_free(generation)
    with pytest.raises(lifecycle.NothingToRetry):
        lifecycle.retry(generation, alice)
    assert lifecycle.claim() == [again]


@pytest.mark.parametrize("word", ["Content Moderated", "Request Moderated", "Error"])
def test_looking_ends_when_bfl_says_that_nothing_comes(
    word: str, work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("poll", "status", task_status=word, times=None)
    generation = at_bfl(alice)
    told = kinds(generation)
    follow_until(lambda: not Generation.objects.late().exists())
    generation.refresh_from_db()
    assert (generation.failure_code, kinds(generation)) == (FailureCode.TIMED_OUT, told)
    assert ledger.get_balance(alice) == 100
    assert_free(generation)


@pytest.mark.usefixtures("with_webhooks")
def test_looking_ends_when_bfl_calls_that_nothing_comes(alice: User) -> None:
    generation = given_up(alice)
    assert call(generation, "Error") == 200
    generation.refresh_from_db()
    assert (generation.failure_code, generation.late_until) == (FailureCode.TIMED_OUT, None)
    assert kinds(generation)[-1] == "webhook"
    assert_free(generation)


def test_a_task_that_bfl_no_longer_knows_is_looked_for_in_silence(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "NOT_FOUND_TOLERANCE", 0.0)
    sandbox.faults.script("poll", "not_found", times=None)
    generation = at_bfl(alice)
    told = kinds(generation)
    follow_until(lambda: len(looks(sandbox)) > 3)
    generation.refresh_from_db()
    assert (generation.failure_code, kinds(generation)) == (FailureCode.TIMED_OUT, told)
    assert Generation.objects.late().exists()


@pytest.mark.parametrize(
    ("failure_code", "is_looked_for"),
    [
        (FailureCode.TIMED_OUT, True),
        (FailureCode.TASK_LOST, True),
        (FailureCode.OUTCOME_UNKNOWN, False),  # nobody knows its number
        (FailureCode.STORING_FAILED, False),
        *((failure_code, False) for failure_code in ENDED_BY_BFL),
    ],
)
def test_it_is_looked_for_if_looking_can_help(
    failure_code: FailureCode, is_looked_for: bool, alice: User
) -> None:
    generation = given_up(alice, failure_code)
    assert Generation.objects.late().filter(pk=generation.pk).exists() == is_looked_for


@pytest.mark.parametrize("make", [given_up, lambda user: taken_late(user)])
def test_it_is_looked_for_as_long_as_bfl_keeps_a_task(
    make: Callable[[User], Generation], alice: User
) -> None:
    before = timezone.now()
    generation = make(alice)
    generation.refresh_from_db()
    assert generation.late_until is not None
    assert before + LATE_FOR <= generation.late_until <= timezone.now() + LATE_FOR


def taken_late(user: User) -> Generation:
    generation = given_up(user, FailureCode.OUTCOME_UNKNOWN)
    submission = bfl.Submission(id="task-1", polling_url=None, cost=None)
    assert lifecycle.mark_taken_late(generation, submission)
    generation.refresh_from_db()
    assert (generation.bfl_id, generation.polling_url) == ("task-1", "")
    return generation


def test_what_bfl_took_after_all_is_written_down_for_that_one_alone(alice: User) -> None:
    other = given_up(alice, FailureCode.OUTCOME_UNKNOWN)
    generation = given_up(alice, FailureCode.OUTCOME_UNKNOWN)
    before, polling_url = timezone.now(), "https://api.eu.bfl.ai/v1/get_result?id=task-1"
    submission = bfl.Submission(id="task-1", polling_url=polling_url, cost=None)
    assert lifecycle.mark_taken_late(generation, submission)
    generation.refresh_from_db()
    assert (generation.bfl_id, generation.polling_url) == ("task-1", polling_url)
    assert generation.submitted_at is not None
    assert before <= generation.submitted_at <= timezone.now()
    assert generation.timeline[-1].detail == "BFL took it after all, as task-1"
    other.refresh_from_db()
    assert (other.bfl_id, other.submitted_at) == ("", None)


def test_the_sweep_has_it_looked_for_until_its_time_is_over(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    generation = given_up(alice)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == [FOLLOW]
    age(generation, late_until=1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == [FOLLOW]


def test_nobody_looks_once_the_time_is_over(work: Work, alice: User, sandbox: Sandbox) -> None:
    generation = at_bfl(alice)
    age(generation, late_until=1)
    work()
    assert looks(sandbox) == []
    assert not lifecycle.stop_looking(generation)


@pytest.mark.usefixtures("with_webhooks")
def test_bfl_may_still_call_when_nobody_looks_any_more(alice: User) -> None:
    generation = given_up(alice)
    age(generation, late_until=1)
    assert call(generation) == 200
    assert is_ready()
    assert_free(generation)


def test_what_is_looked_for_holds_no_slot(alice: User, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    given_up(alice)
    (waiting,) = lifecycle.create(alice, "flux-dev", SMALL)
    assert lifecycle.claim() == [waiting]


def test_a_follower_does_not_stay_for_what_is_late_alone(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("poll", "status", task_status="Pending", times=None)
    at_bfl(alice)
    work()  # comes back
    assert Generation.objects.late().exists()


def test_the_page_tells_that_it_came_late_and_costs_nothing(
    as_alice: Client, alice: User, media: Path
) -> None:
    generation = given_up(alice)
    make_ready(generation)
    assert lifecycle.complete(generation, images.store(generation, jpeg()))
    event = generation.events.get(kind="ready")
    assert event.detail == "Late, and therefore free"
    assert as_alice.get(f"/g/{generation.code}/").status_code == 200


def test_an_ordinary_picture_is_not_late(alice: User) -> None:
    generation = ready(alice)
    generation.refresh_from_db()
    assert (generation.is_late, generation.events.get(kind="ready").detail) == (False, "")
    assert timezone.now() + timedelta(seconds=50) < (generation.store_again_at or timezone.now())


def test_bfl_calls_late_over_the_wire(
    live_server: LiveServer, work: Work, alice: User, sandbox: Sandbox, settings: Settings
) -> None:
    settings.PUBLIC_URL = live_server.url
    sandbox.faults.script("webhook", "late", seconds=1.5)
    (generation,) = lifecycle.create(alice, "flux-dev", SMALL)

    def give_up() -> bool:
        return Generation.objects.late().exists() or lifecycle.fail(
            Generation.objects.get(), FailureCode.TIMED_OUT
        )

    follow_until(lambda: Generation.objects.exclude(bfl_id="").exists() and give_up())
    sandbox.faults.script("poll", "not_found", times=None)
    # The web server's thread queues the job a moment after its row is READY.
    follow_until(lambda: bool(waiting_jobs("store")))
    run_jobs("store")
    generation.refresh_from_db()
    assert (generation.is_succeeded, generation.is_late) == (True, True)
    assert_free(generation)
