"""The pause that stops submissions while BFL refuses them, and the free slots at BFL."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from fluxsite.redaction import redact
from generations.bfl.texts import clean
from generations.credits.ledger import plain
from generations.models import Generation, Provider

# Seconds. A pause doubles from the first to the last while BFL goes on refusing.
FIRST_PAUSE = {
    Provider.Pause.BUSY: 1.0,
    Provider.Pause.AWAY: 1.0,
    Provider.Pause.NO_FUNDS: 15.0,
    Provider.Pause.REFUSED: 15.0,
}


LONGEST_PAUSE = 30.0


CHECK_HOLDS_FOR = timedelta(seconds=30)


# Only a submission shows whether BFL has room again; the others show without buying anything.
_CHECKED_FIRST = frozenset({Provider.Pause.NO_FUNDS, Provider.Pause.REFUSED, Provider.Pause.AWAY})


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many tasks may be submitted now, all together and of flux-kontext-max."""

    total: int
    kontext_max: int
    is_trial: bool
    """Whether one goes ahead to see if BFL is well again."""


def get_allowance(active: int, active_kontext_max: int) -> Allowance:
    """Return what BFL's limits and the present pause leave free. Call it under the claim lock."""
    provider = get_state()
    total = settings.BFL_MAX_ACTIVE - active
    if provider.pause:
        total = min(total, 1) if _may_probe(provider) else 0
    kontext_max = settings.BFL_MAX_ACTIVE_KONTEXT_MAX - active_kontext_max
    return Allowance(total=max(total, 0), kontext_max=max(kontext_max, 0), is_trial=bool(provider.pause))


def get_state() -> Provider:
    return Provider.objects.get_or_create(pk=1)[0]


def pause(reason: Provider.Pause, detail: str = "", *, seconds: float | None = None) -> None:
    """Claim nothing for a while: twice as long as the time before, with some jitter, or `seconds` if more."""
    with transaction.atomic():
        provider = Provider.objects.select_for_update().get(pk=get_state().pk)
        if provider.pause and not _is_over(provider):
            return  # several calls that were under way together are refused for one reason
        count = min(provider.pause_count + 1, 20)
        wait = max(seconds or 0.0, _pause_length(reason, count))
        provider.pause, provider.pause_count = reason, count
        provider.paused_until = timezone.now() + timedelta(seconds=wait)
        provider.pause_detail = redact(clean(detail))
        provider.checked_at = None
        provider.save()


def needs_check() -> bool:
    """Whether it is time to ask BFL for its credits: nobody's picture is put at risk to see if it is well."""
    provider = get_state()
    fresh = provider.checked_at is not None and provider.checked_at > timezone.now() - CHECK_HOLDS_FOR
    return provider.pause in _CHECKED_FIRST and _is_over(provider) and not fresh


def pass_check(credits: Decimal | None) -> None:
    """BFL answers again, and its account holds `credits` (None: it would not say)."""
    cheapest = Generation.objects.queued().aggregate(price=Min("bfl_price"))["price"]
    if credits is not None and credits < (cheapest or Decimal("0.0001")):
        pause(Provider.Pause.NO_FUNDS, f"{plain(credits)} credits are left")
    elif cheapest is None:
        resume(timezone.now())
    else:
        Provider.objects.filter(pk=1).update(checked_at=timezone.now())


def resume(asked_at: datetime) -> None:
    """BFL has granted what was asked then. What was asked before the pause was over says nothing about it."""
    over = Provider.objects.filter(paused_until__lte=asked_at)
    over.update(pause="", paused_until=None, pause_count=0, pause_detail="", checked_at=None)


def _pause_length(reason: Provider.Pause, count: int) -> float:
    longest = min(LONGEST_PAUSE, FIRST_PAUSE[reason] * 2.0 ** (count - 1))
    return longest * random.uniform(0.75, 1.0)


def _may_probe(provider: Provider) -> bool:
    is_checked = provider.pause not in _CHECKED_FIRST or provider.checked_at is not None
    return is_checked and _is_over(provider) and not _is_probing(provider)


def _is_probing(provider: Provider) -> bool:
    # Among the active, for one whose process died tells nothing any more.
    submitting = Generation.objects.active().submitting()
    return submitting.filter(claimed_at__gt=provider.paused_until).exists()


def _is_over(provider: Provider) -> bool:
    return provider.paused_until is None or provider.paused_until <= timezone.now()
