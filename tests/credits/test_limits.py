from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from generations import periods
from generations.credits import ledger, limits
from generations.models import Generation, Limit
from generations.pipeline import lifecycle
from tests.credits.steps import PROMPT, create, succeed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
TICK = timedelta(microseconds=1)


def limit(scope: str, credits: object, period: str = "day", **whom: object) -> Limit:
    return Limit.objects.create(scope=scope, period=period, credits=Decimal(str(credits)), **whom)


def buy(user: User, moment: datetime, price: object = "2.5") -> Generation:
    """Buy a picture at a moment of one's choice."""
    amount = Decimal(str(price))
    with transaction.atomic():
        generation = Generation.objects.create(
            user=user, endpoint="flux-dev", params=PROMPT, price=amount, bfl_price=amount, created_at=moment
        )
        ledger.charge([generation])
    return generation


def left(user: User, moment: datetime = NOON) -> list[Decimal]:
    return [standing.left for standing in limits.of(user, now=moment)]


def test_nobody_is_limited_where_no_limit_is_set(alice: User) -> None:
    assert limits.of(alice) == []
    lifecycle.create(alice, "flux-dev", PROMPT, count=40)


def test_it_says_which_limit_stops_whom_and_when_it_resets(alice: User) -> None:
    limit("everyone", 5)
    buy(alice, NOON)
    buy(alice, NOON)
    sentence = (
        r"^You may spend 5 credits a day and have 0 left; this costs 2\.5\. Nothing was charged\. "
        r"The limit resets tomorrow at 00:00\.$"
    )
    with pytest.raises(limits.LimitReached, match=sentence):
        buy(alice, NOON)
    assert ledger.get_balance(alice) == 95


def test_a_limit_by_the_month_resets_on_its_first(alice: User) -> None:
    limit("team", 3, "month")
    buy(alice, NOON)
    sentence = r"^The team may spend 3 credits a month and has 0\.5 left; .* resets on 1 December\.$"
    with pytest.raises(limits.LimitReached, match=sentence):
        buy(alice, NOON)
    with pytest.raises(limits.LimitReached, match=r"resets on 1 January 2027\.$"):
        buy(alice, datetime(2026, 12, 5, tzinfo=UTC), price=4)
    buy(alice, datetime(2026, 12, 1, tzinfo=UTC))


def test_it_refuses_a_press_as_any_other_refusal(as_alice: Client, alice: User) -> None:
    limit("person", 2, person=alice)
    response = as_alice.post("/", {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a heron"})
    assert response.status_code == 422
    assert "You may spend 2 credits a day" in response.text
    assert not Generation.objects.exists()


def test_a_persons_own_limit_counts_before_their_groups_and_everyones(alice: User, bob: User) -> None:
    painters, writers = (Group.objects.create(name=name) for name in ("painters", "writers"))
    limit("everyone", 10)
    assert left(alice) == [10]
    alice.groups.add(painters, writers)
    limit("group", 5, group=painters)
    limit("group", 7, group=writers)
    assert left(alice) == [7]
    limit("person", 1, person=alice)
    assert left(alice) == [1]
    assert left(bob) == [10]


def test_each_period_has_its_own_most_specific(alice: User) -> None:
    limit("everyone", 10, "month")
    limit("person", 4, "day", person=alice)
    limit("team", 90, "month")
    limit("team", 30, "day")
    assert left(alice) == [4, 10, 30, 90]


def test_the_teams_limit_counts_for_all_together(alice: User, bob: User) -> None:
    limit("team", 5)
    buy(alice, NOON)
    assert left(bob) == [Decimal("2.5")]
    buy(bob, NOON)
    with pytest.raises(limits.LimitReached, match="The team may spend 5 credits a day and has 0 left"):
        buy(alice, NOON)


def test_what_comes_back_may_be_spent_again(alice: User) -> None:
    limit("everyone", 2.5)
    lifecycle.cancel(create(alice), canceled_by=alice)
    generation = create(alice)
    assert left(alice, timezone.now()) == [0]
    assert lifecycle.cancel(generation, canceled_by=alice)
    assert left(alice, timezone.now()) == [Decimal("2.5")]


def test_what_bfl_took_counts(alice: User) -> None:
    limit("everyone", 5)
    succeed(alice, cost=Decimal("2.6"))
    (standing,) = limits.of(alice)
    assert (standing.spent, standing.left, standing.percent) == (Decimal("2.6"), Decimal("2.4"), 52)


def test_what_is_not_spent_does_not_count(alice: User) -> None:
    limit("everyone", 5)
    ledger.grant(alice, Decimal(50), note="More", created_by=None)
    assert left(alice, timezone.now()) == [5]


def test_a_limit_lowered_under_what_is_spent_leaves_nothing(alice: User) -> None:
    rule = limit("everyone", 5)
    buy(alice, NOON)
    rule.credits = Decimal(1)
    rule.save()
    (standing,) = limits.of(alice, now=NOON)
    assert (standing.left, standing.percent) == (Decimal(0), 100)


def test_a_limit_of_nothing_lets_only_free_pictures_through(alice: User) -> None:
    limit("everyone", 0)
    buy(alice, NOON, price=0)
    with pytest.raises(limits.LimitReached):
        buy(alice, NOON, price="0.0001")


def test_a_limit_holds_until_its_last_day_is_over(alice: User) -> None:
    limit("everyone", 1, until=date(2026, 11, 22))
    assert left(alice) == [1]
    assert left(alice, NOON + timedelta(hours=12)) == []


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 22),
        date(2026, 3, 29),  # Berlin's clocks go on
        date(2026, 10, 25),  # and back
        date(2026, 3, 8),  # New York's
        date(2026, 11, 1),
        date(2026, 9, 27),  # Auckland's
        date(2026, 4, 5),
        date(2028, 2, 29),
        date(2026, 12, 31),
    ],
)
def test_a_day_begins_and_ends_at_local_midnight(
    zone: str, day: date, settings: Settings, alice: User
) -> None:
    settings.TIME_ZONE = zone
    limit("everyone", 50)
    start, end = (
        datetime(each.year, each.month, each.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    for moment, price in ((start - TICK, 1), (start, 2), (end - TICK, 4), (end, 8)):
        buy(alice, moment, price)
    standings = [limits.of(alice, now=moment)[0] for moment in (start, end - TICK)]
    assert [standing.spent for standing in standings] == [6, 6]
    assert {standing.resets_at for standing in standings} == {end}
    assert limits.of(alice, now=start - TICK)[0].spent == 1
    assert limits.of(alice, now=end)[0].spent == 8


@pytest.mark.parametrize(
    ("zone", "day", "hours", "begins"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23, "00:00"),
        ("Europe/Berlin", date(2026, 10, 25), 25, "00:00"),
        ("America/New_York", date(2026, 3, 8), 23, "00:00"),
        ("America/New_York", date(2026, 11, 1), 25, "00:00"),
        ("Africa/Cairo", date(2026, 4, 24), 23, "01:00"),  # there is no midnight
        ("America/Havana", date(2026, 11, 1), 25, "00:00"),  # there are two
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, "00:00"),
        ("Asia/Kolkata", date(2028, 2, 29), 24, "00:00"),
    ],
)
def test_a_day_is_as_long_as_it_is(
    zone: str, day: date, hours: float, begins: str, settings: Settings
) -> None:
    settings.TIME_ZONE = zone
    period = periods.day_of(periods.start_of(day))
    assert (period.end - period.start) == timedelta(hours=hours)
    assert list(period.days()) == [day]
    before = periods.start_of(day - timedelta(days=1))
    assert periods.told(period.start, now=before) == f"tomorrow at {begins}"


