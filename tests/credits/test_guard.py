"""The database keeps the ledger whole by itself, whatever program writes to it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F
from django.utils import timezone

from generations import doctor, periods
from generations.credits import ledger
from generations.credits.amounts import Total
from generations.models import CreditAccount, CreditEntry, Generation
from generations.pipeline import lifecycle

PROMPT = {"prompt": "a lighthouse at dusk"}


def run(sql: str, *parameters: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE generations_creditentry SET amount = 1",
        "UPDATE generations_creditentry SET note = 'Something else'",
        "UPDATE generations_creditentry SET id = id + 1000",
        "DELETE FROM generations_creditentry",
    ],
)
def test_it_refuses_to_change_or_delete_an_entry(sql: str, alice: User) -> None:
    with pytest.raises(IntegrityError, match="never"):
        run(sql)
    assert ledger.get_balance(alice) == 100


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Only SQLite has it")
def test_it_refuses_to_replace_an_entry(alice: User) -> None:
    columns = "id, account_id, kind, amount, balance_after, note, created_at"
    with pytest.raises(IntegrityError, match="add up"):
        run(
            f"INSERT OR REPLACE INTO generations_creditentry ({columns})"
            " SELECT id, account_id, kind, amount, balance_after + amount, note, created_at"
            " FROM generations_creditentry"
        )


@pytest.mark.parametrize("told", ["99", "100", "102.0001", "1000"])
def test_it_refuses_an_entry_that_does_not_add_up(told: str, alice: User) -> None:
    account = CreditAccount.objects.get(user=alice)
    with pytest.raises(IntegrityError, match="add up"), transaction.atomic():
        add(account, amount=Decimal(2), balance_after=Decimal(told))
    add(account, amount=Decimal(2), balance_after=Decimal(102))
    assert ledger.get_balance(alice) == 102


def test_it_refuses_an_entry_that_leaves_less_than_nothing(alice: User) -> None:
    account = CreditAccount.objects.get(user=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        add(account, amount=Decimal("-100.0001"), balance_after=Decimal("-0.0001"), kind="adjustment")


def add(account: CreditAccount, *, amount: Decimal, balance_after: Decimal, kind: str = "grant") -> None:
    CreditEntry(
        account=account,
        kind=kind,
        amount=amount,
        balance_after=balance_after,
        note="By hand",
        created_at=timezone.now(),
    ).save()


def test_no_more_is_taken_from_a_grant_than_it_gave(alice: User) -> None:
    ledger.grant(alice, Decimal(50), note="Another", created_by=None)
    first = CreditEntry.objects.earliest("pk")
    take(alice, first, Decimal("-60.5"))
    with pytest.raises(IntegrityError, match="no more is taken from a grant"):
        take(alice, first, Decimal("-39.5001"))
    take(alice, first, Decimal("-39.5"))
    assert ledger.get_balance(alice) == 50


def test_nothing_is_taken_for_what_is_no_grant_of_that_account(alice: User, bob: User) -> None:
    lifecycle.create(alice, "flux-dev", PROMPT)
    hers, his = CreditEntry.objects.get(kind="charge"), CreditEntry.objects.get(account__user=bob)
    for named in (hers, his):
        with pytest.raises(IntegrityError, match="no more is taken from a grant"):
            take(alice, named, Decimal(-1))


def take(person: User, grant: CreditEntry, amount: Decimal) -> None:
    account = CreditAccount.objects.get(user=person)
    undo = CreditEntry(kind="undo", amount=amount, note="By hand", counters=grant)
    with transaction.atomic():
        ledger.append(account, [undo])


@pytest.mark.parametrize("amount", ["2.4999", "2.5001"])
def test_a_refund_gives_back_what_was_charged(amount: str, alice: User, bob: User) -> None:
    (generation,) = lifecycle.create(alice, "flux-dev", PROMPT)
    with pytest.raises(IntegrityError, match="a refund must give back"):
        give_back(alice, generation, Decimal(amount))
    with pytest.raises(IntegrityError, match="a refund must give back"):
        give_back(bob, generation, Decimal("2.5"))
    give_back(alice, generation, Decimal("2.5"))


def give_back(person: User, generation: Generation, amount: Decimal) -> None:
    refund = ledger._entry_of(generation, CreditEntry.Kind.REFUND, amount)
    with transaction.atomic():
        ledger.append(CreditAccount.objects.get(user=person), [refund])


def test_it_adds_up_to_the_last_place(alice: User) -> None:
    for _ in range(30):
        ledger.grant(alice, Decimal("0.1"), note="A little", created_by=None)
        ledger.grant(alice, Decimal("999999.9999"), note="A lot", created_by=None)
    entries = CreditEntry.objects.filter(account__user=alice)
    assert str(ledger.get_balance(alice)) == "30000102.9970"
    assert str(entries.aggregate(total=Total("amount"))["total"]) == "30000102.9970"


@pytest.mark.django_db(transaction=True)
def test_it_takes_over_the_entries_of_a_site_before_it() -> None:
    person = User.objects.create_user("person")
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    migrate([("generations", "0002_under_fire")])
    try:
        _spend_as_before(person.pk)
    finally:
        migrate(latest)
    told = CreditEntry.objects.order_by("pk").values_list("kind", "balance_after")
    assert list(told) == [("grant", Decimal("10.1")), ("charge", Decimal("7.6")), ("refund", Decimal("10.1"))]
    of_pictures = CreditEntry.objects.exclude(generation=None)
    same = {"bought_at": F("generation__created_at"), "endpoint": F("generation__endpoint")}
    assert of_pictures.filter(**same).count() == 2
    bought_on = periods.local_day(Generation.objects.get().created_at)
    assert {entry.bought_on for entry in of_pictures} == {bought_on}
    lifecycle.create(person, "flux-dev", PROMPT)
    assert ledger.get_balance(person) == Decimal("7.6")


def migrate(targets: list[tuple[str, str]]) -> None:
    MigrationExecutor(connection).migrate(targets)


def _spend_as_before(user_id: int) -> None:
    now = timezone.now()
    run("INSERT INTO generations_creditaccount (id, user_id) VALUES (77, %s)", user_id)
    apps = MigrationExecutor(connection).loader.project_state([("generations", "0002_under_fire")]).apps
    generation = apps.get_model("generations", "Generation").objects.create(
        user_id=user_id, endpoint="flux-dev", params=PROMPT, price="2.5", created_at=now
    )
    entries = apps.get_model("generations", "CreditEntry").objects
    entries.create(account_id=77, kind="grant", amount="10.1", note="x", created_at=now)
    for kind, amount in (("charge", "-2.5"), ("refund", "2.5")):
        entries.create(account_id=77, kind=kind, amount=amount, generation=generation, created_at=now)


def test_the_doctor_misses_a_guard(alice: User) -> None:
    assert not list(doctor.check_ledger())
    on = " ON generations_creditentry" if connection.vendor == "postgresql" else ""
    run(f"DROP TRIGGER entry_adds_up{on}")
    account = CreditAccount.objects.get(user=alice)
    add(account, amount=Decimal(2), balance_after=Decimal(99))
    assert list(doctor.check_ledger()) == [
        "alice has entries of 102 and a balance of 99",
        "The database does not guard the ledger: entry_adds_up",
    ]
