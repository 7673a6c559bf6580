"""A ledger of a million entries in the database of DATABASE_URL, and how long it is to read. Prints JSON.

Pages are asked for through the whole site but the web server: middleware, view, queries, templates.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module

# As the web server loads it.
import_module("fluxsite.wsgi")

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from generations import periods  # noqa: E402
from generations.credits import ledger, limits  # noqa: E402
from generations.models import CreditEntry, Limit  # noqa: E402
from generations.pipeline import lifecycle  # noqa: E402
from generations.provider import balance  # noqa: E402

PEOPLE = 50
# One in ten is the first person's, one in seven was given back: a million entries, 100,000 of them theirs.
PICTURES = 875_000
SECONDS_APART = 36
TIMES = 60

SERIES = f"WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {PICTURES})"
PERSON = f"CASE WHEN n % 10 = 0 THEN 1 ELSE 2 + n % {PEOPLE - 1} END"
ENDPOINT = "CASE n % 3 WHEN 0 THEN 'flux-dev' WHEN 1 THEN 'flux-pro' ELSE 'flux-kontext-max' END"
PRICE = "CASE n % 3 WHEN 0 THEN 2.5 WHEN 1 THEN 5 ELSE 8 END"
START = "{start}"
DIALECTS = {
    "sqlite": {
        "uuid": "lower(hex(randomblob(16)))",
        "json": "'{}'",
        "moment": f"strftime('%Y-%m-%d %H:%M:%f000', {START}, '+' || (n * {SECONDS_APART}) || ' seconds')",
    },
    "postgresql": {
        "uuid": "gen_random_uuid()",
        "json": "'{}'::jsonb",
        "moment": f"{START}::timestamptz + n * interval '{SECONDS_APART} seconds'",
    },
}

PICTURES_SQL = f"""
    INSERT INTO generations_generation (id, code, user_id, endpoint, params, price, bfl_price, status,
        failure_code, failure_detail, attempts, bfl_id, polling_url, sample_url, bfl_status, final_prompt,
        is_late, created_at, submitted_at, finished_at)
    {SERIES}, made AS (SELECT n, {{moment}} AS moment FROM series)
    SELECT n, {{uuid}}, {PERSON}, {ENDPOINT}, {{json}}, {PRICE}, {PRICE},
        CASE WHEN n % 7 = 0 THEN 'failed' ELSE 'succeeded' END,
        CASE WHEN n % 7 = 0 THEN 'provider_error' ELSE '' END,
        '', 1, 'task-' || n, '', '', 'Ready', '', FALSE, moment, moment, moment
    FROM made"""
ENTRIES_SQL = f"""
    INSERT INTO generations_creditentry
        (id, account_id, kind, amount, balance_after, generation_id, bought_at, bought_on, endpoint, note,
        created_at)
    SELECT {PEOPLE} + ROW_NUMBER() OVER (ORDER BY id, part), account, kind, amount,
        1000000 + SUM(amount) OVER (PARTITION BY account ORDER BY id, part), id, moment, DATE(moment),
        endpoint, '', moment
    FROM (
        SELECT picture.id, part, account.id AS account, picture.created_at AS moment, endpoint,
            CASE part WHEN 0 THEN 'charge' ELSE 'refund' END AS kind,
            CASE part WHEN 0 THEN -price ELSE price END AS amount
        FROM generations_generation AS picture
        JOIN generations_creditaccount AS account ON account.user_id = picture.user_id
        JOIN (SELECT 0 AS part UNION ALL SELECT 1) AS parts ON part = 0 OR picture.id % 7 = 0
    ) AS lines ORDER BY id, part"""


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    began = time.monotonic()
    fill(timezone.now() - timedelta(seconds=PICTURES * SECONDS_APART))
    filled = time.monotonic() - began
    figures = {name: measure(read) for name, read in readings().items()}
    told = {"entries": CreditEntry.objects.count(), "filled": filled, "load": os.getloadavg()[0]}
    print(json.dumps({**told, "figures": figures}))


def fill(start: datetime) -> None:
    words = DIALECTS[connection.vendor]
    for number in range(1, PEOPLE + 1):
        ledger.grant(
            User.objects.create(pk=number, username=f"person{number}"),
            Decimal(1_000_000),
            note="Plenty",
            created_by=None,
        )
    told = start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    for sql, parameters in ((PICTURES_SQL.format_map(words), [told]), (ENTRIES_SQL, [])):
        # The marks of modulo and strftime are none of the driver's.
        run(sql.replace("%", "%%").replace("{start}", "%s"), *parameters)
    if connection.vendor == "postgresql":
        # The numbers were given by hand.
        for table in ("generation", "creditentry"):
            run(f"SELECT setval('generations_{table}_id_seq', (SELECT MAX(id) FROM generations_{table}))")
        run("SELECT setval('auth_user_id_seq', (SELECT MAX(id) FROM auth_user))")
        run("VACUUM ANALYZE")
    for scope in ("team", "everyone"):
        for period in ("day", "month"):
            Limit.objects.create(scope=scope, period=period, credits=10_000_000)


def run(sql: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def readings() -> dict[str, Callable[[], object]]:
    person = User.objects.get(pk=1)
    first = periods.first_of_month(
        periods.first_of_month(periods.local_day(timezone.now())) - timedelta(days=1)
    )
    month = f"{first:%Y-%m}"
    own, staff = Client(), Client()
    own.force_login(person)
    newcomer = User.objects.create_superuser("staff")
    staff.force_login(newcomer)
    month_ago = timezone.now() - timedelta(days=30)

    return {
        "balance": lambda: ledger.get_balance(person),
        "balance of a newcomer": lambda: ledger.get_balance(newcomer),
        "limits of a press": lambda: limits.of(person),
        "credits page": lambda: visit(own, f"/credits/?month={month}"),
        "usage of a month": lambda: visit(staff, f"/usage/?month={month}"),
        "BFL's bill of a month": lambda: balance.get_bill(month_ago, timezone.now()),
        "one press": lambda: press(person),
    }


def visit(client: Client, address: str) -> None:
    response = client.get(address)
    response.getvalue()
    assert response.status_code == 200, f"{address}: {response.status_code}"


def press(person: User) -> None:
    (generation,) = lifecycle.create(person, "flux-dev", {"prompt": "a lighthouse"})
    lifecycle.cancel(generation, canceled_by=person)


def measure(read: Callable[[], object]) -> list[float]:
    """Return the median and the 95th percentile in milliseconds, the first look left out."""
    read()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        read()
        times.append((time.perf_counter() - began) * 1000)
    return [statistics.median(times), statistics.quantiles(times, n=20)[-1]]


if __name__ == "__main__":
    main()
