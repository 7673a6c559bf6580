"""BFL on a bad day: everything fails now and then, in every way."""

from __future__ import annotations

from proof.stage import Stage

_PAGE = "<!doctype html><title>502 Bad Gateway</title><center><h1>502 Bad Gateway</h1></center>"


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.0, 3.0)
    _break_submissions(stage)
    _break_polls(stage)
    _break_downloads(stage)
    count = 120 if stage.lane.is_long else 24
    stage.press_together(stage.people(10), [stage.prompt() for _ in range(count)])
    stage.say(f"ten people have pressed {count} times, in bad weather")
    stage.wait_until_finished(900 if stage.lane.is_long else 120)


def _break_submissions(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("submit", "answer", status=429, body={"detail": "Busy"}, probability=0.3, times=None)
    script("submit", "answer", status=503, body=_PAGE, probability=0.025, times=None)
    script("submit", "drop", probability=0.025, times=None)
    # The worst of all: taken and charged, but the answer never comes.
    script("submit", "drop", accepted=True, probability=0.025, times=None)
    script("submit", "unknown", seconds=2, probability=0.2, times=None)


def _break_polls(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("poll", "answer", status=502, body=_PAGE, probability=0.05, times=None)
    script("poll", "drop", probability=0.05, times=None)
    script("poll", "answer", status=200, body=_PAGE, probability=0.02, times=None)
    script("poll", "status", task_status="Dreaming", probability=0.05, times=None)


def _break_downloads(stage: Stage) -> None:
    script = stage.sandbox.faults.script
    script("download", "answer", status=500, body=_PAGE, probability=0.05, times=None)
    script("download", "drop", probability=0.05, times=None)
    script("download", "truncated", probability=0.02, times=None)
    script("download", "not_a_picture", probability=0.02, times=None)
