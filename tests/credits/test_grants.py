from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from generations import doctor, periods
from generations.credits import grant_expiry, grants, ledger
from generations.models import CreditAccount, CreditEntry, Generation, GrantPlan
from generations.pipeline import lifecycle
from tests.credits.steps import PROMPT, complete, create, ready, submit, succeed

NEXT_MONTH = timedelta(days=32)


def order(*people: User, amount: object = 10, note: str = "A new month", **more: Any) -> grants.Order:
    return grants.Order(people=people, amount=Decimal(str(amount)), note=note, **more)


def end_of(entry: CreditEntry) -> datetime:
    assert entry.expires_at
    return entry.expires_at


def give(*people: User, **more: Any) -> list[CreditEntry]:
    return grants.carry_out(order(*people, **more), created_by=None)


def command(*words: str, **options: object) -> str:
    output = io.StringIO()
    call_command("grant_credits", *words, stdout=output, **options)
    return output.getvalue()


def put_the_clocks_on(monkeypatch: pytest.MonkeyPatch, *, to: datetime) -> None:
    by, now = to - timezone.now(), timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + by)


def balances(*people: User) -> list[Decimal]:
    return [ledger.get_balance(person) for person in people]


@pytest.fixture
def painters(alice: User, bob: User) -> Group:
    group = Group.objects.create(name="painters")
    group.user_set.add(alice, bob)
    return group


def test_it_gives_to_one_and_to_many(alice: User, bob: User, charlie: User) -> None:
    give(alice)
    give(alice, bob, charlie, amount="0.5")
    assert balances(alice, bob, charlie) == [Decimal("110.5"), Decimal("100.5"), Decimal("0.5")]


def test_it_gives_to_a_group_and_to_nobody_twice(alice: User, bob: User, painters: Group) -> None:
    bob.is_active = False
    bob.save()
    give(alice, group=painters)
    assert balances(alice, bob) == [110, 100]


def test_it_shows_beforehand_what_will_come_of_it(alice: User, charlie: User) -> None:
    wanted = order(alice, charlie, amount=5)
    assert grants.preview(wanted) == [
        grants.Line(alice, Decimal(100), Decimal(105)),
        grants.Line(charlie, Decimal(0), Decimal(5)),
    ]
    assert wanted.total == 10
    assert balances(alice, charlie) == [100, 0]


