"""Whatever happens in whatever order: the ledger adds up, nobody owes, and BFL is paid what we charged."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generations import bfl, doctor, periods
from generations.credits import grants, ledger
from generations.models import CreditEntry, Generation
from generations.pipeline import lifecycle
from tests.credits.steps import PROMPT, an_image, create

Status = Generation.Status
FailureCode = Generation.FailureCode

VERBS = (
    "create create create succeed succeed go_on go_on fail give_up cancel grant expiring undo month expire"
)
STEPS = st.lists(st.tuples(st.sampled_from(VERBS.split()), st.integers(1, 99_999)), max_size=40)


class History:
    """One person's, step by step."""

    def __init__(self, person: User) -> None:
        self.person = person
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def take(self, verb: str, number: int) -> None:
        rows = list(Generation.objects.filter(user=self.person).order_by("pk"))
        given = list(CreditEntry.objects.filter(account__user=self.person, kind="grant").order_by("pk"))
        if verb in ("grant", "expiring"):
            self._grant(Decimal(number) / 1000, expires=verb == "expiring")
        elif verb == "create":
            self._create()
        elif verb == "undo" and given:
            self._undo(given[number % len(given)])
        elif verb == "month":
            self.ahead += periods.month_of(self.now()).end - self.now()
        elif verb == "expire":
            ledger.end_grants(self.person.pk, self.now())
        elif rows:
            self._move(rows[number % len(rows)], verb, number)

    def end(self) -> None:
        """Give up what is in progress, and go to the end of the month."""
        for row in Generation.objects.filter(user=self.person).unfinished():
            lifecycle.fail(row, FailureCode.PROVIDER_ERROR)
        self.take("month", 0)
        self.take("expire", 0)

    @property
    def for_good(self) -> Decimal:
        """What was given without an end and not taken back, and what BFL took beyond its prices."""
        entries = CreditEntry.objects.filter(account__user=self.person)
        given = entries.filter(kind="grant", expires_at=None)
        undone = entries.filter(counters__in=given)
        beyond = entries.filter(kind="adjustment", amount__lt=0)
        return ledger.sum_of(given) + ledger.sum_of(undone) - ledger.sum_of(beyond)

    def _grant(self, amount: Decimal, *, expires: bool) -> None:
        order = grants.Order(people=[self.person], amount=amount, note="A step", expires=expires)
        grants.carry_out(order, created_by=None)

    def _create(self) -> None:
        try:
            create(self.person)
        except ledger.InsufficientCredits:
            assert ledger.get_balance(self.person) < Decimal("2.5")

    def _undo(self, entry: CreditEntry) -> None:
        with contextlib.suppress(ledger.NothingToUndo):
            ledger.undo(entry, note="A step", created_by=None)

    def _move(self, row: Generation, verb: str, number: int) -> None:
        if verb == "cancel":
            lifecycle.cancel(row, canceled_by=self.person)
        elif verb == "fail":
            lifecycle.fail(row, FailureCode.PROVIDER_ERROR)
        elif verb == "give_up":
            lifecycle.fail(row, FailureCode.TIMED_OUT)
        else:
            for _ in range(4 if verb == "succeed" else 1):
                row.refresh_from_db()
                self._go_on(row, number)

    def _go_on(self, row: Generation, number: int) -> None:
        if row.status == Status.QUEUED:
            lifecycle.claim()
        elif row.status == Status.SUBMITTING:
            lifecycle.mark_submitted(row, bfl.Submission(id=str(row.code), polling_url=None, cost=None))
        elif row.status in (Status.SUBMITTED, Status.FAILED) and row.bfl_id:
            cost = None if number % 3 == 0 else Decimal(number % 50_000) / 10_000
            lifecycle.mark_ready(
                row,
                bfl.Result(status=bfl.Status.READY, word="Ready", sample_url="http://x/s.jpeg", cost=cost),
                bfl_id=row.bfl_id,
            )
        elif row.status == Status.READY:
            lifecycle.complete(row, an_image())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_history_adds_up(steps: list[tuple[str, int]], db: None) -> None:
    person = User(username="person")
    history = History(person)
    with transaction.atomic(), mock.patch.object(timezone, "now", history.now):
        person.save()
        for verb, number in [("grant", 20_000), *steps]:
            history.take(verb, number)
            entries = CreditEntry.objects.filter(account__user=person)
            assert ledger.get_balance(person) == ledger.sum_of(entries) >= 0
        assert not list(doctor.check_ledger())
        for row in Generation.objects.filter(user=person):
            assert _paid(row) == _due(row) or _was_short(row)
        history.end()
        assert ledger.get_balance(person) <= history.for_good
        transaction.set_rollback(True)


def _paid(row: Generation) -> Decimal:
    return -ledger.sum_of(CreditEntry.objects.filter(generation=row))


def _due(row: Generation) -> Decimal:
    """What a picture must have cost its owner, by what BFL took for it."""
    if row.is_late or row.status in (Status.FAILED, Status.CANCELED):
        return Decimal()
    if row.status == Status.SUCCEEDED and row.cost is not None:
        return row.cost
    return row.price


def _was_short(row: Generation) -> bool:
    return row.events.filter(detail__contains="could be taken").exists() and _paid(row) < _due(row)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_of_fifty_presses_at_once_three_are_sold_twenty_times_in_a_row() -> None:
    people = [User.objects.create_user(f"person-{number}") for number in range(20)]
    for person in people:
        ledger.grant(person, Decimal("7.5"), note="For three", created_by=None)
    together = threading.Barrier(50)

    def press(person: User) -> bool:
        together.wait(60)
        try:
            lifecycle.create(User.objects.get(pk=person.pk), "flux-dev", PROMPT)
        except ledger.InsufficientCredits:
            return False
        return True

    def press_for_each(_: int) -> list[bool]:
        try:
            return [press(person) for person in people]
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as threads:
        rounds = zip(*threads.map(press_for_each, range(50)), strict=True)
    assert [sum(sold) for sold in rounds] == [3] * 20
    assert {ledger.get_balance(person) for person in people} == {0}
    assert Generation.objects.count() == 60
