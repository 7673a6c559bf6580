"""What there is to judge a scenario by: the site's rows and files, BFL's tasks and requests, the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from generations.models import Generation
from proof.stage import SKIP, Part, Stage
from sandbox import Sandbox, Task
from sandbox.messages import Seen

READY = "Ready"


@dataclass(slots=True)
class Evidence:
    part: Part
    generations: list[Generation]
    tasks: dict[int, list[Task]]
    """What BFL took for each generation, by its primary key, in the order of acceptance."""
    requests: list[Seen]
    submissions: dict[int, list[Seen]]
    """The requests by which each generation was submitted, by its primary key."""
    log: str
    doctor: list[str]
    """The doctor's findings about these generations."""
    sandbox: Sandbox
    uses_webhooks: bool
    skips: list[datetime]
    """When the clocks were put forward while or after this was played."""

    @property
    def people(self) -> set[User]:
        return {generation.user for generation in self.generations}

    def skipped(self, generation: Generation) -> float:
        """Return for how many seconds that never were this generation waited."""
        ended_at = generation.finished_at or timezone.now()
        return sum(SKIP.total_seconds() for skip in self.skips if skip < ended_at)

    def is_unknown(self, generation: Generation) -> bool:
        """Whether nobody can know what BFL made of it: it gave no id, and without webhooks it cannot call."""
        is_unknown = generation.failure_code == Generation.FailureCode.OUTCOME_UNKNOWN
        return is_unknown and not self.uses_webhooks and not self.was_answered(generation)

    def was_answered(self, generation: Generation) -> bool:
        """Whether BFL has said clearly what became of each submission, and somebody must have heard it."""
        answers = [seen.status for seen in self.submissions.get(generation.pk, [])]
        is_clear = all(status is not None and status < 500 for status in answers)
        return is_clear and not self.part.loses_answers

    def was_told(self, generation: Generation, task: Task) -> bool:
        """Whether BFL's answer has named the task, and with it its cost."""
        answers = self.submissions.get(generation.pk, [])
        return any(seen.task_id == task.id and seen.status == 200 for seen in answers)

    def has_died(self, generation: Generation, task: Task) -> bool:
        """Whether the link ran out while the site was stopped, at a BFL that signs none again."""
        return (
            bool(self.part.links_die)
            and generation.status == Generation.Status.FAILED
            and task.link_expires_at < self.sandbox.clock()
        )

    def is_deliverable(self, task: Task) -> bool:
        return task.status == READY and task.has_sample and task.has_ended(self.sandbox.clock())

    def deliverable(self) -> Iterator[tuple[Generation, Task]]:
        """Go through the generations of which BFL has made a picture, with the first of their tasks."""
        for generation in self.generations:
            made = [task for task in self.tasks.get(generation.pk, []) if self.is_deliverable(task)]
            if made:
                yield generation, made[0]


def collect(stage: Stage, doctor: list[str]) -> list[Evidence]:
    """Return the evidence of each part that was played."""
    collected = [_of_part(stage, part) for part in stage.parts]
    for evidence in collected:
        codes = {str(generation.code) for generation in evidence.generations}
        evidence.doctor = [finding for finding in doctor if any(code in finding for code in codes)]
    known = {finding for evidence in collected for finding in evidence.doctor}
    collected[-1].doctor += [finding for finding in doctor if finding not in known]
    return collected


def _of_part(stage: Stage, part: Part) -> Evidence:
    rows = Generation.objects.filter(pk__gt=part.first_pk, pk__lte=part.last_pk).order_by("pk")
    generations = list(rows.select_related("user", "image").prefetch_related("events", "entries"))
    return Evidence(
        part=part,
        generations=generations,
        tasks=_tasks_of(generations, stage.sandbox),
        requests=[seen for seen in list(stage.sandbox.requests) if part.began_at <= seen.at < part.ended_at],
        submissions=_submissions_of(generations, stage.sandbox),
        log=stage.site.log_between(part.log_from, part.log_to),
        doctor=[],
        sandbox=stage.sandbox,
        uses_webhooks=stage.lane.uses_webhooks,
        skips=[skip for skip in stage.skips if skip > part.began_on],
    )


def _submissions_of(generations: list[Generation], sandbox: Sandbox) -> dict[int, list[Seen]]:
    by_prompt: dict[str, list[Seen]] = {}
    for seen in list(sandbox.requests):
        if seen.method == "POST" and isinstance(seen.body, dict):
            by_prompt.setdefault(str(seen.body.get("prompt")), []).append(seen)
    return {generation.pk: by_prompt.get(generation.prompt, []) for generation in generations}


def _tasks_of(generations: list[Generation], sandbox: Sandbox) -> dict[int, list[Task]]:
    """Find each generation's tasks: by the code in the webhook's address, or the id that we wrote down; what
    nobody has written down by its prompt."""
    by_code = {str(generation.code): generation.pk for generation in generations}
    by_id = {generation.bfl_id: generation.pk for generation in generations}
    by_prompt = {generation.prompt: generation.pk for generation in generations}
    found: dict[int, list[Task]] = {}
    for task in list(sandbox.tasks.values()):
        address = (task.webhook_url or "").rstrip("/").rpartition("/")[2]
        pk = by_code.get(address) or by_id.get(task.id) or by_prompt.get(task.params["prompt"])
        if pk is not None:
            found.setdefault(pk, []).append(task)
    return found
