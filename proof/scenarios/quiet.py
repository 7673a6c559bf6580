"""Ten people, nothing goes wrong. One of them presses first and by far the most, and gets no more for it."""

from __future__ import annotations

from django.utils import timezone

from proof.stage import Stage

# Seconds, longer than all need to press. Until then BFL keeps what it was given first, and all slots with it.
_KEPT = 180.0


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.5, 3.5)
    stage.sandbox.faults.script("submit", "latency", seconds=_KEPT, times=24)
    first, *others = stage.people(10)
    many, few = (48, 28) if stage.lane.is_long else (40, 7)
    stage.press_together([first.open_tab() for _ in range(4)], [stage.prompt() for _ in range(many)])
    stage.press_together(others, [stage.prompt() for _ in range(few * len(others))])
    stage.say(f"one has pressed {many} times, then nine others {few} times each")
    stage.part.all_wait_from = timezone.now()
    stage.sandbox.faults.clear()
    stage.sandbox.advance(_KEPT)
    stage.wait_until_finished(240)
