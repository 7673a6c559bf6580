from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from generations import doctor
from generations.credits import ledger
from generations.models import CreditEntry, Generation, Offer
from generations.pipeline import lifecycle
from tests.credits.steps import an_image, complete, create, ready, submit, succeed


def settled(generation: Generation) -> list[tuple[Decimal, str]]:
    return list(generation.entries.filter(kind="adjustment").values_list("amount", "note"))


@pytest.mark.parametrize(
    ("cost", "amount", "note"),
    [
        ("3.1", "-0.6", "BFL's price was 2.5 and it took 3.1"),
        ("2.4999", "0.0001", "BFL's price was 2.5 and it took 2.4999"),
        ("0", "2.5", "BFL's price was 2.5 and it took 0"),
    ],
)
def test_it_settles_what_bfl_took_beside_its_price(cost: str, amount: str, note: str, alice: User) -> None:
    generation = succeed(alice, cost=Decimal(cost))
    assert settled(generation) == [(Decimal(amount), note)]
    assert ledger.get_balance(alice) == 100 - Decimal(cost)
    assert generation.timeline[-1].detail == note
    assert not list(doctor.check_ledger())


@pytest.mark.parametrize("cost", [None, Decimal("2.5"), Decimal("2.5000")])
def test_it_settles_nothing_when_bfl_keeps_to_its_price(cost: Decimal | None, alice: User) -> None:
    generation = succeed(alice, cost=cost)
    assert settled(generation) == []
    assert [event.kind for event in generation.timeline][-1] == "succeeded"


def test_it_takes_the_cost_told_at_the_submission(alice: User) -> None:
    generation = complete(ready(submit(create(alice), cost=Decimal(4))))
    assert [amount for amount, _ in settled(generation)] == [Decimal("-1.5")]


def test_it_takes_no_more_than_there_is(charlie: User) -> None:
    ledger.grant(charlie, Decimal(3), note="Not much", created_by=None)
    generation = succeed(charlie, cost=Decimal(4))
    told = "BFL's price was 2.5 and it took 4; of 1.5 more only 0.5 could be taken"
    assert settled(generation) == [(Decimal("-0.5"), told)]
    assert ledger.get_balance(charlie) == 0


def test_it_says_so_when_there_is_nothing_to_take(charlie: User) -> None:
    ledger.grant(charlie, Decimal("2.5"), note="Just enough", created_by=None)
    generation = succeed(charlie, cost=Decimal(4))
    assert settled(generation) == []
    assert generation.timeline[-1].detail.endswith("of 1.5 more only 0 could be taken")


def test_it_gives_no_more_back_than_was_paid(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", bfl_price=5, price=1)
    succeed(alice, cost=Decimal(3))
    assert ledger.get_balance(alice) == 100


def test_a_refunded_generation_ends_at_zero(alice: User) -> None:
    generation = ready(submit(create(alice)), Decimal(4))
    assert lifecycle.fail(generation, Generation.FailureCode.STORING_FAILED)
    assert ledger.get_balance(alice) == 100
    assert ledger.sum_of(CreditEntry.objects.filter(generation=generation)) == 0


def test_a_late_picture_stays_free(alice: User) -> None:
    generation = submit(create(alice))
    lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    complete(ready(generation, Decimal(4)))
    assert ledger.get_balance(alice) == 100
    assert not list(doctor.check_ledger())


def test_the_one_who_comes_second_settles_nothing(alice: User) -> None:
    generation = ready(submit(create(alice)), Decimal(4))
    stale = Generation.objects.get(pk=generation.pk)
    complete(generation)
    assert not lifecycle.complete(stale, an_image())
    assert ledger.get_balance(alice) == 96
