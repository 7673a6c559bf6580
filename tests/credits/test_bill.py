"""What BFL took of its account, and what our people paid for it, after histories drawn at random."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from generations import bfl, doctor, grants, ledger, lifecycle, periods
from generations.models import CreditEntry, Generation
from generations.sandbox import Sandbox
from tests.conftest import Work

VERBS = [*["buy"] * 8, "work", "grant", "expiring", "undo", "cancel", "months_end"]
FATES = ["plain", "ending", "refused", "costs more", "costs less"]
ENDPOINTS = ("flux-dev", "flux-pro", "flux-pro-1.1")
# The sandbox ends a picture so when its prompt says so.
ENDINGS = ("[request moderated]", "[content moderated]", "[error]", "[failed]")


class History:
    """What three people and a member of staff did, each step drawn."""

    def __init__(self, people: list[User], sandbox: Sandbox, seed: int) -> None:
        self.people = people
        self.sandbox = sandbox
        self.chance = random.Random(seed)
        self.given: list[CreditEntry] = []

    def take(self, number: int, work: Work) -> None:
        verb = self.chance.choice(VERBS)
        if verb == "work":
            work()
        elif verb == "buy":
            self._buy(number)
        elif verb in ("grant", "expiring"):
            self._grant(expires=verb == "expiring")
        elif verb == "undo":
            self._undo()
        elif verb == "cancel":
            self._cancel()
        else:
            grants.keep_up(periods.month_of(timezone.now()).end + timedelta(minutes=1))

    def _buy(self, number: int) -> None:
        prompt, endpoint = f"picture {number}.", self.chance.choice(ENDPOINTS)
        match self.chance.choice(FATES):
            case "ending":
                prompt += self.chance.choice(ENDINGS)
            case "refused":
                self.sandbox.faults.script("submit", "answer", prompt=prompt, status=422, times=None)
            case "costs more":
                self._name_cost(prompt, endpoint, self.chance.randint(1, 40_000))
            case "costs less":
                self._name_cost(prompt, endpoint, -self.chance.randint(1, 25_000))
        values = {"prompt": prompt, "width": 256, "height": 256}
        lifecycle.create(self.chance.choice(self.people), endpoint, values, count=self.chance.randint(1, 2))

    def _name_cost(self, prompt: str, endpoint: str, beside: int) -> None:
        cost = bfl.ENDPOINTS[endpoint].price + Decimal(beside) / 10_000
        self.sandbox.faults.script("submit", "cost", prompt=prompt, cost=float(cost), times=None)

    def _grant(self, *, expires: bool) -> None:
        amount = Decimal(self.chance.randint(1, 200_000)) / 10_000
        order = grants.Order(people=self.people, amount=amount, note="A step", expires=expires)
        self.given += grants.carry_out(order, created_by=None)

    def _undo(self) -> None:
        if self.given:
            with contextlib.suppress(ledger.NothingToUndo):
                ledger.undo(self.chance.choice(self.given), note="A step", created_by=None)

    def _cancel(self) -> None:
        row = Generation.objects.queued().order_by("pk").last()
        if row:
            assert lifecycle.cancel(row, canceled_by=row.user)


@pytest.mark.parametrize("seed", range(2))
def test_bfl_took_what_our_people_paid(
    seed: int, work: Work, sandbox: Sandbox, alice: User, bob: User, charlie: User
) -> None:
    sandbox.credits = before = Decimal(100_000)
    # So much that no settlement falls short: that is the one difference that may stay.
    ledger.grant(charlie, Decimal(100), note="For the tests", created_by=None)
    history = History([alice, bob, charlie], sandbox, seed)
    for number in range(40):
        history.take(number, work)
    work()
    paid = -ledger.sum_of(CreditEntry.objects.filter(generation__isnull=False))
    assert before - sandbox.credits == paid > 0
    for person in history.people:
        entries = CreditEntry.objects.filter(account__user=person)
        assert ledger.get_balance(person) == ledger.sum_of(entries) >= 0
    assert not list(doctor.check_ledger())
    # Else the history has not told much.
    assert set(CreditEntry.objects.values_list("kind", flat=True)) == set(CreditEntry.Kind)
    settled = CreditEntry.objects.filter(kind=CreditEntry.Kind.ADJUSTMENT)
    assert settled.filter(amount__gt=0).exists()
    assert settled.filter(amount__lt=0).exists()
