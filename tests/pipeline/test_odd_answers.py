"""One odd answer of BFL's, one failing write or one lost connection: what it may not do to everybody else."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from pytest_django import Settings

from generations import bfl
from generations.bfl.results import read_result
from generations.credits import ledger
from generations.models import Generation, Provider
from generations.pipeline import follower, lifecycle, queue, tasks
from generations.pipeline.follower import Follower
from generations.provider import bfl_client
from sandbox import Sandbox
from tests.conftest import Work, age, follow_for, follow_until, submit

SMALL = {"prompt": "a lighthouse at dusk", "width": 256, "height": 256}
Status = Generation.Status
FailureCode = Generation.FailureCode

NESTED = '{"id": "x", "status": "Error", "details": %s}' % ("[" * 330 + '"deep"' + "]" * 330)
ODD_BODIES = [
    NESTED,
    '{"id": "x", "status": "Pending", "details": ' + '{"a":' * 330 + "1" + "}" * 330 + "}",
    '{"status": ' + "[" * 100_000,
    '{"status": "Pending", "progress": ' + "9" * 5000 + "}",
    '{"status": "Pending\\u0000\\ud800\\nnew line", "progress": NaN}',
    '{"status": "Pending", "status": {"status": "Ready"}}',
    "\x00\x00\x00",
]


def buy(user: User, prompt: str = "a lighthouse at dusk", count: int = 1) -> list[Generation]:
    return lifecycle.create(user, "flux-dev", {**SMALL, "prompt": prompt}, count=count)


def rows(*generations: Generation) -> list[Generation]:
    return [Generation.objects.get(pk=generation.pk) for generation in generations]


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_an_odd_answer_to_a_poll_ends_nothing_but_itself(
    body: str, work: Work, alice: User, sandbox: Sandbox
) -> None:
    buy(alice, "odd")
    others = buy(alice, count=2)
    sandbox.faults.script("poll", "answer", prompt="odd", status=200, body=body, times=3)
    work()
    assert [row.status for row in rows(*others)] == [Status.SUCCEEDED] * 2


def test_a_picture_whose_polls_are_odd_ends_at_its_deadline(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (generation,) = buy(alice)
    sandbox.faults.script("poll", "answer", status=200, body='{"status": ' + "[" * 100_000, times=None)
    follow_until(lambda: Generation.objects.submitted().exists())
    age(generation, deadline_at=1)
    tasks.end_overdue(generation.pk)
    (row,) = rows(generation)
    assert (row.status, row.failure_code) == (Status.FAILED, FailureCode.TIMED_OUT)
    assert ledger.get_balance(alice) == 100


def test_a_last_look_that_raises_fails_the_row_all_the_same(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (generation,) = buy(alice)
    sandbox.faults.script("submit", "never", times=None)
    follow_until(lambda: Generation.objects.submitted().exists())
    age(generation, deadline_at=1)

    def raises(*args: object, **kwargs: object) -> bfl.Result:
        raise RecursionError

    monkeypatch.setattr(bfl.Client, "get_result", raises)
    tasks.end_overdue(generation.pk)
    assert rows(generation)[0].status == Status.FAILED


def test_a_call_that_raises_what_nobody_thought_of_is_a_failed_call(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(alice)
    calls = iter(range(100))

    def raises_at_first(body: object) -> bfl.Result | None:
        if next(calls) == 0:
            raise RuntimeError("something nobody thought of")
        return read_result(body)

    monkeypatch.setattr("generations.bfl.client.read_result", raises_at_first)
    work()
    assert Generation.objects.get().status == Status.SUCCEEDED


@pytest.mark.parametrize("code", [400, 503])
def test_a_task_that_failed_ends_at_once_whatever_the_code(
    code: int, work: Work, alice: User, sandbox: Sandbox
) -> None:
    (generation,) = buy(alice)
    body = {"id": "x", "status": "Error", "details": {"error": "the input is too large"}}
    sandbox.faults.script("poll", "answer", status=code, body=body, times=None)
    work()
    (row,) = rows(generation)
    assert (row.failure_code, row.failure_detail) == (FailureCode.PROVIDER_ERROR, "the input is too large")


ODD_TEXTS = ['{"detail": "down\\u0000"}', '{"detail": "down \\ud800"}', "down\x00 \udcff"]


@pytest.mark.parametrize("body", ODD_TEXTS, ids=["NUL", "half a pair", "no JSON"])
def test_an_outage_told_in_odd_characters_stops_what_waits(
    body: str, work: Work, alice: User, sandbox: Sandbox, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = 2
    buy(alice, count=10)
    encoded = body.encode(errors="replace").decode()
    sandbox.faults.script("submit", "answer", status=503, body=encoded, times=None)
    follow_for(1)
    assert Provider.objects.get().pause == Provider.Pause.AWAY
    assert Generation.objects.queued().count() >= 6


def test_a_refusal_with_nul_is_a_refusal(work: Work, alice: User, sandbox: Sandbox) -> None:
    (generation,) = buy(alice)
    sandbox.faults.script("submit", "answer", status=422, body='{"detail": "no\\u0000t this"}')
    work()
    (row,) = rows(generation)
    assert (row.failure_code, row.failure_detail) == (FailureCode.REJECTED, "no t this")


def test_bfls_words_reach_the_log_in_one_short_line(
    work: Work, alice: User, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    buy(alice)
    word = "Odd\n2026-12-01 ERROR forged \x1b[31m" + "w" * 200_000
    sandbox.faults.script("poll", "status", task_status=word, times=1)
    work()
    lines = [record.getMessage() for record in caplog.records if "unknown status" in record.getMessage()]
    assert lines
    assert all(line.isprintable() and len(line) < 300 for line in lines)


def test_a_host_that_is_not_listed_is_logged_once(
    work: Work, alice: User, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    buy(alice)
    sandbox.faults.script("submit", "sample_url", url="https://elsewhere.example/a.jpeg", times=None)
    follow_for(1)
    errors = [record for record in caplog.records if "elsewhere.example" in record.getMessage()]
    polls = [request for request in sandbox.requests if "get_result" in request.path]
    assert len(polls) > 2
    assert len(errors) == 1


def test_an_id_that_bfl_gives_twice_ends_one_and_no_other(
    work: Work, alice: User, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = buy(alice, count=2)
    third = buy(alice, "another")[0]
    body = json.dumps({"id": "the-same", "polling_url": f"{sandbox.url}/v1/get_result?id=the-same"})
    sandbox.faults.script("submit", "answer", status=200, body=body, prompt=SMALL["prompt"], times=None)
    follow_until(lambda: Generation.objects.filter(pk=third.pk, status=Status.SUCCEEDED).exists() or True)
    follow_for(1)
    states = sorted(row.status for row in rows(first, second))
    assert states == [Status.FAILED, Status.SUBMITTED]
    assert rows(third)[0].status in (Status.READY, Status.SUCCEEDED)
    assert "could not be written down" not in caplog.text


class TheDatabaseFails(DatabaseError):
    pass


def test_a_refund_that_fails_is_written_when_the_verb_is_tried_again(
    transactional_db: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (generation,) = buy(alice)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "refund", fails)
        with pytest.raises(TheDatabaseFails):
            lifecycle.fail(generation, FailureCode.TIMED_OUT)
    assert generation.status == Status.QUEUED
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert ledger.get_balance(alice) == 100


def fails(*args: object, **kwargs: object) -> Any:
    raise TheDatabaseFails


@pytest.mark.parametrize("verb", ["put_back", "mark_submitted", "mark_ready", "complete", "fail"])
def test_a_commit_that_fails_leaves_the_copy_as_it_was(
    verb: str, transactional_db: None, alice: User, media: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(alice)
    (generation,) = lifecycle.claim()
    if verb in ("mark_ready", "complete", "fail"):
        submit(generation)
    before = dict(generation.__dict__)
    with monkeypatch.context() as patch:
        patch.setattr(connection, "_commit", fails)
        with pytest.raises(TheDatabaseFails):
            call(verb, generation)
    assert {name: generation.__dict__[name] for name in before} == before
    assert rows(generation)[0].status == before["status"]
    assert call(verb, generation)


def call(verb: str, generation: Generation) -> object:
    if verb == "put_back":
        return lifecycle.put_back(generation, "for the test")
    if verb == "mark_submitted":
        return lifecycle.mark_submitted(generation, bfl.Submission(id="t", polling_url=None, cost=None))
    if verb == "fail":
        return lifecycle.fail(generation, FailureCode.TIMED_OUT)
    ready = bfl.Result(status=bfl.Status.READY, word="Ready", sample_url="https://delivery.eu.bfl.ai/a.jpeg")
    return lifecycle.mark_ready(generation, ready, bfl_id=generation.bfl_id)


def test_a_thread_that_cannot_be_started_leaves_no_end_to_wait_for(
    work: Work, alice: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(alice)
    real = ThreadPoolExecutor.submit

    def submit_fails(pool: ThreadPoolExecutor, function: Any, *args: Any, **kwargs: Any) -> Any:
        if Generation.objects.submitting().exists():
            raise RuntimeError("can't start new thread")
        return real(pool, function, *args, **kwargs)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_fails)
    running = Follower(bfl_client.get_client(), linger=0)
    with pytest.raises(RuntimeError, match="new thread"):
        running.run()


def test_a_follower_that_ends_leaves_the_wake_ups_to_the_next(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    buy(alice)
    sandbox.faults.script("submit", "hang", seconds=2)
    ending = Follower(bfl_client.get_client(), is_stop_requested=lambda: bool(sandbox.requests), linger=60)
    thread = threading.Thread(target=run_and_close, args=(ending,))
    thread.start()
    wait_for(lambda: not ending._is_wanted)
    time.sleep(follower.WAKE_TIMEOUT + 0.2)
    queue.wake_follower(4711)
    time.sleep(0.3)
    assert queue.wait_for_wake(1) >= {4711}
    thread.join()


def run_and_close(ending: Follower) -> None:
    try:
        ending.run()
    finally:
        connection.close()


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_lost_redis_is_not_reported_as_an_answer_of_bfls(
    work: Work,
    alice: User,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buy(alice)
    sandbox.faults.script("submit", "hang", seconds=1)

    def is_away(timeout: int) -> set[int]:
        if not sandbox.requests:
            return set()
        raise queue.QueueAway("connection lost")

    monkeypatch.setattr(queue, "wait_for_wake", is_away)
    Follower(bfl_client.get_client(), linger=60).run()
    assert "Redis is away" in caplog.text
    assert "could not be written down" not in caplog.text
    assert Generation.objects.get().status == Status.SUBMITTED


def test_the_lease_is_free_after_a_follower_that_raised(
    work: Work, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "claim", fails)
    buy(alice)
    with pytest.raises(TheDatabaseFails):
        Follower(bfl_client.get_client(), linger=0).run()
    assert queue.take_lease("the next one")
    queue.release_lease("the next one")


def test_trying_again_ends_the_grants_of_who_pays(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (generation,) = buy(alice)
    lifecycle.cancel(generation, canceled_by=alice)
    kept: list[int] = []
    real = ledger.keeping_ends

    def keeping_ends(user_id: int) -> Any:
        kept.append(user_id)
        return real(user_id)

    monkeypatch.setattr(ledger, "keeping_ends", keeping_ends)
    lifecycle.retry(generation, bob)
    assert bob.pk in kept
    assert alice.pk not in kept
