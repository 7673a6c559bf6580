"""Two followers, four store workers and claims many times a second: BFL's limits hold all the same.

The lease keeps a site to one follower, so the second has a Redis of its own: another database of the site's.
Only our own claims can be counted; each wake is another of a follower's.
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

from generations import queue
from generations.models import Generation
from proof import machine
from proof.scenarios.claims import claim_within_limits, put_back
from proof.site import ROOT
from proof.stage import Stage

_CLAIMS_A_SECOND = 50  # at most
_SECONDS = 40.0
# What we have claimed keeps its places for so many seconds: most claims then find all of them taken.
_HELD = 2.0
# Followers do more than claim when they are woken, and would take the machine from us.
_CLAIMS_A_WAKE = 5
_COMMANDS = (
    "rqworker follow --worker-class fluxsite.ops.workers.ForkingWorker",
    "rqworker-pool default last store --num-workers 2 --worker-class fluxsite.ops.workers.StayingWorker",
)


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (0.5, 1.5)
    people = stage.people(10)
    socket = stage.site.folder / "redis" / "redis.sock"
    second = redis.Redis(unix_socket_path=str(socket), db=1)
    with (
        machine.busy(stage.lane),
        _second_workers(stage, f"unix://{socket}?db=1"),
        ThreadPoolExecutor(1) as background,
    ):
        rq.Queue("follow", connection=second).enqueue("generations.tasks.follow", job_timeout=-1)
        pressing = background.submit(stage.press_together, people, [stage.prompt() for _ in range(300)])
        rate = _claim(stage, second)
        pressing.result()
        stage.wait_until_finished(240)
    # How fast a machine is, is no promise. That the limits hold is one, and is judged by what BFL has seen.
    wakes = rate / _CLAIMS_A_WAKE
    stage.say(
        f"{rate:.0f} claims a second were tried, and two followers woken {wakes:.0f} times a second each"
    )


def _claim(stage: Stage, second: redis.Redis) -> float:
    """Claim, and wake both followers, for a while; return how often a second."""
    # SQLite lets one write at a time, whoever comes first: at such a pace, presses would wait for ever.
    most = _CLAIMS_A_SECOND if stage.lane.database_url else 5
    claims, began_at = 0, time.monotonic()
    while time.monotonic() < began_at + _SECONDS:
        held: list[Generation] = []
        until = time.monotonic() + _HELD
        while time.monotonic() < until:
            if not claims % _CLAIMS_A_WAKE:
                queue.wake_follower()
                second.rpush("fluxsite:follower:wake", 0)
            held += claim_within_limits(stage)
            claims += 1
            time.sleep(max(0, began_at + claims / most - time.monotonic()))
        put_back(held)
    return claims / (time.monotonic() - began_at)


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
