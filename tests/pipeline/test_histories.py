"""Any history of presses, verbs and late arrivals, by people and processes that know only half of it."""

from __future__ import annotations

import copy
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from generations import bfl, doctor
from generations.credits import ledger
from generations.models import (
    CreditAccount,
    CreditEntry,
    GeneratedImage,
    Generation,
    GenerationEvent,
    Provider,
)
from generations.models.generation import GIVEN_UP, TERMINAL_STATUSES, TRANSITIONS
from generations.pipeline import lifecycle
from generations.provider import circuit_breaker
from tests.conftest import age, end_pause
from tests.pipeline.test_lifecycle import an_image

Status = Generation.Status
FailureCode = Generation.FailureCode
# Small enough that histories run into them.
MAX_ACTIVE, MAX_ACTIVE_KONTEXT_MAX = 5, 2
PEOPLE = ("alice", "bob", "charlie")
TOKENS = [uuid.UUID(int=number) for number in range(1, 4)]
STATUS_AFTER = {
    "queued": Status.QUEUED,
    "submitting": Status.SUBMITTING,
    "put_back": Status.QUEUED,
    "submitted": Status.SUBMITTED,
    "ready": Status.READY,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
}
ON_ITS_WAY = (Status.SUBMITTING, Status.SUBMITTED, Status.READY)
Row = dict[str, Any]
people = st.sampled_from(PEOPLE)
# Beside the prices, which are 2.5 and 8.
costs = st.sampled_from([None, Decimal(0), Decimal("2.4"), Decimal("2.5"), Decimal(8), Decimal("9.75")])


# What stays as it is once a row has ended.
LASTING = (
    "user_id",
    "endpoint",
    "params",
    "price",
    "status",
    "failure_code",
    "is_late",
    "finished_at",
    "seed",
)


@dataclass
class World:
    """Every row that a verb may write."""

    generations: list[Row]
    events: list[Row]
    entries: list[Row]
    images: list[Row]


def read() -> World:
    models = (Generation, GenerationEvent, CreditEntry, GeneratedImage)
    return World(*[list(model._default_manager.order_by("pk").values()) for model in models])


