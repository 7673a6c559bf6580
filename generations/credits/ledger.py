"""Credits: every change of a balance is an entry, and the balance is their sum.

Whoever writes an entry holds the account's lock. Where several locks are wanted, their order is: the rows of
existing generations, accounts by their people's pk, the team's limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from generations import periods
from generations.credits import grant_expiry, limits
from generations.credits.amounts import PLACES
from generations.credits.amounts import plain as plain
from generations.credits.amounts import sum_of as sum_of
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
    return _newest_balance(CreditEntry.objects.newest_of(user.pk))


def get_balances(people: Sequence[User]) -> dict[User, Decimal]:
    """Return what each of several people has, as get_balance does."""
    newest = CreditEntry.objects.newest_of_account(OuterRef("pk")).values("balance_after")[:1]
    accounts = CreditAccount.objects.filter(user__in=people)
    found = dict(accounts.values_list("user", Subquery(newest)))
    return {person: found.get(person.pk) or Decimal() for person in people}


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

    What comes back later, of pictures that held it, can be taken then. Raises InvalidAmount without a reason,
    and NothingToUndo.
    """
    check_reason(note)
    with transaction.atomic():
        account = lock_account(entry.account.user_id)
        _end_due(account, timezone.now())
        amount = get_left(entry)
        rest = "" if amount == entry.amount else f" (only {plain(amount)} of {plain(entry.amount)} were left)"
        undone = CreditEntry(
            kind=Kind.UNDO,
            amount=-amount,
            counters=entry,
            note=note.strip()[: 200 - len(rest)] + rest,
            created_by=created_by,
        )
        append(account, [undone])
    return undone


def get_left(entry: CreditEntry) -> Decimal:
    """Return how much of a grant can be taken back now. Raises NothingToUndo."""
    now = timezone.now()
    if entry.kind != Kind.GRANT:
        raise NothingToUndo("Only a grant can be taken back.")
    if entry.expires_at and entry.expires_at <= now:
        raise NothingToUndo("That grant has expired.")
    rest = entry.amount - grant_expiry.taken(entry, Kind.UNDO)
    if not rest:
        raise NothingToUndo("That grant was taken back already.")
    left = min(rest, _left_of(entry, now))
    if left <= 0:
        raise NothingToUndo(
            "Nothing of that grant is left: it has all been spent. "
            "What comes back of pictures in progress can be taken back then."
        )
    return left


def _left_of(entry: CreditEntry, now: datetime) -> Decimal:
    account = entry.account
    balance = _balance_of(account)
    unused = grant_expiry.unused(account, account.entries.filter(expires_at__gt=now))
    if entry in unused:
        return min(unused[entry], balance)
    # What expires is spent first: the other grants are what is there besides.
    running = [left for grant, left in unused.items() if not grant.has_expired]
    return balance - sum(running, Decimal())


def end_grants(user_id: int, now: datetime) -> None:
    """Take what is unused of a person's grants whose time is over by now. Safe at any time."""
    with transaction.atomic():
        _end_due(lock_account(user_id), now)


def over(now: datetime) -> Q:
    """Return the condition of a grant whose time is over and of which nothing was taken yet."""
    return Q(expires_at__lte=now) & ~Q(countered_by__kind=Kind.EXPIRY)


def _end_due(account: CreditAccount, now: datetime) -> None:
    _end(account, account.entries.filter(over(now)), now)


def _end_again(account: CreditAccount, generations: Sequence[Generation]) -> None:
    """Take what has come back to grants that had ended: it was never used."""
    now, bought = timezone.now(), [generation.created_at for generation in generations]
    paid = Q(created_at__lte=max(bought), expires_at__gt=min(bought))
    _end(account, account.entries.filter(paid, expires_at__lte=now), now)


def _end(account: CreditAccount, grants: models.QuerySet[CreditEntry], now: datetime) -> None:
    for grant, due in grant_expiry.due(account, grants, now).items():
        amount = min(due, _balance_of(account))
        note = f"Unused of {plain(grant.amount)}: {grant.note}"[:200]
        append(account, [CreditEntry(kind=Kind.EXPIRY, amount=-amount, counters=grant, note=note)])


def charge(generations: Sequence[Generation]) -> None:
    """Take the prices of one person's press.

    Raises InsufficientCredits or LimitReached, and then nothing is written.
    """
    with transaction.atomic():
        # The account's row is the lock: two presses at once must not both see the last credit.
        account = lock_account(generations[0].user_id)
        _end_due(account, generations[0].created_at)
        price, balance = sum_of_prices(generations), _balance_of(account)
        if balance < price:
            raise InsufficientCredits(price, balance)
        limits.check(generations[0].user, price, now=generations[0].created_at)
        append(account, [_entry_of(generation, Kind.CHARGE, -generation.price) for generation in generations])


@contextmanager
def keeping_ends(user_id: int) -> Iterator[None]:
    """Let grants be over for which a press inside is refused: its transaction took that back, and the page
    would go on showing credits that cannot be spent. It must stand around the outermost transaction."""
    try:
        yield
    except InsufficientCredits:
        end_grants(user_id, timezone.now())
        raise


def refund(generation: Generation) -> None:
    """Give the price back. The database refuses a second refund of one generation."""
    refund_all([generation])


def refund_all(generations: Sequence[Generation]) -> None:
    """Give the prices of several generations of one person back, as refund does."""
    with transaction.atomic():
        account = lock_account(generations[0].user_id)
        append(account, [_entry_of(generation, Kind.REFUND, generation.price) for generation in generations])
        _end_again(account, generations)


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
        amount = max(due, -_balance_of(account))
        if amount != due:
            told += f"; of {plain(-due)} more only {plain(-amount)} could be taken"
        if amount:
            append(account, [_entry_of(generation, Kind.ADJUSTMENT, amount, told)])
            _end_again(account, [generation])
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
    balance, now = _balance_of(account), timezone.now()
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
        bought_on=periods.local_day(generation.created_at),
        endpoint=generation.endpoint,
    )


def _balance_of(account: CreditAccount) -> Decimal:
    return _newest_balance(CreditEntry.objects.newest_of_account(account.pk))


def _newest_balance(newest_first: models.QuerySet[CreditEntry]) -> Decimal:
    newest = newest_first.values_list("balance_after", flat=True).first()
    return Decimal() if newest is None else newest
