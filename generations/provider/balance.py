"""The site's credits at BFL beside its own view of them. Staff see it; no page ever waits for BFL."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from generations import bfl
from generations.credits import prices
from generations.credits.amounts import PLACES, Total
from generations.models import BFLAccount, Generation
from generations.provider import bfl_client

logger = logging.getLogger(__name__)

READ_EVERY = timedelta(minutes=5)
# Credits. No more than this much was only given back, or cost less than its price.
LEAST_BOUGHT = Decimal(100)
OLD_AFTER = timedelta(minutes=15)
# BFL takes nothing for these.
_NOT_CHARGED = (
    Generation.FailureCode.REQUEST_MODERATED,
    Generation.FailureCode.CONTENT_MODERATED,
    Generation.FailureCode.PROVIDER_ERROR,
    Generation.FailureCode.REJECTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """BFL's word and our ledger's."""

    credits: Decimal
    read_at: datetime
    since: datetime
    """When credits were last bought, as far as we have seen."""
    bill: Decimal
    """What BFL should have taken since then, until the reading."""
    expected: Decimal
    """What should be left by that."""

    @property
    def drift(self) -> Decimal:
        """By how much BFL has taken more than we know of; less than nothing where it took less."""
        return self.expected - self.credits

    @property
    def age(self) -> timedelta:
        return timezone.now() - self.read_at

    @property
    def is_old(self) -> bool:
        """Whether BFL has not answered for longer than it should."""
        return self.age > OLD_AFTER

    @property
    def is_low(self) -> bool:
        return self.credits < settings.BFL_LOW_BALANCE


def get_view() -> View | None:
    """Return how the account stands; None before BFL was ever asked."""
    account = BFLAccount.objects.filter(pk=1).first()
    if account is None:
        return None
    bill = get_bill(account.base_at, account.read_at)
    return View(
        credits=account.credits,
        read_at=account.read_at,
        since=account.base_at,
        bill=bill,
        expected=account.base_credits - bill,
    )


def get_bill(after: datetime, until: datetime) -> Decimal:
    """Return what BFL should have taken for what it was given to do: its own word, else its price."""
    taken = Generation.objects.filter(submitted_at__gt=after, submitted_at__lte=until)
    taken = taken.exclude(failure_code__in=_NOT_CHARGED).order_by()
    total: Decimal | None = taken.aggregate(total=Total(Coalesce("cost", "bfl_price")))["total"]
    return total or Decimal()


def read(now: datetime | None = None) -> bool:
    """Ask BFL, unless it was asked a little while ago. False when there is no news."""
    moment = now or timezone.now()
    if BFLAccount.objects.filter(read_at__gt=moment - READ_EVERY, read_at__lte=moment).exists():
        return False
    try:
        credits = bfl_client.get_client().credits()
    except bfl.BFLError as error:
        logger.warning("BFL did not tell its balance: %s", error)
        return False
    keep(credits.quantize(PLACES), moment)
    return True


def keep(credits: Decimal, read_at: datetime) -> None:
    """Keep a reading. The drift counts anew when credits were bought."""
    with transaction.atomic():
        account = BFLAccount.objects.select_for_update().filter(pk=1).first()
        if account is None:
            BFLAccount.objects.create(
                pk=1, credits=credits, read_at=read_at, base_credits=credits, base_at=read_at
            )
            return
        expected = account.credits - get_bill(account.read_at, read_at)
        account.credits, account.read_at = credits, read_at
        if credits - expected > _most_given_back():
            account.base_credits, account.base_at = credits, read_at
        account.save()


def _most_given_back() -> Decimal:
    """Return what comes back when all that BFL works on at once is moderated."""
    dearest = max(listed.bfl_price for listed in prices.get_list().values())
    return max(LEAST_BOUGHT, settings.BFL_MAX_ACTIVE * dearest)
