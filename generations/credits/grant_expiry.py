"""What is left of grants that expire.

They are spent before those that do not, and of several the one that ends first; each credit once. What a
picture cost counts for the moment of its press, so what has come back of it was never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import cast

from generations.credits.amounts import sum_of
from generations.models import CreditAccount, CreditEntry

Kind = CreditEntry.Kind


def unused(account: CreditAccount, grants: Iterable[CreditEntry]) -> dict[CreditEntry, Decimal]:
    """Return what was not used of some grants that expire, and of those whose time overlaps theirs.

    What was taken back is off already; what has expired is not.
    """
    wanted = set(grants)
    runs = _runs(account) if wanted else ()
    return {grant: left for run in runs if wanted & set(run) for grant, left in _unused(account, run)}


def due(account: CreditAccount, grants: Iterable[CreditEntry], now: datetime) -> dict[CreditEntry, Decimal]:
    """Return what is still to be taken of those that are over by now: 0 where there was nothing to take."""
    owed = {
        grant: max(left - taken(grant, Kind.EXPIRY), Decimal())
        for grant, left in unused(account, grants).items()
        if grant.expires_at and grant.expires_at <= now
    }
    return {grant: amount for grant, amount in owed.items() if amount or not _has_ended(grant)}


def taken(grant: CreditEntry, *kinds: str) -> Decimal:
    """Return what was taken of a grant by entries of these kinds."""
    return -sum((entry.amount for entry in grant.countered_by.all() if entry.kind in kinds), Decimal())


def _has_ended(grant: CreditEntry) -> bool:
    return any(entry.kind == Kind.EXPIRY for entry in grant.countered_by.all())


def _runs(account: CreditAccount) -> Iterator[list[CreditEntry]]:
    """Give the account's grants that expire, those together whose times overlap."""
    expiring = account.entries.filter(expires_at__isnull=False).prefetch_related("countered_by")
    run: list[CreditEntry] = []
    for grant in expiring.order_by("created_at", "pk"):
        if run and grant.created_at >= max(_end(other) for other in run):
            yield run
            run = []
        run.append(grant)
    if run:
        yield run


def _unused(account: CreditAccount, run: list[CreditEntry]) -> Iterable[tuple[CreditEntry, Decimal]]:
    left = {grant: grant.amount - taken(grant, Kind.UNDO) for grant in run}
    in_turn = sorted(run, key=lambda grant: (_end(grant), grant.pk))
    edges = {grant.created_at for grant in run} | {_end(grant) for grant in run}
    for start, end in pairwise(sorted(edges)):
        bought = account.entries.filter(
            bought_at__gte=start, bought_at__lt=end, bought_on__range=_days(start, end)
        )
        spent = max(-sum_of(bought), Decimal())
        for grant in in_turn:
            if grant.created_at <= start and end <= _end(grant):
                used = min(left[grant], spent)
                left[grant] -= used
                spent -= used
    return left.items()


def _days(start: datetime, end: datetime) -> tuple[date, date]:
    """Return the first and last day that any clocks may have had, for the index by day finds the entries."""
    return start.date() - timedelta(days=1), end.date() + timedelta(days=1)


def _end(grant: CreditEntry) -> datetime:
    return cast(datetime, grant.expires_at)
