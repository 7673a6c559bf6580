"""Redis: jobs for the workers, a wake-up list and a lease for the follower. All of django_rq is here.

Everything said here is a hint, the row is the truth: when Redis is away the row waits for the sweep. Tasks
are named by their dotted path, so that this module imports none of them, and carry one integer.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import django_rq
import redis
import rq
from django.conf import settings
from django.db import transaction
from django.utils import timezone

logger = logging.getLogger(__name__)

T = TypeVar("T")

# By their path, so that this module imports none of them.
TASKS = "generations.pipeline.tasks"
# Behind the sweep and before the pictures: a last look at a BFL that hangs holds up no deadline.
LAST_LOOKS = "last"
# Seconds, whatever hangs. With both workers at such a job the sweep comes so late, and no deadline may be
# missed by more than a minute.
LONGEST_JOB = 45
_WAKE = "fluxsite:follower:wake"
_LEASE = "fluxsite:follower:lease"
LEASE_SECONDS = 5
_RENEW = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('expire', KEYS[1], ARGV[2]) or 0"
_RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"


class QueueAway(Exception):
    """Redis does not answer."""


def wake_follower(generation_id: int = 0) -> None:
    """After commit, tell the follower that there is news, or start one if none is running.

    With `generation_id` it polls that generation next.
    """
    _after_commit(lambda: _wake(generation_id))


def stand_by() -> None:
    """After commit, see that a follower is running and that another waits to take its place.

    The waiting job is what makes a worker that starts again after a crash go on at once.
    """
    _after_commit(_stand_by)


def enqueue_store(generation_id: int) -> None:
    """After commit, have a worker store the picture of a READY generation, the oldest first."""
    _after_commit(lambda: _enqueue("store", f"{TASKS}.store", generation_id, job_timeout=LONGEST_JOB))


def enqueue_end(generation_id: int) -> None:
    """After commit, have a worker look a last time for a generation past its deadline, and end it."""
    _after_commit(
        lambda: _enqueue(LAST_LOOKS, f"{TASKS}.end_overdue", generation_id, job_timeout=LONGEST_JOB)
    )


def enqueue_renditions(generation_id: int) -> None:
    """After commit, have a worker make what renditions a stored picture lacks, when nothing else waits."""
    _after_commit(
        lambda: _enqueue("renditions", f"{TASKS}.make_renditions", generation_id, job_timeout=LONGEST_JOB)
    )


def is_idle(name: str) -> bool:
    """Whether no job waits in a queue."""
    try:
        return not django_rq.get_queue(name, connection=_redis()).count
    except redis.RedisError:
        return True  # then nothing can be queued either


def oldest_store() -> datetime:
    """Return since when the oldest of the jobs waits that enqueue_store has queued; now if none does."""
    try:
        oldest = django_rq.get_queue("store", connection=_redis()).get_jobs(0, 1)
    except redis.RedisError:
        oldest = []
    return (oldest[0].enqueued_at if oldest else None) or timezone.now()


def take_lease(token: str) -> bool:
    """Become the one follower, until the lease runs out. Raises QueueAway."""
    return bool(_call(lambda: _redis().set(_LEASE, token, nx=True, ex=LEASE_SECONDS)))


def renew_lease(token: str) -> bool:
    """Stay the one follower; False when another has taken over. Raises QueueAway."""
    return bool(_call(lambda: _redis().eval(_RENEW, 1, _LEASE, token, LEASE_SECONDS)))


def release_lease(token: str) -> None:
    """Let another follower start, at once if somebody has called for one meanwhile. Raises QueueAway."""
    _call(lambda: _redis().eval(_RELEASE, 1, _LEASE, token))
    # Whoever called while we still held the lease did not start a new one.
    if _call(lambda: _redis().llen(_WAKE)):
        _wake(0)


def wait_for_wake(seconds: int) -> set[int]:
    """Block until somebody calls; return the generations they named. Empty after `seconds`.

    Raises QueueAway.
    """
    first = _call(lambda: _redis().blpop([_WAKE], timeout=seconds))
    if first is None:
        return set()
    rest = _call(lambda: _redis().lpop(_WAKE, 1000)) or []
    return {int(item) for item in (first[1], *rest)} | {0}


def is_stop_requested() -> Callable[[], bool]:
    """Return a question that the follower asks in its loop: has its worker been told to stop, or died?

    RQ's warm shutdown waits for the running job, so the job has to look for itself.
    """
    job = rq.get_current_job()
    parent = os.getppid()
    if job is None or not job.worker_name:
        return lambda: False
    key = rq.Worker.redis_worker_namespace_prefix + job.worker_name
    return lambda: (
        os.getppid() != parent or _call(lambda: _redis().hget(key, "shutdown_requested_date")) is not None
    )


def ping() -> None:
    """Raises QueueAway unless Redis answers."""
    _call(lambda: _redis().ping())


def _after_commit(send: Callable[[], None]) -> None:
    # A job that starts before its row is committed would find nothing to do.
    transaction.on_commit(send, robust=True)


def _wake(generation_id: int) -> None:
    try:
        _redis().rpush(_WAKE, generation_id)
        if not _redis().exists(_LEASE):
            # A fresh job each time: a dead one may stay "started" in RQ for minutes.
            _enqueue("follow", f"{TASKS}.follow", job_timeout=-1)
    except redis.RedisError as error:
        logger.warning("The follower could not be woken, the sweep will do it: %s", error)


def _stand_by() -> None:
    try:
        if not django_rq.get_queue("follow", connection=_redis()).count:
            _enqueue("follow", f"{TASKS}.follow", job_timeout=-1)
    except redis.RedisError as error:
        logger.warning("No follower could be started, the next sweep tries again: %s", error)


def _enqueue(name: str, task: str, *args: int, job_timeout: int) -> None:
    try:
        django_rq.get_queue(name, connection=_redis()).enqueue(
            task, *args, job_timeout=job_timeout, result_ttl=0, failure_ttl=24 * 3600
        )
    except redis.RedisError as error:
        logger.warning("%s was not enqueued, the sweep will do it: %s", task, error)


def _call(command: Callable[[], T]) -> T:
    try:
        return command()
    except redis.RedisError as error:
        raise QueueAway(str(error)) from error


@functools.cache
def _redis() -> redis.Redis:
    # Not RQ's own connection: that may wait for ever, and a press must not.
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5)
