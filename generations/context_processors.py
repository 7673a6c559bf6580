from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal

from django.db.models import Count, Q
from django.http import HttpRequest

from generations import ledger, provider, words
from generations.models import Generation

# Credits: less than the dearest picture is low.
LOW_BALANCE = Decimal("8")


def frame(request: HttpRequest) -> dict[str, Callable[[], object]]:
    """What the frame of every page shows. Functions, so that a fragment which does not ask costs no query."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    balance = functools.cache(lambda: ledger.get_balance(user))
    in_progress = functools.cache(lambda: _count_in_progress(user.pk))
    return {
        "balance": balance,
        "balance_level": lambda: level_of(balance()),
        "mine_count": lambda: in_progress()["mine"],
        "all_count": lambda: in_progress()["everyone"],
        "provider_notice": lambda: words.NOTICES.get(provider.get_state().pause, ""),
    }


def level_of(balance: Decimal) -> str:
    if balance <= 0:
        return "empty"
    return "low" if balance < LOW_BALANCE else "good"


def _count_in_progress(user_id: int) -> dict[str, int]:
    mine = Count("pk", filter=Q(user_id=user_id))
    return Generation.objects.unfinished().order_by().aggregate(mine=mine, everyone=Count("pk"))
