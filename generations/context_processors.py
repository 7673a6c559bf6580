from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import HttpRequest

from generations import ledger, provider, words
from generations.models import Generation, Provider

# Credits: less than the dearest picture is low.
LOW_BALANCE = Decimal("8")


class Frame:
    """What the frame of every page shows of a person, each asked for once at most."""

    def __init__(self, user: User) -> None:
        self._user = user

    @cached_property
    def balance(self) -> Decimal:
        return ledger.get_balance(self._user)

    @cached_property
    def in_progress(self) -> dict[str, int]:
        """How many generations are unfinished: `mine`, and `everyone`'s."""
        mine = Count("pk", filter=Q(user=self._user))
        return Generation.objects.unfinished().order_by().aggregate(mine=mine, everyone=Count("pk"))

    @cached_property
    def provider_state(self) -> Provider:
        return provider.get_state()

    @property
    def waiting_reason(self) -> str:
        """Why nobody's turn can come at the moment, if that is so."""
        state = self.provider_state
        return words.WAITING.get(state.pause, "") if state.is_noticed else ""

    @property
    def pause_line(self) -> str:
        """What staff, and nobody else, are told beside the notice."""
        state = self.provider_state
        if not (self._user.is_staff and state.notice):
            return ""
        return words.pause_line(state.pause_detail, state.pause_count, state.paused_until)

    @property
    def balance_level(self) -> str:
        if self.balance <= 0:
            return "empty"
        return "low" if self.balance < LOW_BALANCE else "good"


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
        "mine_count": lambda: shown.in_progress["mine"],
        "all_count": lambda: shown.in_progress["everyone"],
        "provider_state": lambda: shown.provider_state,
        "waiting_reason": lambda: shown.waiting_reason,
        "pause_line": lambda: shown.pause_line,
    }
