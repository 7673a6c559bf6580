"""RQ's workers as the Procfile starts them."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
from collections.abc import Iterator
from typing import Any

import redis
import rq
from django.db import close_old_connections
from rq.job import Job
from rq.queue import Queue

from fluxsite.ops.redis_away import AWAY, describe, wait_for_redis

logger = logging.getLogger(__name__)

# Workers are forked from what is loaded by now. A collector that went through it would write to it, and each
# would have a copy: 15 MB for all of them.
gc.freeze()

# Seconds. While Redis is away RQ doubles its pauses up to a minute, and sits the last one out.
LONGEST_PAUSE = 2.0


# When RQ's pool replaces a worker it forgets --verbosity; the logger knows it still. Nothing of ours waits in
# RQ's scheduler, and a killed worker's would run on without it.
_OPTIONS = {"logging_level": None, "with_scheduler": False}


class ForkingWorker(rq.Worker):
    """Runs each job in a process of its own: a stop request reaches the worker while the follower runs."""

    max_connection_wait_time = LONGEST_PAUSE

    def __init__(self, queues: Any, *, connection: redis.Redis, **options: Any) -> None:
        with _redis_needed(connection):
            super().__init__(queues, connection=connection, **options)

    def work(self, *args: Any, **options: Any) -> bool:
        try:
            return super().work(*args, **options | _OPTIONS)
        except AWAY as error:
            return _end_without_redis(error)


class StayingWorker(rq.SimpleWorker):
    """Runs its jobs itself. RQ's usual fork for each costs more than storing a picture does."""

    max_connection_wait_time = LONGEST_PAUSE

    def __init__(self, queues: Any, *, connection: redis.Redis, **options: Any) -> None:
        with _redis_needed(connection):
            super().__init__(queues, connection=connection, **options)

    def work(self, *args: Any, **options: Any) -> bool:
        try:
            return super().work(*args, **options | _OPTIONS)
        except AWAY as error:
            return _end_without_redis(error)

    def execute_job(self, job: Job, queue: Queue) -> None:
        # It lives long, and the database may have been restarted meanwhile.
        close_old_connections()
        super().execute_job(job, queue)


@contextlib.contextmanager
def _redis_needed(connection: redis.Redis) -> Iterator[None]:
    """Wait for Redis first, or RQ's pool would start one worker after the other in vain."""
    try:
        wait_for_redis(connection)
        yield
    except AWAY as error:
        sys.exit(describe(error))
    except KeyboardInterrupt:
        # The pool ends its workers so, and this one has no handler yet.
        sys.exit()


def _end_without_redis(error: Exception) -> bool:
    # The pool starts another one at once, so that a worker need not wait here.
    logger.warning("%s. This worker ends, and its pool starts another.", describe(error))
    return False
