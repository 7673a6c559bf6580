from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest
from generations import periods
from generations.credits import limits
from generations.credits.limits import Standing
from generations.csv_export import download
from generations.models import CreditEntry, Limit
from generations.usage import bar_charts, report
from generations.usage.filter_form import last_of, month_after, month_before, month_in, this_month
from generations.usage.report import PAGE_SIZE as PAGE_SIZE
from generations.usage.report import Filter


@require_safe
def credits(request: PersonRequest) -> HttpResponse:
    before = _before(request)
    page = report.get_page(request.user, before)
    context = {
        "entries": page.entries,
        "next_url": f"{reverse('credits')}?before={page.before}" if page.before else "",
        "is_first_page": before is None,
        "on_hold": report.get_on_hold(request.user),
    }
    if before is None:
        month = month_in(request.GET.get("month", "")) or this_month()
        standings = limits.of(request.user)
        context |= {"standings": standings, **_month(request.user, month, standings)}
    return render(request, "credits/credits.html", context)


@require_safe
def csv(request: PersonRequest) -> StreamingHttpResponse:
    """All of a person's entries: their amounts add up to the balance."""
    entries = CreditEntry.objects.filter(account__user=request.user)
    today = periods.local_day(timezone.now())
    return download(
        report.entry_rows(entries),
        name=f"fluxsite-credits-{today}.csv",
        with_mark=request.GET.get("mark") == "1",
    )


def _before(request: PersonRequest) -> int | None:
    before = request.GET.get("before", "")
    return int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None


def _month(user: User, month: date, standings: list[Standing]) -> dict[str, Any]:
    """Return what one month came to, and the way to those beside it."""
    used = report.get_usage(Filter(first=month, last=last_of(month), person=user.pk))
    is_this = month == this_month()
    return {
        "month": month,
        "earlier": month_before(month) if month > periods.local_day(user.date_joined) else None,
        "later": None if is_this else month_after(month),
        "total": used.total,
        "chart": bar_charts.of_steps(
            f"Credits spent in {month:%B %Y}, by day",
            bar_charts.steps_of(used.days),
            today=periods.local_day(timezone.now()),
            limit=_daily_limit(standings) if is_this else None,
        ),
        "models": bar_charts.rows_of(used.endpoints),
    }


def _daily_limit(standings: list[Standing]) -> Decimal | None:
    own = [standing.limit for standing in standings if not standing.is_for_team]
    return next((limit.credits for limit in own if limit.period == Limit.Period.DAY), None)
