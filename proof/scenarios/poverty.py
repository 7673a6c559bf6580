"""BFL's account is empty, then the key is refused, then BFL is away; and each time all comes back."""

from __future__ import annotations

import time
from decimal import Decimal

from generations.models import Provider
from generations.presentation import wording
from proof.people import Person
from proof.stage import KEY, PLENTY, Stage

_PRICE = Decimal("2.5")


def play(stage: Stage) -> None:
    stage.part.loses_answers = True
    stage.sandbox.settings.latency = (1.0, 2.0)
    people = stage.people(3)
    _run_out_of_credits(stage, people)
    _refuse_the_key(stage, people)
    _go_away(stage, people)


def _run_out_of_credits(stage: Stage, people: list[Person]) -> None:
    stage.sandbox.credits = 4 * _PRICE
    _press(stage, people, 9)
    _wait_for_notice(stage, people[0], Provider.Pause.NO_FUNDS)
    stage.sandbox.credits = PLENTY
    _wait_for_the_end(stage, "the credits were back")


def _refuse_the_key(stage: Stage, people: list[Person]) -> None:
    stage.sandbox.settings.key = "another-key-than-ours"
    _press(stage, people, 6)
    _wait_for_notice(stage, people[0], Provider.Pause.REFUSED)
    stage.sandbox.settings.key = KEY
    _wait_for_the_end(stage, "the key was good again")


def _go_away(stage: Stage, people: list[Person]) -> None:
    _press(stage, people, 6)
    stage.wait_for("BFL has a task", lambda: stage.sandbox.active, 20)
    stage.sandbox.go_away()
    gone_at = time.monotonic()
    _press(stage, people, 6)
    _wait_for_notice(stage, people[0], Provider.Pause.AWAY)
    stage.say("BFL is away")
    # Five minutes are longer than the deadline of what BFL was working at.
    time.sleep(max(0, (300 if stage.lane.is_long else 10) - (time.monotonic() - gone_at)))
    stage.sandbox.come_back()
    _wait_for_the_end(stage, "BFL was there again")


def _press(stage: Stage, people: list[Person], count: int) -> None:
    stage.press_together(people, [stage.prompt() for _ in range(count)], "flux-dev")


def _wait_for_notice(stage: Stage, person: Person, pause: Provider.Pause) -> None:
    notice = wording.NOTICES[pause]
    stage.wait_for(f"people are told: {notice}", lambda: notice in person.read("/"), 40, every=0.5)


def _wait_for_the_end(stage: Stage, since: str) -> None:
    began_at = time.monotonic()
    stage.wait_until_finished(120)
    stage.say(f"all done {time.monotonic() - began_at:.0f} s after {since}")
