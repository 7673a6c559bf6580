from __future__ import annotations

import rq
from django.db import close_old_connections
from rq.job import Job
from rq.queue import Queue


class StayingWorker(rq.SimpleWorker):
    """Runs its jobs itself. RQ's usual fork for each costs more than storing a picture does."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        # It lives long, and the database may have been restarted meanwhile.
        close_old_connections()
        super().execute_job(job, queue)
