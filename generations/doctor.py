"""Look whether everything is in order. Each check yields its findings, none if all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from django.conf import settings
from django.core import checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, OuterRef, Q, Subquery

from generations import bfl
from generations.checks import is_usable_key
from generations.credits import ledger
from generations.credits.amounts import Total
from generations.models import CreditAccount, CreditEntry, GeneratedImage, Generation
from generations.models.generation import TERMINAL_STATUSES
from generations.pipeline import queue
from generations.provider import bfl_client

FOLDERS = ("images", "thumbnails", "renditions")
# SQLite forgets them when a migration alters the table without putting them back.
GUARDS = {
    "sqlite": {"entry_is_never_changed", "entry_is_never_deleted", "entry_adds_up"},
    "postgresql": {"entry_is_never_changed", "entry_adds_up"},
}
WORD_INDEX = {"picture_is_indexed", "picture_is_unindexed", "picture_is_reindexed"}


def check_configuration() -> Iterator[str]:
    for message in checks.run_checks(include_deployment_checks=not settings.DEBUG):
        # Security over plain http is the concern of a public site only.
        if message.level >= checks.ERROR or (settings.IS_HTTPS and message.level >= checks.WARNING):
            yield f"{message.msg} {message.hint or ''} ({message.id})"


def check_database() -> Iterator[str]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield f"The database cannot be used: {error}"
        return
    if not _has_tables():
        yield "Migrations are missing: manage.py migrate"


def check_redis() -> Iterator[str]:
    try:
        queue.ping()
    except queue.QueueAway as error:
        yield f"Redis does not answer: {error}"


def check_bfl() -> Iterator[str]:
    if not is_usable_key(settings.BFL_API_KEY):
        return  # said by check_configuration
    try:
        amount = bfl_client.get_client().credits()
    except bfl.BFLError as error:
        yield f"BFL does not accept us: {error}"
        return
    if amount <= 0:
        yield "The BFL account is out of credits."


def check_storage() -> Iterator[str]:
    try:
        name = default_storage.save("doctor.txt", ContentFile(b"ok"))
        default_storage.delete(name)
    except OSError as error:
        yield f"Pictures cannot be written: {error}"


def check_files() -> Iterator[str]:
    """Files without a row, and rows without a file. A picture being stored right now may show up once."""
    if not _has_tables():
        return  # said by check_database
    images = GeneratedImage.objects.select_related("generation")
    expected = {name for image in images.iterator() for name in image.file_names}
    found = {name for folder in FOLDERS for name in _files_in(folder)}
    for name in sorted(expected - found):
        yield f"The file is gone: {name}"
    for name in sorted(found - expected):
        yield f"No picture owns this file: {name}"


def check_ledger() -> Iterator[str]:
    if not _has_tables():
        return  # said by check_database
    charges = Count("entries", filter=Q(entries__kind=CreditEntry.Kind.CHARGE))
    refunds = Count("entries", filter=Q(entries__kind=CreditEntry.Kind.REFUND))
    net = Total("entries__amount")
    rows = Generation.objects.annotate(charges=charges, refunds=refunds, net=net)
    is_given_back = Q(status__in=TERMINAL_STATUSES - {Generation.Status.SUCCEEDED}) | Q(is_late=True)
    settled = Q(is_given_back, charges=1, refunds=1, net=0) | Q(~is_given_back, charges=1, refunds=0)
    found = rows.exclude(settled).values_list("code", "charges", "refunds", "net")
    for code, charged, refunded, rest in found:
        left = f", which leaves {ledger.plain(rest)}" if charged == refunded == 1 else ""
        yield f"{code} was charged {charged} times and refunded {refunded} times{left}"
    yield from _unbalanced_accounts()
    if missing := GUARDS[connection.vendor] - _triggers():
        yield f"The database does not guard the ledger: {', '.join(sorted(missing))}"


def check_search() -> Iterator[str]:
    """PostgreSQL keeps the index of words in a column, which cannot be forgotten."""
    if connection.vendor != "sqlite" or not _has_tables():
        return  # said by check_database
    if missing := WORD_INDEX - _triggers():
        yield f"The search does not hear of new pictures: {', '.join(sorted(missing))}"


CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "Configuration": check_configuration,
    "Database": check_database,
    "Redis": check_redis,
    "BFL": check_bfl,
    "Storage": check_storage,
    "Files": check_files,
    "Ledger": check_ledger,
    "Search": check_search,
}


def _has_tables() -> bool:
    """Whether the database answers and is migrated to today's tables."""
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError:
        return False
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _unbalanced_accounts() -> Iterator[str]:
    newest = CreditEntry.objects.newest_of_account(OuterRef("pk")).values("balance_after")[:1]
    accounts = CreditAccount.objects.annotate(total=Total("entries__amount"), told=Subquery(newest))
    for account in accounts.select_related("user"):
        total, told = account.total or Decimal(), account.told or Decimal()
        if total != told or total < 0:
            yield f"{account} has entries of {ledger.plain(total)} and a balance of {ledger.plain(told)}"


def _triggers() -> set[str]:
    tables = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled = 'O'",
    }
    with connection.cursor() as cursor:
        cursor.execute(tables[connection.vendor])
        return {name for (name,) in cursor.fetchall()}


def _files_in(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except OSError:
        return  # a folder that nothing was stored in yet, or said by check_storage
    yield from (f"{folder}/{name}" for name in files)
    for name in folders:
        yield from _files_in(f"{folder}/{name}")