@pytest.mark.parametrize(
    ("month", "days"), [((2028, 2), 29), ((2026, 2), 28), ((2026, 3), 31), ((2026, 12), 31)]
)
@pytest.mark.parametrize("zone", ZONES)
def test_a_month_has_all_its_days(
    month: tuple[int, int], days: int, zone: str, settings: Settings, alice: User
) -> None:
    settings.TIME_ZONE = zone
    first = date(*month, 1)
    period = periods.month_of(periods.start_of(first + timedelta(days=14)))
    assert [day.day for day in period.days()] == list(range(1, days + 1))
    limit("everyone", 50, "month")
    for moment, price in (
        (period.start - TICK, 1),
        (period.start, 2),
        (period.end - TICK, 4),
        (period.end, 8),
    ):
        buy(alice, moment, price)
    assert limits.of(alice, now=period.end - TICK)[0].spent == 6


@pytest.mark.django_db(transaction=True)
def test_of_many_people_at_once_only_so_many_get_through_the_teams_limit() -> None:
    limit("team", "7.5")
    people = [User.objects.create_user(f"person{number}") for number in range(8)]
    for person in people:
        ledger.grant(person, Decimal(100), note="For the tests", created_by=None)

    def press(person: User) -> bool:
        try:
            create(person)
        except limits.LimitReached:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(press, people * 3)) == 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"scope": "everyone", "credits": "-1"}, "A limit cannot be less than nothing."),
        ({"scope": "everyone", "credits": "1000000000"}, "no more than 8 digits before the decimal point"),
        ({"scope": "everyone", "credits": "0.00001"}, "no more than 4 decimal places"),
        ({"scope": "everyone", "credits": "1", "until": "2026-01-01"}, "That day is over"),
        ({"scope": "group", "credits": "1"}, "Name a group for a group"),
        ({"scope": "person", "credits": "1"}, "Name a person for one person"),
        ({"scope": "person", "credits": "1", "person": "999999"}, "not one of the available choices"),
        ({"scope": "team", "credits": "1"}, "There is such a limit already"),
    ],
)
def test_it_refuses_with_a_sentence(values: dict[str, str], sentence: str, as_staff: Client) -> None:
    limit("team", 5)
    response = as_staff.post("/admin/generations/limit/add/", {"period": "day", **values})
    assert sentence in response.text
    assert Limit.objects.count() == 1


def test_the_database_refuses_two_limits_of_one_kind(alice: User) -> None:
    limit("person", 5, person=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        limit("person", 6, person=alice)
