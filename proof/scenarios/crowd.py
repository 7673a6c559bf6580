"""Two followers, four store workers and claims many times a second: BFL's limits hold all the same.

The lease keeps a site to one follower, so the second has a Redis of its own: another database of the site's.
Followers are woken as often as we claim ourselves, but only our own claims can be counted.
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
from proof import machine
from proof.scenarios.claims import claim_and_put_back
from proof.site import ROOT
from proof.stage import Stage

_CLAIMS_A_SECOND = 50
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
        prompts = [stage.prompt() for _ in range(300)]
        pressing = background.submit(stage.press_together, people, prompts)
        claims, began_at = 0, time.monotonic()
        while not pressing.done() or stage.rows().unfinished().exists():
            queue.wake_follower()
            second.rpush("fluxsite:follower:wake", 0)
            claim_and_put_back(stage)
            claims += 1
            time.sleep(max(0, began_at + claims / (1.2 * _CLAIMS_A_SECOND) - time.monotonic()))
        pressing.result()
    rate = claims / (time.monotonic() - began_at)
    stage.say(f"besides two followers {rate:.0f} claims were tried a second")
    if stage.lane.database_url:
        stage.promise(rate >= _CLAIMS_A_SECOND, f"only {rate:.0f} claims could be tried a second")


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
