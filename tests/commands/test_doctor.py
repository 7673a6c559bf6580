from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.checks.async_checks import check_async_unsafe
from django.core.checks.registry import registry
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from generations.doctor import CHECKS, GUARDS
from generations.migrations._ledger_guard import POSTGRESQL, SQLITE
from generations.models import Generation
from generations.pipeline import lifecycle, queue
from sandbox import Sandbox
from tests.conftest import forget_bfl, make_pictures

pytestmark = pytest.mark.usefixtures("db", "sandbox", "media", "no_check_of_the_tests_themselves")


@pytest.fixture
def no_check_of_the_tests_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Django minds the variable that conftest sets for Playwright.
    deployed = registry.deployment_checks - {check_async_unsafe}
    monkeypatch.setattr(registry, "deployment_checks", deployed)


def doctor() -> tuple[int, list[str]]:
    """Run the command; return its exit status and its lines."""
    output, status = io.StringIO(), 0
    try:
        call_command("doctor", stdout=output, no_color=True)
    except SystemExit as end:
        status = int(str(end.code))
    return status, output.getvalue().splitlines()


def findings(subject: str) -> list[str]:
    """Run the command, which must find something of this subject and nothing else."""
    status, lines = doctor()
    assert status == 1
    assert [line for line in lines if line.endswith(": in order")] == [
        f"{name}: in order" for name in CHECKS if name != subject
    ]
    return [line.strip() for line in lines if line.startswith("  ")]


@pytest.fixture
def no_redis(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    queue._redis.cache_clear()
    yield
    queue._redis.cache_clear()


def test_it_finds_everything_in_order(alice: User) -> None:
    make_pictures(alice, 2)
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    status, lines = doctor()
    assert lines == [f"{subject}: in order" for subject in CHECKS]
    assert status == 0


def test_it_leaves_nothing_behind(media: Path) -> None:
    doctor()
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_it_finds_pictures_whose_file_is_gone(alice: User, media: Path) -> None:
    image = make_pictures(alice)[0].image
    (media / str(image.file)).unlink()
    assert findings("Files") == [f"The file is gone: {image.file}"]


def test_it_finds_files_that_no_picture_owns(alice: User, media: Path) -> None:
    make_pictures(alice)
    (media / "images" / "aa").mkdir(exist_ok=True)
    (media / "images" / "aa" / "stray.jpg").write_bytes(b"x")
    assert findings("Files") == ["No picture owns this file: images/aa/stray.jpg"]


def test_it_does_not_mind_a_file_being_written(media: Path) -> None:
    (media / "drafts").mkdir()
    (media / "drafts" / "half-written").write_bytes(b"x")
    assert doctor()[0] == 0


def test_it_finds_a_key_that_bfl_refuses(settings: Settings) -> None:
    settings.BFL_API_KEY = "another-key"
    forget_bfl()
    found = findings("BFL")
    assert len(found) == 1
    assert found[0].startswith("BFL does not accept us: ")
    assert "another-key" not in found[0]


def test_it_finds_a_bfl_that_cannot_be_reached(settings: Settings) -> None:
    settings.BFL_API_BASE, settings.BFL_EXTRA_HOSTS = "http://127.0.0.1:9", ["127.0.0.1:9"]
    forget_bfl()
    assert len(findings("BFL")) == 1


def test_it_finds_an_account_without_credits(sandbox: Sandbox) -> None:
    sandbox.credits = Decimal(0)
    assert findings("BFL") == ["The BFL account is out of credits."]


def test_it_finds_that_there_is_no_key(settings: Settings) -> None:
    settings.BFL_API_KEY = ""
    assert findings("Configuration")[0].startswith("There is no key for BFL's API.")


def test_it_finds_a_base_address_that_may_not_see_the_key(settings: Settings) -> None:
    settings.BFL_EXTRA_HOSTS = []
    status, lines = doctor()
    assert status == 1
    assert any("(generations.E002)" in line for line in lines)


def test_it_minds_an_unsafe_setting_once_the_site_is_public(settings: Settings) -> None:
    settings.IS_HTTPS, settings.SESSION_COOKIE_SECURE = True, False
    assert any("SESSION_COOKIE_SECURE" in finding for finding in findings("Configuration"))


@pytest.mark.usefixtures("no_redis")
def test_it_finds_that_redis_is_away() -> None:
    assert findings("Redis")[0].startswith("Redis does not answer: ")


def test_it_finds_a_folder_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    settings.MEDIA_ROOT = str(tmp_path / "file")
    status, lines = doctor()
    assert status == 1
    assert any(line.startswith("  Pictures cannot be written: ") for line in lines)


def test_it_finds_missing_migrations() -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("generations")
    MigrationRecorder(connection).record_unapplied(*newest)
    assert findings("Database") == ["Migrations are missing: manage.py migrate"]


def test_it_finds_a_picture_that_nobody_paid_for(alice: User) -> None:
    generation = Generation.objects.create(
        user=alice,
        endpoint="flux-dev",
        params={"prompt": "x"},
        price=4,
        bfl_price=4,
        created_at=timezone.now(),
    )
    assert findings("Ledger") == [f"{generation.code} was charged 0 times and refunded 0 times"]


def test_it_finds_each_guard_of_the_ledger_that_is_gone() -> None:
    for name in sorted(GUARDS[connection.vendor]):
        with transaction.atomic():
            on = "" if connection.vendor == "sqlite" else " ON generations_creditentry"
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TRIGGER {name}{on}")
            assert findings("Ledger") == [f"The database does not guard the ledger: {name}"]
            transaction.set_rollback(True)


def test_it_knows_every_guard_of_the_ledger() -> None:
    statements = SQLITE if connection.vendor == "sqlite" else POSTGRESQL
    made = {found[1] for text in statements if (found := re.search(r"CREATE TRIGGER (\w+)", text))}
    assert GUARDS[connection.vendor] == made


def test_it_says_what_is_wrong_before_the_first_migration_too(tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "fluxsite.settings",
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "BFL_API_KEY": "",
    }
    command = [sys.executable, "manage.py", "doctor"]
    result = subprocess.run(command, env=environment, cwd=site.BASE_DIR, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Migrations are missing: manage.py migrate" in result.stdout
    assert "Traceback" not in result.stderr
