"""A long history of credits, always the same, and what pages and tables say of it."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from generations import bfl, periods
from generations.credits import ledger
from generations.models import CreditEntry, Generation

Kind = CreditEntry.Kind
# Days that hold all of it in every time zone: nowhere is it a day earlier or later than in another.
FIRST, LAST = date(2026, 9, 20), date(2026, 11, 19)


def write(people: Sequence[User], pictures: int) -> None:
    """Write a grant for each person and 1.6 entries, more or less, for each picture."""
    chance = random.Random(4)
    for person in people:
        with transaction.atomic():
            account = ledger.lock_account(person.pk)
            grant = CreditEntry(kind=Kind.GRANT, amount=Decimal(1_000_000), note="=SUM(A1:A9)")
            ledger.append(account, [grant])
            rows = [_bought(person, chance) for _ in range(pictures // len(people))]
            Generation.objects.bulk_create(rows)
            ledger.append(account, [entry for row in rows for entry in _entries_of(row, chance)])
    if connection.vendor == "postgresql":
        # A site's does so by itself after a while. Until then it guesses that there are few rows.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _bought(person: User, chance: random.Random) -> Generation:
    endpoint = chance.choice(list(bfl.ENDPOINTS.values()))
    price = endpoint.price + Decimal(chance.randint(0, 9)) / 10_000
    whole = periods.between(FIRST + timedelta(days=1), LAST - timedelta(days=1))
    return Generation(
        user=person,
        endpoint=endpoint.slug,
        params={"prompt": "@a heron"},
        price=price,
        bfl_price=price,
        created_at=whole.start + (whole.end - whole.start) * chance.random(),
    )


def _entries_of(row: Generation, chance: random.Random) -> list[CreditEntry]:
    entries = [ledger._entry_of(row, Kind.CHARGE, -row.price)]
    if chance.random() < 0.3:
        entries.append(ledger._entry_of(row, Kind.REFUND, row.price))
    elif chance.random() < 0.5:
        entries.append(
            ledger._entry_of(row, Kind.ADJUSTMENT, Decimal(chance.choice([-7, 3])) / 10_000, "Settled")
        )
    return entries


def table(client: Client, address: str) -> list[dict[str, str]]:
    """Return the rows of a CSV, each by the names of its columns."""
    response = client.get(address)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = b"".join(response).decode().splitlines()
    return list(csv.DictReader(lines))
