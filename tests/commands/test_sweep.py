from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import DjangoCaptureOnCommitCallbacks

from generations import bfl
from generations.credits import ledger
from generations.models import Generation
from generations.pipeline import lifecycle, tasks
from generations.provider import bfl_client
from sandbox import Sandbox
from tests.conftest import age, make_ready, submit, sweep, waiting_jobs

FOLLOW = ("generations.pipeline.tasks.follow", ())


@pytest.fixture
def claimed(alice: User) -> Generation:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    return lifecycle.claim()[0]


@pytest.fixture
def submitted(claimed: Generation) -> Generation:
    submit(claimed)
    return claimed


@pytest.fixture
def ready(submitted: Generation) -> Generation:
    make_ready(submitted)
    return submitted


def test_it_wakes_the_follower_for_what_waits(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == [FOLLOW]


def test_it_does_nothing_when_all_is_done(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == waiting_jobs("store") == []


def test_it_stores_again_what_has_stood_ready(
    ready: Generation, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("store") == []
    age(ready, store_again_at=1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("store") == [("generations.pipeline.tasks.store", (ready.pk,))]


def test_storing_one_again_leaves_the_others_alone(
    ready: Generation, bob: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    lifecycle.create(bob, "flux-dev", {"prompt": "a heron"})
    (other,) = lifecycle.claim()
    submit(other)
    make_ready(other)
    moment = ready.store_again_at
    Generation.objects.update(store_again_at=moment)
    assert lifecycle.store_again(ready)
    other.refresh_from_db()
    assert other.store_again_at == moment


def test_it_ends_what_bfl_never_finished_and_refunds(
    submitted: Generation, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    age(submitted, deadline_at=1)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("last") == [("generations.pipeline.tasks.end_overdue", (submitted.pk,))]
    tasks.end_overdue(submitted.pk)
    submitted.refresh_from_db()
    assert (submitted.status, submitted.failure_code) == ("failed", "timed_out")
    assert ledger.get_balance(alice) == 100


def test_it_ends_a_submission_without_an_answer(claimed: Generation, alice: User) -> None:
    age(claimed, claimed_at=tasks.GRACE_WITHOUT_WEBHOOK + 1)
    call_command("sweep")
    claimed.refresh_from_db()
    assert (claimed.status, claimed.failure_code) == ("failed", "outcome_unknown")
    assert ledger.get_balance(alice) == 100


def test_it_ends_what_could_not_be_stored_in_time(ready: Generation, alice: User) -> None:
    age(ready, ready_at=tasks.STORE_DEADLINE + 1)
    tasks.end_overdue(ready.pk)
    ready.refresh_from_db()
    assert (ready.status, ready.failure_code) == ("failed", "storing_failed")
    assert ledger.get_balance(alice) == 100


def test_it_ends_nothing_that_still_has_time(submitted: Generation) -> None:
    tasks.end_overdue(submitted.pk)
    submitted.refresh_from_db()
    assert submitted.status == Generation.Status.SUBMITTED


def test_it_leaves_alone_what_still_has_time(claimed: Generation) -> None:
    age(claimed, claimed_at=tasks.GRACE_WITHOUT_WEBHOOK - 5)
    call_command("sweep")
    claimed.refresh_from_db()
    assert claimed.status == Generation.Status.SUBMITTING


def test_it_refunds_once_however_often_it_runs(submitted: Generation, alice: User) -> None:
    age(submitted, deadline_at=1)
    tasks.end_overdue(submitted.pk)
    tasks.end_overdue(submitted.pk)
    assert ledger.get_balance(alice) == 100
    assert submitted.entries.filter(kind="refund").count() == 1


def test_a_last_look_asks_all_addresses_at_once_and_not_for_long(
    submitted: Generation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bfl_client.get_client()
    ask, together = client.get_result, threading.Barrier(8)
    allowed: list[float | None] = []

    def ask_together(url: str, *, timeout: float | None = None) -> bfl.Result:
        together.wait(20)
        allowed.append(timeout)
        return ask(url, timeout=timeout)

    monkeypatch.setattr(client, "addresses_of", lambda *_: [f"{sandbox.url}/v1/get_result?id=x"] * 8)
    monkeypatch.setattr(client, "get_result", ask_together)
    age(submitted, deadline_at=1)
    tasks.end_overdue(submitted.pk)
    submitted.refresh_from_db()
    assert submitted.failure_code == Generation.FailureCode.TIMED_OUT
    assert allowed == [tasks.LAST_LOOK_SECONDS] * 8


def test_a_last_look_at_a_bfl_that_hangs_ends_it_all_the_same(
    submitted: Generation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LAST_LOOK_SECONDS", 0.1)
    sandbox.faults.script("poll", "hang", seconds=1, times=None)
    age(submitted, deadline_at=1)
    tasks.end_overdue(submitted.pk)
    submitted.refresh_from_db()
    assert submitted.failure_code == Generation.FailureCode.TIMED_OUT
