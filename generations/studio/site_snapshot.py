"""What is true for everybody at this moment. Hundreds of open studios ask for it every second."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Min

from generations.credits import prices
from generations.credits.prices import Listed
from generations.models import Generation, Provider
from generations.pipeline import fair_order
from generations.presentation import wording
from generations.provider import circuit_breaker

# Seconds for which a process goes by what it has looked up.
HOLDS_FOR = 1.0


@dataclass(frozen=True)
class Pulse:
    in_progress: int
    """Unfinished generations of all people."""
    waiting: dict[int, tuple[int, int]]
    """By person, how many generations wait, and the first one's pk."""
    provider: Provider

    @cached_property
    def listing(self) -> dict[str, Listed]:
        """The price list. Only the press itself decides: see lifecycle."""
        return prices.get_list()

    @cached_property
    def late(self) -> frozenset[int]:
        """Whose pictures may still come although they were given up."""
        return frozenset(Generation.objects.late().values_list("user_id", flat=True))

    @cached_property
    def places(self) -> dict[int, list[int]]:
        """By person, the places in line of what they have waiting."""
        last = fair_order.last_turns(self.waiting)
        in_turn = sorted(self.waiting, key=lambda user: (last[user], self.waiting[user][1]))
        return fair_order.places({user: self.waiting[user][0] for user in in_turn})

    @property
    def waiting_reason(self) -> str:
        """Why nobody's turn can come at the moment, if that is so."""
        return wording.WAITING.get(self.provider.pause, "") if self.provider.is_noticed else ""

    def places_of(self, user_id: int, count: int) -> list[int | None]:
        """Return the places of a person's `count` waiting generations, oldest first; None if not known."""
        known = self.places.get(user_id, [])[-count:] if count else []
        return [*known, *[None] * (count - len(known))]


def get() -> Pulse:
    """Return the pulse, as this process has found it within the last second."""
    return _look(int(time.monotonic() / HOLDS_FOR))


@functools.lru_cache(maxsize=1)
def _look(moment: int) -> Pulse:
    groups = Generation.objects.unfinished().order_by().values_list("user_id", "status")
    counted = list(groups.annotate(Count("pk"), Min("pk")))
    return Pulse(
        in_progress=sum(count for _, _, count, _ in counted),
        waiting={user: (count, first) for user, status, count, first in counted if status == "queued"},
        provider=circuit_breaker.get_state(),
    )
