"""Credits: every change of a balance is an entry, and the balance is their sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Sum
from django.utils import timezone

from generations.models import CreditAccount, CreditEntry, Generation

LARGEST_GRANT = Decimal("1000000")


class InsufficientCredits(Exception):
    def __init__(self, price: Decimal, balance: Decimal) -> None:
        super().__init__(
            f"This costs {plain(price)} credits and you have {plain(balance)}. "
            "Ask a member of staff for more; nothing was charged."
        )


class InvalidAmount(ValueError):
    """An amount or a reason that no entry may have; the text says what would do."""


def plain(amount: Decimal) -> str:
    """Return credits as people read them: without the zeros at the end."""
    text = f"{amount:,.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


def get_balance(user: User) -> Decimal:
    """Return the credits that a person has, those held by unfinished generations already taken off."""
    return _sum_of(CreditEntry.objects.filter(account__user=user))


def grant(user: User, amount: Decimal, *, note: str, created_by: User | None) -> CreditEntry:
    """Give credits. Raises InvalidAmount, as check_grant does."""
    check_grant(amount, note)
    account, _ = CreditAccount.objects.get_or_create(user=user)
    entry = _entry(account, CreditEntry.Kind.GRANT, amount, note=note.strip(), created_by=created_by)
    entry.save(force_insert=True)
    return entry


def check_grant(amount: Decimal, note: str) -> None:
    """Raises InvalidAmount unless the amount is more than zero, of four places at most, and has a reason."""
    if not amount.is_finite() or not 0 < amount <= LARGEST_GRANT:
        raise InvalidAmount(f"The amount must be more than 0 and at most {plain(LARGEST_GRANT)} credits.")
    if amount != amount.quantize(Decimal("0.0001")):
        raise InvalidAmount("An amount has at most four decimal places.")
    if not note.strip() or len(note) > 200:
        raise InvalidAmount("Give a reason of at most 200 characters.")


def charge(generations: Sequence[Generation]) -> None:
    """Take the prices of one person's press. Raises InsufficientCredits, and then nothing is written."""
    with transaction.atomic():
        # The account's row is the lock: two presses at once must not both see the last credit.
        account = _lock_account(generations[0].user)
        price, balance = sum_of_prices(generations), _sum_of(account.entries.all())
        if balance < price:
            raise InsufficientCredits(price, balance)
        CreditEntry.objects.bulk_create(
            _entry(account, CreditEntry.Kind.CHARGE, -generation.price, generation=generation)
            for generation in generations
        )


def refund(generation: Generation) -> None:
    """Give the price back. The database refuses a second refund of one generation."""
    account = CreditAccount.objects.get(user=generation.user_id)
    _entry(account, CreditEntry.Kind.REFUND, generation.price, generation=generation).save(force_insert=True)


def sum_of_prices(generations: Iterable[Generation]) -> Decimal:
    return sum((generation.price for generation in generations), Decimal())


def _entry(
    account: CreditAccount,
    kind: CreditEntry.Kind,
    amount: Decimal,
    *,
    generation: Generation | None = None,
    note: str = "",
    created_by: User | None = None,
) -> CreditEntry:
    return CreditEntry(
        account=account,
        kind=kind,
        amount=amount,
        generation=generation,
        note=note,
        created_by=created_by,
        created_at=timezone.now(),
    )


def _lock_account(user: User) -> CreditAccount:
    CreditAccount.objects.get_or_create(user=user)
    return CreditAccount.objects.select_for_update().get(user=user)


def _sum_of(entries: models.QuerySet[CreditEntry]) -> Decimal:
    # SQLite adds decimals up as floats, so four places are put back.
    total: Decimal | None = entries.aggregate(total=Sum("amount"))["total"]
    return (total or Decimal()).quantize(Decimal("0.0001"))
