from __future__ import annotations

import io
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from generations.credits import ledger
from generations.models import CreditEntry


def grant(name: str, amount: str, reason: str = "For the poster") -> str:
    output = io.StringIO()
    call_command("grant_credits", name, amount, reason=reason, stdout=output)
    return output.getvalue()


def refusal(name: str, amount: str, reason: str = "For the poster") -> str:
    """Run the command, which must refuse with exit status 2; return what it says."""
    with pytest.raises(CommandError) as caught:
        grant(name, amount, reason)
    assert caught.value.returncode == 2
    return str(caught.value)


def test_it_gives_credits_and_says_how_many_there_are_now(alice: User) -> None:
    said = grant("alice", "12.5")
    entry = CreditEntry.objects.latest("pk")
    assert said == f"alice got 12.5 credits and has 112.5 now. (entry {entry.pk})\n"
    assert (entry.kind, entry.amount, entry.note) == ("grant", Decimal("12.5"), "For the poster")
    assert entry.created_by is None


def test_it_gives_credits_to_somebody_who_never_had_any(charlie: User) -> None:
    grant("charlie", "0.0001")
    assert ledger.get_balance(charlie) == Decimal("0.0001")


def test_it_refuses_to_give_to_nobody(db: None) -> None:
    assert refusal("nobody", "5") == "There is no person called “nobody”."


@pytest.mark.parametrize("amount", ["0", "-5", "1000000.0001", "inf", "nan", "1e400"])
def test_it_refuses_an_amount_out_of_range(amount: str, alice: User) -> None:
    assert refusal("alice", amount) == "The amount must be more than 0 and at most 1,000,000 credits."
    assert ledger.get_balance(alice) == 100


@pytest.mark.parametrize("amount", ["1.00001", "1e-5", "1e-400"])
def test_it_refuses_more_than_four_places(amount: str, alice: User) -> None:
    assert refusal("alice", amount) == "An amount has at most four decimal places."


@pytest.mark.parametrize("amount", ["", "much", "1,5", "0x10"])
def test_it_refuses_what_is_no_amount(amount: str, alice: User) -> None:
    assert refusal("alice", amount) == f"“{amount}” is not an amount."


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_it_refuses_without_a_reason(reason: str, alice: User) -> None:
    assert refusal("alice", "5", reason) == "Give a reason of at most 200 characters."
    assert ledger.get_balance(alice) == 100


def test_it_wants_the_reason_named(alice: User) -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("grant_credits", "alice", "5")
