"""Days and months as the site's time zone has them: from local midnight to local midnight.

A day on which the clocks change has 23 or 25 hours, and where they change at midnight it begins at one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` on, and before `end`."""

    start: datetime
    end: datetime

    def days(self) -> Iterator[date]:
        day = local_day(self.start)
        while start_of(day) < self.end:
            yield day
            day += timedelta(days=1)


def local_day(moment: datetime) -> date:
    return moment.astimezone(timezone.get_default_timezone()).date()


def start_of(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return datetime.combine(day, time.min, timezone.get_default_timezone()).astimezone(UTC)


def day_of(moment: datetime) -> Period:
    return between(local_day(moment), local_day(moment))


def month_of(moment: datetime) -> Period:
    first = first_of_month(local_day(moment))
    return between(first, first_of_month(first + timedelta(days=31)) - timedelta(days=1))


def between(first: date, last: date) -> Period:
    """Return the days from the first to the last, both included."""
    return Period(start_of(first), start_of(last + timedelta(days=1)))


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def told(moment: datetime, *, now: datetime) -> str:
    """Return a coming moment as people say it: tomorrow at 00:00, on 1 December."""
    local = moment.astimezone(timezone.get_default_timezone())
    if local.date() - local_day(now) <= timedelta(days=1):
        return f"tomorrow at {local:%H:%M}"
    year = "" if local.year == local_day(now).year else f" {local.year}"
    return f"on {local.day} {local:%B}{year}"
