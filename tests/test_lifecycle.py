from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from generations import bfl, ledger, lifecycle, provider
from generations.bfl.results import Result
from generations.models import GeneratedImage, Generation, Offer, Provider
from generations.models.generation import TERMINAL_STATUSES, TRANSITIONS
from tests.conftest import waiting_jobs

Status = Generation.Status
PROMPT = {"prompt": "a lighthouse at dusk"}
SUBMISSION = bfl.Submission(id="task-1", polling_url="http://127.0.0.1:9/v1/get_result?id=task-1", cost=None)
READY = Result(status=bfl.Status.READY, word="Ready", sample_url="http://127.0.0.1:9/s.jpeg", seed=42)


def create(user: User, endpoint: str = "flux-dev") -> Generation:
    return lifecycle.create(user, endpoint, PROMPT)[0]


def claimed(user: User) -> Generation:
    create(user)
    return lifecycle.claim()[0]


def submitted(user: User) -> Generation:
    generation = claimed(user)
    assert lifecycle.mark_submitted(generation, SUBMISSION)
    return generation


def ready(user: User) -> Generation:
    generation = submitted(user)
    assert lifecycle.mark_ready(generation, READY, bfl_id="task-1")
    return generation


def an_image() -> GeneratedImage:
    return GeneratedImage(
        file="images/x.jpg",
        format="JPEG",
        width=8,
        height=8,
        byte_size=100,
        sha256="0" * 64,
        thumbnail="thumbnails/x.webp",
        thumbnail_width=8,
        thumbnail_height=8,
        placeholder="data:",
    )


def succeeded(user: User) -> Generation:
    generation = ready(user)
    assert lifecycle.complete(generation, an_image())
    return generation


def kinds(generation: Generation) -> list[str]:
    return list(generation.events.values_list("kind", flat=True))


def test_it_goes_from_press_to_picture(alice: User) -> None:
    generation = succeeded(alice)
    generation.refresh_from_db()
    assert kinds(generation) == ["queued", "submitting", "submitted", "ready", "succeeded"]
    assert (generation.status, generation.seed, generation.sample_url) == (Status.SUCCEEDED, 42, "")
    assert ledger.get_balance(alice) == 100 - generation.price


