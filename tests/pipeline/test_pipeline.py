"""From a press to the end, by polling: real Redis, real jobs, real HTTP against the sandbox."""

from __future__ import annotations

import logging
import re
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from generations import bfl, doctor
from generations.credits import ledger
from generations.media import xmp
from generations.models import Generation, Provider
from generations.pipeline import follower, lifecycle, queue
from generations.pipeline.follower import Follower
from generations.provider import bfl_client, circuit_breaker
from sandbox import Sandbox
from tests.conftest import Work, follow_for, follow_until, sweep, use_bfl_at, waiting_jobs

PROMPT = {"prompt": "a lighthouse at dusk"}
# Quick to draw and to read.
SMALL = {**PROMPT, "width": 256, "height": 256}
FailureCode = Generation.FailureCode


def order(user: User, **values: object) -> Generation:
    return lifecycle.create(user, "flux-dev", {**SMALL, **values})[0]


def submissions(sandbox: Sandbox) -> int:
    return sum(request.method == "POST" and request.status == 200 for request in sandbox.requests)


@pytest.mark.parametrize("endpoint", bfl.ENDPOINTS)
def test_it_makes_a_picture_with_every_endpoint(endpoint: str, work: Work, alice: User) -> None:
    (generation,) = lifecycle.create(alice, endpoint, PROMPT)
    work()
    generation.refresh_from_db()
    assert generation.status == Generation.Status.SUCCEEDED
    assert Path(generation.image.file.path).stat().st_size == generation.image.byte_size
    assert ledger.get_balance(alice) == 100 - bfl.ENDPOINTS[endpoint].price


def test_the_file_carries_what_it_was_made_from(work: Work, alice: User) -> None:
    values = {**PROMPT, "width": 512, "height": 256, "output_format": "png"}
    (generation,) = lifecycle.create(alice, "flux-pro-1.1", values)
    work()
    generation.refresh_from_db()
    fields = xmp.extract(Path(generation.image.file.path).read_bytes())
    assert fields is not None
    assert (fields["prompt"], fields["seed"]) == (PROMPT["prompt"], generation.seed)
    assert (generation.image.format, generation.image.width, generation.image.height) == ("PNG", 512, 256)


