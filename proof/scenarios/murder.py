"""kill -9 of every process: at random moments, and at each moment where something could fall through."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.conf import settings
from django.db import connection

from generations.models import Generation, GenerationEvent
from proof import kill, machine
from proof.people import Person
from proof.stage import Stage

Status = Generation.Status
# Longer than any client waits: what hangs here ends with the process that asked.
_HANGING = 40.0
# A process that is killed sooner is started again only after a pause: it might be broken.
_STEADY = 11.0
TAKEOVER = 10.0


def play(stage: Stage) -> None:
    stage.part.loses_answers = True
    stage.sandbox.settings.latency = (1.0, 2.0)
    person, *others = stage.people(6)
    _before_the_post(stage, person)
    _after_the_post(stage, person)
    if stage.lane.uses_webhooks or stage.lane.is_long:
        _between_ready_and_job(stage, person)
        _in_the_middle_of_a_download(stage, person)
        _file_written_and_row_not(stage, person)
        _at_random(stage, others)
    _take_over(stage, person)
    # What only time can mend is waited for at the end of the lane.


def _before_the_post(stage: Stage, person: Person) -> None:
    """The intent is written down, the request has left, and BFL never gets it."""
    if stage.lane.uses_webhooks and not stage.lane.is_long:
        return  # for a webhook that may still come the site waits three minutes
    prompt = stage.prompt("<before the post>")
    stage.sandbox.faults.script("submit", "hang", seconds=_HANGING, prompt=prompt)
    stage.sandbox.faults.script("submit", "drop", prompt=prompt)
    stage.press(person, prompt)
    stage.wait_for("the submission hangs", lambda: _is_waiting(stage, prompt), 20)
    _kill(stage, "follower", "before BFL has the submission")


def _after_the_post(stage: Stage, person: Person) -> None:
    """BFL has the task, and nobody has written down its id."""
    prompt = stage.prompt("<after the post>")
    stage.sandbox.faults.script("submit", "hang", seconds=_HANGING, accepted=True, prompt=prompt)
    stage.press(person, prompt)
    stage.wait_for("BFL has the task", lambda: stage.task_of(prompt), 30)
    _kill(stage, "follower", "before the task's id is written down")


def _between_ready_and_job(stage: Stage, person: Person) -> None:
    """The rows say READY, and the jobs are gone with Redis."""
    prompts = [stage.prompt("<no job>") for _ in range(3)]
    stage.sandbox.faults.script("submit", "latency", seconds=4, prompt="<no job>", times=3)
    stage.press_together([person], prompts, "flux-dev")
    stage.wait_for("BFL has three", lambda: all(map(stage.task_of, prompts)), 40)
    with kill.frozen(stage.site, "store"):
        stage.wait_for("three rows are READY", lambda: _count(stage, prompts, Status.READY) == 3, 40)
        kill.kill_redis_with_its_data(stage.site)
        _kill(stage, "store", "and Redis with its data, between Ready and the job")


def _in_the_middle_of_a_download(stage: Stage, person: Person) -> None:
    prompt = stage.prompt("<download>")
    stage.sandbox.faults.script("download", "slow", seconds=_HANGING, prompt=prompt)
    stage.press(person, prompt)
    stage.wait_for("the download has begun", lambda: _is_downloading(stage, prompt), 60)
    _kill(stage, "store", "in the middle of a download")


def _file_written_and_row_not(stage: Stage, person: Person) -> None:
    prompt = stage.prompt("<file>")
    stage.sandbox.faults.script("download", "slow", seconds=2, prompt=prompt)
    stage.press(person, prompt)
    stage.wait_for("the download has begun", lambda: _is_downloading(stage, prompt), 60)
    generation = stage.row_of(prompt)
    with _locked(generation):
        stage.wait_for("the file is there", lambda: _has_files(stage, generation), 15)
        # The next thing the worker does is to wait for our lock.
        time.sleep(0.3)
        _kill(stage, "store", "after the file is written and before the row is")


def _at_random(stage: Stage, people: list[Person]) -> None:
    prompts = [stage.prompt() for _ in range(150 if stage.lane.is_long else 30)]
    with machine.busy(stage.lane), ThreadPoolExecutor(1) as background:
        pressing = background.submit(stage.press_together, people, prompts)
        until = time.monotonic() + (120 if stage.lane.is_long else 15)
        while time.monotonic() < until:
            time.sleep(stage.random.uniform(1, 4))
            role = stage.random.choice(list(kill.ROLES))
            if role == "redis":
                kill.kill_redis_with_its_data(stage.site)
            else:
                kill.kill(stage.site, role)
            stage.say(f"killed {role}")
        pressing.result()


def _take_over(stage: Stage, person: Person) -> None:
    """With its follower dead, how long until the site claims again?"""
    # A follower that dies with a backlog takes all free slots with it: they come back after a minute, and
    # until then there is nothing to claim with.
    stage.wait_for("nothing waits any more", lambda: not stage.rows().queued().exists(), 240, every=0.5)
    time.sleep(_STEADY)
    prompts = [stage.prompt("<take-over>") for _ in range(2)]
    stage.sandbox.faults.script("submit", "latency", seconds=8, prompt=prompts[0])
    with machine.alone(stage.lane):
        stage.press(person, prompts[0])
        stage.wait_for("it is submitted", lambda: stage.row_of(prompts[0]).bfl_id, 60)
        killed_at = time.time()
        kill.kill_workers(stage.site, "follower")
        stage.say("killed follower while it follows, and now the seconds count")
        stage.press(person, prompts[1])
        stage.wait_for("the next claim", lambda: _claims(stage, prompts[1]), 60)
    seconds = _claims(stage, prompts[1])[0].created_at.timestamp() - killed_at
    stage.part.takeovers.append(seconds)
    stage.say(f"the next follower claimed after {seconds:.1f} s")
    stage.promise(seconds <= TAKEOVER, f"the next follower took {seconds:.1f} s")


def _kill(stage: Stage, role: str, when: str) -> None:
    kill.kill(stage.site, role)
    stage.say(f"killed {role} {when}")


def _is_waiting(stage: Stage, prompt: str) -> bool:
    return any(seen.body and seen.body.get("prompt") == prompt for seen in list(stage.sandbox.waiting))


def _is_downloading(stage: Stage, prompt: str) -> bool:
    task = stage.task_of(prompt)
    requests = list(stage.sandbox.requests)
    return any(seen.path.startswith("/results/") and task and seen.task_id == task.id for seen in requests)


def _count(stage: Stage, prompts: list[str], status: Generation.Status) -> int:
    return stage.rows().filter(params__prompt__in=prompts, status=status).count()


def _claims(stage: Stage, prompt: str) -> list[GenerationEvent]:
    claims = GenerationEvent.objects.filter(kind=GenerationEvent.Kind.SUBMITTING)
    return list(claims.filter(generation__params__prompt=prompt))


def _has_files(stage: Stage, generation: Generation) -> bool:
    media = stage.site.folder / "media"
    return all(any(media.glob(f"{name}/*/{generation.code}.*")) for name in ("images", "thumbnails"))


@contextlib.contextmanager
def _locked(generation: Generation) -> Iterator[None]:
    """Hold the lock that whoever completes this generation has to wait for."""
    if connection.vendor == "sqlite":
        lock = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None, timeout=20)
        lock.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            lock.close()
    else:
        with psycopg.connect(**connection.get_connection_params()) as held, held.transaction():
            held.execute("SELECT 1 FROM generations_generation WHERE id = %s FOR UPDATE", [generation.pk])
            yield
