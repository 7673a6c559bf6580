from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django import Settings

from generations import bfl
from generations.credits import ledger
from generations.models import Generation
from generations.pipeline import lifecycle
from tests.conftest import age, make_ready, submit

PROMPT = {"prompt": "a lighthouse at dusk"}


def rich(name: str) -> User:
    user = User.objects.create_user(name)
    ledger.grant(user, Decimal(10_000), note="For the tests", created_by=None)
    return user


def order(user: User, count: int, endpoint: str = "flux-dev") -> list[Generation]:
    return lifecycle.create(user, endpoint, PROMPT, count=count)


def end_one() -> None:
    """Free a slot, as the oldest task ending would."""
    generation = Generation.objects.active().order_by("claimed_at", "pk")[0]
    lifecycle.fail(generation, Generation.FailureCode.PROVIDER_ERROR)


def test_it_claims_the_oldest_first(alice: User) -> None:
    generations = order(alice, 3)
    assert lifecycle.claim() == generations


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits for its disk by itself")
def test_a_power_cut_takes_no_claim_back(db: None) -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_it_never_exceeds_what_bfl_allows(db: None) -> None:
    order(rich("alice"), 30)
    assert len(lifecycle.claim()) == 24
    assert lifecycle.claim() == []


def test_it_keeps_six_for_kontext_max_and_lets_others_pass(db: None) -> None:
    alice = rich("alice")
    order(alice, 10, "flux-kontext-max")
    order(alice, 3)
    assert Counter(row.endpoint for row in lifecycle.claim()) == {"flux-kontext-max": 6, "flux-dev": 3}
    assert lifecycle.claim() == []


def test_what_others_have_at_bfl_takes_none_of_kontext_maxs_six(db: None) -> None:
    alice = rich("alice")
    order(alice, 10)
    assert len(lifecycle.claim()) == 10
    order(alice, 8, "flux-kontext-max")
    assert len(lifecycle.claim()) == 6


def test_both_limits_are_settings(db: None, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE, settings.BFL_MAX_ACTIVE_KONTEXT_MAX = 4, 1
    order(rich("alice"), 5, "flux-kontext-max")
    order(rich("bob"), 5)
    assert Counter(row.endpoint for row in lifecycle.claim()) == {"flux-kontext-max": 1, "flux-dev": 3}


def test_a_newcomer_has_the_next_free_slot(db: None) -> None:
    alice, bob = rich("alice"), rich("bob")
    order(alice, 50)
    lifecycle.claim()
    order(bob, 1)
    end_one()
    assert [row.user for row in lifecycle.claim()] == [bob]


def test_people_take_turns(db: None) -> None:
    people = [rich(f"person{number}") for number in range(10)]
    for count, person in zip([50, 30, *[15] * 8], people, strict=True):
        order(person, count)
    started = Counter(row.user_id for row in lifecycle.claim())
    for _ in range(100 - 24):
        end_one()
        started.update(row.user_id for row in lifecycle.claim())
    assert set(started.values()) == {10}


def test_a_turn_that_bfl_refused_was_none(db: None, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    alice, bob = rich("alice"), rich("bob")
    first = order(alice, 1)[0]
    order(bob, 1)
    (generation,) = lifecycle.claim()
    lifecycle.put_back(generation, "BFL is busy")
    assert lifecycle.claim() == [first]


def test_a_submission_whose_process_died_holds_its_slot_for_a_minute(db: None, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    order(rich("alice"), 2)
    (lost,) = lifecycle.claim()
    age(lost, claimed_at=55)
    assert lifecycle.claim() == []
    age(lost, claimed_at=61)
    assert len(lifecycle.claim()) == 1


def test_what_bfl_may_have_taken_unheard_holds_its_slot_for_a_minute(db: None) -> None:
    order(rich("alice"), 25)
    lost, *_ = lifecycle.claim()
    assert lifecycle.fail_unknown(lost)
    age(lost, claimed_at=55)
    assert lifecycle.claim() == []
    age(lost, claimed_at=61)
    assert len(lifecycle.claim()) == 1


def test_it_holds_one_of_kontext_maxs_slots_too(db: None) -> None:
    order(rich("alice"), 7, "flux-kontext-max")
    lost, *_ = lifecycle.claim()
    assert lifecycle.fail_unknown(lost)
    assert lifecycle.claim() == []


def test_what_bfl_has_holds_its_slot_as_long_as_it_takes(db: None, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    order(rich("alice"), 2)
    (generation,) = lifecycle.claim()
    submit(generation)
    age(generation, claimed_at=3600, submitted_at=3600)
    assert lifecycle.claim() == []


def test_a_picture_being_saved_holds_no_slot(db: None, settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 1
    order(rich("alice"), 2)
    (generation,) = lifecycle.claim()
    submit(generation)
    make_ready(generation)
    assert len(lifecycle.claim()) == 1


@pytest.mark.django_db(transaction=True)
def test_racing_processes_keep_the_limits_and_claim_nothing_twice(settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE = 10
    for name in ("alice", "bob"):
        order(rich(name), 20, "flux-kontext-max")
        order(rich(f"{name} too"), 20)

    def claim(_: int) -> list[int]:
        try:
            return [row.pk for row in lifecycle.claim()]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        claimed = [pk for pks in threads.map(claim, range(30)) for pk in pks]
    active = Generation.objects.active()
    assert len(claimed) == len(set(claimed)) == active.count() == 10
    assert active.filter(endpoint="flux-kontext-max").count() <= 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="on SQLite a claim is alone")
def test_what_is_canceled_while_it_is_claimed_is_left_out(db: None) -> None:
    person = rich("alice")
    canceled, other = order(person, 2)

    def claim() -> list[Generation]:
        try:
            return lifecycle.claim()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            assert lifecycle.cancel(canceled, canceled_by=person)
            claiming = thread.submit(claim)
            while not claiming.done() and not is_somebody_waiting():
                time.sleep(0.01)
        assert claiming.result() == [other]


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_every_endpoint_can_be_claimed(alice: User) -> None:
    for endpoint in bfl.ENDPOINTS:
        order(alice, 1, endpoint)
    assert {row.endpoint for row in lifecycle.claim()} == set(bfl.ENDPOINTS)
