from __future__ import annotations

import json
import math
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from generations import bfl
from generations.models import Generation
from generations.pipeline import lifecycle

BAD_INPUT = 2
LOOK_EVERY = 0.2


class Command(BaseCommand):
    help = (
        "Buy pictures for a person and print one JSON object for each. "
        "Exit status: 0 all succeeded, 1 some did not, 2 bad input, and then nothing was charged."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="who pays and owns the pictures")
        parser.add_argument("--endpoint", required=True, help=", ".join(bfl.ENDPOINTS))
        parser.add_argument("--prompt", required=True)
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument(
            "--wait", type=float, default=600, metavar="SECONDS", help="for the pictures (default 600)"
        )

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active person called “{options['user']}”.", returncode=BAD_INPUT)
        if not 0 <= options["wait"] < math.inf:
            raise CommandError("--wait takes seconds, from 0.", returncode=BAD_INPUT)
        values = {"prompt": options["prompt"], **dict(_parse(param) for param in options["param"])}
        generations = _create(user, options["endpoint"], values, options["count"])
        has_failed = False
        for generation in _as_they_end(generations, time.monotonic() + options["wait"]):
            self.stdout.write(json.dumps(_line(generation)))
            self.stdout.flush()
            has_failed |= not generation.is_succeeded
        if has_failed:
            sys.exit(1)


def _create(user: User, endpoint: str, values: dict[str, str], count: int) -> list[Generation]:
    try:
        return lifecycle.create(user, endpoint, values, count=count)
    except lifecycle.REFUSALS as refusal:
        raise CommandError(str(refusal), returncode=BAD_INPUT) from None


def _parse(param: str) -> tuple[str, str]:
    name, equals, value = param.partition("=")
    if not (name and equals):
        raise CommandError(f"--param takes NAME=VALUE, not “{param}”.", returncode=BAD_INPUT)
    return name, value


def _as_they_end(generations: list[Generation], give_up_at: float) -> Iterator[Generation]:
    """Yield each generation once it has ended, and the rest as they stand when time is up."""
    waiting = {generation.pk for generation in generations}
    while waiting:
        is_last_look = time.monotonic() >= give_up_at
        rows = Generation.objects.filter(pk__in=waiting).select_related("image").order_by("pk")
        for generation in rows if is_last_look else [row for row in rows if row.is_finished]:
            waiting.remove(generation.pk)
            yield generation
        if waiting:
            time.sleep(LOOK_EVERY)


def _line(generation: Generation) -> dict[str, object]:
    return {
        "code": str(generation.code),
        "status": generation.status,
        "failure_code": generation.failure_code or None,
        "price": str(generation.price),
        "bfl_id": generation.bfl_id or None,
        "seed": generation.seed,
        "image": generation.image.file.name if generation.is_succeeded else None,
        "timings": _timings(generation),
    }


def _timings(generation: Generation) -> dict[str, float | None]:
    """Return seconds from the press until each step."""
    steps = {
        "claimed": generation.claimed_at,
        "submitted": generation.submitted_at,
        "ready": generation.ready_at,
        "finished": generation.finished_at,
    }
    return {name: _seconds(generation.created_at, moment) for name, moment in steps.items()}


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 3) if end else None
