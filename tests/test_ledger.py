from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from generations import ledger, lifecycle
from generations.models import CreditAccount, CreditEntry, Generation
from generations.models.credits import AppendOnly

PROMPT = {"prompt": "a lighthouse at dusk"}


def create(user: User, endpoint: str = "flux-dev") -> Generation:
    return lifecycle.create(user, endpoint, PROMPT)[0]


def test_it_adds_entries_up_to_the_balance(alice: User) -> None:
    ledger.grant(alice, Decimal("0.1234"), note="A little more", created_by=None)
    create(alice)
    assert ledger.get_balance(alice) == Decimal("97.6234")


def test_a_balance_has_four_places_on_every_database(alice: User) -> None:
    for _ in range(3):
        ledger.grant(alice, Decimal("0.1"), note="A little more", created_by=None)
    assert str(ledger.get_balance(alice)) == "100.3000"


def test_it_has_no_credits_for_somebody_new(charlie: User) -> None:
    assert ledger.get_balance(charlie) == 0


def test_it_keeps_people_apart(alice: User, bob: User) -> None:
    create(alice)
    assert ledger.get_balance(bob) == 100


def test_it_refuses_to_charge_more_than_there_is(charlie: User) -> None:
    ledger.grant(charlie, Decimal("2.4999"), note="Not quite enough", created_by=None)
    with pytest.raises(ledger.InsufficientCredits, match=r"costs 2\.5 credits and you have 2\.4999"):
        create(charlie)
    assert ledger.get_balance(charlie) == Decimal("2.4999")
    assert not Generation.objects.exists()


def test_it_lets_the_last_credit_be_spent(charlie: User) -> None:
    ledger.grant(charlie, Decimal("2.5"), note="Just enough", created_by=None)
    create(charlie)
    assert ledger.get_balance(charlie) == 0


@pytest.mark.parametrize("amount", ["0", "-1", "1000000.0001", "0.00001", "NaN", "Infinity"])
def test_it_refuses_a_grant_of(amount: str, alice: User) -> None:
    with pytest.raises(ledger.InvalidAmount):
        ledger.grant(alice, Decimal(amount), note="For the tests", created_by=None)
    assert ledger.get_balance(alice) == 100


@pytest.mark.parametrize("note", ["", "   ", "x" * 201])
def test_it_refuses_a_grant_without_a_fitting_reason(note: str, alice: User) -> None:
    with pytest.raises(ledger.InvalidAmount, match="reason"):
        ledger.grant(alice, Decimal(1), note=note, created_by=None)


def test_it_remembers_who_granted(alice: User, staff: User) -> None:
    entry = ledger.grant(alice, Decimal(5), note="Birthday", created_by=staff)
    assert (entry.kind, entry.note, entry.created_by) == ("grant", "Birthday", staff)


def test_the_database_refuses_to_charge_a_generation_twice(alice: User) -> None:
    generation = create(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.charge([generation])


def test_the_database_refuses_to_refund_a_generation_twice(alice: User) -> None:
    generation = create(alice)
    ledger.refund(generation)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.refund(generation)


def test_entries_are_never_changed_or_deleted(alice: User) -> None:
    entry = CreditEntry.objects.get(account__user=alice)
    for change in (entry.save, entry.delete, CreditEntry.objects.all().delete):
        with pytest.raises(AppendOnly):
            change()
    with pytest.raises(AppendOnly):
        CreditEntry.objects.update(amount=1)


@pytest.mark.parametrize(
    ("kind", "amount", "note"),
    [("grant", -1, "x"), ("grant", 0, "x"), ("adjustment", 0, "x"), ("grant", 1, ""), ("refund", 1, "")],
)
def test_the_database_refuses_an_entry_that_makes_no_sense(
    kind: str, amount: int, note: str, alice: User
) -> None:
    account = CreditAccount.objects.get(user=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        account.entries.create(kind=kind, amount=amount, note=note, created_at=alice.date_joined)


@pytest.mark.django_db(transaction=True)
def test_it_sells_what_credit_is_there_for_and_no_more(charlie: User) -> None:
    ledger.grant(charlie, Decimal("7.5"), note="For three", created_by=None)

    def press(_: int) -> bool:
        try:
            create(User.objects.get(pk=charlie.pk))
        except ledger.InsufficientCredits:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(press, range(24))) == 3
    assert ledger.get_balance(charlie) == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [("2.5000", "2.5"), ("4.0000", "4"), ("1234.5", "1,234.5"), ("-0.0000", "0"), ("0.0001", "0.0001")],
)
def test_it_writes_credits_without_closing_zeros(amount: str, text: str) -> None:
    assert ledger.plain(Decimal(amount)) == text
