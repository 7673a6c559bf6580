"""Many presses at once: of one person, of one form, of Generate and Cancel, of Try again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from generations.models import Generation
from proof.people import Person
from proof.stage import Stage

_PRICE = Decimal("2.5")
_PRESSES = 50


def play(stage: Stage) -> None:
    stage.sandbox.settings.latency = (1.0, 2.0)
    _spend_the_last_credits(stage)
    _click_twice(stage)
    _cancel_while_it_is_claimed(stage)
    _try_again_while_it_fails(stage)
    _cancel_all(stage)
    moderated = _be_moderated(stage)
    stage.wait_until_finished(120)
    failed = stage.rows().filter(params__prompt__in=moderated, status=Generation.Status.FAILED).count()
    stage.promise(failed == len(moderated), f"of {len(moderated)} moderated ones {failed} failed")


def _spend_the_last_credits(stage: Stage) -> None:
    (person,) = stage.people(1, credits=3 * _PRICE)
    tabs = _tabs(person, _PRESSES)
    with ThreadPoolExecutor(_PRESSES) as pool:
        accepted = list(pool.map(lambda tab: tab.press(stage.prompt()), tabs))
    made = Generation.objects.filter(user=person.user).count()
    stage.say(f"{_PRESSES} presses at once with credit for 3: {sum(accepted)} were accepted, {made} made")
    stage.promise(sum(accepted) == made == 3, f"credit for 3 bought {made}, {sum(accepted)} were accepted")


def _click_twice(stage: Stage) -> None:
    (person,) = stage.people(1)
    for clicks in (2, 2, 2, 5):
        prompt = stage.prompt("<double click>")
        person.open_form()
        tabs = [person.open_copy() for _ in range(clicks)]
        with ThreadPoolExecutor(clicks) as pool:
            list(pool.map(lambda tab: tab.press(prompt), tabs))  # noqa: B023  # used up in this round
        made = stage.rows().filter(params__prompt=prompt).count()
        stage.promise(made == 1, f"{clicks} clicks at once made {made} generations")
    stage.say("double clicks sent")


def _cancel_while_it_is_claimed(stage: Stage) -> None:
    people = stage.people(5)
    for person in people:
        person.open_form()

    def press_and_cancel(person: Person) -> None:
        for _ in range(20 if stage.lane.is_long else 4):
            prompt = stage.prompt("<cancel>")
            person.press(prompt)
            time.sleep(stage.random.uniform(0, 0.05))
            person.post(f"/g/{stage.row_of(prompt).code}/cancel/")

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(press_and_cancel, people))
    canceled = stage.rows().filter(status=Generation.Status.CANCELED).count()
    stage.say(f"Cancel raced with the follower and won {canceled} times")


def _try_again_while_it_fails(stage: Stage) -> None:
    """Credit for one, and ten tabs that press Try again from before it fails until one has bought."""
    (person,) = stage.people(1, credits=_PRICE)
    prompt = stage.prompt("<try again>")
    stage.sandbox.faults.script("submit", "outcome", task_status="Error", prompt=prompt)
    person.press(prompt)
    first = stage.row_of(prompt)
    address = f"/g/{first.code}/retry/"

    def hammer(tab: Person) -> None:
        deadline = time.monotonic() + 30
        while not first.retries.exists() and time.monotonic() < deadline:
            tab.post(address)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(hammer, _tabs(person, 10)))
    retries = first.retries.count()
    stage.say(f"Try again raced with the refund and bought {retries}")
    stage.promise(retries == 1, f"Try again bought {retries}")


def _cancel_all(stage: Stage) -> None:
    """One press for more than BFL makes at once of that endpoint, and the rest taken back in one go."""
    (person,) = stage.people(1)
    person.press(stage.prompt("<cancel all>"), "flux-kontext-max", count=12)
    person.post("/progress/cancel/")
    canceled = Generation.objects.filter(user=person.user, status=Generation.Status.CANCELED).count()
    stage.say(f"12 pressed at once, and {canceled} of them canceled at once")
    stage.promise(canceled > 0, "nothing was left to cancel")


def _be_moderated(stage: Stage) -> list[str]:
    """BFL takes them, and gives back what they cost: so do we."""
    (person,) = stage.people(1)
    prompts = [stage.prompt(mark) for mark in ("[request moderated]", "[content moderated]")]
    for prompt in prompts:
        stage.press(person, prompt)
    return prompts


def _tabs(person: Person, count: int) -> list[Person]:
    tabs = [person.open_tab() for _ in range(count)]
    for tab in tabs:
        tab.open_form()
    return tabs
