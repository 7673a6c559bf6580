from __future__ import annotations

import pytest
import redis
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from pytest_django import Settings

from fluxsite.ops import views


def test_healthz_answers_without_database_session_or_login(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")
    assert not response.cookies


@pytest.mark.django_db
def test_readyz_says_ok_for_each_check(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok", "migrations": "ok"}


@pytest.mark.django_db
def test_readyz_says_that_redis_is_down(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["redis"] == "down"


@pytest.mark.django_db
def test_readyz_says_that_migrations_are_pending(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["0001_initial"])
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "redis": "ok", "migrations": "pending"}


@pytest.mark.django_db
def test_readyz_says_that_the_database_is_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(views, "MigrationExecutor", refuse)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "down", "redis": "ok", "migrations": "unknown"}


@pytest.mark.django_db
def test_readyz_says_that_redis_refuses_writes(client: Client, settings: Settings) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as connection:
        connection.config_set("min-replicas-to-write", 1)
        try:
            response = client.get("/readyz")
        finally:
            connection.config_set("min-replicas-to-write", 0)
    assert response.status_code == 503
    assert response.json()["redis"] == "refuses writes: NOREPLICAS"
