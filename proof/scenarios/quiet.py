"""Ten people, nothing goes wrong."""

from __future__ import annotations

from proof.stage import Stage


def play(stage: Stage) -> None:
    stage.part.is_fair = True
    count = 300 if stage.lane.is_long else 100
    stage.sandbox.settings.latency = (1.5, 3.5)
    # BFL is slow at first, so that all ten have something waiting: only then has anybody to wait for a turn.
    stage.sandbox.faults.script("submit", "latency", seconds=25 if stage.lane.is_long else 15, times=24)
    people = stage.people(10)
    stage.press_together(people, [stage.prompt() for _ in range(count)])
    stage.say(f"ten people have pressed {count} times")
    stage.wait_until_finished(240)
