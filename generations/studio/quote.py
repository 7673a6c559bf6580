"""The price of a batch, and the reason why it would be refused: credits, spending limits, queue limit.

Advisory: the purchase in `pipeline.lifecycle` checks again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User

from generations.context_processors import Frame
from generations.credits import limits
from generations.credits.amounts import PLACES, plain
from generations.credits.limits import Standing
from generations.credits.prices import Listed
from generations.models import Limit
from generations.pipeline import lifecycle

_WHEN = {Limit.Period.DAY: "today", Limit.Period.MONTH: "this month"}


@dataclass(frozen=True, slots=True)
class Bound:
    """At most so many pictures now, and the sentence for whoever wants more."""

    most: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a press for so many pictures would cost and leave, and why it would be refused, if so."""

    count: int
    total: Decimal
    left_after: Decimal
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    listed: Listed
    balance: Decimal
    waiting: int
    standings: Sequence[Standing]
    may_give: bool = False
    """Whether this person may give credits, to themselves too."""

    def quote(self, count: int) -> Quote:
        total = self.listed.price * count
        refusal = next((bound.sentence for bound in self.bounds if count > bound.most), "")
        return Quote(count=count, total=total, left_after=self.balance - total, refusal=refusal)

    @property
    def bounds(self) -> list[Bound]:
        """All that a press runs against, in the order in which people are told."""
        off = [] if self.listed.is_enabled else [self._switched_off]
        limited = [self._limit(standing) for standing in self.standings]
        return [*off, self._largest, self._credits, *limited, self._places]

    @property
    def as_json(self) -> str:
        """The same for the script, which reckons while the count is changed; credits in ten-thousandths."""
        return json.dumps(
            {
                "price": int(self.listed.price / PLACES),
                "balance": int(self.balance / PLACES),
                "bounds": [[bound.most, bound.sentence] for bound in self.bounds],
            }
        )

    @property
    def sentence(self) -> str:
        waiting = f"Queue: {self.waiting} of {self.listed.max_waiting}" if self.waiting else ""
        nearest = min(self.standings, key=lambda standing: standing.left, default=None)
        return " · ".join(part for part in (waiting, _left(nearest) if nearest else "") if part)

    @property
    def _switched_off(self) -> Bound:
        return Bound(0, f"{self.listed.endpoint.name} is switched off at the moment. Choose another model.")

    @property
    def _credits(self) -> Bound:
        most = self._affordable(self.balance)
        if not most:
            costs = (
                f"One of these costs {plain(self.listed.price)} credits and you have {plain(self.balance)}"
            )
            return Bound(0, f"{costs}. {self._way_to_more}")
        pay = f"Your {plain(self.balance)} credits pay for {most} of these"
        return Bound(most, f"{pay}. Make fewer, or ask a member of staff for more.")

    def _limit(self, standing: Standing) -> Bound:
        most = self._affordable(standing.left)
        reach = f": enough for {most} of these" if most else f"; this costs {plain(self.listed.price)}"
        return Bound(most, f"{standing.sentence}{reach}. The limit resets {standing.resets}.")

    @property
    def _places(self) -> Bound:
        most = max(self.listed.max_waiting - self.waiting, 0)
        full = f"{self.waiting} of {self.listed.max_waiting} {self.listed.endpoint.name} pictures waiting"
        if not most:
            return Bound(0, f"You have {full}. Wait until some have had their turn, or cancel some.")
        return Bound(most, f"You have {full}, so there is room for {most} more.")

    @property
    def _largest(self) -> Bound:
        return Bound(lifecycle.LARGEST_COUNT, f"At most {lifecycle.LARGEST_COUNT} pictures go at once.")

    @property
    def _way_to_more(self) -> str:
        return "Give yourself more in the admin." if self.may_give else "Ask a member of staff for more."

    def _affordable(self, credits: Decimal) -> int:
        price = self.listed.price
        return max(int(credits // price), 0) if price else lifecycle.LARGEST_COUNT


def of(user: User, listed: Listed, frame: Frame) -> Room:
    waiting = frame.waiting[listed.endpoint.slug]
    return Room(
        listed=listed,
        balance=frame.balance,
        waiting=waiting,
        standings=limits.of(user),
        may_give=user.is_staff and user.has_perm("generations.add_creditentry"),
    )


def _left(standing: Standing) -> str:
    limit = standing.limit
    left = f"{plain(standing.left)} of {plain(limit.credits)} left {_WHEN[Limit.Period(limit.period)]}"
    return f"the team has {left}" if standing.is_for_team else left
