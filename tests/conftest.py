from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings

from fluxsite.ops import redis_server
from generations import follower, ledger, provider, queue
from generations.follower import Follower
from generations.models import Generation
from generations.sandbox import Sandbox

# Playwright keeps an event loop in the main thread, and Django then refuses every query there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

Work = Callable[[], None]


@pytest.fixture(scope="session", autouse=True)
def redis() -> Iterator[None]:
    """The Redis of REDIS_URL, or one of our own on a socket in the tests' data folder."""
    if os.environ.get("REDIS_URL"):
        yield
        return
    command = redis_server.command_line(embedded_redis(), Path(site.REDIS_SOCKET))
    with subprocess.Popen(command) as process:
        _wait_for_redis()
        yield
        process.terminate()


def embedded_redis() -> Path:
    """Return the Redis of the locked packages, whatever the machine has; any where there is no such wheel."""
    return redis_server.bundled_binary() or redis_server.find_binary()


def _wait_for_redis() -> None:
    for _ in range(100):
        try:
            return queue.ping()
        except queue.QueueAway:
            time.sleep(0.05)
    raise AssertionError("Redis did not start")


@pytest.fixture(autouse=True)
def empty_redis(redis: None) -> None:
    django_rq.get_connection("default").flushdb()


@pytest.fixture
def alice(db: None) -> User:
    """A member with credits."""
    return _member("alice", Decimal(100))


@pytest.fixture
def bob(db: None) -> User:
    """A member with credits who must never see what is Alice's."""
    return _member("bob", Decimal(100))


@pytest.fixture
def charlie(db: None) -> User:
    """A member without any credits."""
    return User.objects.create_user("charlie", password="charlie-has-nothing")


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff", password="staff-sees-everything")


def _member(name: str, credits: Decimal) -> User:
    user = User.objects.create_user(name, password=f"{name}-paints-pictures")
    ledger.grant(user, credits, note="For the tests", created_by=None)
    return user


@pytest.fixture
def as_alice(alice: User) -> Client:
    return _logged_in(alice)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return _logged_in(bob)


@pytest.fixture
def as_staff(staff: User) -> Client:
    return _logged_in(staff)


def _logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    """A BFL of our own, forty times as quick as the real one, and the site set up to use it."""
    with Sandbox(key="key-of-the-tests", speed=40) as running:
        use_bfl_at(settings, running.url, running.hosts)
        yield running
    forget_bfl()


def use_bfl_at(settings: Settings, url: str, hosts: list[str]) -> None:
    settings.BFL_API_BASE, settings.BFL_EXTRA_HOSTS = url, hosts
    forget_bfl()


def forget_bfl() -> None:
    provider.get_client.cache_clear()
    provider.get_hosts.cache_clear()


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    """The folder of pictures, empty."""
    settings.MEDIA_ROOT = str(tmp_path)
    assert default_storage.path("x").startswith(str(tmp_path))
    return tmp_path


@pytest.fixture
def work(transactional_db: None, sandbox: Sandbox, media: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Do what the workers would do, until nothing is left to do."""
    # The sandbox is forty times as quick as BFL, so the first look comes sooner too.
    monkeypatch.setattr(follower, "FIRST_LOOK", 0.02)

    def until_finished() -> None:
        for _ in range(50):
            Follower(provider.get_client(), linger=0).run()
            run_jobs("store", "default")
            if not Generation.objects.unfinished().exists():
                return
        raise AssertionError("something never ended")

    return until_finished


def run_jobs(*queues: str) -> None:
    """Run what RQ has waiting, in this process."""
    django_rq.get_worker(*queues, worker_class="rq.SimpleWorker").work(burst=True)


def waiting_jobs(name: str) -> list[tuple[str | None, tuple[Any, ...]]]:
    """Return task and arguments of each job in a queue."""
    return [(job.func_name, tuple(job.args)) for job in django_rq.get_queue(name).jobs]