class Histories(RuleBasedStateMachine):
    # Copies of rows, as processes hold them: up to date when they were read, and stale ever after.
    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.history = transaction.atomic()
        self.history.__enter__()
        self.people = {name: User.objects.create_user(name) for name in PEOPLE}
        self.accounts = {
            name: CreditAccount.objects.create(user=person).pk for name, person in self.people.items()
        }
        self.expected = dict.fromkeys(PEOPLE, Decimal())
        self.presses: dict[tuple[object, ...], list[Generation]] = {}
        self.ended: dict[int, Row] = {}
        self.world = read()
        self.ids = itertools.count(1)

    def is_any(self, *statuses: Status) -> bool:
        return any(row["status"] in statuses for row in self.world.generations)

    def teardown(self) -> None:
        try:
            assert list(doctor.check_ledger()) == []
            for name, person in self.people.items():
                assert ledger.get_balance(person) == self.expected[name]
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self.history.__exit__(None, None, None)

    # People

    @initialize(target=copies, amounts=st.tuples(*[st.sampled_from([200, 20, 0]).map(Decimal)] * len(PEOPLE)))
    def begin(self, amounts: tuple[Decimal, ...]) -> Any:
        """Who has credits has pressed once: nearly all that can happen needs something that waits."""
        bought = []
        for name, amount in zip(PEOPLE, amounts, strict=True):
            if amount:
                self.grant(name, amount)
                bought += lifecycle.create(self.people[name], "flux-dev", {"prompt": "a fox"}, count=2)
                self.expected[name] -= ledger.sum_of_prices(bought[-2:])
        return multiple(*bought)

    @rule(name=people, amount=st.decimals("0.0001", "20", places=4))
    def grant(self, name: str, amount: Decimal) -> None:
        ledger.grant(self.people[name], amount, note="A step", created_by=None)
        self.expected[name] += amount

    @rule(
        target=copies,
        name=people,
        endpoint=st.sampled_from(["flux-dev", "flux-kontext-max"]),
        count=st.integers(1, 4),
        token=st.none() | st.sampled_from(TOKENS),
    )
    def press(self, name: str, endpoint: str, count: int, token: uuid.UUID | None) -> Any:
        key = (name, endpoint, count, token)
        known = self.presses.get(key) if token else None
        try:
            bought = lifecycle.create(
                self.people[name], endpoint, {"prompt": "a fox"}, count=count, token=token
            )
        except ledger.InsufficientCredits:
            price = bfl.ENDPOINTS[endpoint].price * count
            assert known is None
            assert self.expected[name] < price
            assert read() == self.world
            return multiple()
        if known is not None:
            assert bought == known
            assert read() == self.world
        else:
            self.expected[name] -= ledger.sum_of_prices(bought)
            self.presses[key] = bought
        return multiple(*bought)

    @rule(target=copies, held=copies)
    def retry(self, held: Generation) -> Any:
        row = Generation.objects.get(pk=held.pk)
        tried = list(row.retries.exclude(status__in=[Status.FAILED, Status.CANCELED]))
        name = row.user.username
        try:
            again = lifecycle.retry(copy.copy(held), row.user)
        except lifecycle.NothingToRetry:
            assert row.status not in (Status.FAILED, Status.CANCELED)
            assert read() == self.world
            return multiple()
        except ledger.InsufficientCredits:
            assert self.expected[name] < row.price
            assert read() == self.world
            return multiple()
        assert row.status in (Status.FAILED, Status.CANCELED)
        if tried:
            assert again in tried
            assert read() == self.world
        else:
            self.expected[name] -= again.price
        return again

    @rule(held=copies)
    def cancel(self, held: Generation) -> None:
        self._move(held, Status.CANCELED, lambda row: lifecycle.cancel(row, canceled_by=row.user))

    @precondition(lambda self: self.is_any(Status.QUEUED))
    @rule(name=people)
    def cancel_waiting(self, name: str) -> None:
        waiting = list(Generation.objects.filter(user=self.people[name], status=Status.QUEUED).order_by("pk"))
        assert lifecycle.cancel_waiting(self.people[name], Generation.objects.all()) == waiting
        assert bool(waiting) == (read() != self.world)
        canceled = Generation.objects.filter(pk__in=[row.pk for row in waiting])
        assert all(row.status == Status.CANCELED for row in canceled)
        self.expected[name] += ledger.sum_of_prices(waiting)

    @rule(name=people)
    def look(self, name: str) -> None:
        sights = self.people[name].generations.all()
        unseen = {row.pk for row in sights if row.is_unseen}
        assert lifecycle.mark_seen(sights) == len(unseen)
        assert not any(row.is_unseen for row in self.people[name].generations.all())

    # Processes

    @rule(target=copies, held=copies)
    def look_again(self, held: Generation) -> Generation:
        return Generation.objects.get(pk=held.pk)

    @precondition(lambda self: self.is_any(Status.QUEUED))
    @rule(target=copies)
    def claim(self) -> Any:
        claimed = lifecycle.claim()
        assert all((row.status, row.unanswered_at) == (Status.SUBMITTING, None) for row in claimed)
        assert not claimed or Generation.objects.active().count() <= MAX_ACTIVE
        return multiple(*claimed)

    @rule(held=copies)
    def put_back(self, held: Generation) -> None:
        self._move(held, Status.QUEUED, lambda row: lifecycle.put_back(row, "BFL is busy"))

    @rule(held=copies)
    def mark_unanswered(self, held: Generation) -> None:
        was = Generation.objects.get(pk=held.pk)
        if self._change(held, lambda row: lifecycle.mark_unanswered(row, "The connection broke")):
            assert is_as_believed(held, was)
            assert (was.status, was.unanswered_at) == (Status.SUBMITTING, None)

    @rule(target=copies, held=copies, cost=costs)
    def mark_submitted(self, held: Generation, cost: Decimal | None) -> Generation:
        submission = bfl.Submission(id=f"task-{next(self.ids)}", polling_url=None, cost=cost)
        self._move(held, Status.SUBMITTED, lambda row: lifecycle.mark_submitted(row, submission))
        return Generation.objects.get(pk=held.pk)

    @rule(held=copies)
    def mark_taken_late(self, held: Generation) -> None:
        submission = bfl.Submission(id=f"task-{next(self.ids)}", polling_url=None, cost=None)
        self._change(held, lambda row: lifecycle.mark_taken_late(row, submission))

    @rule(held=copies, progress=st.sampled_from([None, 0.5, 1.0]))
    def mark_progress(self, held: Generation, progress: float | None) -> None:
        result = bfl.Result(status=bfl.Status.PENDING, word="Pending", progress=progress)
        self._change(held, lambda row: lifecycle.mark_progress(row, result))

    @rule(target=copies, held=copies, cost=costs)
    def mark_ready(self, held: Generation, cost: Decimal | None) -> Generation:
        row = Generation.objects.get(pk=held.pk)
        url = "https://delivery.eu.bfl.ai/sample.jpeg"
        result = bfl.Result(status=bfl.Status.READY, word="Ready", sample_url=url, cost=cost)
        bfl_id = row.bfl_id or f"task-{next(self.ids)}"
        self._move(held, Status.READY, lambda copied: lifecycle.mark_ready(copied, result, bfl_id=bfl_id))
        return Generation.objects.get(pk=held.pk)

    @rule(held=copies)
    def store_again(self, held: Generation) -> None:
        self._change(held, lifecycle.store_again)

    @rule(held=copies)
    def complete(self, held: Generation) -> None:
        self._move(held, Status.SUCCEEDED, lambda row: lifecycle.complete(row, an_image()))
        row = Generation.objects.get(pk=held.pk)
        if row.is_succeeded and row.pk not in self.ended and not row.is_late and row.cost is not None:
            # What BFL took more is taken too, as far as it is there.
            name = row.user.username
            self.expected[name] -= min(row.cost - row.bfl_price, self.expected[name])

    @precondition(lambda self: self.is_any(*ON_ITS_WAY))
    @rule(number=st.integers(0, 9), cost=costs)
    def deliver(self, number: int, cost: Decimal | None) -> None:
        """For one of them all goes well from here on: by chance a history comes to this too seldom."""
        rows = Generation.objects.filter(status__in=ON_ITS_WAY).order_by("pk")
        row = rows[number % len(rows)]
        if row.status == Status.SUBMITTING:
            self.mark_submitted(row, cost)
            row.refresh_from_db()
        if row.status == Status.SUBMITTED:
            self.mark_ready(row, cost)
            row.refresh_from_db()
        if row.status == Status.READY:
            self.complete(row)

    @rule(target=copies, held=copies, failure_code=st.sampled_from(FailureCode))
    def fail(self, held: Generation, failure_code: FailureCode) -> Generation:
        self._move(held, Status.FAILED, lambda row: lifecycle.fail(row, failure_code))
        return Generation.objects.get(pk=held.pk)

    @rule(held=copies)
    def stop_looking(self, held: Generation) -> None:
        self._change(held, lifecycle.stop_looking)

    # BFL and time

    @rule(reason=st.sampled_from(Provider.Pause))
    def pause(self, reason: Provider.Pause) -> None:
        circuit_breaker.pause(reason)

    @rule(credits=st.none() | st.integers(0, 20))
    def check(self, credits: int | None) -> None:
        end_pauses()
        if circuit_breaker.needs_check():
            circuit_breaker.pass_check(None if credits is None else Decimal(credits))

    @rule()
    def resume(self) -> None:
        end_pauses()
        circuit_breaker.resume(timezone.now())

    @rule(held=copies)
    def let_the_time_for_looking_pass(self, held: Generation) -> None:
        if Generation.objects.late().filter(pk=held.pk).exists():
            age(held, late_until=1)

    # What holds at every moment

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.world = read()
        self._balances_add_up()
        self._each_is_charged_once_and_refunded_without_a_picture_in_time()
        self._limits_are_kept()
        self._what_has_ended_stays_so_unless_its_picture_comes_late()
        self._the_timeline_tells_the_way()

    def _balances_add_up(self) -> None:
        sums = dict.fromkeys(self.accounts.values(), Decimal())
        for entry in self.world.entries:
            sums[entry["account_id"]] += entry["amount"]
        for name, account in self.accounts.items():
            assert sums[account] == self.expected[name] >= 0

    def _each_is_charged_once_and_refunded_without_a_picture_in_time(self) -> None:
        kinds: dict[int | None, list[str]] = {}
        for entry in self.world.entries:
            kinds.setdefault(entry["generation_id"], []).append(entry["kind"])
        for row in self.world.generations:
            is_free = row["is_late"] or row["status"] in (Status.FAILED, Status.CANCELED)
            may_be = [["charge", "refund"]] if is_free else [["charge"]]
            if row["status"] == Status.SUCCEEDED and not is_free:
                may_be.append(["charge", "adjustment"])
            assert kinds[row["id"]] in may_be

    def _limits_are_kept(self) -> None:
        holding = (Status.SUBMITTING, Status.SUBMITTED)
        active = [row["endpoint"] for row in self.world.generations if row["status"] in holding]
        assert len(active) <= MAX_ACTIVE
        assert active.count("flux-kontext-max") <= MAX_ACTIVE_KONTEXT_MAX

    def _what_has_ended_stays_so_unless_its_picture_comes_late(self) -> None:
        rows = {row["id"]: {name: row[name] for name in LASTING} for row in self.world.generations}
        for pk, before in self.ended.items():
            is_back = before["failure_code"] in GIVEN_UP and rows[pk]["is_late"]
            assert rows[pk] == before or is_back
        self.ended = {pk: row for pk, row in rows.items() if row["status"] in TERMINAL_STATUSES}
        with_picture = {image["generation_id"] for image in self.world.images}
        assert with_picture == {pk for pk, row in rows.items() if row["status"] == Status.SUCCEEDED}

    def _the_timeline_tells_the_way(self) -> None:
        ways: dict[int, list[str]] = {}
        for event in self.world.events:
            if event["kind"] in STATUS_AFTER:
                ways.setdefault(event["generation_id"], []).append(STATUS_AFTER[event["kind"]])
        for row in self.world.generations:
            way = ways[row["id"]]
            assert (way[0], way[-1]) == (Status.QUEUED, row["status"])
            assert all(end in TRANSITIONS[start] for start, end in itertools.pairwise(way))
            assert row["is_late"] == ((Status.FAILED, Status.READY) in itertools.pairwise(way))
            assert row["attempts"] == way.count(Status.SUBMITTING)

    def _move(self, held: Generation, end: Status, verb: Callable[[Generation], bool]) -> None:
        """Have a verb move the row as `held` shows it: it moves just there, or changes nothing."""
        was = Generation.objects.get(pk=held.pk)
        is_known = is_as_believed(held, was)
        if self._change(held, verb):
            assert is_known
            assert Generation.objects.get(pk=held.pk).status == end
            if end in (Status.FAILED, Status.CANCELED) and not was.is_late:
                self.expected[was.user.username] += was.price
        else:
            is_refused = end == Status.READY and was.is_failed and held.failure_code not in GIVEN_UP
            assert not is_known or end not in TRANSITIONS[was.status] or is_refused

    def _change(self, held: Generation, verb: Callable[[Generation], bool]) -> bool:
        is_done = verb(copy.copy(held))
        assert is_done == (read() != self.world)
        return is_done


def is_as_believed(held: Generation, row: Generation) -> bool:
    """Whether the row still is what a copy shows: a status may come twice, by another claim or late."""
    is_same = (row.status, row.is_late) == (held.status, held.is_late)
    return is_same and (row.status != Status.SUBMITTING or row.claimed_at == held.claimed_at)


def end_pauses() -> None:
    if circuit_breaker.get_state().pause:
        end_pause()


@pytest.mark.django_db
def test_no_history_breaks_a_promise(settings: Settings) -> None:
    settings.BFL_MAX_ACTIVE, settings.BFL_MAX_ACTIVE_KONTEXT_MAX = MAX_ACTIVE, MAX_ACTIVE_KONTEXT_MAX
    run_state_machine_as_test(Histories, settings=QUICK)


# New histories in each run, in CI too: the same ones for ever would find nothing that they have not found by
# now. A history that breaks a promise is printed step by step, with the blob that repeats it.
QUICK = settings(max_examples=20, stateful_step_count=40, deadline=None, print_blob=True)
