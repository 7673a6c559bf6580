"""Credits given to one person, to several, to a group; once or each month."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from generations import periods
from generations.credits import ledger
from generations.models import CreditEntry, GrantPlan, Press


class AlreadyGiven(Exception):
    """The same form has given it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to give, and to whom. `check` says whether it may be carried out."""

    people: Sequence[User] = ()
    group: Group | None = None
    amount: Decimal
    note: str
    is_monthly: bool = False
    expires: bool = False
    """Whether what is left at the month's end goes."""

    def recipients(self) -> QuerySet[User]:
        return _active(Q(pk__in=[person.pk for person in self.people]), self.group)

    @property
    def total(self) -> Decimal:
        return self.amount * self.recipients().count()


@dataclass(frozen=True, slots=True)
class Line:
    """What a grant would do to one person's balance."""

    person: User
    before: Decimal
    after: Decimal


def check(order: Order) -> None:
    """Raises InvalidAmount unless there are people to give to, an amount to give and a reason."""
    ledger.check_grant(order.amount, order.note)
    if not order.recipients().exists():
        raise ledger.InvalidAmount("Name at least one person who may log in, or a group that has one.")


def preview(order: Order) -> list[Line]:
    """Return what would come of it now. Raises InvalidAmount."""
    check(order)
    people = list(order.recipients())
    balances = ledger.get_balances(people)
    return [Line(person, balances[person], balances[person] + order.amount) for person in people]


def carry_out(order: Order, *, created_by: User | None) -> list[CreditEntry]:
    """Give it, all or none, and the first of a monthly one at once. Raises InvalidAmount."""
    check(order)
    with transaction.atomic():
        if order.is_monthly:
            return _give_month(_plan(order, created_by), timezone.now())
        ends = periods.month_of(timezone.now()).end if order.expires else None
        return [
            ledger.grant(person, order.amount, note=order.note, created_by=created_by, expires_at=ends)
            # Everybody takes several accounts' locks in this order.
            for person in order.recipients().order_by("pk")
        ]


def stop(plan: GrantPlan) -> bool:
    """Give no more of it. What it has given stays. False if it was stopped before."""
    return bool(GrantPlan.objects.filter(pk=plan.pk, stopped_at=None).update(stopped_at=timezone.now()))


def keep_up(now: datetime | None = None) -> None:
    """End what has expired, then give this month's grants to whoever has not had theirs. Safe at any time."""
    moment = now or timezone.now()
    over = CreditEntry.objects.filter(ledger.over(moment)).values_list("account__user", flat=True)
    for user_id in over.order_by("account__user").distinct():
        ledger.end_grants(user_id, moment)
    for plan in GrantPlan.objects.filter(stopped_at=None).order_by("pk"):
        _give_month(plan, moment)


def carry_out_once(order: Order, *, created_by: User, token: uuid.UUID) -> list[CreditEntry]:
    """Carry it out, unless a form with this token has given something. Raises AlreadyGiven, InvalidAmount."""
    with transaction.atomic():
        # Of two presses at once the second waits here for the first. What is given cannot be changed in the
        # form that bears the token, so the digest need not tell one order from another.
        _, is_new = Press.objects.get_or_create(
            user=created_by, token=token, digest="grant", defaults={"created_at": timezone.now()}
        )
        if not is_new:
            raise AlreadyGiven("These credits were given already. Nothing was given again.")
        return carry_out(order, created_by=created_by)


def _plan(order: Order, created_by: User | None) -> GrantPlan:
    plan = GrantPlan.objects.create(
        group=order.group,
        amount=order.amount,
        note=order.note.strip(),
        expires=order.expires,
        created_at=timezone.now(),
        created_by=created_by,
    )
    plan.people.set(order.people)
    return plan


def _give_month(plan: GrantPlan, now: datetime) -> list[CreditEntry]:
    month = periods.first_of_month(periods.local_day(now))
    had = plan.entries.filter(month=month).values("account__user")
    due = _active(Q(grant_plans=plan), plan.group).exclude(pk__in=had).order_by("pk")
    ends = periods.month_of(now).end if plan.expires else None
    entries = [give_once(plan, person, month, ends) for person in due]
    return [entry for entry in entries if entry]


def give_once(plan: GrantPlan, person: User, month: date, ends: datetime | None) -> CreditEntry | None:
    """Give a month's credits of a plan to one person. None if they have had them."""
    with transaction.atomic():
        account = ledger.lock_account(person.pk)
        # Somebody else may have been first while we waited for the lock.
        if plan.entries.filter(account=account, month=month).exists():
            return None
        entry = CreditEntry(
            kind=CreditEntry.Kind.GRANT,
            amount=plan.amount,
            note=plan.note,
            created_by_id=plan.created_by_id,
            expires_at=ends,
            plan=plan,
            month=month,
        )
        ledger.append(account, [entry])
    return entry


def _active(named: Q, group: Group | None) -> QuerySet[User]:
    whom = named | Q(groups=group) if group else named
    return User.objects.filter(whom, is_active=True).distinct().order_by("username")
