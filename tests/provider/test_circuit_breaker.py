"""The pause after BFL has refused, and how its end is found without putting anybody's picture at risk."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from generations.credits import ledger
from generations.models import Generation, GenerationEvent, Offer, Provider
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.provider import circuit_breaker
from sandbox import Sandbox
from tests.conftest import Work, age, end_pause, follow_until, run_jobs, submit, sweep, waiting_jobs

Pause = Provider.Pause
Status = Generation.Status
# Quick to draw and to read.
SMALL = {"prompt": "a lighthouse at dusk", "width": 256, "height": 256}
CHECKED_FIRST = [Pause.NO_FUNDS, Pause.REFUSED, Pause.AWAY]
FOLLOW = ("generations.pipeline.tasks.follow", ())


def order(user: User, count: int = 1, endpoint: str = "flux-dev") -> list[Generation]:
    return lifecycle.create(user, endpoint, SMALL, count=count)


def state() -> Provider:
    return circuit_breaker.get_state()


# The pause itself


@pytest.mark.parametrize("reason", Pause)
def test_nothing_is_claimed_during_a_pause(reason: Pause, alice: User) -> None:
    order(alice)
    circuit_breaker.pause(reason, seconds=60)
    assert lifecycle.claim() == []
    assert not circuit_breaker.needs_check()


def test_after_a_429_one_goes_ahead_to_try(alice: User) -> None:
    order(alice, 3)
    circuit_breaker.pause(Pause.BUSY)
    end_pause()
    assert not circuit_breaker.needs_check()
    assert len(lifecycle.claim()) == 1
    assert lifecycle.claim() == []
    circuit_breaker.resume(timezone.now())
    assert len(lifecycle.claim()) == 2


@pytest.mark.parametrize("reason", CHECKED_FIRST)
def test_after_the_others_nothing_goes_ahead_before_bfl_was_asked(reason: Pause, alice: User) -> None:
    order(alice, 3)
    circuit_breaker.pause(reason)
    end_pause()
    assert circuit_breaker.needs_check()
    assert lifecycle.claim() == []
    circuit_breaker.pass_check(Decimal(1000))
    assert not circuit_breaker.needs_check()
    assert len(lifecycle.claim()) == 1
    assert lifecycle.claim() == []
    assert state().pause == reason
    circuit_breaker.resume(timezone.now())
    assert len(lifecycle.claim()) == 2


def test_after_a_pause_the_endpoint_that_was_tried_least_goes_ahead(alice: User, bob: User) -> None:
    (refused,) = order(alice, 1, "flux-pro")
    (other,) = order(bob)
    assert _tries(3) == [refused, other, refused]


def test_many_who_want_the_same_endpoint_are_tried_as_one(alice: User, bob: User, staff: User) -> None:
    first, second = order(alice, 1, "flux-pro")[0], order(bob, 1, "flux-pro")[0]
    ledger.grant(staff, Decimal(100), note="For the test", created_by=None)
    (other,) = order(staff)
    assert _tries(4) == [first, other, second, other]


def _tries(count: int) -> list[Generation]:
    """Return what goes ahead, one after the other, while BFL refuses each."""
    tried = []
    for _ in range(count):
        circuit_breaker.pause(Pause.BUSY)
        end_pause()
        (generation,) = lifecycle.claim()
        lifecycle.put_back(generation, "BFL is busy")
        tried.append(generation)
    return tried


def test_a_trial_whose_process_died_is_over_after_a_minute(alice: User) -> None:
    order(alice, 2)
    circuit_breaker.pause(Pause.BUSY)
    end_pause()
    (lost,) = lifecycle.claim()
    Provider.objects.update(paused_until=timezone.now() - timedelta(minutes=5))
    age(lost, claimed_at=55)
    assert lifecycle.claim() == []
    age(lost, claimed_at=61)
    assert len(lifecycle.claim()) == 1


def test_a_check_is_good_for_half_a_minute(alice: User) -> None:
    order(alice)
    circuit_breaker.pause(Pause.AWAY)
    end_pause()
    circuit_breaker.pass_check(Decimal(1000))
    Provider.objects.update(checked_at=timezone.now() - timedelta(seconds=25))
    assert not circuit_breaker.needs_check()
    Provider.objects.update(checked_at=timezone.now() - timedelta(seconds=31))
    assert circuit_breaker.needs_check()


def test_a_new_pause_asks_for_a_new_check(alice: User) -> None:
    order(alice)
    circuit_breaker.pause(Pause.AWAY)
    end_pause()
    circuit_breaker.pass_check(Decimal(1000))
    circuit_breaker.pause(Pause.AWAY)
    end_pause()
    assert circuit_breaker.needs_check()
    assert lifecycle.claim() == []


def test_nothing_is_asked_while_all_is_well(db: None) -> None:
    assert not circuit_breaker.needs_check()


@pytest.mark.parametrize(
    ("credits", "is_enough"), [("0", False), ("2.4999", False), ("2.5", True), (None, True)]
)
def test_bfl_must_have_credits_for_the_cheapest_that_waits(
    credits: str | None, is_enough: bool, alice: User
) -> None:
    order(alice, 1, "flux-pro-1.1")
    order(alice)
    circuit_breaker.pause(Pause.NO_FUNDS)
    end_pause()
    circuit_breaker.pass_check(Decimal(credits) if credits else None)
    assert bool(lifecycle.claim()) == is_enough
    assert (state().pause, state().pause_count) == (Pause.NO_FUNDS, 1 if is_enough else 2)


def test_what_bfl_takes_counts_and_not_what_the_site_takes(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", price=1)
    order(alice)
    circuit_breaker.pause(Pause.NO_FUNDS)
    end_pause()
    circuit_breaker.pass_check(Decimal(2))
    assert lifecycle.claim() == []


@pytest.mark.parametrize("credits", ["0.5", None])
def test_the_pause_ends_with_the_check_when_nobody_waits(credits: str | None, db: None) -> None:
    circuit_breaker.pause(Pause.REFUSED)
    end_pause()
    circuit_breaker.pass_check(Decimal(credits) if credits else None)
    assert (state().pause, state().pause_count, state().checked_at) == ("", 0, None)


def test_an_empty_account_is_no_end_even_if_nobody_waits(db: None) -> None:
    circuit_breaker.pause(Pause.AWAY)
    end_pause()
    circuit_breaker.pass_check(Decimal(0))
    assert state().pause == Pause.NO_FUNDS


def test_what_bfl_has_already_does_not_hold_the_trial_back(alice: User) -> None:
    order(alice)
    submit(lifecycle.claim()[0])
    order(alice)
    circuit_breaker.pause(Pause.BUSY)
    end_pause()
    assert len(lifecycle.claim()) == 1


def test_an_answer_from_before_a_pause_does_not_end_it(db: None) -> None:
    circuit_breaker.pause(Pause.BUSY, seconds=60)
    circuit_breaker.resume(timezone.now())
    assert state().pause == Pause.BUSY


def test_an_answer_to_what_was_asked_before_a_pause_does_not_end_it(db: None) -> None:
    asked_at = timezone.now()
    circuit_breaker.pause(Pause.NO_FUNDS)
    end_pause()
    circuit_breaker.resume(asked_at)
    assert state().pause == Pause.NO_FUNDS
    circuit_breaker.resume(timezone.now())
    assert state().pause == ""


def test_calls_that_were_refused_together_are_one_pause(db: None) -> None:
    circuit_breaker.pause(Pause.BUSY, seconds=60)
    circuit_breaker.pause(Pause.AWAY)
    assert (state().pause, state().pause_count) == (Pause.BUSY, 1)


def test_a_pause_grows_even_if_bfl_says_at_once(db: None) -> None:
    for _ in range(4):
        circuit_breaker.pause(Pause.BUSY, seconds=0)
        end_pause()
    circuit_breaker.pause(Pause.BUSY, seconds=0)
    assert 10 < _seconds_left() < 17


@pytest.mark.parametrize("reason", Pause)
def test_a_pause_never_grows_beyond_half_a_minute_by_itself(reason: Pause, db: None) -> None:
    for _ in range(30):
        circuit_breaker.pause(reason)
        end_pause()
    circuit_breaker.pause(reason)
    assert 20 < _seconds_left() <= 30


def test_a_pause_is_as_long_as_bfl_says(db: None) -> None:
    circuit_breaker.pause(Pause.BUSY, seconds=120)
    assert 118 < _seconds_left() <= 120


def _seconds_left() -> float:
    until = state().paused_until
    assert until is not None
    return (until - timezone.now()).total_seconds()


@pytest.mark.parametrize(
    ("reason", "count", "is_told"),
    [
        ("", 0, False),
        (Pause.BUSY, 5, False),
        (Pause.AWAY, 1, False),
        (Pause.AWAY, 2, False),
        (Pause.AWAY, 3, True),
        (Pause.NO_FUNDS, 1, True),
        (Pause.REFUSED, 1, True),
    ],
)
def test_people_are_told_what_holds_them_up(
    reason: Pause, count: int, is_told: bool, as_alice: Client
) -> None:
    for _ in range(count):
        end_pause()
        circuit_breaker.pause(reason)
    page = html.unescape(as_alice.get("/").text)
    shown = [sentence for sentence in wording.NOTICES.values() if sentence in page]
    assert shown == ([wording.NOTICES[reason]] if is_told else [])


def test_the_sweep_has_a_follower_find_the_end_of_a_pause(
    db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    circuit_breaker.pause(Pause.NO_FUNDS)
    sweep(django_capture_on_commit_callbacks)
    assert waiting_jobs("follow") == [FOLLOW]
    end_pause()
    circuit_breaker.resume(timezone.now())
    waiting = len(waiting_jobs("follow"))
    sweep(django_capture_on_commit_callbacks)
    assert len(waiting_jobs("follow")) == waiting


# Against the sandbox


Outage = Callable[[Sandbox], None]


def answers(status: int) -> Outage:
    def begin(sandbox: Sandbox) -> None:
        for stage in ("submit", "credits"):
            sandbox.faults.script(stage, "answer", status=status, times=None)

    return begin


def drops(sandbox: Sandbox) -> None:
    for stage in ("submit", "credits"):
        sandbox.faults.script(stage, "drop", times=None)


def refuses(sandbox: Sandbox) -> None:
    sandbox.go_away()


def runs_dry(sandbox: Sandbox) -> None:
    sandbox.credits = Decimal("2.4")


OUTAGES: dict[str, tuple[Outage, Pause]] = {
    "402": (answers(402), Pause.NO_FUNDS),
    "403": (answers(403), Pause.REFUSED),
    "500": (answers(500), Pause.AWAY),
    "503": (answers(503), Pause.AWAY),
    "drop": (drops, Pause.AWAY),
    "refused connection": (refuses, Pause.AWAY),
    "too few credits": (runs_dry, Pause.NO_FUNDS),
}


def turns() -> int:
    return GenerationEvent.objects.filter(kind="submitting").count()


def asked(sandbox: Sandbox, method: str, path: str = "/v1/") -> int:
    return sum(
        request.method == method and request.path.startswith(path) for request in list(sandbox.requests)
    )


def pauses_to(count: int) -> Callable[[], bool]:
    """Let each pause be over at once, until there have been so many."""

    def reached() -> bool:
        if state().pause_count >= count:
            return True
        end_pause_if_any()
        return False

    return reached


def end_pause_if_any() -> None:
    Provider.objects.exclude(pause="").update(paused_until=timezone.now())


@pytest.mark.parametrize("name", OUTAGES)
def test_a_long_outage_touches_nothing_that_waits(
    name: str, work: Work, alice: User, sandbox: Sandbox, settings: Settings
) -> None:
    begin, reason = OUTAGES[name]
    # The one that finds out; what is under way together is found out together.
    settings.BFL_MAX_ACTIVE = 1
    begin(sandbox)
    order(alice, 4)
    follow_until(lambda: state().pause == reason)
    touched, bought = turns(), asked(sandbox, "POST")
    follow_until(pauses_to(6))
    assert (turns(), asked(sandbox, "POST")) == (touched, bought) == (1, 0 if sandbox.is_away else 1)
    if not sandbox.is_away:
        assert asked(sandbox, "GET", "/v1/credits") >= 5
    assert Generation.objects.queued().count() >= 3
    recover(sandbox)
    end_pause()
    work()
    assert state().pause == ""
    # Nobody's picture was lost but that of an unclear answer.
    failed = Generation.objects.filter(status=Status.FAILED)
    assert failed.count() == (1 if name in ("500", "503", "drop") else 0)
    assert Generation.objects.filter(status=Status.SUCCEEDED).count() == 4 - failed.count()
    assert len(sandbox.tasks) == 4 - failed.count()


def recover(sandbox: Sandbox) -> None:
    for unknown in Generation.objects.filter(failure_code=Generation.FailureCode.OUTCOME_UNKNOWN):
        # Its slot is the only one here, and given away after a minute.
        age(unknown, claimed_at=61)
    sandbox.faults.clear()
    sandbox.credits = Decimal(1000)
    if sandbox.is_away:
        sandbox.come_back()


def test_after_the_check_one_submission_goes_ahead_of_the_others(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    order(alice, 5)
    circuit_breaker.pause(Pause.REFUSED)
    end_pause()
    # It is under way for a while, and nothing else is meanwhile.
    sandbox.faults.script("submit", "hang", seconds=0.5)
    most: list[int] = []

    def first_is_taken() -> bool:
        most.append(turns())
        return Generation.objects.exclude(bfl_id="").exists()

    follow_until(first_is_taken)
    assert [request.path for request in sandbox.requests][:2] == ["/v1/credits", "/v1/flux-dev"]
    assert max(most[:-1]) == 1
    work()
    assert state().pause == ""
    assert len(sandbox.tasks) == 5


def test_a_submission_from_before_a_pause_that_is_taken_after_it_does_not_end_it(
    work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("submit", "hang", seconds=1, prompt="slow")
    sandbox.faults.script("submit", "answer", status=402, prompt="refused")
    sandbox.faults.script("credits", "hang", seconds=20)
    for prompt in ("slow", "refused"):
        lifecycle.create(alice, "flux-dev", {**SMALL, "prompt": prompt})

    def slow_is_taken() -> bool:
        end_pause_if_any()
        return bool(Generation.objects.exclude(bfl_id=""))

    follow_until(slow_is_taken)
    assert state().pause == Pause.NO_FUNDS


def test_a_429_is_tried_by_submitting(work: Work, alice: User, sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=429, times=3, headers={"Retry-After": "0"})
    order(alice)

    def is_taken() -> bool:
        end_pause_if_any()
        return bool(sandbox.tasks)

    follow_until(is_taken)
    assert turns() == 4
    assert asked(sandbox, "GET", "/v1/credits") == 0


@pytest.mark.parametrize("status", [402, 403, 429])
def test_an_endpoint_that_bfl_always_refuses_holds_up_no_other(
    status: int, work: Work, alice: User, bob: User, sandbox: Sandbox, settings: Settings
) -> None:
    settings.BFL_MAX_ACTIVE = 1
    sandbox.faults.script("submit", "answer", endpoint="flux-pro", status=status, times=None)
    order(alice, 2, "flux-pro")
    order(bob, 2)
    order(alice)

    def others_are_taken() -> bool:
        end_pause_if_any()
        run_jobs("store")
        return Generation.objects.filter(status=Status.SUCCEEDED).count() == 3

    follow_until(others_are_taken)
    assert Generation.objects.queued().filter(endpoint="flux-pro").count() == 2


@pytest.mark.parametrize("status", [400, 404, 422, 429])
def test_a_bfl_that_will_not_tell_its_credits_is_tried_by_one_submission(
    status: int, work: Work, alice: User, sandbox: Sandbox
) -> None:
    sandbox.faults.script("credits", "answer", status=status, times=None)
    order(alice, 2)
    circuit_breaker.pause(Pause.REFUSED)
    end_pause()
    work()
    assert Generation.objects.filter(status=Status.SUCCEEDED).count() == 2


def test_the_pause_ends_by_the_check_alone_when_nobody_waits(db: None, work: Work, sandbox: Sandbox) -> None:
    circuit_breaker.pause(Pause.NO_FUNDS)
    end_pause()
    follow_until(lambda: state().pause == "")
    assert (asked(sandbox, "GET", "/v1/credits"), asked(sandbox, "POST")) == (1, 0)


def test_bfl_is_asked_once_at_a_time(db: None, work: Work, sandbox: Sandbox) -> None:
    sandbox.faults.script("credits", "hang", seconds=0.6, times=None)
    circuit_breaker.pause(Pause.NO_FUNDS)
    end_pause()
    follow_until(lambda: state().pause == "")
    assert asked(sandbox, "GET", "/v1/credits") == 1


def test_another_reason_takes_the_place_of_the_first(work: Work, alice: User, sandbox: Sandbox) -> None:
    order(alice)
    circuit_breaker.pause(Pause.AWAY)
    end_pause()
    sandbox.faults.script("credits", "answer", status=403, times=None)
    follow_until(lambda: state().pause == Pause.REFUSED)
    assert ledger.get_balance(alice) == Decimal("97.5")
    assert turns() == 0
