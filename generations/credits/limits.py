"""How much may be spent in a day and in a month, by one person and by all together.

For a person the most specific limit counts: their own, else the most generous of their groups', else that for
each person. The team's counts besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from generations import periods
from generations.credits.amounts import Total, plain
from generations.models import CreditEntry, Limit
from generations.periods import Period

Scope = Limit.Scope
# Any number will do, as long as nobody else in this database uses it.
_TEAM_LOCK = 0x7465616D
_PERIODS = {Limit.Period.DAY: periods.day_of, Limit.Period.MONTH: periods.month_of}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A limit that counts for somebody, and how far it is used up."""

    limit: Limit
    spent: Decimal
    resets_at: datetime
    now: datetime

    @property
    def left(self) -> Decimal:
        # A limit may have been lowered since, and BFL's cost is settled whatever the limit.
        return max(self.limit.credits - self.spent, Decimal())

    @property
    def is_for_team(self) -> bool:
        return self.limit.scope == Scope.TEAM

    @property
    def percent(self) -> int:
        """How much of it is used up, from 0 to 100."""
        return min(100, int(100 * self.spent / self.limit.credits)) if self.limit.credits else 100

    @property
    def sentence(self) -> str:
        whose = "The team" if self.is_for_team else "You"
        has = "has" if self.is_for_team else "have"
        return (
            f"{whose} may spend {plain(self.limit.credits)} credits a {self.limit.period} "
            f"and {has} {plain(self.left)} left"
        )

    @property
    def resets(self) -> str:
        """When it begins anew, in words: tomorrow at 00:00, on 1 December."""
        return periods.told(self.resets_at, now=self.now)


class LimitReached(Exception):
    def __init__(self, standing: Standing, price: Decimal) -> None:
        super().__init__(
            f"{standing.sentence}; this costs {plain(price)}. Nothing was charged. "
            f"The limit resets {standing.resets}."
        )
        self.standing = standing


def of(user: User, *, now: datetime | None = None) -> list[Standing]:
    """Return the limits that count for a person: their own by day and by month, then the team's."""
    moment = now or timezone.now()
    return [_standing(limit, user, moment) for limit in _that_count(user, moment)]


def check(user: User, price: Decimal, *, now: datetime) -> None:
    """Raises LimitReached if a price is more than a limit leaves. Call it under the account's lock."""
    counting = _that_count(user, now)
    if any(limit.scope == Scope.TEAM for limit in counting):
        _lock_team()
    for limit in counting:
        standing = _standing(limit, user, now)
        if price > standing.left:
            raise LimitReached(standing, price)


def _that_count(user: User, now: datetime) -> list[Limit]:
    whose = Q(scope__in=[Scope.TEAM, Scope.EVERYONE]) | Q(person=user) | Q(group__in=user.groups.all())
    found = list(Limit.objects.in_force(periods.local_day(now)).filter(whose))
    personal = [limit for period in _PERIODS for limit in _most_specific(found, period)]
    teams = [limit for limit in found if limit.scope == Scope.TEAM]
    return personal + sorted(teams, key=lambda limit: list(_PERIODS).index(Limit.Period(limit.period)))


def _most_specific(found: list[Limit], period: str) -> Iterator[Limit]:
    for scope in (Scope.PERSON, Scope.GROUP, Scope.EVERYONE):
        if fitting := [limit for limit in found if (limit.scope, limit.period) == (scope, period)]:
            yield max(fitting, key=lambda limit: limit.credits)
            return


def _standing(limit: Limit, user: User, now: datetime) -> Standing:
    period = _PERIODS[Limit.Period(limit.period)](now)
    spent = _spent(period, None if limit.scope == Scope.TEAM else user)
    return Standing(limit=limit, spent=spent, resets_at=period.end, now=now)


def _spent(period: Period, user: User | None) -> Decimal:
    """Return what the pictures bought in a period have cost, what came back taken off."""
    first, after = periods.local_day(period.start), periods.local_day(period.end)
    entries = CreditEntry.objects.filter(bought_on__gte=first, bought_on__lt=after)
    if user:
        entries = entries.of(user.pk)
    total: Decimal | None = entries.aggregate(total=Total("amount"))["total"]
    return -(total or Decimal())


def _lock_team() -> None:
    # The account's lock keeps one person's presses apart; here everybody's count. On SQLite the transaction
    # has begun IMMEDIATE and is alone already.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TEAM_LOCK])
