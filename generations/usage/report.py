"""What was spent, by day, endpoint, person and group.

Only entries of generations count, each for the day on which its picture was bought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.utils import timezone

from generations import periods
from generations.bfl import ENDPOINTS
from generations.credits.amounts import Total
from generations.csv_export import harmless
from generations.models import CreditAccount, CreditEntry, Generation
from generations.periods import Period

LONGEST = timedelta(days=366)
NO_GROUP = "No group"
PAGE_SIZE = 25
NOTHING = Decimal("0.0000")

Kind = CreditEntry.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which part of the usage is wanted. Days are local, both included, a year of them at most."""

    first: date
    last: date
    person: int | None = None
    group: int | None = None
    endpoint: str = ""

    def __post_init__(self) -> None:
        if not timedelta() <= self.last - self.first < LONGEST:
            raise ValueError("Choose days in order, and a year of them at most.")

    @property
    def period(self) -> Period:
        return periods.between(self.first, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What pictures have cost; all amounts as people count them, spent is what remains."""

    pictures: int = 0
    charged: Decimal = NOTHING
    refunded: Decimal = NOTHING
    settled: Decimal = NOTHING
    """Taken beside the price, less than nothing where it was given back."""

    @property
    def spent(self) -> Decimal:
        return self.charged - self.refunded + self.settled

    def __add__(self, other: Sums) -> Sums:
        return add_up([self, other])


def add_up(several: Sequence[Sums]) -> Sums:
    return Sums(
        pictures=sum(sums.pictures for sums in several),
        charged=sum((sums.charged for sums in several), NOTHING),
        refunded=sum((sums.refunded for sums in several), NOTHING),
        settled=sum((sums.settled for sums in several), NOTHING),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one person has spent on one endpoint on one day."""

    day: date
    person: str
    person_id: int
    endpoint: str
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    key: str
    """For an address: a day, a slug, the pk of a person or group."""
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    total: Sums
    days: list[Line]
    """Every day, in order."""
    endpoints: list[Line]
    people: list[Line]
    groups: list[Line]
    """Who is in several groups counts in each, so these may come to more than the total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    entries: list[CreditEntry]
    before: int | None
    """What to ask for the next page with, if there is one."""


def this_month(*, person: int | None = None) -> Filter:
    today = periods.local_day(timezone.now())
    return Filter(first=periods.first_of_month(today), last=today, person=person)


def get_usage(wanted: Filter) -> Usage:
    rows = [_Row(*row) for row in _rows_of(wanted)]
    days = _add_up_by(attrgetter("day"), rows)
    endpoints = _add_up_by(attrgetter("endpoint"), rows)
    accounts = _get_people(wanted)
    people = {accounts[pk]: sums for pk, sums in _add_up_by(attrgetter("account"), rows).items()}
    return Usage(
        total=add_up(list(days.values())),
        days=[_line(day.isoformat(), days.get(day, Sums())) for day in wanted.period.days()],
        endpoints=_dearest_first(_line(slug, sums, _name(slug)) for slug, sums in endpoints.items()),
        people=_dearest_first(_line(person.pk, sums, person.username) for person, sums in people.items()),
        # One person's groups would each come to what the person does.
        groups=[] if wanted.person is not None else _dearest_first(_by_group(people)),
    )


def get_cells(wanted: Filter) -> Iterator[Cell]:
    """Give what was spent in its smallest parts, by day, person and endpoint."""
    accounts = _get_people(wanted)
    # Everybody's year is long: not all of it at once.
    rows_of_all = map(_Row._make, _rows_of(wanted).iterator(chunk_size=2000))
    for (day, account, endpoint), rows in groupby(rows_of_all, key=itemgetter(0, 1, 2)):
        if account not in accounts:
            # Somebody's first press came between the two questions.
            accounts |= _get_people(wanted)
        person = accounts[account]
        yield Cell(
            day=day,
            person=person.username,
            person_id=person.pk,
            endpoint=endpoint,
            sums=_sums_of(rows),
        )


class _Row(NamedTuple):
    """The entries of one kind for what one account bought of one endpoint on one day."""

    day: date
    account: int
    endpoint: str
    kind: str
    entries: int
    total: Decimal


def _rows_of(wanted: Filter) -> QuerySet[CreditEntry, tuple[Any, ...]]:
    """Return the values of each row, in their order."""
    # The order of the two indexes, and by all that is grouped: with less of it SQLite sorts once more.
    parts = ("bought_on", "account", "endpoint", "kind")
    rows = entries_of(wanted).values_list(*parts).annotate(entries=Count("*"), total=Total("amount"))
    return rows.order_by(*parts)


def _get_people(wanted: Filter) -> dict[int, User]:
    """Return each person by the number of their account; one person alone where only one is wanted."""
    accounts = CreditAccount.objects.select_related("user")
    if wanted.person is not None:
        accounts = accounts.filter(user=wanted.person)
    return {account.pk: account.user for account in accounts}


def _add_up_by(key: Callable[[_Row], Any], rows: Iterable[_Row]) -> dict[Any, Sums]:
    gathered: dict[Any, list[_Row]] = defaultdict(list)
    for row in rows:
        gathered[key(row)].append(row)
    return {key: _sums_of(rows) for key, rows in gathered.items()}


def _sums_of(rows: Iterable[_Row]) -> Sums:
    pictures, totals = 0, dict.fromkeys(Kind.values, NOTHING)
    # In one turn: a month of a busy team has thousands of rows.
    for row in rows:
        totals[row.kind] += row.total
        if row.kind == Kind.CHARGE:
            pictures += row.entries
    return Sums(
        pictures=pictures,
        charged=-totals[Kind.CHARGE],
        refunded=totals[Kind.REFUND],
        settled=-totals[Kind.ADJUSTMENT],
    )


def entries_of(wanted: Filter) -> QuerySet[CreditEntry]:
    """Return the entries that a usage is the sum of."""
    entries = CreditEntry.objects.filter(bought_on__range=(wanted.first, wanted.last))
    if wanted.person is not None:
        entries = entries.of(wanted.person)
    if wanted.group is not None:
        entries = entries.filter(account__user__in=User.objects.filter(groups=wanted.group).values("pk"))
    if wanted.endpoint:
        entries = entries.filter(endpoint=wanted.endpoint)
    return entries.order_by()


def get_on_hold(user: User) -> Decimal:
    """Return the credits that unfinished pictures have taken and may still give back."""
    unfinished = Generation.objects.filter(user=user, is_late=False).unfinished().order_by()
    held: Decimal | None = unfinished.aggregate(total=Total("price"))["total"]
    return held or NOTHING


def get_page(user: User, before: int | None = None) -> Page:
    """Return a person's entries, newest first, those older than `before`."""
    entries = CreditEntry.objects.newest_of(user.pk)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    found = list(
        entries.select_related("generation__image", "created_by", "counters", "plan")[: PAGE_SIZE + 1]
    )
    shown = found[:PAGE_SIZE]
    return Page(entries=shown, before=shown[-1].pk if len(found) > PAGE_SIZE else None)


def entry_rows(entries: QuerySet[CreditEntry]) -> Iterator[list[str]]:
    """Give a table of entries, its heading first, without ever holding all of it."""
    yield [
        "entry",
        "at",
        "person",
        "kind",
        "credits",
        "balance",
        "endpoint",
        "picture",
        "reason",
        "by",
        "day",
    ]
    rows = entries.select_related("account__user", "generation", "created_by").order_by("pk")
    for entry in rows.iterator(chunk_size=2000):
        picture = entry.generation
        yield [
            str(entry.pk),
            f"{entry.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            harmless(entry.account.user.username),
            entry.title,
            _exact(entry.amount),
            _exact(entry.balance_after),
            picture.endpoint if picture else "",
            str(picture.code) if picture else "",
            harmless(entry.note),
            harmless(entry.created_by.username) if entry.created_by else "",
            # The day that it counts for.
            (entry.bought_on or periods.local_day(entry.created_at)).isoformat(),
        ]


def usage_rows(wanted: Filter) -> Iterator[list[str]]:
    """Give a table of the usage in its smallest parts, its heading first."""
    yield ["day", "person", "endpoint", "pictures", "charged", "refunded", "settled", "spent"]
    for cell in get_cells(wanted):
        sums = cell.sums
        amounts = map(_exact, (sums.charged, sums.refunded, sums.settled, sums.spent))
        yield [cell.day.isoformat(), harmless(cell.person), cell.endpoint, str(sums.pictures), *amounts]


def _exact(amount: Decimal) -> str:
    return f"{amount:.4f}"


def _by_group(people: Mapping[User, Sums]) -> Iterator[Line]:
    groups: dict[tuple[object, str], list[Sums]] = defaultdict(list)
    sums_of = {person.pk: sums for person, sums in people.items()}
    members = User.objects.filter(pk__in=sums_of).values_list("pk", "groups", "groups__name")
    for person, group, name in members:
        groups[group or "", name or NO_GROUP].append(sums_of[person])
    return (_line(key, add_up(sums), name) for (key, name), sums in groups.items())


def _line(key: object, sums: Sums, name: str = "") -> Line:
    return Line(key=str(key), name=name or str(key), sums=sums)


def _dearest_first(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.sums.spent, line.name))


def _name(endpoint: str) -> str:
    entry = ENDPOINTS.get(endpoint)
    return entry.name if entry else endpoint
