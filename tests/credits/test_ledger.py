from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from generations import periods
from generations.credits import ledger
from generations.models import CreditAccount, CreditEntry, Generation, GrantPlan
from generations.models.credits import AppendOnly
from generations.pipeline import lifecycle

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


def test_the_largest_grant_is_one(charlie: User) -> None:
    ledger.grant(charlie, ledger.LARGEST_GRANT, note="All at once", created_by=None)
    assert ledger.get_balance(charlie) == ledger.LARGEST_GRANT


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


# What makes each a sound entry of Alice's; a broken rule is one change to it.
GRANT = {"kind": "grant", "amount": 5, "note": "By hand"}
CHARGE = {"kind": "charge", "amount": -5, "of": "picture"}
REFUND = {"kind": "refund", "amount": Decimal("2.5"), "of": "picture"}
UNDO = {"kind": "undo", "amount": -5, "note": "By hand", "counters": "grant"}
SOUND = [GRANT, REFUND, UNDO, {"kind": "adjustment", "amount": -1, "note": "By hand"}]


def write(alice: User, told: dict[str, object]) -> None:
    """Add an entry that carries the balance on and breaks only what it is told to break."""
    account = CreditAccount.objects.get(user=alice)
    picture = Generation.objects.get(user=alice)
    fields = {name: value for name, value in told.items() if name not in ("of", "counters")}
    if told.get("of"):
        bought_at = picture.created_at
        fields |= {"generation": picture, "bought_at": bought_at, "endpoint": picture.endpoint}
        fields["bought_on"] = periods.local_day(bought_at)
    if told.get("counters"):
        fields |= {"counters": account.entries.get(kind="grant")}
    fields |= {name: told[name] for name in ("bought_at", "bought_on", "endpoint") if name in told}
    balance = ledger.get_balance(alice) + Decimal(str(told["amount"]))
    with transaction.atomic():
        account.entries.create(balance_after=balance, created_at=alice.date_joined, **fields)


@pytest.mark.parametrize("entry", SOUND, ids=lambda entry: str(entry["kind"]))
def test_the_database_takes_a_sound_entry(entry: dict[str, object], alice: User) -> None:
    create(alice)
    write(alice, entry)


MONTH = date(2026, 11, 1)
UNSOUND = [
    ("entry_sign_matches_kind", GRANT | {"amount": -1}),
    ("entry_sign_matches_kind", GRANT | {"amount": 0}),
    ("entry_sign_matches_kind", CHARGE | {"amount": 5}),
    ("entry_sign_matches_kind", UNDO | {"amount": 1, "counters": "grant"}),
    ("entry_sign_matches_kind", {"kind": "adjustment", "amount": 0, "note": "By hand"}),
    ("entry_sign_matches_kind", {"kind": "present", "amount": 5, "note": "By hand"}),
    ("entry_by_hand_has_a_reason", GRANT | {"note": ""}),
    ("entry_by_hand_has_a_reason", UNDO | {"note": ""}),
    ("entry_leaves_no_debt", {"kind": "adjustment", "amount": -98, "note": "By hand"}),
    ("entry_of_a_generation", CHARGE | {"of": ""}),
    ("entry_bought_with_its_generation", GRANT | {"endpoint": "flux-dev"}),
    ("entry_bought_with_its_generation", REFUND | {"endpoint": ""}),
    ("entry_bought_with_its_generation", REFUND | {"bought_at": None}),
    ("entry_bought_with_its_generation", REFUND | {"bought_on": None}),
    ("entry_counters_a_grant", UNDO | {"counters": ""}),
    ("entry_counters_a_grant", {"kind": "adjustment", "amount": -1, "note": "x", "counters": "grant"}),
    ("entry_expires_if_granted", UNDO | {"month": MONTH}),
    ("entry_expires_if_granted", UNDO | {"expires_at": timezone.now()}),
]


@pytest.mark.parametrize(("rule", "entry"), UNSOUND)
def test_the_database_refuses_an_entry_that_makes_no_sense(
    rule: str, entry: dict[str, object], alice: User
) -> None:
    create(alice)
    with pytest.raises(IntegrityError, match=rule):
        write(alice, entry)


@pytest.mark.parametrize(
    ("rule", "plan"),
    [("plan_gives_something", {"amount": 0}), ("plan_has_a_reason", {"note": ""})],
)
def test_the_database_refuses_a_plan_that_makes_no_sense(
    rule: str, plan: dict[str, object], alice: User
) -> None:
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        GrantPlan.objects.create(**{"amount": 1, "note": "x", "created_at": alice.date_joined, **plan})


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