def test_the_preview_costs_the_same_however_many_get_something(
    painters: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        painters.user_set.add(User.objects.create_user(f"person{number}"))
    with django_assert_num_queries(3):
        assert len(grants.preview(order(group=painters))) == 7


@pytest.mark.parametrize("amount", ["0", "-1", "1e9", "0.00001", "NaN", "Infinity"])
def test_it_refuses_an_amount_of(amount: str, alice: User) -> None:
    for ask in (grants.preview, lambda wanted: grants.carry_out(wanted, created_by=None)):
        with pytest.raises(ledger.InvalidAmount):
            ask(order(alice, amount=amount, is_monthly=True))
    assert balances(alice) == [100]
    assert not GrantPlan.objects.exists()


@pytest.mark.parametrize("note", ["", "  ", "x" * 201])
def test_it_refuses_without_a_reason(note: str, alice: User) -> None:
    with pytest.raises(ledger.InvalidAmount, match="reason"):
        give(alice, note=note)


def test_it_refuses_to_give_to_nobody(alice: User) -> None:
    alice.is_active = False
    alice.save()
    for people in ([], [alice]):
        with pytest.raises(ledger.InvalidAmount, match="at least one person"):
            give(*people)


def test_a_monthly_grant_comes_once_a_month_to_whoever_belongs_to_it(
    alice: User, charlie: User, painters: Group
) -> None:
    give(charlie, group=painters, is_monthly=True)
    assert balances(alice, charlie) == [110, 10]
    newcomer = User.objects.create_user("newcomer")
    grants.keep_up()
    painters.user_set.add(newcomer)
    grants.keep_up()
    grants.keep_up()
    assert balances(alice, charlie, newcomer) == [110, 10, 10]
    painters.user_set.remove(alice)
    grants.keep_up(timezone.now() + NEXT_MONTH)
    assert balances(alice, charlie, newcomer) == [110, 20, 20]


def test_a_monthly_grant_to_people_leaves_the_others_alone(alice: User, bob: User) -> None:
    give(alice, is_monthly=True)
    grants.keep_up(timezone.now() + NEXT_MONTH)
    assert balances(alice, bob) == [120, 100]


def test_a_stopped_grant_comes_no_more(alice: User) -> None:
    give(alice, is_monthly=True)
    plan = GrantPlan.objects.get()
    assert grants.stop(plan)
    assert not grants.stop(plan)
    grants.keep_up(timezone.now() + NEXT_MONTH)
    assert balances(alice) == [110]


def test_the_database_refuses_a_second_one_in_a_month(alice: User) -> None:
    (entry,) = give(alice, is_monthly=True)
    again = CreditEntry(kind="grant", amount=10, note="Again", plan=entry.plan, month=entry.month)
    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.append(CreditAccount.objects.get(user=alice), [again])


@pytest.mark.django_db(transaction=True)
def test_it_gives_once_however_many_keep_up(alice: User, bob: User) -> None:
    give(alice, bob, is_monthly=True, expires=True)
    later = timezone.now() + NEXT_MONTH

    def keep_up(_: int) -> None:
        try:
            grants.keep_up(later)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(keep_up, range(6)))
    assert balances(alice, bob) == [110, 110]
    assert CreditEntry.objects.filter(kind="expiry").count() == 2


def test_what_is_unused_goes_at_the_months_end(alice: User) -> None:
    (entry,) = give(alice, expires=True)
    create(alice)
    grants.keep_up(end_of(entry) - timedelta(seconds=1))
    assert balances(alice) == [Decimal("107.5")]
    grants.keep_up(end_of(entry))
    grants.keep_up(end_of(entry))
    gone = CreditEntry.objects.get(kind="expiry")
    assert (gone.amount, gone.counters, gone.note) == (Decimal("-7.5"), entry, "Unused of 10: A new month")
    assert balances(alice) == [100]
    assert not list(doctor.check_ledger())


def test_what_has_all_been_used_is_said_too(alice: User) -> None:
    (entry,) = give(alice, amount=2, expires=True)
    create(alice)
    grants.keep_up(end_of(entry))
    assert CreditEntry.objects.get(kind="expiry").amount == 0
    assert balances(alice) == [Decimal("99.5")]


def test_a_picture_that_came_back_was_not_used(alice: User) -> None:
    (entry,) = give(alice, expires=True)
    lifecycle.cancel(create(alice), canceled_by=alice)
    grants.keep_up(end_of(entry))
    assert balances(alice) == [100]


def test_what_came_back_of_earlier_pictures_is_nobodys_grant(alice: User) -> None:
    earlier = create(alice)
    (entry,) = give(alice, expires=True)
    create(alice)
    lifecycle.cancel(earlier, canceled_by=alice)
    grants.keep_up(end_of(entry))
    assert balances(alice) == [100]


def test_expiry_takes_no_more_than_there_is(charlie: User) -> None:
    (entry,) = give(charlie, amount=10, expires=True)
    ledger.undo(give(charlie, amount=5)[0], note="Wrong person", created_by=None)
    succeed(charlie, cost=Decimal(8))
    grants.keep_up(end_of(entry))
    assert balances(charlie) == [0]


def test_a_grant_is_not_taken_back_out_of_one_that_expires(charlie: User) -> None:
    (earlier,) = give(charlie, amount="2.5")
    create(charlie)
    (entry,) = give(charlie, amount=10, expires=True)
    with pytest.raises(ledger.NothingToUndo, match="all been spent"):
        ledger.undo(earlier, note="Wrong person", created_by=None)
    grants.keep_up(end_of(entry))
    assert CreditEntry.objects.get(kind="expiry").amount == -10
    assert balances(charlie) == [0]


