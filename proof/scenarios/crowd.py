"""Two followers, four store workers and claims many times a second: BFL's limits hold all the same.

The lease keeps a site to one follower, so the second has a Redis of its own: another database of the site's.
What we claim ourselves we submit, as they do; BFL tells whether it ever had too much.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import redis
import rq
from django.db import connection

from generations import bfl
from generations.pipeline import lifecycle
from proof.people import Stalled
from proof.scenarios.claims import claim_within_limits
from proof.site import ROOT
from proof.stage import KEY, Stage

_CLAIMS_A_SECOND, _CLAIMERS = 50, 4
# Seconds. BFL's places are full most of the time, and whoever claims finds a few of them free at most.
_LATENCY = (2.0, 4.0)
_PATIENCE = 240
_COMMANDS = (
    "rqworker follow --worker-class fluxsite.ops.workers.ForkingWorker",
    "rqworker-pool default last store renditions --num-workers 2"
    " --worker-class fluxsite.ops.workers.StayingWorker",
)


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = _LATENCY
    people = stage.people(10)
    socket = stage.site.folder / "redis" / "redis.sock"
    second = redis.Redis(unix_socket_path=str(socket), db=1)
    with _second_workers(stage, f"unix://{socket}?db=1"):
        rq.Queue("follow", connection=second).enqueue("generations.pipeline.tasks.follow", job_timeout=-1)
        stage.press_together(people, [stage.prompt() for _ in range(300)])
        began_at = time.monotonic()
        with ThreadPoolExecutor(_CLAIMERS) as pool:
            claims = sum(pool.map(lambda _: _claim_to_the_end(stage), range(_CLAIMERS)))
        rate = claims / (time.monotonic() - began_at)
    stage.say(f"besides two followers {claims} claims were tried, {rate:.0f} a second")
    if stage.lane.database_url:
        stage.promise(rate >= _CLAIMS_A_SECOND, f"only {rate:.0f} claims could be tried a second")


def _claim_to_the_end(stage: Stage) -> int:
    """Claim and submit, for the followers to follow. Return how many claims were tried."""
    hosts = bfl.Hosts(extra=frozenset(stage.sandbox.hosts))
    client = bfl.Client(KEY, base_url=stage.sandbox.url, hosts=hosts)
    claims, began_at = 0, time.monotonic()
    until = began_at + _PATIENCE
    try:
        while claims % 10 or stage.rows().unfinished().exists():
            for generation in claim_within_limits(stage):
                submission = client.submit(generation.endpoint, generation.params)
                lifecycle.mark_submitted(generation, submission)
            claims += 1
            if time.monotonic() > until:
                raise Stalled("the crowd's pictures never came to their end")
            time.sleep(max(0, began_at + claims * _CLAIMERS / (1.2 * _CLAIMS_A_SECOND) - time.monotonic()))
    finally:
        connection.close()
    return claims


@contextlib.contextmanager
def _second_workers(stage: Stage, redis_url: str) -> Iterator[None]:
    environment = stage.site.environment | {"REDIS_URL": redis_url}
    with stage.site.log.open("ab") as log:
        workers = [
            subprocess.Popen(
                [sys.executable, "manage.py", *command.split()],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
            for command in _COMMANDS
        ]
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=30)
