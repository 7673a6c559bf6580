"""Many claim at once, as followers would if the lease ever failed: BFL's limits hold by the claim alone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

from generations.models import Generation
from generations.pipeline import lifecycle
from proof import kill
from proof.promises import MOST_ACTIVE
from proof.stage import Stage

_CLAIMERS = 8


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.0, 2.0)
    people = [person.user for person in stage.people(10)]
    # The follower alone may do what it has claimed, so here it stands still.
    with kill.frozen(stage.site, "follower"):
        for number, person in enumerate(people):
            endpoint = "flux-dev" if number % 3 else "flux-kontext-max"
            lifecycle.create(person, endpoint, {"prompt": stage.prompt()}, count=6)
        until = time.monotonic() + (20 if stage.lane.is_long else 4)
        with ThreadPoolExecutor(_CLAIMERS) as pool:
            claims = list(pool.map(lambda _: _claim_until(stage, until), range(_CLAIMERS)))
    stage.say(f"{_CLAIMERS} have tried to claim {sum(claims)} times")
    stage.wait_until_finished(120)


def _claim_until(stage: Stage, until: float) -> int:
    tries = 0
    try:
        while time.monotonic() < until:
            _put_back(claim_within_limits(stage))
            tries += 1
    finally:
        connection.close()
    return tries


def claim_within_limits(stage: Stage) -> list[Generation]:
    claimed = lifecycle.claim()
    _check_limits(stage)
    return claimed


def _check_limits(stage: Stage) -> None:
    active = list(Generation.objects.active().values_list("endpoint", flat=True))
    for endpoint, limit in MOST_ACTIVE.items():
        count = sum(endpoint in ("", slug) for slug in active)
        stage.promise(count <= limit, f"{count} of {endpoint or 'all endpoints'} were claimed at once")


def _put_back(claimed: Iterable[Generation]) -> None:
    # In one transaction: writing each through to the disk would take longer than the claims.
    with transaction.atomic():
        for generation in claimed:
            lifecycle.put_back(generation, "claimed by the proof")
