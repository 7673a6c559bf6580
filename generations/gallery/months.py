"""The months in which a person made pictures, for jumping to one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth.models import User
from django.db.models import CharField, Count, QuerySet, Value

from generations import periods
from generations.models import Picture
from generations.models.gallery import PictureQuerySet

_MONTH = re.compile(r"(20[2-9][0-9])-(0[1-9]|1[0-2])")
# SQLite joins no more than 500 questions into one.
MOST = 400


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    count: int


def month_in(text: str) -> date | None:
    """Return the first day of a month written as 2026-11, or None if it is no such thing."""
    found = _MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def after(month: date) -> date:
    return periods.first_of_month(month + timedelta(days=31))


def of(user: User) -> list[Month]:
    """Return the months that have pictures on the person's wall, newest first, with how many."""
    pictures = Picture.objects.of(user).on_wall()
    newest, oldest = pictures.newest_first().first(), pictures.oldest_first().first()
    if not newest or not oldest:
        return []
    counts = [_count(pictures, month) for month in _between(newest, oldest)]
    found = counts[0].union(*counts[1:], all=True)
    named = sorted(((name, count) for name, count in found if count), reverse=True)
    return [Month(date.fromisoformat(f"{name}-01"), count) for name, count in named]


def _between(newest: Picture, oldest: Picture) -> list[date]:
    month = periods.first_of_month(periods.local_day(oldest.created_at))
    last, found = periods.local_day(newest.created_at), []
    while month <= last:
        found.append(month)
        month = after(month)
    return found[-MOST:]


def _count(pictures: PictureQuerySet, month: date) -> QuerySet[Picture, tuple[str, int]]:
    # By its edges and not by a function of each time: the index counts them.
    inside = pictures.filter(
        created_at__gte=periods.start_of(month), created_at__lt=periods.start_of(after(month))
    )
    name = Value(f"{month:%Y-%m}", CharField())
    rows = inside.order_by().values(month=name).annotate(count=Count("pk"))
    return rows.values_list("month", "count")
