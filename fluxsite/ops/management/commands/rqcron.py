"""django-rq's command of this name, which goes on when Redis comes back."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django_rq.cron import DjangoCronScheduler
from django_rq.management.commands.rqcron import Command as RQCronCommand
from rq.exceptions import StopRequested

from fluxsite.ops.redis_away import AWAY, wait_for_redis


class Command(RQCronCommand):
    help = "Starts the scheduler of the sweep; while Redis is away it waits."

    def handle(self, *args: Any, **options: Any) -> None:
        scheduler = DjangoCronScheduler(logging_level=getattr(logging, options["logging_level"]))
        scheduler.load_config_from_file(options["config_path"])
        with contextlib.suppress(StopRequested, KeyboardInterrupt):
            while not _runs_to_its_end(scheduler):
                wait_for_redis(scheduler.connection)


def _runs_to_its_end(scheduler: DjangoCronScheduler) -> bool:
    """Run until a stop is requested, and return True; False means that Redis went away."""
    try:
        scheduler.start()  # type: ignore[no-untyped-call]
    except AWAY:
        return False
    return True