def test_what_comes_back_after_the_months_end_is_gone_too(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, amount=100, expires=True)
    bought = [create(charlie) for _ in range(3)]
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    grants.keep_up()
    assert balances(charlie) == [0]
    lifecycle.cancel(bought[0], canceled_by=charlie)
    lifecycle.cancel_waiting(charlie, Generation.objects.all())
    assert balances(charlie) == [0]
    gone = CreditEntry.objects.filter(kind="expiry").order_by("pk").values_list("amount", flat=True)
    assert list(gone) == [Decimal("-92.5"), Decimal("-2.5"), -5]


def test_what_bfl_takes_less_after_the_months_end_is_gone_too(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, expires=True)
    made = submit(create(charlie))
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    grants.keep_up()
    complete(ready(made, Decimal(1)))
    assert balances(charlie) == [0]


def test_what_was_paid_by_other_credits_comes_back_for_good(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(charlie, amount=5)
    (entry,) = give(charlie, amount=5, expires=True)
    bought = [create(charlie) for _ in range(4)]
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    grants.keep_up()
    for generation in bought[:3]:
        lifecycle.cancel(generation, canceled_by=charlie)
    assert balances(charlie) == [5]


def test_what_has_expired_cannot_be_spent_before_the_books_are_kept(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, expires=True)
    give(charlie, amount=3)
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    with pytest.raises(ledger.InsufficientCredits, match="you have 3"):
        create(charlie, "flux-pro")
    create(charlie)
    grants.keep_up()
    assert balances(charlie) == [Decimal("0.5")]
    assert CreditEntry.objects.filter(kind="expiry").count() == 1


@pytest.mark.parametrize("token", [None, uuid.uuid4()], ids=["without a token", "with a token"])
def test_a_press_refused_over_what_has_expired_leaves_the_balance_that_it_names(
    token: uuid.UUID | None, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, expires=True)
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    with pytest.raises(ledger.InsufficientCredits, match="you have 0"):
        lifecycle.create(charlie, "flux-dev", PROMPT, token=token)
    assert balances(charlie) == [0]


def test_in_the_studio_such_a_press_leaves_that_balance_too(
    client: Client, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, expires=True)
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    client.force_login(charlie)
    pressed = {"endpoint": "flux-dev", "form_for": "flux-dev", "count": "1", **PROMPT}
    answer = client.post("/", {**pressed, "press": str(uuid.uuid4())})
    assert answer.status_code == 422
    assert "you have 0" in answer.text
    assert balances(charlie) == [0]


def test_a_retry_refused_over_what_has_expired_leaves_the_balance_that_it_names(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = give(charlie, expires=True)
    generation = create(charlie)
    lifecycle.cancel(generation, canceled_by=charlie)
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    with pytest.raises(ledger.InsufficientCredits, match="you have 0"):
        lifecycle.retry(generation, charlie)
    assert balances(charlie) == [0]


def test_of_grants_that_expire_together_each_credit_is_used_once(charlie: User) -> None:
    (first,), (second,) = give(charlie, amount=7, expires=True), give(charlie, amount=5, expires=True)
    give(charlie, amount=1)
    for _ in range(2):
        create(charlie)
    grants.keep_up(end_of(first))
    assert balances(charlie) == [1]
    gone = CreditEntry.objects.filter(kind="expiry").order_by("pk").values_list("counters", "amount")
    assert list(gone) == [(first.pk, Decimal(-2)), (second.pk, Decimal(-5))]


def test_what_ends_first_is_spent_first(charlie: User) -> None:
    now = timezone.now()
    later, sooner = (
        ledger.grant(charlie, Decimal(5), note="x", created_by=None, expires_at=now + timedelta(days=days))
        for days in (60, 30)
    )
    create(charlie)
    for end in (end_of(sooner), end_of(later)):
        grants.keep_up(end)
    gone = CreditEntry.objects.filter(kind="expiry").order_by("pk").values_list("counters", "amount")
    assert list(gone) == [(sooner.pk, Decimal("-2.5")), (later.pk, Decimal(-5))]


def test_a_grant_beside_one_that_has_just_ended_can_be_taken_back_whole(
    charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for days in (30, 60):
        until = now + timedelta(days=days)
        ledger.grant(charlie, Decimal(5), note="x", created_by=None, expires_at=until)
    put_the_clocks_on(monkeypatch, to=now + timedelta(days=40))
    (entry,) = give(charlie, amount=4)
    assert ledger.undo(entry, note="Wrong person", created_by=None).amount == -4
    assert balances(charlie) == [5]


def test_what_pictures_held_can_be_taken_back_when_it_has_come_back(charlie: User) -> None:
    (entry,) = give(charlie)
    held = create(charlie)
    assert ledger.undo(entry, note="Wrong person", created_by=None).amount == Decimal("-7.5")
    with pytest.raises(ledger.NothingToUndo, match="comes back of pictures"):
        ledger.undo(entry, note="The rest", created_by=None)
    lifecycle.cancel(held, canceled_by=charlie)
    assert ledger.undo(entry, note="The rest", created_by=None).amount == Decimal("-2.5")
    assert balances(charlie) == [0]
    with pytest.raises(ledger.NothingToUndo, match="already"):
        ledger.undo(entry, note="Once more", created_by=None)


def test_what_has_expired_cannot_be_taken_back(charlie: User, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = give(charlie, expires=True)
    put_the_clocks_on(monkeypatch, to=end_of(entry))
    with pytest.raises(ledger.NothingToUndo, match=r"^That grant has expired\.$"):
        ledger.undo(entry, note="Wrong person", created_by=None)


def test_who_comes_second_in_a_month_gives_nothing(alice: User) -> None:
    (entry,) = give(alice, is_monthly=True)
    assert entry.plan
    assert entry.month
    assert grants.give_once(entry.plan, alice, entry.month, None) is None
    assert balances(alice) == [110]


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
)
def test_it_expires_when_the_sites_month_ends(zone: str, settings: Settings, alice: User) -> None:
    settings.TIME_ZONE = zone
    (entry,) = give(alice, expires=True, is_monthly=True)
    assert entry.month == periods.local_day(timezone.now()).replace(day=1)
    ends = timezone.localtime(end_of(entry), timezone.get_default_timezone())
    assert (ends.day, ends.hour, ends.minute) == (1, 0, 0)


def test_it_knows_what_was_used_though_the_sites_clocks_were_set_otherwise(
    charlie: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TIME_ZONE = "Pacific/Niue"
    (entry,) = give(charlie, expires=True)
    settings.TIME_ZONE = "Pacific/Kiritimati"
    put_the_clocks_on(monkeypatch, to=end_of(entry) - timedelta(minutes=30))
    create(charlie, "flux-dev")
    assert grant_expiry.unused(entry.account, [entry]) == {entry: Decimal("7.5")}


def test_the_new_month_comes_with_the_end_of_the_old(alice: User) -> None:
    (entry,) = give(alice, is_monthly=True, expires=True)
    grants.keep_up(end_of(entry))
    kinds = CreditEntry.objects.filter(account__user=alice).order_by("pk").values_list("kind", "amount")
    told = [f"{kind} {amount.normalize():f}" for kind, amount in kinds]
    assert told == ["grant 100", "grant 10", "expiry -10", "grant 10"]


def test_it_takes_a_grant_back_and_says_why(alice: User, staff: User) -> None:
    (entry,) = give(alice)
    taken = ledger.undo(entry, note=" Wrong person ", created_by=staff)
    assert taken.amount == -10
    assert (taken.note, taken.counters, taken.created_by) == ("Wrong person", entry, staff)
    assert balances(alice) == [100]


def test_it_takes_back_only_what_is_left(charlie: User) -> None:
    (entry,) = give(charlie)
    create(charlie, "flux-kontext-max")
    taken = ledger.undo(entry, note="x" * 200, created_by=None)
    assert taken.note.endswith("x (only 2 of 10 were left)")
    assert balances(charlie) == [0]


def test_it_takes_nothing_back_twice(charlie: User) -> None:
    (entry,) = give(charlie, expires=True)
    taken = ledger.undo(entry, note="Wrong person", created_by=None)
    with pytest.raises(ledger.NothingToUndo, match=r"^That grant was taken back already\.$"):
        ledger.undo(entry, note="Once more", created_by=None)
    with pytest.raises(ledger.NothingToUndo, match=r"^Only a grant can be taken back\.$"):
        ledger.undo(taken, note="The other way", created_by=None)
    grants.keep_up(end_of(entry))
    assert balances(charlie) == [0]


def test_it_takes_back_what_is_left_however_little(charlie: User) -> None:
    (entry,) = give(charlie, amount="2.6")
    create(charlie)
    undone = ledger.undo(entry, note="x" * 200, created_by=None)
    assert undone.amount == Decimal("-0.1")
    rest = " (only 0.1 of 2.6 were left)"
    assert undone.note == "x" * (200 - len(rest)) + rest
    assert balances(charlie) == [0]


def test_it_takes_nothing_back_of_what_is_spent(charlie: User) -> None:
    (entry,) = give(charlie, amount="2.5")
    create(charlie)
    told = (
        r"^Nothing of that grant is left: it has all been spent\. "
        r"What comes back of pictures in progress can be taken back then\.$"
    )
    with pytest.raises(ledger.NothingToUndo, match=told):
        ledger.undo(entry, note="Wrong person", created_by=None)
    with pytest.raises(ledger.InvalidAmount):
        ledger.undo(entry, note=" ", created_by=None)


def test_by_command_it_gives_to_several_and_a_group(alice: User, charlie: User, painters: Group) -> None:
    said = command("charlie", "7.5", group="painters", reason="Spring", monthly=True, expires=True)
    assert sorted(line.split(" (")[0] for line in said.splitlines()) == [
        "alice got 7.5 credits a month and has 107.5 now.",
        "bob got 7.5 credits a month and has 107.5 now.",
        "charlie got 7.5 credits a month and has 7.5 now.",
    ]
    plan = GrantPlan.objects.get()
    assert (plan.amount, plan.expires, plan.note) == (Decimal("7.5"), True, "Spring")


def test_by_command_it_says_who_is_switched_off(alice: User, bob: User) -> None:
    bob.is_active = False
    bob.save()
    with pytest.raises(CommandError, match=r"bob is switched off\. Nothing was given to anybody\."):
        command("alice", "bob", "5", reason="Spring")
    assert balances(alice) == [100]


def test_by_command_it_takes_back(alice: User) -> None:
    (entry,) = give(alice)
    assert command(undo=entry.pk, reason="Wrong") == "alice gave back 10 of 10 credits and has 100 now.\n"


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        ([], {}, "Say how many credits."),
        (["5"], {}, "Name at least one person"),
        (["alice", "nobody", "5"], {}, "There is no person called “nobody”."),
        (["5"], {"group": "nobody"}, "There is no group called “nobody”."),
        (["alice", "1e9"], {}, "at most 1,000,000"),
        (["alice", "5"], {"undo": 1}, "name nobody and no amount"),
        ([], {"undo": 1, "group": "painters"}, "no other option"),
        ([], {"undo": 1, "monthly": True}, "no other option"),
        ([], {"undo": 1, "expires": True}, "no other option"),
        ([], {"undo": 0}, "There is no entry 0."),
    ],
)
def test_by_command_it_refuses(
    words: list[str], options: dict[str, object], sentence: str, alice: User
) -> None:
    with pytest.raises(CommandError, match=sentence) as caught:
        command(*words, reason="For the tests", **options)
    assert caught.value.returncode == 2
    assert CreditEntry.objects.count() == 1
