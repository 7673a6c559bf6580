"""RQ's workers as the Procfile starts them."""

from __future__ import annotations

import gc
from typing import Any

import rq
from django.db import close_old_connections
from rq.job import Job
from rq.queue import Queue

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

    def work(self, *args: Any, **options: Any) -> bool:
        return super().work(*args, **options | _OPTIONS)


class StayingWorker(rq.SimpleWorker):
    """Runs its jobs itself. RQ's usual fork for each costs more than storing a picture does."""

    max_connection_wait_time = LONGEST_PAUSE

    def work(self, *args: Any, **options: Any) -> bool:
        return super().work(*args, **options | _OPTIONS)

    def execute_job(self, job: Job, queue: Queue) -> None:
        # It lives long, and the database may have been restarted meanwhile.
        close_old_connections()
        super().execute_job(job, queue)
