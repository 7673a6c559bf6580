"""Credits of a person, and the usage of everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone

from generations import bfl
from generations.credits.limits import Standing
from generations.credits.prices import Deviation
from generations.models import CreditEntry, Limit
from generations.periods import local_day
from generations.provider.balance import View as Account
from generations.usage import bar_charts
from generations.usage.bar_charts import Chart, Row, Step
from generations.usage.filter_form import UsageFilter, month_after, month_before, months_since, this_month
from generations.usage.report import Line, Sums
from styleguide.specimens.made_up import (
    LISTING,
    LONGEST_WORD,
    STAFF,
    Failure,
    Status,
    entry,
    generation,
    removed,
)
from styleguide.specimens.specimen import Specimen

Kind = CreditEntry.Kind
SPENT = (12, 0, 4, 30, 18, 2, 7)


def credits() -> Iterator[Specimen]:
    for level, balance, on_hold in (("good", "84.5", "0"), ("low", "3", "5"), ("empty", "1", "1")):
        context = {"balance": Decimal(balance), "balance_level": level, "on_hold": Decimal(on_hold)}
        yield Specimen(f"Balance: {level}", "credits/_credits_balance.html", context)
    for name, several in (("Given and taken", given()), ("Bought and given back", bought())):
        yield Specimen(f"Entries: {name.lower()}", "components/entries.html", {"entries": several})
    yield Specimen("Limits", "components/limits.html", {"standings": standings()})
    month, empty = "credits/_credits_month.html", {"month": month_before(this_month())}
    yield Specimen("A month", month, month_of(SPENT) | {"earlier": empty["month"]})
    yield Specimen("A month without pictures", month, empty | {"later": this_month()})
    chart = "usage/_chart.html"
    yield Specimen("By day, with a limit", chart, {"chart": chart_of(SPENT, limit=Decimal(40))})
    yield Specimen("By day, nothing spent", chart, {"chart": chart_of((0, 0, 0))})


def given() -> list[CreditEntry]:
    """Return entries of what staff did, and the time."""
    now = timezone.now()
    given = entry(
        Kind.GRANT, "100", note="For November", created_by=STAFF, expires_at=now + timedelta(days=9)
    )
    return [
        given,
        entry(Kind.GRANT, "40", note="For October", created_by=STAFF, expires_at=now - timedelta(days=2)),
        entry(Kind.EXPIRY, "-40", counters=given),
        entry(Kind.UNDO, "-60", counters=given, created_by=STAFF, note="Given twice"),
        entry(Kind.ADJUSTMENT, "12.25", created_by=STAFF, note=LONGEST_WORD),
    ]


def bought() -> list[CreditEntry]:
    """Return entries of pictures, at each end that one may come to."""
    failed = generation(Status.FAILED, failure_code=Failure.PROVIDER_ERROR)
    lost = generation(Status.FAILED, failure_code=Failure.STORING_FAILED, is_late=True)
    return [
        entry(Kind.CHARGE, "-2.5", generation(Status.SUCCEEDED)),
        entry(Kind.CHARGE, "-2.5", generation(Status.SUBMITTED)),
        entry(Kind.CHARGE, "-2.5", removed()),
        entry(Kind.REFUND, "2.5", failed),
        entry(Kind.REFUND, "2.5", generation(Status.CANCELED)),
        entry(Kind.REFUND, "2.5", generation(Status.SUCCEEDED, is_late=True)),
        entry(Kind.REFUND, "2.5", lost),
        entry(Kind.ADJUSTMENT, "-0.25", generation(Status.SUCCEEDED), note="BFL took 2.75"),
    ]


def standings() -> list[Standing]:
    """Return a limit that is hardly used, one that is nearly used up, and one that is."""
    now = timezone.now()
    kinds = [("person", "day", "12"), ("person", "month", "86.5"), ("team", "month", "100")]
    return [
        Standing(
            limit=Limit(scope=scope, period=period, credits=Decimal(100)),
            spent=Decimal(spent),
            resets_at=now + timedelta(days=1),
            now=now,
        )
        for scope, period, spent in kinds
    ]


def month_of(spent: tuple[int, ...]) -> dict[str, Any]:
    """Return what a month of a person's credits is drawn from."""
    return {
        "month": this_month(),
        "models": rows(),
        "total": Sums(pictures=len(spent), charged=Decimal(sum(spent)), refunded=Decimal("2.5")),
        "chart": chart_of(spent),
    }


