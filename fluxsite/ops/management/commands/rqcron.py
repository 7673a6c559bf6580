"""django-rq's command of this name, which goes on when Redis comes back."""

from __future__ import annotations

import contextlib
import logging
from types import FrameType
from typing import Any

from django_rq.cron import DjangoCronScheduler
from django_rq.management.commands.rqcron import Command as RQCronCommand

from fluxsite.ops.redis_away import AWAY, wait_for_redis


class Scheduler(DjangoCronScheduler):
    is_stopped = False

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        # No Exception, as RQ's own is: logging swallows one that comes while it writes, and we ran on.
        self.is_stopped = True
        raise SystemExit(0)


class Command(RQCronCommand):
    help = "Starts the scheduler of the sweep; while Redis is away it waits."

    def handle(self, *args: Any, **options: Any) -> None:
        scheduler = Scheduler(logging_level=getattr(logging, options["logging_level"]))
        scheduler.load_config_from_file(options["config_path"])
        while not scheduler.is_stopped:
            # When it is stopped while Redis is away, taking its name off Redis fails too.
            with contextlib.suppress(*AWAY):
                scheduler.start()  # type: ignore[no-untyped-call]
            if not scheduler.is_stopped:
                wait_for_redis(scheduler.connection)
