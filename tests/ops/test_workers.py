from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import django_rq
import pytest

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