def chart_of(spent: tuple[int, ...], *, limit: Decimal | None = None) -> Chart:
    """Return a chart of days, the last of those with something spent today, and of two still to come."""
    today = local_day(timezone.now())
    first = today - timedelta(days=len(spent) - 1)
    days = [first + timedelta(days=number) for number in range(len(spent) + 2)]
    steps = [
        Step(day, day, Sums(pictures=much, charged=Decimal(much)))
        for day, much in zip(days, [*spent, 0, 0], strict=True)
    ]
    return bar_charts.of_steps("Credits spent", steps, today=today, limit=limit)


def rows() -> list[Row]:
    spent = {"FLUX.1 Kontext [pro]": 240, "FLUX1.1 [pro] Ultra": 96, LONGEST_WORD: 18}
    lines = [
        Line(key="", name=name, sums=Sums(pictures=much // 4, charged=Decimal(much)))
        for name, much in spent.items()
    ]
    return bar_charts.rows_of(lines)


def usage() -> Iterator[Specimen]:
    chosen = {"form": usage_filter(), "request": {"GET": {"person": STAFF.pk}}}
    yield Specimen("Filter", "usage/_usage_filter.html", chosen, width="whole")
    refused = {"form": usage_filter(first="2026-11-22", last="2026-11-01")}
    yield Specimen("Days that are refused", "usage/_usage_filter.html", refused, width="whole")
    yield from _days()
    shares = {"rows": rows(), "title": "Credits spent by model", "heading": "Model"}
    yield Specimen("By model", "usage/_chart_rows.html", shares)
    detailed = {**shares, "detailed": True}
    yield Specimen("In detail", "usage/_chart_rows.html", detailed, width="whole")
    yield from _accounts()


def usage_filter(**given: str) -> UsageFilter:
    """Return the filter with choices of its own: the real ones are asked of the database."""
    form = UsageFilter(given, months=months_since(month_before(this_month())))
    form.fields["person"] = forms.ChoiceField(choices=[("", "Everybody"), (STAFF.pk, STAFF)], required=False)
    form.fields["group"] = forms.ChoiceField(choices=[("", "All groups")], required=False)
    return form


def _days() -> Iterator[Specimen]:
    days, month = "usage/_usage_days.html", this_month()
    ways = {"earlier": _month(month_before(month)), "later": _month(month_after(month))}
    named = {"name": f"{month:%B %Y}", **ways}
    chips = {"chips": [("model", "FLUX.1 [dev]", reverse("usage"))]}
    yield Specimen("Days of everybody", days, {**month_of(SPENT), **named})
    yield Specimen("Days with one model", days, {**month_of(SPENT), **named, **chips})
    yield Specimen("Days without pictures", days, named)
    yield Specimen("Days without pictures of one model", days, {**named, **chips})


def _month(month: date) -> str:
    return f"{reverse('usage')}?month={month:%Y-%m}"


def _accounts() -> Iterator[Specimen]:
    account = "usage/_usage_account.html"
    for credits in (588, 412, 640):
        yield Specimen(f"{credits} credits left at BFL", account, {"account": account_with(credits)})
    deviation = Deviation(listed=LISTING[next(iter(bfl.ENDPOINTS))], cost=Decimal("4.5"))
    odd = {"account": account_with(588), "deviations": [deviation]}
    yield Specimen("BFL took another price", account, odd)
    stale = {"account": account_with(588, age=timedelta(hours=3))}
    yield Specimen("BFL has not told for hours", account, stale)
    yield Specimen("BFL was never asked", account)


def account_with(credits: int, *, age: timedelta = timedelta(minutes=2)) -> Account:
    read_at = timezone.now() - age
    return Account(
        credits=Decimal(credits), read_at=read_at, since=read_at, bill=Decimal(412), expected=Decimal(588)
    )
