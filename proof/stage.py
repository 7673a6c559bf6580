"""What every scenario plays on: one running site, one BFL, and the record of what was done with them."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max
from django.utils import timezone

from generations.models import Generation
from generations.models.generation import GenerationQuerySet
from proof import machine
from proof.lane import Lane
from proof.people import Person, Stalled, make_person
from proof.site import Site
from sandbox import Sandbox, Task

KEY = "a-key-that-must-not-be-seen"
PLENTY = Decimal(100_000)
SKIP = timedelta(minutes=15)


@dataclass(slots=True)
class Part:
    """What one scenario did on the stage: its rows, its time by BFL's clock, its lines of the log."""

    name: str
    first_pk: int
    began_at: float
    log_from: int
    began_on: datetime
    """When it began by the machine's clock, which is the site's."""
    links_die: bool = False
    """Whether BFL signs no link again, so that what ran out while the site was stopped is gone for good."""
    loses_answers: bool = False
    """Whether an honest answer of BFL's may never arrive: its follower is killed, or BFL goes away."""
    all_wait_from: datetime | None = None
    """When everybody had pressed, by the machine's clock: from then on all are to be served alike."""
    last_pk: int = 0
    ended_at: float = 0.0
    log_to: int = 0
    pressed: list[str] = field(default_factory=list)
    """Prompts of presses that were accepted."""
    broken: list[str] = field(default_factory=list)
    """Promises of this scenario alone that did not hold, in sentences."""
    takeovers: list[float] = field(default_factory=list)
    """Seconds from the death of a follower to the next one's first claim."""


class Stage:
    def __init__(self, site: Site, sandbox: Sandbox, lane: Lane) -> None:
        self.site = site
        self.sandbox = sandbox
        self.lane = lane
        self.random = random.Random(f"{lane.seed} {lane.label}")
        self.parts: list[Part] = []
        self.skips: list[datetime] = []
        """When the clocks were put forward, each time by SKIP."""
        self._numbers = itertools.count(1)

    @property
    def part(self) -> Part:
        return self.parts[-1]

    def say(self, text: str) -> None:
        seconds = time.time() - self.lane.began_at
        print(f"{seconds:6.1f} s  {self.lane.label:<20}  {text}", flush=True)

    def begin(self, name: str) -> None:
        """Open a part where the last one ends: each request and each line of the log is somebody's."""
        self.end()
        last = self.parts[-1] if self.parts else None
        first_pk, log_from = (last.last_pk, last.log_to) if last else (_newest_pk(), 0)
        began_at = last.ended_at if last else self.sandbox.clock()
        self.parts.append(Part(name, first_pk, began_at, log_from, timezone.now()))
        self.say(f"{name}:")

    def end(self) -> None:
        """Let the last part have all that was until now."""
        for part in self.parts[-1:]:
            part.last_pk, part.ended_at = _newest_pk(), self.sandbox.clock()
            part.log_to = self.site.log.stat().st_size

    def calm(self) -> None:
        """Make BFL well again."""
        self.sandbox.faults.clear()
        self.sandbox.come_back()
        self.sandbox.settings.key = KEY
        self.sandbox.credits = PLENTY

    def promise(self, holds: bool, sentence: str) -> None:
        """Note a promise of this scenario alone, and go on; `sentence` says what happened instead."""
        if not holds and sentence not in self.part.broken:
            self.part.broken.append(sentence)
            self.say(f"BROKEN: {sentence}")

    def prompt(self, mark: str = "") -> str:
        """Return a prompt that no other generation has; `mark` is for the faults that are meant for it."""
        return f"a lighthouse, no. {next(self._numbers):05d}. {mark}".strip()

    def people(self, count: int, credits: Decimal = PLENTY) -> list[Person]:
        first = self._numbers
        return [make_person(self.site, f"person-{next(first)}", credits) for _ in range(count)]

    def press(self, person: Person, prompt: str, endpoint: str = "flux-dev") -> None:
        if not person.press(prompt, endpoint):
            raise Stalled(f"a press was refused: {prompt}")
        self.part.pressed.append(prompt)

    def press_together(self, people: Sequence[Person], prompts: Sequence[str], endpoint: str = "") -> None:
        """All press at once, each one's prompts one after the other: the n-th prompt is for the n-th person,
        round and round. Without `endpoint` one in ten is for the one with a limit of its own."""

        def press_in_turn(number: int) -> None:
            for prompt in prompts[number :: len(people)]:
                slug = endpoint or self._endpoint_of(prompt)
                self.press(people[number], prompt, slug)

        with machine.busy(self.lane), ThreadPoolExecutor(len(people)) as pool:
            list(pool.map(press_in_turn, range(len(people))))

    def _endpoint_of(self, prompt: str) -> str:
        return "flux-kontext-max" if random.Random(prompt).random() < 0.1 else "flux-dev"

    def rows(self) -> GenerationQuerySet:
        """This scenario's generations, without those of the site's first people."""
        return Generation.objects.filter(pk__gt=self.part.first_pk)

    def row_of(self, prompt: str) -> Generation:
        return self.rows().get(params__prompt=prompt)

    def task_of(self, prompt: str) -> Task | None:
        """Return what BFL has taken for that prompt, if it has."""
        return next(iter(self.sandbox.submissions.get(prompt, [])), None)

    def wait_for(
        self, what: str, question: Callable[[], object], seconds: float, *, every: float = 0.05
    ) -> None:
        """Raises Stalled when the answer is not yes in time."""
        deadline = time.monotonic() + seconds
        while not question():
            if time.monotonic() > deadline:
                raise Stalled(f"after {seconds:.0f} s still no: {what}")
            time.sleep(every)

    def wait_until_finished(self, seconds: float) -> None:
        self.wait_for("everything has ended", lambda: not self.rows().unfinished().exists(), seconds)


def _newest_pk() -> int:
    newest: int | None = Generation.objects.aggregate(pk=Max("pk"))["pk"]
    return newest or 0
