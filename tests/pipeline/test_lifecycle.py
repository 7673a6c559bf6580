from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from generations import bfl
from generations.bfl.results import Result
from generations.credits import ledger
from generations.models import CreditEntry, GeneratedImage, Generation, GenerationEvent, Offer, Press
from generations.models.generation import TERMINAL_STATUSES, TRANSITIONS
from generations.pipeline import lifecycle
from generations.provider import balance
from tests.conftest import kinds, rows_of, waiting_jobs

Status = Generation.Status
FailureCode = Generation.FailureCode
PROMPT = {"prompt": "a lighthouse at dusk"}
SUBMISSION = bfl.Submission(id="task-1", polling_url="http://127.0.0.1:9/v1/get_result?id=task-1", cost=None)
READY = Result(status=bfl.Status.READY, word="Ready", sample_url="http://127.0.0.1:9/s.jpeg", seed=42)
PENDING = Result(status=bfl.Status.PENDING, word="Pending", progress=0.1)


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
    assert waiting_jobs("follow") == [("generations.pipeline.tasks.follow", ())]


def test_it_queues_the_storing_after_commit_with_nothing_but_the_number(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        generation = ready(alice)
    assert waiting_jobs("store") == [("generations.pipeline.tasks.store", (generation.pk,))]


def test_a_webhook_may_be_quicker_than_the_answer_to_the_submission(alice: User) -> None:
    generation = claimed(alice)
    stale = Generation.objects.get(pk=generation.pk)
    assert lifecycle.mark_ready(generation, READY, bfl_id="task-1")
    assert not lifecycle.mark_submitted(stale, SUBMISSION)
    assert Generation.objects.get().status == Status.READY


def test_it_gives_the_credits_back_when_it_fails(alice: User) -> None:
    generation = submitted(alice)
    assert lifecycle.fail(generation, FailureCode.TIMED_OUT, "no end in sight")
    assert ledger.get_balance(alice) == 100
    assert generation.is_refunded


def test_it_gives_the_credits_back_when_it_is_canceled(alice: User) -> None:
    generation = create(alice)
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert ledger.get_balance(alice) == 100
    assert generation.events.last().created_by == alice  # type: ignore[union-attr]


def test_only_what_its_owner_canceled_is_seen_already(alice: User, staff: User) -> None:
    own, another = lifecycle.create(alice, "flux-dev", PROMPT, count=2)
    assert lifecycle.cancel(own, canceled_by=alice)
    assert lifecycle.cancel(another, canceled_by=staff)
    assert [row.seen_at is not None for row in Generation.objects.order_by("pk")] == [True, False]


def test_it_cannot_be_canceled_once_claimed(alice: User) -> None:
    generation = create(alice)
    lifecycle.claim()
    assert not lifecycle.cancel(generation, canceled_by=alice)
    assert ledger.get_balance(alice) == 100 - generation.price


def test_a_row_put_back_waits_again(alice: User) -> None:
    generation = claimed(alice)
    assert lifecycle.put_back(generation, "BFL is busy")
    assert Generation.objects.get().stage == "BFL is busy, yours is next"
    assert lifecycle.claim() == [generation]


def test_a_retry_is_a_purchase_of_its_own(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, FailureCode.PROVIDER_ERROR)
    again = lifecycle.retry(generation, alice)
    assert (again.retry_of, again.params) == (generation, generation.params)
    assert ledger.get_balance(alice) == 100 - again.price


def test_trying_again_takes_it_out_of_sight_for_whom_it_was_made_alone(alice: User, bob: User) -> None:
    for user, is_unseen in ((bob, True), (alice, False)):
        generation = create(alice)
        assert lifecycle.cancel(generation, canceled_by=bob)
        lifecycle.retry(generation, user)
        generation.refresh_from_db()
        assert generation.is_unseen is is_unseen


def test_two_presses_of_try_again_buy_once(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, FailureCode.PROVIDER_ERROR)
    again = lifecycle.retry(generation, alice)
    assert lifecycle.retry(generation, alice) == again
    assert ledger.get_balance(alice) == 100 - generation.price


def test_what_was_tried_again_in_vain_can_be_tried_once_more(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, FailureCode.PROVIDER_ERROR)
    first = lifecycle.retry(generation, alice)
    lifecycle.cancel(first, canceled_by=alice)
    second = lifecycle.retry(generation, alice)
    assert second != first
    assert second.retry_of == generation
    assert ledger.get_balance(alice) == 100 - second.price


@pytest.mark.parametrize("make", [create, claimed, submitted, ready, succeeded])
def test_nothing_is_tried_again_that_has_a_picture_or_may_get_one(
    make: Callable[[User], Generation], alice: User
) -> None:
    generation = make(alice)
    told = r"^Only what failed or was canceled can be tried again\. Nothing was charged\.$"
    with pytest.raises(lifecycle.NothingToRetry, match=told):
        lifecycle.retry(generation, alice)
    assert Generation.objects.count() == 1


def test_it_tells_what_bfl_reports_once_per_change(alice: User) -> None:
    generation = submitted(alice)
    assert lifecycle.mark_progress(generation, PENDING)
    assert not lifecycle.mark_progress(generation, PENDING)
    further = Result(status=bfl.Status.PENDING, word="Pending", progress=0.5)
    assert lifecycle.mark_progress(generation, further)
    assert Generation.objects.get().progress == 0.5
    assert kinds(generation).count("bfl_status") == 1


def test_what_bfl_reports_of_one_is_told_of_that_one(alice: User) -> None:
    other = submitted(alice)
    create(alice)
    (generation,) = lifecycle.claim()
    assert lifecycle.mark_submitted(generation, bfl.Submission(id="task-2", polling_url=None, cost=None))
    assert lifecycle.mark_progress(generation, PENDING)
    other.refresh_from_db()
    assert (other.bfl_status, other.progress) == ("", None)


@pytest.mark.parametrize("endpoint", bfl.ENDPOINTS.values(), ids=lambda endpoint: endpoint.slug)
def test_each_endpoint_has_its_own_time_at_bfl(endpoint: bfl.Endpoint, alice: User) -> None:
    create(alice, endpoint.slug)
    (generation,) = lifecycle.claim()
    assert lifecycle.mark_submitted(generation, SUBMISSION)
    assert generation.submitted_at
    assert generation.deadline_at
    assert (generation.deadline_at - generation.submitted_at).total_seconds() == endpoint.deadline_seconds


def test_secrets_do_not_reach_the_timeline(alice: User) -> None:
    generation = submitted(alice)
    lifecycle.fail(generation, FailureCode.PROVIDER_ERROR, "x-key: abc123 https://x/y?sig=s3cret&se=1")
    generation.refresh_from_db()
    told = generation.failure_detail + str(generation.events.last())
    assert "abc123" not in told
    assert "s3cret" not in told


def test_what_is_noted_again_in_the_same_words_is_told_once(alice: User) -> None:
    generation = submitted(alice)
    for detail in ("https://x/y?sig=s3cret", "https://x/y?sig=s3cret", "something else"):
        lifecycle.note_news(generation, detail)
    assert kinds(generation).count("note") == 2


Step = Callable[[Generation], object]


def claim(row: Generation) -> bool:
    return row in lifecycle.claim()


def cancel(row: Generation) -> bool:
    return lifecycle.cancel(row, canceled_by=row.user)


def put_back(row: Generation) -> bool:
    return lifecycle.put_back(row, "BFL is busy")


def lose_answer(row: Generation) -> bool:
    return lifecycle.mark_unanswered(row, "the connection broke")


def submit(row: Generation) -> bool:
    return lifecycle.mark_submitted(row, SUBMISSION)


def take_late(row: Generation) -> bool:
    return lifecycle.mark_taken_late(row, SUBMISSION)


def report(row: Generation) -> bool:
    return lifecycle.mark_progress(row, PENDING)


def make_ready(row: Generation) -> bool:
    return lifecycle.mark_ready(row, READY, bfl_id="task-1")


def store_again(row: Generation) -> bool:
    return lifecycle.store_again(row)


def complete(row: Generation) -> bool:
    return lifecycle.complete(row, an_image())


def reject(row: Generation) -> bool:
    return lifecycle.fail(row, FailureCode.CONTENT_MODERATED)


def give_up(row: Generation) -> bool:
    return lifecycle.fail(row, FailureCode.TIMED_OUT)


def fail_storing(row: Generation) -> bool:
    return lifecycle.fail(row, FailureCode.STORING_FAILED)


def stop_looking(row: Generation) -> bool:
    return lifecycle.stop_looking(row)


# Every state that a row can be in, and the verbs that lead there from a press.
WAYS: dict[str, list[Step]] = {
    "queued": [],
    "submitting": [claim],
    "unanswered": [claim, lose_answer],
    "put back": [claim, put_back],
    "submitted": [claim, submit],
    "ready": [claim, submit, make_ready],
    "succeeded": [claim, submit, make_ready, complete],
    "rejected": [claim, submit, reject],
    "outcome unknown": [claim, give_up],
    "taken late": [claim, give_up, take_late],
    "given up": [claim, submit, give_up],
    "looked for in vain": [claim, submit, give_up, stop_looking],
    "storing failed": [claim, submit, make_ready, fail_storing],
    "ready late": [claim, submit, give_up, make_ready],
    "succeeded late": [claim, submit, give_up, make_ready, complete],
    "failed again": [claim, submit, give_up, make_ready, fail_storing],
    "canceled": [cancel],
}
GIVEN_UP = {
    *("outcome unknown", "taken late", "given up", "looked for in vain"),
    *("storing failed", "failed again"),
}
# From which of them a verb moves or changes a row.
VERBS: dict[Step, set[str]] = {
    claim: {"queued", "put back"},
    cancel: {"queued", "put back"},
    put_back: {"submitting", "unanswered"},
    lose_answer: {"submitting"},
    submit: {"submitting", "unanswered"},
    take_late: {"outcome unknown"},
    report: {"submitted"},
    make_ready: {"submitting", "unanswered", "submitted", *GIVEN_UP},
    store_again: {"ready", "ready late"},
    complete: {"ready", "ready late"},
    reject: {"queued", "put back", "submitting", "unanswered", "submitted", "ready", "ready late"},
    stop_looking: {"taken late", "given up"},
}
ENDS_IN: dict[Step, Status] = {
    claim: Status.SUBMITTING,
    cancel: Status.CANCELED,
    put_back: Status.QUEUED,
    submit: Status.SUBMITTED,
    make_ready: Status.READY,
    complete: Status.SUCCEEDED,
    reject: Status.FAILED,
}
STATUS_OF = {
    "queued": Status.QUEUED,
    "submitting": Status.SUBMITTING,
    "unanswered": Status.SUBMITTING,
    "put back": Status.QUEUED,
    "submitted": Status.SUBMITTED,
    "ready": Status.READY,
    "succeeded": Status.SUCCEEDED,
    "rejected": Status.FAILED,
    **dict.fromkeys(GIVEN_UP, Status.FAILED),
    "ready late": Status.READY,
    "succeeded late": Status.SUCCEEDED,
    "canceled": Status.CANCELED,
}
WORKS = [(verb, state) for verb in VERBS for state in WAYS if state in VERBS[verb]]


def lead(user: User, state: str) -> list[Generation]:
    """Lead a new row to a state; return the copies that were read on the way, the last one up to date."""
    (generation,) = lifecycle.create(user, "flux-dev", PROMPT)
    copies = [Generation.objects.get(pk=generation.pk)]
    for step in WAYS[state]:
        assert step(Generation.objects.get(pk=generation.pk))
        copies.append(Generation.objects.get(pk=generation.pk))
    return copies


def everything() -> list[list[tuple[Any, ...]]]:
    """Return every row that a verb may write."""
    return rows_of(Generation, GenerationEvent, CreditEntry, GeneratedImage, Press)


@contextmanager
def no_change(capture: DjangoCaptureOnCommitCallbacks) -> Iterator[None]:
    before = everything()
    with capture() as jobs:
        yield
    assert everything() == before
    assert jobs == []


def name(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("verb", "state"), WORKS, ids=name)
def test_of_two_callers_the_second_changes_nothing(
    verb: Step,
    state: str,
    alice: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first = lead(alice, state)[-1]
    second = Generation.objects.get(pk=first.pk)
    before = everything()
    assert verb(first)
    assert everything() != before
    with no_change(django_capture_on_commit_callbacks):
        assert not verb(second)


@pytest.mark.parametrize("state", WAYS)
def test_a_verb_is_refused_where_it_makes_no_sense(
    state: str, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    generation = lead(alice, state)[-1]
    for verb in [verb for verb in VERBS if state not in VERBS[verb]]:
        with no_change(django_capture_on_commit_callbacks):
            assert not verb(Generation.objects.get(pk=generation.pk)), name(verb)


@pytest.mark.parametrize("state", WAYS)
def test_whoever_believes_what_is_no_longer_so_changes_nothing(
    state: str, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    *stale, generation = lead(alice, state)
    for verb in VERBS.keys() - ({claim} if state in VERBS[claim] else set()):
        for copy in stale:
            if copy.status != generation.status and (verb in ENDS_IN or state not in VERBS[verb]):
                with no_change(django_capture_on_commit_callbacks):
                    assert not verb(copy), f"{name(verb)} by one who believes {copy.status}"


def test_the_table_of_transitions_is_what_the_verbs_do() -> None:
    assert set(TRANSITIONS) == set(Status)
    moves = {(status, end) for status, ends in TRANSITIONS.items() for end in ends}
    assert moves == {(STATUS_OF[state], ENDS_IN[verb]) for verb in ENDS_IN for state in VERBS[verb]}


def test_nothing_leaves_an_end_but_a_late_picture() -> None:
    ways_out = {(status, end) for status in TERMINAL_STATUSES for end in TRANSITIONS[status]}
    assert ways_out == {(Status.FAILED, Status.READY)}


@pytest.mark.parametrize("state", WAYS)
def test_the_timeline_tells_the_way_of_the_row(state: str, alice: User) -> None:
    generation = lead(alice, state)[-1]
    assert generation.status == STATUS_OF[state]
    assert len(kinds(generation)) == 1 + len([step for step in WAYS[state] if step is not stop_looking])


@pytest.mark.parametrize("state", ["rejected", "given up", "canceled"])
def test_the_second_who_tries_again_gets_the_first_ones(
    state: str, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    first = lead(alice, state)[-1]
    second = Generation.objects.get(pk=first.pk)
    again = lifecycle.retry(first, alice)
    with no_change(django_capture_on_commit_callbacks):
        assert lifecycle.retry(second, alice) == again


@pytest.mark.parametrize("step", [None, claim, submit, make_ready])
def test_it_is_being_tried_again_until_that_has_ended(
    step: Step | None, alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    generation = lead(alice, "canceled")[-1]
    again = lifecycle.retry(generation, alice)
    steps: list[Step] = [claim, submit, make_ready]
    for taken in steps[: steps.index(step) + 1] if step else []:
        assert taken(Generation.objects.get(pk=again.pk))
    with no_change(django_capture_on_commit_callbacks):
        assert lifecycle.retry(generation, alice) == again


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
        {"late_until": timezone.now()},
        {"is_late": True},
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


def test_who_believes_it_ready_in_time_changes_nothing_of_a_late_one(alice: User) -> None:
    generation = ready(alice)
    believed = Generation.objects.get(pk=generation.pk)
    assert lifecycle.fail(generation, FailureCode.STORING_FAILED)
    assert lifecycle.mark_ready(generation, READY, bfl_id="task-1")
    assert not lifecycle.fail(believed, FailureCode.STORING_FAILED)
    assert not lifecycle.complete(believed, an_image())
    assert ledger.get_balance(alice) == 100
    generation.refresh_from_db()
    assert (generation.status, generation.is_late) == (Status.READY, True)


@pytest.mark.parametrize("verb", [put_back, lose_answer], ids=name)
def test_who_has_an_earlier_claim_changes_nothing_of_a_later_one(verb: Step, alice: User) -> None:
    generation = claimed(alice)
    believed = Generation.objects.get(pk=generation.pk)
    assert lifecycle.put_back(generation, "BFL is busy")
    (again,) = lifecycle.claim()
    assert not verb(believed)
    again.refresh_from_db()
    assert (again.status, again.unanswered_at) == (Status.SUBMITTING, None)


def test_a_new_claim_forgets_that_an_earlier_one_was_not_answered(alice: User) -> None:
    generation = lead(alice, "unanswered")[-1]
    assert lifecycle.put_back(generation, "BFL is busy")
    assert [row.unanswered_at for row in lifecycle.claim()] == [None]


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_picture_whose_submission_was_never_answered_is_on_the_bill(is_given_up: bool, alice: User) -> None:
    before = timezone.now()
    generation = claimed(alice)
    if is_given_up:
        assert lifecycle.fail_unknown(generation)
    assert lifecycle.mark_ready(generation, READY, bfl_id="task-1")
    generation.refresh_from_db()
    assert generation.submitted_at == generation.claimed_at
    assert balance.get_bill(before, timezone.now()) == generation.bfl_price
