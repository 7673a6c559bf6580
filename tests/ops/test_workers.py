from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import django_rq
import pytest
import redis

from fluxsite.ops.redis_away import OneLineFilter
from fluxsite.ops.workers import StayingWorker


@pytest.fixture
def worker() -> Iterator[StayingWorker]:
    # A worker takes the signals of the process that it runs in.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield StayingWorker(["store"], connection=django_rq.get_connection("store"))
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_the_pool_says_anew_for_a_replaced_worker_is_not_heard(
    worker: StayingWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "rq.worker")
    worker.work(burst=True, logging_level="INFO", with_scheduler=True)
    assert logging.getLogger("rq.worker").level == logging.WARNING
    assert worker.scheduler is None


def test_a_worker_without_redis_ends_with_one_line(
    worker: StayingWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.connection = redis.Redis(unix_socket_path="/nowhere/redis.sock")
    worker.max_connection_wait_time = 0.0
    assert worker.work(burst=True) is False
    assert "Redis is away" in caplog.text


def test_a_lost_connection_is_logged_in_one_line() -> None:
    try:
        redis.Redis(unix_socket_path="/nowhere/redis.sock").ping()
    except redis.ConnectionError:
        record = logging.LogRecord("rq.worker", logging.ERROR, "", 1, "quitting", None, sys.exc_info())
    assert OneLineFilter().filter(record)
    line = logging.Formatter().format(record)
    assert line.startswith("quitting (Redis is away: ")
    assert "\n" not in line


def test_another_exception_keeps_its_traceback() -> None:
    try:
        int("x")
    except ValueError:
        record = logging.LogRecord("rq.worker", logging.ERROR, "", 1, "quitting", None, sys.exc_info())
    assert OneLineFilter().filter(record)
    assert "Traceback" in logging.Formatter().format(record)


def test_cron_waits_for_redis_with_one_line() -> None:
    command = [sys.executable, "manage.py", "rqcron", "generations.cron", "--logging-level", "WARNING"]
    environment = {**os.environ, "REDIS_URL": "unix:///nowhere/redis.sock"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as cron:
        assert cron.stderr
        assert "Redis is away" in cron.stderr.readline()
        cron.terminate()
        assert cron.stderr.read() == ""
    assert cron.returncode == 0
