"""BFL on a bad day: everything fails now and then, in every way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generations.models import Generation
from proof.people import Person
from proof.stage import Stage

_PAGE = "<!doctype html><title>502 Bad Gateway</title><center><h1>502 Bad Gateway</h1></center>"
# Marks in prompts, for the faults that are meant for them.
_LOST, _HANGS, _DRIPS, _TOO_SLOW = "<answer lost>", "<answer hangs>", "<drips>", "<too slow>"
# What BFL takes beside its price, in credits.
_COSTS: Mapping[str, float] = {"<dearer>": 3.1, "<cheaper>": 1.9}
# In seconds: longer than our client waits for an answer; and than flux-dev's deadline and a minute.
_HANGING, _TOO_LONG = 40.0, 315.0


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.0, 3.0)
    people = stage.people(10)
    _lose_answers(stage, people)
    if stage.lane.is_long:
        _keep_the_workers_busy(stage, people)
    _break_everything(stage)
    _break_submissions(stage)
    _break_polls(stage)
    _break_downloads(stage)
    count = 120 if stage.lane.is_long else 24
    marks = ("", *_COSTS)
    prompts = [stage.prompt(marks[number % len(marks)]) for number in range(count)]
    stage.press_together(people, prompts)
    stage.say(f"ten people have pressed {count} times, in bad weather")
    _wait_for_the_end(stage)


def _lose_answers(stage: Stage, people: Sequence[Person]) -> None:
    """The worst of all, and no weather may keep it off: taken and charged, but the answer never comes."""
    script = stage.sandbox.faults.script
    script("submit", "drop", accepted=True, prompt=_LOST, times=2)
    prompts = [stage.prompt(_LOST) for _ in range(2)]
    if stage.lane.is_long:
        script("submit", "hang", seconds=_HANGING, accepted=True, prompt=_HANGS)
        script("submit", "drop", accepted=True, prompt=_HANGS)
        prompts.append(stage.prompt(_HANGS))
    _press_in_good_weather(stage, people, prompts)


def _keep_the_workers_busy(stage: Stage, people: Sequence[Person]) -> None:
    """Pictures that come bit by bit, beside one that has to be given up in time all the same."""
    stage.sandbox.faults.script("download", "slow", seconds=120, prompt=_DRIPS, times=None)
    stage.sandbox.faults.script("submit", "latency", seconds=_TOO_LONG, prompt=_TOO_SLOW)
    _press_in_good_weather(stage, people, [stage.prompt(mark) for mark in (_TOO_SLOW, *[_DRIPS] * 8)])


def _press_in_good_weather(stage: Stage, people: Sequence[Person], prompts: Sequence[str]) -> None:
    stage.press_together(people, prompts, "flux-dev")
    stage.wait_for("BFL has all", lambda: all(map(stage.task_of, prompts)), 60)


def _break_everything(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    for place in ("submit", "poll", "download"):
        script(place, "answer", status=429, body={"detail": "Busy"}, probability=0.3, times=None)
        script(place, "answer", status=503, body=_PAGE, probability=0.05, times=None)
        script(place, "drop", probability=0.05, times=None)


def _break_submissions(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("submit", "drop", accepted=True, probability=0.025, times=None)
    script("submit", "unknown", seconds=2, probability=0.2, times=None)
    for mark, cost in _COSTS.items():
        script("submit", "cost", cost=cost, prompt=mark, times=None)


def _break_polls(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("poll", "answer", status=200, body=_PAGE, probability=0.02, times=None)
    script("poll", "status", task_status="Dreaming", probability=0.05, times=None)


def _break_downloads(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("download", "truncated", probability=0.02, times=None)
    script("download", "not_a_picture", probability=0.02, times=None)


def _wait_for_the_end(stage: Stage) -> None:
    if stage.lane.is_long:
        slow = stage.rows().filter(params__prompt__endswith=_TOO_SLOW)
        stage.wait_for("what is too slow was given up", lambda: not slow.unfinished().exists(), 400)
        stage.sandbox.faults.clear()
        stage.wait_for("it comes all the same", slow.filter(status=Generation.Status.SUCCEEDED).exists, 240)
        stage.wait_until_finished(900)
    else:
        # What could not be fetched is fetched a minute later, while the next scenario is played.
        at_bfl = stage.rows().unfinished().exclude(status=Generation.Status.READY)
        stage.wait_for("BFL has made all", lambda: not at_bfl.all().exists(), 120)
