"""Credits: every change of a balance is an entry, and the balance is their sum.

Whoever writes an entry holds the account's lock. Where several locks are wanted, their order is: the rows of
existing generations, accounts by their people's pk, the team's limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from generations import limits
from generations.amounts import PLACES, Total
from generations.amounts import plain as plain
from generations.models import CreditAccount, CreditEntry, Generation

LARGEST_GRANT = Decimal("1000000")

Kind = CreditEntry.Kind


class InsufficientCredits(Exception):
    def __init__(self, price: Decimal, balance: Decimal) -> None:
        super().__init__(
            f"This costs {plain(price)} credits and you have {plain(balance)}. "
            "Ask a member of staff for more; nothing was charged."
        )


class InvalidAmount(ValueError):
    """An amount or a reason that no entry may have; the text says what would do."""


class NothingToUndo(Exception):
    """It is no grant, or nothing of it is left; the text says which."""


def get_balance(user: User) -> Decimal:
    """Return the credits that a person has, those held by unfinished generations already taken off."""
    # A subquery and not a join: else the databases look for the newest entry in everybody's.
    account = CreditAccount.objects.filter(user=user).values("pk")[:1]
    return _balance_of(CreditEntry.objects.filter(account=account))


def grant(
    user: User,
    amount: Decimal,
    *,
    note: str,
    created_by: User | None,
    expires_at: datetime | None = None,
) -> CreditEntry:
    """Give credits, for good or until `expires_at`. Raises InvalidAmount, as check_grant does."""
    check_grant(amount, note)
    entry = CreditEntry(
        kind=Kind.GRANT, amount=amount, note=note.strip(), created_by=created_by, expires_at=expires_at
    )
    with transaction.atomic():
        append(lock_account(user.pk), [entry])
    return entry


def check_grant(amount: Decimal, note: str) -> None:
    """Raises InvalidAmount unless the amount is more than zero, of four places at most, and has a reason."""
    if not amount.is_finite() or not 0 < amount <= LARGEST_GRANT:
        raise InvalidAmount(f"The amount must be more than 0 and at most {plain(LARGEST_GRANT)} credits.")
    if amount != amount.quantize(PLACES):
        raise InvalidAmount("An amount has at most four decimal places.")
    check_reason(note)


def check_reason(note: str) -> None:
    """Raises InvalidAmount unless there is a reason, and not too long a one."""
    if not note.strip() or len(note) > 200:
        raise InvalidAmount("Give a reason of at most 200 characters.")


def undo(entry: CreditEntry, *, note: str, created_by: User | None) -> CreditEntry:
    """Take a grant back as far as it is still there, and say so where it is not all.

    Raises InvalidAmount without a reason, and NothingToUndo.
    """
    check_reason(note)
    if entry.kind != Kind.GRANT:
        raise NothingToUndo("Only a grant can be taken back.")
    with transaction.atomic():
        account = lock_account(entry.account.user_id)
        if _is_ended(entry):
            raise NothingToUndo("That grant has expired or was taken back already.")
        amount = min(entry.amount, _balance_of(account.entries.all()))
        if not amount:
            raise NothingToUndo("Nothing of that grant is left: it has all been spent.")
        rest = "" if amount == entry.amount else f" (only {plain(amount)} of {plain(entry.amount)} were left)"
        taken = CreditEntry(
            kind=Kind.UNDO,
            amount=-amount,
            counters=entry,
            note=note.strip()[: 200 - len(rest)] + rest,
            created_by=created_by,
        )
        append(account, [taken])
    return taken


def expire(entry: CreditEntry) -> CreditEntry | None:
    """End a grant whose time is over: what is unused of it goes. None if it has ended already.

    What was bought since the grant was given came out of it, as far as it goes.
    """
    with transaction.atomic():
        account = lock_account(entry.account.user_id)
        if _is_ended(entry):
            return None
        since = account.entries.filter(bought_at__gte=entry.created_at, bought_at__lt=entry.expires_at)
        unused = max(entry.amount + min(sum_of(since), Decimal()), Decimal())
        gone = CreditEntry(
            kind=Kind.EXPIRY,
            amount=-min(unused, _balance_of(account.entries.all())),
            counters=entry,
            note=f"Unused of {plain(entry.amount)}: {entry.note}"[:200],
        )
        append(account, [gone])
    return gone


def _is_ended(entry: CreditEntry) -> bool:
    return CreditEntry.objects.filter(counters=entry).exists()


def charge(generations: Sequence[Generation]) -> None:
    """Take the prices of one person's press.

    Raises InsufficientCredits or LimitReached, and then nothing is written.
    """
    with transaction.atomic():
        # The account's row is the lock: two presses at once must not both see the last credit.
        account = lock_account(generations[0].user_id)
        price, balance = sum_of_prices(generations), _balance_of(account.entries.all())
        if balance < price:
            raise InsufficientCredits(price, balance)
        limits.check(generations[0].user, price, now=generations[0].created_at)
        append(account, [_entry_of(generation, Kind.CHARGE, -generation.price) for generation in generations])


def refund(generation: Generation) -> None:
    """Give the price back. The database refuses a second refund of one generation."""
    refund_all([generation])


def refund_all(generations: Sequence[Generation]) -> None:
    """Give the prices of several generations of one person back, as refund does."""
    with transaction.atomic():
        account = lock_account(generations[0].user_id)
        append(account, [_entry_of(generation, Kind.REFUND, generation.price) for generation in generations])


def settle(generation: Generation) -> str:
    """Take or give back by how much BFL's cost differs from its price, once. Return what is told of it.

    Never more is given back than was paid, and never more taken than there is. Nothing to settle is "".
    """
    if generation.cost is None or generation.cost == generation.bfl_price:
        return ""
    told = f"BFL's price was {plain(generation.bfl_price)} and it took {plain(generation.cost)}"
    with transaction.atomic():
        account = lock_account(generation.user_id)
        due = min(generation.bfl_price - generation.cost, generation.price)
        amount = max(due, -_balance_of(account.entries.all()))
        if amount != due:
            told += f"; of {plain(-due)} more only {plain(-amount)} could be taken"
        if amount:
            append(account, [_entry_of(generation, Kind.ADJUSTMENT, amount, told)])
    return told


def sum_of_prices(generations: Iterable[Generation]) -> Decimal:
    return sum((generation.price for generation in generations), Decimal())


def lock_account(user_id: int) -> CreditAccount:
    """Return a person's account, locked until the transaction ends."""
    locked = CreditAccount.objects.select_for_update().filter(user=user_id)
    found = locked.first()
    if found is None:
        CreditAccount.objects.get_or_create(user_id=user_id)
        found = locked.get()
    return found


def append(account: CreditAccount, entries: Sequence[CreditEntry]) -> None:
    """Write entries of a locked account, each carrying the balance on."""
    balance, now = _balance_of(account.entries.all()), timezone.now()
    for entry in entries:
        balance += entry.amount
        entry.account, entry.balance_after, entry.created_at = account, balance, now
    CreditEntry.objects.bulk_create(entries)


def _entry_of(generation: Generation, kind: Kind, amount: Decimal, note: str = "") -> CreditEntry:
    return CreditEntry(
        kind=kind,
        amount=amount,
        note=note,
        generation=generation,
        bought_at=generation.created_at,
        endpoint=generation.endpoint,
    )


def _balance_of(entries: models.QuerySet[CreditEntry]) -> Decimal:
    newest = entries.order_by("-pk").values_list("balance_after", flat=True).first()
    return Decimal() if newest is None else newest


def sum_of(entries: models.QuerySet[CreditEntry]) -> Decimal:
    """Return what entries come to together."""
    total: Decimal | None = entries.order_by().aggregate(total=Total("amount"))["total"]
    return total or Decimal()
