"""What room a person has for one more picture: their limits and places to wait, told before they press."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User

from generations import limits, offers
from generations.amounts import plain
from generations.limits import Standing
from generations.models import Limit
from generations.offers import Listed

_WHEN = {Limit.Period.DAY: "today", Limit.Period.MONTH: "this month"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    listed: Listed
    waiting: int
    standings: Sequence[Standing]

    @property
    def nearest(self) -> Standing | None:
        """The limit of which the least is left."""
        return min(self.standings, key=lambda standing: standing.left, default=None)

    @property
    def sentence(self) -> str:
        waiting = f"{self.waiting} of {self.listed.max_waiting} waiting"
        return f"{waiting} · {_left(self.nearest)}" if self.nearest else waiting

    def refusal(self, price: Decimal, count: int = 1) -> str:
        """Why `count` more for `price` together would be refused, or nothing."""
        if self.nearest and price > self.nearest.left:
            needed = f"{self.nearest.sentence}; this costs {plain(price)}"
            return f"{needed}. The limit resets {self.nearest.resets}."
        if self.waiting + count > self.listed.max_waiting:
            full = f"{self.waiting} of {self.listed.max_waiting} {self.listed.endpoint.name} pictures"
            return f"You have {full} waiting. Wait until some have had their turn, or cancel some."
        return ""


def of(user: User, listed: Listed) -> Room:
    waiting = offers.count_waiting(user.pk, listed.endpoint.slug)
    return Room(listed=listed, waiting=waiting, standings=limits.of(user))


def _left(standing: Standing) -> str:
    limit = standing.limit
    left = f"{plain(standing.left)} of {plain(limit.credits)} left {_WHEN[Limit.Period(limit.period)]}"
    return f"the team has {left}" if standing.is_for_team else left
