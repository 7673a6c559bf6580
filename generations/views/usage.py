"""Usage of everybody, for staff."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest, staff_with
from generations import periods
from generations.credits import prices
from generations.csv_export import download
from generations.models import CreditEntry
from generations.provider import balance
from generations.usage import bar_charts, report
from generations.usage.bar_charts import Step
from generations.usage.filter_form import (
    EARLIEST,
    UsageFilter,
    last_of,
    month_after,
    month_before,
    months_since,
    this_month,
)
from generations.usage.report import Filter, Line

# Who spent what is what the entries of the ledger say.
may_see_usage = staff_with("generations.view_creditentry")


@require_safe
@may_see_usage
def page(request: PersonRequest) -> HttpResponse:
    form = _filter(request)
    context: dict[str, Any] = {
        "form": form,
        "account": balance.get_view(),
        "deviations": prices.get_deviations(),
    }
    if form.is_valid():
        context |= _figures(request, form)
    return render(request, "usage/usage.html", context, status=200 if form.is_valid() else 400)


@require_safe
@may_see_usage
def csv(request: PersonRequest) -> HttpResponseBase:
    """What was spent on each day, by each person, with each model."""
    return _download(request, "usage", report.usage_rows)


@require_safe
@may_see_usage
def entries_csv(request: PersonRequest) -> HttpResponseBase:
    """The entries behind it, one by one."""
    return _download(request, "entries", lambda wanted: report.entry_rows(report.entries_of(wanted)))


def _download(
    request: PersonRequest, name: str, rows: Callable[[Filter], Iterable[Sequence[str]]]
) -> HttpResponseBase:
    form = _filter(request)
    if not form.is_valid():
        # The page says what is wrong with the address.
        return redirect(f"{reverse('usage')}?{request.GET.urlencode()}")
    wanted = form.wanted
    return download(
        rows(wanted),
        name=f"fluxsite-{name}-{wanted.first}-{wanted.last}.csv",
        with_mark=request.GET.get("mark") == "1",
    )


def _filter(request: PersonRequest) -> UsageFilter:
    bought = CreditEntry.objects.filter(bought_on__isnull=False).order_by("bought_on")
    first = bought.values_list("bought_on", flat=True).first()
    return UsageFilter(request.GET, months=months_since(first or periods.local_day(timezone.now())))


def _figures(request: PersonRequest, form: UsageFilter) -> dict[str, Any]:
    wanted = form.wanted
    used = report.get_usage(wanted)
    name = _name(wanted)

    def narrowed(field: str) -> Callable[[Line], str]:
        return lambda line: _address(request, **{field: line.key}) if line.key else ""

    return {
        "name": name,
        "total": used.total,
        "chart": bar_charts.of_steps(
            f"Credits spent, {name}",
            bar_charts.steps_of(used.days),
            today=periods.local_day(timezone.now()),
            address_of=lambda step: _address(request, **_days(step)),
        ),
        "people": bar_charts.rows_of(used.people, narrowed("person")),
        "groups": [] if wanted.group else bar_charts.rows_of(used.groups, narrowed("group")),
        "models": bar_charts.rows_of(used.endpoints, narrowed("endpoint")),
        "chips": [(kind, words, _address(request, **{kind: ""})) for kind, words in form.chosen],
        "query": request.GET.urlencode(),
        **_months_beside(request, form),
    }


def _months_beside(request: PersonRequest, form: UsageFilter) -> dict[str, str]:
    """Return the addresses of the month before and after, where a month is shown."""
    month = form.wanted.first
    if form.has_days:
        return {}
    later = "" if month >= this_month() else _address(request, month=f"{month_after(month):%Y-%m}")
    earlier = "" if month <= EARLIEST else _address(request, month=f"{month_before(month):%Y-%m}")
    return {"earlier": earlier, "later": later}


def _days(step: Step) -> dict[str, str]:
    return {"first": step.first.isoformat(), "last": step.last.isoformat(), "month": ""}


def _address(request: PersonRequest, **changes: str) -> str:
    """Return the address of this page with some of its filters changed; an empty one is left out."""
    query = {name: value for name, value in (request.GET.dict() | changes).items() if value}
    return f"{reverse('usage')}?{urlencode(query)}"


def _name(wanted: Filter) -> str:
    """Return the days in words: November 2026, 22 November 2026, 1 October to 15 November 2026."""
    if wanted.first == wanted.last:
        return _day(wanted.first)
    if wanted.first.day == 1 and wanted.last == last_of(wanted.first):
        return f"{wanted.first:%B %Y}"
    return f"{_day(wanted.first)} to {_day(wanted.last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
