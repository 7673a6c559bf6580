"""What the usage page is asked for in its address: which days, whose, with which model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.utils import timezone

from generations import bfl, periods
from generations.usage.report import LONGEST, Filter

EARLIEST = date(2020, 1, 1)
LATEST = date(2099, 12, 31)
_MONTH = re.compile(r"(20[2-9][0-9])-(0[1-9]|1[0-2])")


def month_in(text: str) -> date | None:
    """Return the first day of a month written as 2026-11, or None if it is no such thing."""
    found = _MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def this_month() -> date:
    return periods.first_of_month(periods.local_day(timezone.now()))


def month_before(month: date) -> date:
    return periods.first_of_month(month - timedelta(days=1))


def month_after(month: date) -> date:
    return periods.first_of_month(month + timedelta(days=31))


def last_of(month: date) -> date:
    return month_after(month) - timedelta(days=1)


def months_since(first: date) -> list[date]:
    """Return the months from this one back to that of `first`."""
    months = [this_month()]
    while months[-1] > periods.first_of_month(first):
        months.append(month_before(months[-1]))
    return months


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        required=False,
        label=label,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "Write a day as 2026-11-22."},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "min": EARLIEST, "max": LATEST}),
    )


class UsageFilter(forms.Form):
    """Days of one's choice count before the month. Without either it is this month."""

    month = forms.CharField(required=False, label="Month")
    first = _day("From")
    last = _day("To")
    person = forms.ModelChoiceField(
        User.objects.order_by("username"),
        required=False,
        empty_label="Everybody",
        error_messages={"invalid_choice": "There is no such person."},
    )
    group = forms.ModelChoiceField(
        Group.objects.order_by("name"),
        required=False,
        empty_label="All groups",
        error_messages={"invalid_choice": "There is no such group."},
    )
    endpoint = forms.ChoiceField(
        required=False,
        label="Model",
        choices=[("", "All models"), *((slug, entry.name) for slug, entry in bfl.ENDPOINTS.items())],
        error_messages={"invalid_choice": "There is no such model."},
    )

    def __init__(self, data: Mapping[str, Any], *, months: list[date]) -> None:
        super().__init__(data=data)
        shown = month_in(data.get("month", ""))
        listed = sorted({*months, *([shown] if shown else [])}, reverse=True)
        choices = [(f"{month:%Y-%m}", f"{month:%b %Y}") for month in listed]
        days = [("", "Days below")] if self.has_days else []
        self.fields["month"].widget = forms.Select(choices=days + choices)

    def clean_month(self) -> date:
        given = self.cleaned_data["month"]
        month = month_in(given) if given else this_month()
        if month is None:
            raise forms.ValidationError("Write a month as 2026-11.")
        return month

    def clean(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        if self.has_days and not self.errors:
            first: date = given["first"] or given["last"]
            last: date = given["last"] or max(periods.local_day(timezone.now()), first)
            self._check_days(first, last)
            given |= {"first": first, "last": last}
        return given

    def _check_days(self, first: date, last: date) -> None:
        if not first >= EARLIEST or not last <= LATEST:
            self.add_error("first", f"Choose days from {EARLIEST.year} to {LATEST.year}.")
        elif last < first:
            self.add_error("last", "The last day comes before the first.")
        elif last - first >= LONGEST:
            self.add_error("first", "Choose a year at most.")

    @property
    def has_days(self) -> bool:
        return bool(self.data.get("first") or self.data.get("last"))

    @property
    def wanted(self) -> Filter:
        """What is asked for. Only where the form is valid."""
        given = self.cleaned_data
        month = given["month"]
        return Filter(
            first=given["first"] if self.has_days else month,
            last=given["last"] if self.has_days else last_of(month),
            person=given["person"] and given["person"].pk,
            group=given["group"] and given["group"].pk,
            endpoint=given["endpoint"],
        )

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """Name and words of each filter, but for the days."""
        given = self.cleaned_data
        told = {"person": given["person"], "group": given["group"]}
        told["endpoint"] = bfl.ENDPOINTS[given["endpoint"]].name if given["endpoint"] else None
        return [(name, str(words)) for name, words in told.items() if words]
