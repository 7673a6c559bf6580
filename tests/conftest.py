from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django_rq
import pytest
import rq
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from fluxsite.ops import redis_server
from generations import bfl
from generations.credits import ledger
from generations.media import images
from generations.models import Generation, Picture, Provider
from generations.pipeline import follower, lifecycle, queue
from generations.pipeline.follower import Follower
from generations.provider import bfl_client
from generations.studio import estimates, site_snapshot
from proof.site import Site, free_port, running_site
from sandbox import Sandbox

# Playwright keeps an event loop in the main thread, and Django then refuses every query there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

Work = Callable[[], None]

KEY_OF_THE_SITE = "a-key-that-must-not-be-seen"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long tests first: in random order one can start last, and every other worker waits for it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def redis() -> Iterator[None]:
    """The Redis of REDIS_URL, or one of our own on a socket in the tests' data folder."""
    if os.environ.get("REDIS_URL"):
        yield
        return
    command = redis_server.command_line(embedded_redis(), Path(django_settings.REDIS_SOCKET))
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
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has looked up holds for a second there, and here not from one line to the next. What it
    has measured holds for a minute, which must not end between two looks."""
    monkeypatch.setattr(site_snapshot, "HOLDS_FOR", 1e-9)
    monkeypatch.setattr(estimates, "HOLDS_FOR", 1e9)
    estimates._measure.cache_clear()


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


@pytest.fixture(scope="session")
def quick_bfl() -> Iterator[Sandbox]:
    """The BFL of the whole site, with two clusters."""
    with Sandbox(key=KEY_OF_THE_SITE, speed=8, clusters=2) as running:
        yield running


@pytest.fixture(scope="session")
def site(quick_bfl: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site as an operator starts it for the first time: one for all tests that only visit it."""
    port = str(free_port())
    environment = {
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BFL_API_KEY": KEY_OF_THE_SITE,
        "BFL_API_BASE": quick_bfl.url,
        "BFL_EXTRA_HOSTS": ",".join(quick_bfl.hosts),
    }
    with running_site(tmp_path_factory.mktemp("site"), **environment) as running:
        for name in ("demo", "admin"):
            done = running.manage("grant_credits", name, "1000", "--reason", "For the tests")
            assert done.returncode == 0, done.stderr
        yield running


def use_bfl_at(settings: Settings, url: str, hosts: list[str]) -> None:
    settings.BFL_API_BASE, settings.BFL_EXTRA_HOSTS = url, hosts
    forget_bfl()


def forget_bfl() -> None:
    bfl_client.get_client.cache_clear()
    bfl_client.get_hosts.cache_clear()


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    """The folder of pictures, empty."""
    settings.MEDIA_ROOT = str(tmp_path)
    assert default_storage.path("x").startswith(str(tmp_path))
    return tmp_path


@pytest.fixture
def work(transactional_db: None, sandbox: Sandbox, media: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Do what the workers would do, until nothing is left to do."""
    # The sandbox is forty times as quick as BFL, so every look comes sooner too.
    for name in ("FIRST_LOOK", "SHORTEST_INTERVAL", "LOOK_AROUND_EVERY"):
        monkeypatch.setattr(follower, name, getattr(follower, name) / 40)

    def until_finished() -> None:
        for _ in range(50):
            Follower(bfl_client.get_client(), linger=0).run()
            run_jobs("store", "default", "last")
            if not Generation.objects.unfinished().exists():
                return
        raise AssertionError("something never ended")

    return until_finished


class DeafWorker(rq.SimpleWorker):
    """Runs its jobs itself and takes no orders: ending the thread that listens for them can take a second."""

    def subscribe(self) -> None:
        pass


def run_jobs(*queues: str) -> None:
    """Run what RQ has waiting, in this process."""
    django_rq.get_worker(*queues, worker_class="tests.conftest.DeafWorker").work(burst=True)


def waiting_jobs(name: str) -> list[tuple[str | None, tuple[Any, ...]]]:
    """Return task and arguments of each job in a queue."""
    return [(job.func_name, tuple(job.args)) for job in django_rq.get_queue(name).jobs]


def kinds(generation: Generation) -> list[str]:
    """Return what the timeline tells, line by line."""
    return list(generation.events.values_list("kind", flat=True))


def waiting_calls() -> int:
    """Return how often the follower was called and has not answered yet."""
    return int(django_rq.get_connection("default").llen(queue._WAKE))


def follow_for(seconds: float) -> None:
    """Run a follower that is told to stop after so many seconds."""
    stop_at = time.monotonic() + seconds
    Follower(bfl_client.get_client(), is_stop_requested=lambda: time.monotonic() > stop_at, linger=60).run()


def follow_until(condition: Callable[[], bool]) -> None:
    """Run a follower that is told to stop as soon as something has come true."""
    stop_at = time.monotonic() + 20
    Follower(
        bfl_client.get_client(),
        is_stop_requested=lambda: condition() or time.monotonic() > stop_at,
        linger=60,
    ).run()
    assert condition()


def sweep(capture: DjangoCaptureOnCommitCallbacks) -> None:
    with capture(execute=True):
        call_command("sweep")


def age(generation: Generation, **seconds: float) -> None:
    """Set moments of a row back by so many seconds."""
    now = timezone.now()
    moments = {name: now - timedelta(seconds=past) for name, past in seconds.items()}
    Generation.objects.filter(pk=generation.pk).update(**moments)


def end_pause() -> None:
    """Let the pause be over, as time does."""
    Provider.objects.update(paused_until=timezone.now())


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def make_pictures(user: User, count: int = 1, *, prompt: str = "a lighthouse at dusk") -> list[Generation]:
    """Buy pictures and let them arrive, by the verbs that the pipeline uses."""
    made = lifecycle.create(user, "flux-dev", {"prompt": prompt}, count=count)
    while claimed := lifecycle.claim():
        for generation in claimed:
            arrive(generation)
    return list(Generation.objects.filter(pk__in=[generation.pk for generation in made]).order_by("pk"))


def submit(generation: Generation) -> None:
    bfl_id = f"task-{generation.pk}"
    assert lifecycle.mark_submitted(generation, bfl.Submission(id=bfl_id, polling_url=None, cost=None))


def make_ready(generation: Generation) -> None:
    result = bfl.Result(
        status=bfl.Status.READY,
        word="Ready",
        sample_url="https://delivery.eu.bfl.ai/sample.jpeg?sig=signed-by-bfl",
        seed=42,
    )
    assert lifecycle.mark_ready(generation, result, bfl_id=generation.bfl_id)


def arrive(generation: Generation) -> None:
    submit(generation)
    make_ready(generation)
    assert lifecycle.complete(generation, images.store(generation, jpeg()))


def rows_of(*models: type[Model]) -> list[list[tuple[Any, ...]]]:
    """Return the rows of tables as the database has them, to be compared with those of another moment."""
    return [_rows_of(model._meta.db_table) for model in models]


def _rows_of(table: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return list(cursor.fetchall())


def set_time(generations: list[Generation], moment: datetime) -> None:
    """Let pictures have been asked for at a moment."""
    for model in (Generation, Picture):
        model.objects.filter(pk__in=[row.pk for row in generations]).update(created_at=moment)


def make_wall(user: User, count: int) -> list[str]:
    """Make pictures that all bear the same time; return their codes, newest first."""
    ledger.grant(user, Decimal(1000), note="For a wall", created_by=None)
    made = make_pictures(user, count)
    set_time(made, timezone.now())
    return [str(generation.code) for generation in reversed(made)]