def test_it_sends_exactly_what_was_asked_for_and_nothing_of_other_endpoints(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    values = {**PROMPT, "aspect_ratio": "16:9", "seed": 7}
    (generation,) = lifecycle.create(alice, "flux-kontext-pro", values)
    work()
    (body,) = [request.body for request in sandbox.requests if request.method == "POST"]
    assert body == generation.params


def test_the_doctor_finds_everything_in_order_afterwards(work: Work, alice: User) -> None:
    order(alice)
    order(alice, prompt="[error] on purpose")
    work()
    assert [*doctor.check_files(), *doctor.check_ledger(), *doctor.check_redis(), *doctor.check_bfl()] == []


@pytest.mark.parametrize(
    ("prompt", "failure_code", "detail"),
    [
        ("[request moderated]", FailureCode.REQUEST_MODERATED, "Violence"),
        ("[content moderated]", FailureCode.CONTENT_MODERATED, "Sexual Content"),
        ("[error]", FailureCode.PROVIDER_ERROR, "asked to end"),
        ("[failed]", FailureCode.PROVIDER_ERROR, "asked to let"),
    ],
)
def test_a_failure_at_bfl_ends_it_and_costs_nothing(
    prompt: str, failure_code: str, detail: str, work: Work, alice: User
) -> None:
    generation = order(alice, prompt=prompt)
    work()
    generation.refresh_from_db()
    assert (generation.status, generation.failure_code) == (Generation.Status.FAILED, failure_code)
    assert detail in generation.failure_detail
    assert ledger.get_balance(alice) == 100


def test_a_429_is_a_wait_and_not_a_failure(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=429, headers={"Retry-After": "0"}, times=2)
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert (generation.status, generation.attempts) == (Generation.Status.SUCCEEDED, 3)
    assert circuit_breaker.get_state().pause == ""


@pytest.mark.parametrize(
    ("status", "pause"),
    [(402, Provider.Pause.NO_FUNDS), (403, Provider.Pause.REFUSED), (429, Provider.Pause.BUSY)],
)
def test_what_bfl_did_not_take_waits_uncharged_by_bfl(
    status: int, pause: str, work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "answer", status=status, times=None)
    generation = order(alice)
    follow_until(lambda: circuit_breaker.get_state().pause == pause)
    generation.refresh_from_db()
    assert generation.status == Generation.Status.QUEUED
    assert submissions(sandbox) == 0


def test_a_refused_connection_is_waited_out(
    work: Work, alice: User, sandbox: Sandbox, settings: Settings
) -> None:
    url, hosts = sandbox.url, sandbox.hosts
    use_bfl_at(settings, "http://127.0.0.1:9", ["127.0.0.1:9"])
    generation = order(alice)
    follow_until(lambda: circuit_breaker.get_state().pause == Provider.Pause.AWAY)
    use_bfl_at(settings, url, hosts)
    work()
    generation.refresh_from_db()
    assert generation.is_succeeded


@pytest.mark.parametrize(("kind", "told"), [("answer", "502"), ("drop", "ConnectionError")])
def test_an_unclear_answer_is_never_followed_by_a_second_purchase(
    kind: str, told: str, work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", kind, accepted=True, status=502, body="<html>Bad gateway</html>")
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert generation.failure_code == FailureCode.OUTCOME_UNKNOWN
    assert told in generation.timeline[-1].detail
    assert len(sandbox.tasks) == 1
    assert ledger.get_balance(alice) == 100


def test_with_a_webhook_an_unclear_answer_is_waited_for_and_told(
    work: Work, alice: User, sandbox: Sandbox, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://flux.example"
    sandbox.faults.script("submit", "answer", status=502, body="<html>Bad gateway</html>")
    generation = order(alice)
    follow_until(lambda: Generation.objects.filter(unanswered_at__isnull=False).exists())
    assert Generation.objects.get().status == Generation.Status.SUBMITTING
    assert re.fullmatch("No clear answer from BFL: .*502.*", generation.timeline[-1].detail)


def test_an_outage_with_unclear_answers_does_not_burn_the_whole_queue(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "answer", status=503, times=None)
    lifecycle.create(alice, "flux-dev", SMALL, count=30)
    follow_until(lambda: circuit_breaker.get_state().pause == Provider.Pause.AWAY)
    # The pause is a second, and this is within it.
    follow_for(0.3)
    assert Generation.objects.filter(status=Generation.Status.QUEUED).count() >= 4


def test_one_answer_that_cannot_be_written_down_does_not_lose_the_others(
    work: Work,
    alice: User,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lifecycle.create(alice, "flux-dev", SMALL, count=4)
    mark_submitted, calls = lifecycle.mark_submitted, iter(range(100))

    def fails_at_first(generation: Generation, submission: bfl.Submission) -> bool:
        if next(calls) == 0:
            raise ValueError("something nobody thought of")
        return mark_submitted(generation, submission)

    monkeypatch.setattr(lifecycle, "mark_submitted", fails_at_first)
    follow_until(lambda: Generation.objects.exclude(bfl_id="").count() == 3)
    assert Generation.objects.submitting().count() == 1
    assert "something nobody thought of" in caplog.text


def test_what_bfl_has_taken_is_written_down_once_the_database_is_back(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "WRITE_AGAIN_AFTER", 0.01)
    lifecycle.create(alice, "flux-dev", SMALL, count=3)
    mark_submitted, calls = lifecycle.mark_submitted, iter(range(100))

    def fails_for_a_while(generation: Generation, submission: bfl.Submission) -> bool:
        if next(calls) < 5:
            raise OperationalError("the database is away")
        return mark_submitted(generation, submission)

    monkeypatch.setattr(lifecycle, "mark_submitted", fails_for_a_while)
    work()
    assert Generation.objects.filter(status=Generation.Status.SUCCEEDED).count() == len(sandbox.tasks) == 3


def test_a_database_that_stays_away_is_not_waited_for_without_end(
    work: Work, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "WRITE_AGAIN_AFTER", 0.01)
    monkeypatch.setattr(follower, "WRITE_WITHIN", 0.1)
    lifecycle.create(alice, "flux-dev", SMALL, count=3)

    def fails(generation: Generation, submission: bfl.Submission) -> bool:
        raise OperationalError("the database is away")

    monkeypatch.setattr(lifecycle, "mark_submitted", fails)
    with pytest.raises(OperationalError):
        Follower(bfl_client.get_client(), linger=0).run()


def test_what_was_claimed_long_ago_is_not_sent_but_claimed_again(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = order(alice)
    claim = lifecycle.claim

    def claim_and_wait() -> list[Generation]:
        claimed = claim()
        monkeypatch.setattr(lifecycle, "claim", claim)
        for row in claimed:
            row.claimed_at = timezone.now() - timedelta(seconds=21)
            row.save()
        return claimed

    monkeypatch.setattr(lifecycle, "claim", claim_and_wait)
    work()
    told = list(generation.events.values_list("kind", flat=True))
    assert told[:4] == ["queued", "submitting", "put_back", "submitting"]
    assert submissions(sandbox) == 1


def test_late_looks_that_hang_hold_up_no_press(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bfl_client.get_client(), "_poll_timeout", 60)
    sandbox.faults.script("poll", "hang", seconds=60, prompt="late", times=None)
    for generation in lifecycle.create(alice, "flux-dev", {**SMALL, "prompt": "late"}, count=30):
        Generation.objects.filter(pk=generation.pk).update(status="submitting", claimed_at=timezone.now())
        generation.refresh_from_db()
        submission = bfl_client.get_client().submit(generation.endpoint, generation.params)
        assert lifecycle.mark_submitted(generation, submission)
        assert lifecycle.fail(generation, FailureCode.TIMED_OUT)
    pressed = order(alice)
    follow_until(Generation.objects.ready().filter(pk=pressed.pk).exists)


def test_an_unreachable_cluster_does_not_hide_the_one_that_has_the_task(
    work: Work, alice: User, sandbox: Sandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "WEBHOOK_INTERVAL", 0.3)
    settings.PUBLIC_URL = "http://127.0.0.1:9"  # no webhook ever comes
    with Sandbox(key="key-of-the-tests", speed=40, clusters=2) as clustered:
        use_bfl_at(settings, clustered.url, [*clustered.hosts, "127.0.0.1:9"])
        generation = order(alice)
        work()
    generation.refresh_from_db()
    assert generation.is_succeeded


def test_settings_that_bfl_refuses_end_it_with_bfls_words(work: Work, alice: User, sandbox: Sandbox) -> None:
    detail = [{"loc": ["body", "steps"], "msg": "too many steps", "type": "value_error"}]
    sandbox.faults.script("submit", "answer", status=422, body={"detail": detail})
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert generation.failure_code == FailureCode.REJECTED
    assert "steps: too many steps" in generation.failure_detail


def test_an_endpoint_that_bfl_has_taken_back_ends_it(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=404, body={"detail": "No such endpoint"})
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert generation.failure_code == FailureCode.PROVIDER_ERROR
    assert "No such endpoint" in generation.failure_detail
    assert ledger.get_balance(alice) == 100


def test_it_waits_for_as_long_as_bfl_asks_for(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=429, headers={"Retry-After": "120"})
    order(alice)
    follow_until(lambda: bool(circuit_breaker.get_state().pause))
    state = circuit_breaker.get_state()
    assert state.paused_until is not None
    assert state.paused_until > timezone.now() + timedelta(seconds=60)
    assert "429" in state.pause_detail


def test_polls_may_fail_in_every_way_for_a_while(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("poll", "drop")
    sandbox.faults.script("poll", "not_found", skip=1)
    sandbox.faults.script("poll", "answer", status=500, body="<html>oops</html>", skip=2)
    sandbox.faults.script("poll", "answer", status=200, body="{broken", skip=3)
    sandbox.faults.script("poll", "status", task_status="Daydreaming", skip=4)
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert generation.is_succeeded
    assert "Daydreaming" in [event.detail for event in generation.events.filter(kind="bfl_status")]


def polls(sandbox: Sandbox) -> int:
    return sum("get_result" in request.path for request in sandbox.requests)


def test_it_looks_no_more_often_than_its_interval(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "SHORTEST_INTERVAL", 0.3)
    sandbox.faults.script("poll", "status", task_status="Pending", times=None)
    order(alice)
    began_at = time.monotonic()
    follow_until(lambda: polls(sandbox) >= 3)
    assert polls(sandbox) <= (time.monotonic() - began_at) / follower.SHORTEST_INTERVAL + 1


def test_whoever_is_named_in_a_call_is_looked_at_next(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "FIRST_LOOK", 1000)
    generation = order(alice)
    calls = iter([generation.pk])

    def is_looked_at() -> bool:
        if Generation.objects.submitted().exists():
            for pk in calls:
                queue.wake_follower(pk)
        return polls(sandbox) > 0

    follow_until(is_looked_at)


def test_it_looks_again_only_when_bfl_has_said(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("poll", "answer", status=429, headers={"Retry-After": "60"}, times=None)
    order(alice)
    looked_at: list[float] = []

    def is_long_ago() -> bool:
        if polls(sandbox):
            looked_at.append(time.monotonic())
        # Without such a header it looks again after a second.
        return bool(looked_at) and time.monotonic() > looked_at[0] + 1.5

    follow_until(is_long_ago)
    assert polls(sandbox) == 1


def test_a_task_that_bfl_no_longer_knows_is_given_up(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "NOT_FOUND_TOLERANCE", 0.3)
    sandbox.faults.script("submit", "unknown", seconds=60)
    generation = order(alice)
    work()
    generation.refresh_from_db()
    assert generation.failure_code == FailureCode.TASK_LOST


def test_it_follows_the_address_that_bfl_gave_to_the_cluster_of_the_task(
    work: Work, alice: User, settings: Settings
) -> None:
    with Sandbox(key="key-of-the-tests", speed=40, clusters=2) as clustered:
        use_bfl_at(settings, clustered.url, clustered.hosts)
        generation = order(alice)
        work()
    generation.refresh_from_db()
    assert generation.is_succeeded
    assert not generation.polling_url.startswith(clustered.url)


def test_it_goes_on_with_what_another_follower_has_left(work: Work, alice: User, sandbox: Sandbox) -> None:
    generation = order(alice)
    lifecycle.claim()
    submission = bfl_client.get_client().submit(generation.endpoint, generation.params)
    lifecycle.mark_submitted(Generation.objects.get(), submission)
    work()
    generation.refresh_from_db()
    assert generation.is_succeeded
    assert submissions(sandbox) == 1


def test_only_one_follower_runs(work: Work, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    order(alice)
    assert queue.take_lease("another")
    monkeypatch.setattr(follower, "STAND_BY", 0.5)
    Follower(bfl_client.get_client(), linger=0).run()
    assert Generation.objects.get().status == Generation.Status.QUEUED


def test_a_follower_that_stands_by_goes_on_when_the_lease_ends(work: Work, alice: User) -> None:
    order(alice)
    assert queue.take_lease("another")
    threading.Timer(0.5, queue.release_lease, ["another"]).start()
    Follower(bfl_client.get_client(), linger=0).run()
    assert Generation.objects.get().status != Generation.Status.QUEUED


def test_the_sweep_has_one_follower_standing_by(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    order(alice)
    assert queue.take_lease("the one that runs")
    for _ in range(2):
        sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == [("generations.pipeline.tasks.follow", ())]


def test_a_follower_that_is_told_to_stop_hands_over(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "latency", seconds=30)
    order(alice)
    follow_until(Generation.objects.submitted().exists)
    assert queue.take_lease("the next one")
    assert waiting_jobs("follow")


def test_the_key_goes_to_the_api_only_and_into_no_log(
    work: Work, alice: User, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "generations")
    sandbox.faults.script("poll", "answer", status=500)
    order(alice)
    work()
    downloads = [request for request in sandbox.requests if request.path.startswith("/results/")]
    assert downloads
    assert not any(request.key for request in downloads)
    assert "key-of-the-tests" not in caplog.text
    assert "sig=" not in caplog.text.replace("sig=…", "")
