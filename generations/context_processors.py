from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from generations.credits import ledger
from generations.models import Generation, Provider
from generations.presentation import wording
from generations.studio import site_snapshot
from generations.studio.site_snapshot import Pulse


def word_of(state: object) -> str:
    """Return a short word that differs where the state does."""
    return hashlib.blake2b(repr(state).encode(), digest_size=8).hexdigest()


class Frame:
    """What the frame of every page shows of a person, each asked for once at most."""

    def __init__(self, user: User) -> None:
        self._user = user

    @cached_property
    def balance(self) -> Decimal:
        return ledger.get_balance(self._user)

    @cached_property
    def pulse(self) -> Pulse:
        return site_snapshot.get()

    @cached_property
    def mine_count(self) -> int:
        """How many of this person's generations are unfinished."""
        return Generation.objects.unfinished().filter(user=self._user).count()

    @cached_property
    def waiting(self) -> Counter[str]:
        """How many of this person's generations wait for their turn, by endpoint."""
        queued = Generation.objects.queued().filter(user=self._user)
        return Counter(queued.values_list("endpoint", flat=True))

    @property
    def stand(self) -> str:
        """A word that changes with a person's credits and places to wait, not with each step of a picture."""
        return word_of((self.balance, sorted(self.waiting.items())))

    @property
    def all_count(self) -> str:
        """How many of everybody's are unfinished, as it is shown; "" if none is."""
        # The pulse may be a second older than what is this person's own.
        count = max(self.pulse.in_progress, self.mine_count)
        return wording.crowd(count, at_least=self.mine_count) if count else ""

    @property
    def has_late(self) -> bool:
        """Whether something of this person's was given up, and may still come."""
        return self._user.pk in self.pulse.late

    @property
    def provider_state(self) -> Provider:
        return self.pulse.provider

    @property
    def waiting_reason(self) -> str:
        return self.pulse.waiting_reason

    @property
    def pause_line(self) -> str:
        """What staff, and nobody else, are told beside the notice."""
        state = self.provider_state
        if not (self._user.is_staff and state.notice):
            return ""
        return wording.pause_line(state.pause_detail, state.pause_count, state.paused_until)

    @property
    def balance_level(self) -> str:
        """Whether it pays for any model: good; for some: low; for none: empty."""
        prices = [line.price for line in self.pulse.listing.values() if line.is_enabled]
        if self.balance < min(prices, default=Decimal()):
            return "empty"
        return "low" if self.balance < max(prices, default=Decimal()) else "good"


def frame_of(request: HttpRequest, user: User) -> Frame:
    """Return the frame of this request, the same one each time."""
    found: Frame = request.__dict__.setdefault("frame", Frame(user))
    return found


def frame(request: HttpRequest) -> dict[str, Callable[[], object]]:
    """The frame for templates. Functions, so that a fragment which does not ask costs no query."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    shown = frame_of(request, user)
    return {
        "balance": lambda: shown.balance,
        "balance_level": lambda: shown.balance_level,
        "listing": lambda: shown.pulse.listing,
        "mine_count": lambda: shown.mine_count,
        "all_count": lambda: shown.all_count,
        "provider_state": lambda: shown.provider_state,
        "waiting_reason": lambda: shown.waiting_reason,
        "pause_line": lambda: shown.pause_line,
        "is_sandbox": lambda: settings.BFL_IS_SANDBOX,
    }