def test_it_keeps_what_was_asked_for_exactly(alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": " a fox ", "steps": "12"})[0]
    assert generation.params == {
        "prompt": "a fox",
        "width": 1024,
        "height": 768,
        "steps": 12,
        "guidance": 3.0,
        "prompt_upsampling": False,
        "safety_tolerance": 2,
        "output_format": "jpeg",
    }


def test_it_creates_all_or_none(alice: User) -> None:
    with pytest.raises(ledger.InsufficientCredits):
        lifecycle.create(alice, "flux-kontext-max", PROMPT, count=13)
    assert ledger.get_balance(alice) == 100
    assert len(lifecycle.create(alice, "flux-kontext-max", PROMPT, count=12)) == 12


@pytest.mark.parametrize("count", [0, -1, 101])
def test_it_refuses_a_count_of(count: int, alice: User) -> None:
    with pytest.raises(lifecycle.InvalidCount):
        lifecycle.create(alice, "flux-dev", PROMPT, count=count)


def test_it_refuses_an_unknown_endpoint(alice: User) -> None:
    with pytest.raises(lifecycle.EndpointUnavailable, match="no model called “flux-9”"):
        create(alice, "flux-9")


def test_it_refuses_an_endpoint_that_is_switched_off(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    with pytest.raises(lifecycle.EndpointUnavailable, match="Dev is switched off"):
        create(alice)
    assert ledger.get_balance(alice) == 100


def test_it_checks_parameters_before_it_charges(alice: User) -> None:
    with pytest.raises(bfl.InvalidParameters):
        lifecycle.create(alice, "flux-dev", {"prompt": "x", "steps": 51})
    assert ledger.get_balance(alice) == 100


def test_it_wakes_the_follower_after_commit_only(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        create(alice)
        assert waiting_jobs("follow") == []
    assert waiting_jobs("follow") == [("generations.tasks.follow", ())]


def test_it_queues_the_storing_after_commit_with_nothing_but_the_number(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        generation = ready(alice)
    assert waiting_jobs("store") == [("generations.tasks.store", (generation.pk,))]


def test_a_webhook_may_be_quicker_than_the_answer_to_the_submission(alice: User) -> None:
    generation = claimed(alice)
    stale = Generation.objects.get(pk=generation.pk)
    assert lifecycle.mark_ready(generation, READY, bfl_id="task-1")
    assert not lifecycle.mark_submitted(stale, SUBMISSION)
    assert Generation.objects.get().status == Status.READY


def test_it_gives_the_credits_back_when_it_fails(alice: User) -> None:
    generation = submitted(alice)
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT, "no end in sight")
    assert ledger.get_balance(alice) == 100
    assert generation.is_refunded


def test_it_gives_the_credits_back_when_it_is_canceled(alice: User) -> None:
    generation = create(alice)
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert ledger.get_balance(alice) == 100
    assert generation.events.last().created_by == alice  # type: ignore[union-attr]


def test_it_cannot_be_canceled_once_claimed(alice: User) -> None:
    generation = create(alice)
    lifecycle.claim()
    assert not lifecycle.cancel(generation, canceled_by=alice)
    assert ledger.get_balance(alice) == 100 - generation.price


def test_a_row_put_back_waits_again(alice: User) -> None:
    generation = claimed(alice)
    assert lifecycle.put_back(generation, "BFL is busy")
    assert Generation.objects.get().stage == "Waiting for a provider slot"
    assert lifecycle.claim() == [generation]


def test_a_retry_is_a_purchase_of_its_own(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, Generation.FailureCode.PROVIDER_ERROR)
    again = lifecycle.retry(generation, alice)
    assert (again.retry_of, again.params) == (generation, generation.params)
    assert ledger.get_balance(alice) == 100 - again.price


def test_two_presses_of_try_again_buy_once(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, Generation.FailureCode.PROVIDER_ERROR)
    lifecycle.retry(generation, alice)
    with pytest.raises(lifecycle.NothingToRetry, match="being tried again already"):
        lifecycle.retry(generation, alice)
    assert ledger.get_balance(alice) == 100 - generation.price


def test_it_tells_what_bfl_reports_once_per_change(alice: User) -> None:
    generation = submitted(alice)
    pending = Result(status=bfl.Status.PENDING, word="Pending", progress=0.1)
    assert lifecycle.mark_progress(generation, pending)
    assert not lifecycle.mark_progress(generation, pending)
    assert kinds(generation).count("bfl_status") == 1


def test_secrets_do_not_reach_the_timeline(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(
        generation, Generation.FailureCode.PROVIDER_ERROR, "x-key: abc123 https://x/y?sig=s3cret&se=1"
    )
    generation.refresh_from_db()
    told = generation.failure_detail + str(generation.events.last())
    assert "abc123" not in told
    assert "s3cret" not in told


Verb = Callable[[Generation], bool]
VERBS: dict[str, tuple[Callable[[User], Generation], Verb]] = {
    "cancel": (create, lambda row: lifecycle.cancel(row, canceled_by=row.user)),
    "put back": (claimed, lambda row: lifecycle.put_back(row, "BFL is busy")),
    "mark submitted": (claimed, lambda row: lifecycle.mark_submitted(row, SUBMISSION)),
    "mark ready": (submitted, lambda row: lifecycle.mark_ready(row, READY, bfl_id="task-1")),
    "complete": (ready, lambda row: lifecycle.complete(row, an_image())),
    "fail": (submitted, lambda row: lifecycle.fail(row, Generation.FailureCode.TIMED_OUT)),
}


@pytest.mark.parametrize("name", VERBS)
def test_the_second_caller_changes_nothing(name: str, alice: User) -> None:
    before, verb = VERBS[name]
    first = before(alice)
    second = Generation.objects.get(pk=first.pk)
    assert verb(first)
    balance, events = ledger.get_balance(alice), first.events.count()
    assert not verb(second)
    assert (ledger.get_balance(alice), first.events.count()) == (balance, events)


@pytest.mark.parametrize("name", VERBS)
def test_nothing_moves_once_it_has_ended(name: str, alice: User) -> None:
    generation = succeeded(alice)
    assert not VERBS[name][1](generation)
    assert Generation.objects.get().status == Status.SUCCEEDED


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert all(not TRANSITIONS[status] for status in TERMINAL_STATUSES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "no such status"},
        {"status": Status.SUCCEEDED},
        {"status": Status.FAILED, "finished_at": timezone.now()},
        {"failure_code": "timed_out"},
        {"finished_at": timezone.now()},
        {"sample_url": "http://127.0.0.1/"},
        {"status": Status.READY, "sample_url": "http://127.0.0.1/"},
        {"status": Status.SUBMITTED, "bfl_id": "x"},
        {"price": -1},
        {"progress": 1.5},
    ],
)
def test_the_database_refuses_a_row_with(wrong: dict[str, object], alice: User) -> None:
    create(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Generation.objects.update(**wrong)


def test_the_database_refuses_one_bfl_task_for_two_generations(alice: User) -> None:
    submitted(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        submitted(alice)


def test_a_pause_claims_nothing_and_ends_by_itself(alice: User) -> None:
    create(alice)
    provider.pause(Provider.Pause.NO_FUNDS, seconds=60)
    assert lifecycle.claim() == []
    end_pause()
    assert len(lifecycle.claim()) == 1


def test_after_a_pause_one_goes_ahead_to_try(alice: User) -> None:
    lifecycle.create(alice, "flux-dev", PROMPT, count=3)
    provider.pause(Provider.Pause.REFUSED)
    end_pause()
    assert len(lifecycle.claim()) == 1
    assert lifecycle.claim() == []
    provider.resume()
    assert len(lifecycle.claim()) == 2


def test_what_bfl_has_already_does_not_hold_the_trial_back(alice: User) -> None:
    submitted(alice)
    create(alice)
    provider.pause(Provider.Pause.AWAY)
    end_pause()
    assert len(lifecycle.claim()) == 1


def test_an_answer_from_before_a_pause_does_not_end_it(alice: User) -> None:
    provider.pause(Provider.Pause.BUSY, seconds=60)
    provider.resume()
    assert provider.get_state().pause == Provider.Pause.BUSY


def test_a_pause_grows_even_if_bfl_says_at_once(alice: User) -> None:
    for _ in range(4):
        provider.pause(Provider.Pause.BUSY, seconds=0)
        end_pause()
    provider.pause(Provider.Pause.BUSY, seconds=0)
    until = provider.get_state().paused_until
    assert until is not None
    assert until > timezone.now() + timedelta(seconds=10)


def end_pause() -> None:
    """Let the pause be over, as time does."""
    Provider.objects.update(paused_until=timezone.now())
