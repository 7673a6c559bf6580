"""What was spent, by day, endpoint, person and group.

Only entries of generations count, each for the day on which its picture was bought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone

from generations import periods
from generations.amounts import Total
from generations.bfl import ENDPOINTS
from generations.models import CreditAccount, CreditEntry, Generation
from generations.periods import Period

LONGEST = timedelta(days=366)
NO_GROUP = "No group"
PAGE_SIZE = 50
NOTHING = Decimal("0.0000")
# Spreadsheets take what begins so for a formula, after spaces too.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

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
    cells = list(get_cells(wanted))
    days = _gather(cells, lambda cell: [(cell.day.isoformat(), cell.day.isoformat())])
    every_day = [day.isoformat() for day in wanted.period.days()]
    return Usage(
        total=add_up([cell.sums for cell in cells]),
        days=[days.get(day) or Line(key=day, name=day, sums=Sums()) for day in every_day],
        endpoints=_dearest_first(_gather(cells, lambda cell: [(cell.endpoint, _name(cell.endpoint))])),
        people=_dearest_first(_gather(cells, lambda cell: [(str(cell.person_id), cell.person)])),
        groups=_dearest_first(_by_group(cells)),
    )


def get_cells(wanted: Filter) -> Iterator[Cell]:
    """Give what was spent in its smallest parts, by day, person and endpoint."""
    days = list(wanted.period.days())
    keys = ("day", "account", "endpoint")
    rows = entries_of(wanted).annotate(day=_number_of_day(days)).values(*keys)
    sums = rows.annotate(
        pictures=Count("kind", filter=Q(kind=Kind.CHARGE)),
        charged=Total("amount", filter=Q(kind=Kind.CHARGE)),
        refunded=Total("amount", filter=Q(kind=Kind.REFUND)),
        settled=Total("amount", filter=Q(kind=Kind.ADJUSTMENT)),
    ).order_by(*keys)
    people = {account.pk: account.user for account in CreditAccount.objects.select_related("user")}
    for row in sums:
        yield _cell(row, days[row["day"]], people[row["account"]])


def _cell(row: Mapping[str, Any], day: date, person: User) -> Cell:
    return Cell(
        day=day,
        person=person.username,
        person_id=person.pk,
        endpoint=row["endpoint"],
        sums=Sums(
            pictures=row["pictures"],
            charged=-(row["charged"] or NOTHING),
            refunded=row["refunded"] or NOTHING,
            settled=-(row["settled"] or NOTHING),
        ),
    )


def entries_of(wanted: Filter) -> QuerySet[CreditEntry]:
    """Return the entries that a usage is the sum of."""
    period = wanted.period
    entries = CreditEntry.objects.filter(bought_at__gte=period.start, bought_at__lt=period.end)
    if wanted.person is not None:
        # A subquery and not a join, so that the index of one account's entries is used.
        account = CreditAccount.objects.filter(user=wanted.person).values("pk")[:1]
        entries = entries.filter(account=account)
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
    account = CreditAccount.objects.filter(user=user).values("pk")[:1]
    entries = CreditEntry.objects.filter(account=account).order_by("-pk")
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
            # The day that it counts for, as the site's clocks have it.
            periods.local_day(entry.bought_at or entry.created_at).isoformat(),
        ]


def usage_rows(wanted: Filter) -> Iterator[list[str]]:
    """Give a table of the usage in its smallest parts, its heading first."""
    yield ["day", "person", "endpoint", "pictures", "charged", "refunded", "settled", "spent"]
    for cell in get_cells(wanted):
        sums = cell.sums
        amounts = map(_exact, (sums.charged, sums.refunded, sums.settled, sums.spent))
        yield [cell.day.isoformat(), harmless(cell.person), cell.endpoint, str(sums.pictures), *amounts]


def harmless(text: str) -> str:
    """Return text for a cell of a spreadsheet, which must not be taken for a formula."""
    is_formula = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if is_formula else text


def _exact(amount: Decimal) -> str:
    return f"{amount:.4f}"


def _number_of_day(days: list[date]) -> Combinable:
    # By comparing with each midnight, and not with the database's time zones: these may be older than ours,
    # and SQLite would ask Python for every row. By halves, so that a month takes five comparisons a row.
    ends = [periods.start_of(day + timedelta(days=1)) for day in days]
    return _number_between(ends, 0, len(ends) - 1)


def _number_between(ends: list[datetime], low: int, high: int) -> Combinable:
    if low == high:
        return Value(low)
    middle = (low + high) // 2
    return Case(
        When(bought_at__lt=ends[middle], then=_number_between(ends, low, middle)),
        default=_number_between(ends, middle + 1, high),
        output_field=IntegerField(),
    )


def _gather(cells: Iterable[Cell], keys: Callable[[Cell], list[tuple[str, str]]]) -> dict[str, Line]:
    sums: dict[str, list[Sums]] = defaultdict(list)
    names: dict[str, str] = {}
    for cell in cells:
        for key, name in keys(cell):
            sums[key].append(cell.sums)
            names[key] = name
    return {key: Line(key=key, name=names[key], sums=add_up(sums[key])) for key in sums}


def _by_group(cells: list[Cell]) -> dict[str, Line]:
    people = {cell.person_id for cell in cells}
    groups: dict[int, list[tuple[str, str]]] = defaultdict(list)
    members = User.objects.filter(pk__in=people, groups__isnull=False)
    for person, group, name in members.values_list("pk", "groups", "groups__name"):
        groups[person].append((str(group), name))
    return _gather(cells, lambda cell: groups.get(cell.person_id) or [("", NO_GROUP)])


def _dearest_first(lines: dict[str, Line]) -> list[Line]:
    return sorted(lines.values(), key=lambda line: (-line.sums.spent, line.name))


def _name(endpoint: str) -> str:
    entry = ENDPOINTS.get(endpoint)
    return entry.name if entry else endpoint
