"""What we promise, each as a check: it puts its figure into the table and yields what broke the promise."""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from django.utils import timezone
from PIL import Image

from generations.bfl import ENDPOINTS
from generations.models import CreditEntry, Generation, GenerationEvent
from proof.evidence import READY, Evidence
from proof.report import Figures
from proof.stage import KEY
from sandbox import Task
from sandbox.tasks import most_active

Status = Generation.Status
Kind = GenerationEvent.Kind

MOST_ACTIVE = {"": 24, "flux-kontext-max": 6}
FAIREST = 0.95
# Starts in a row over which fairness is measured.
WINDOW = 200
# Fewer say nothing about ten people.
FEWEST_STARTS = 30
SLACK = 60.0
# Seconds in a state: a submission without an answer, which a webhook may still bring; and a picture that
# cannot be fetched.
UNANSWERED_WITH_WEBHOOKS, UNANSWERED_WITHOUT = 180.0, 90.0
UNFETCHED = 900.0
_ENDS = {Kind.SUCCEEDED, Kind.FAILED, Kind.CANCELED}
_STEPS = {Kind.QUEUED, Kind.PUT_BACK, Kind.SUBMITTING, Kind.SUBMITTED, Kind.READY} | _ENDS
_QUEUE_CHANGES: Mapping[str, int] = {Kind.QUEUED: 1, Kind.PUT_BACK: 1, Kind.SUBMITTING: -1, Kind.CANCELED: -1}
_SIGNATURE = re.compile(r"\bsig=[^…\s&\"']")


@dataclass(frozen=True, slots=True)
class Finding:
    sentence: str
    generation: Generation | None = None

    def __str__(self) -> str:
        return f"{self.generation.code}: {self.sentence}" if self.generation else self.sentence


def judge(evidence: Evidence) -> tuple[Figures, list[Finding]]:
    figures = Figures(evidence.part.name, generations=len(evidence.generations))
    findings = [finding for check in CHECKS for finding in check(evidence, figures)]
    findings += [Finding(sentence) for sentence in evidence.part.broken]
    figures.takeover = max(evidence.part.takeovers, default=None)
    figures.broken = [str(finding) for finding in findings]
    return figures, findings


def check_delivery(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """What BFL made for us is ours, unless nobody could know or its link died while we were stopped."""
    for generation in evidence.generations:
        figures.unknown += evidence.is_unknown(generation)
        is_called_unknown = generation.failure_code == Generation.FailureCode.OUTCOME_UNKNOWN
        if is_called_unknown and evidence.was_answered(generation):
            yield Finding("its outcome is called unknown, and BFL has told it", generation)
    for generation, task in evidence.deliverable():
        if generation.is_succeeded or evidence.is_unknown(generation):
            continue
        if evidence.has_died(generation, task):
            figures.died += 1
        else:
            figures.lost += 1
            yield Finding(f"BFL made it as {task.id}, but it is {generation.status}", generation)


def check_files(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """The file of each picture is there, is what its row says, and shows what BFL made for it."""
    for generation in evidence.generations:
        if generation.is_succeeded and (wrong := _what_is_wrong(generation, evidence)):
            figures.lost += 1
            yield Finding(wrong, generation)


def _what_is_wrong(generation: Generation, evidence: Evidence) -> str:
    task = evidence.sandbox.tasks.get(generation.bfl_id)
    if task is None or task not in evidence.tasks.get(generation.pk, []):
        return f"its picture is that of {generation.bfl_id}, a task of somebody else's"
    try:
        content = generation.image.file.open("rb").read()
    except OSError as error:
        return f"its file cannot be read: {error}"
    if hashlib.sha256(content).hexdigest() != generation.image.sha256:
        return "its file is not the one that was stored"
    if _pixels(content) != _pixels(evidence.sandbox.delivery.picture(task, task.output_format)):
        return "its file shows something else than BFL has made"
    return ""


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB").tobytes()


def check_purchases(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    for generation in evidence.generations:
        if (more := len(evidence.tasks.get(generation.pk, [])) - 1) > 0:
            figures.twice += more
            yield Finding("BFL has taken it more than once", generation)
    made = Counter(row.prompt for row in evidence.generations if row.retry_of_id is None)
    for prompt in evidence.part.pressed:
        figures.lost += made[prompt] == 0
        figures.twice += max(made[prompt] - 1, 0)
        if made[prompt] != 1:
            yield Finding(f"the press for {prompt} made {made[prompt]} generations")


def check_ledger(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """Each balance is what it has to be, and BFL's bill is what people paid, but for what came too late."""
    drift = Decimal()
    for person in evidence.people:
        entries = CreditEntry.objects.filter(account__user=person)
        balance = sum((entry.amount for entry in entries), Decimal())
        granted = sum((entry.amount for entry in entries if entry.kind == CreditEntry.Kind.GRANT), Decimal())
        expected = granted - sum(_charge(evidence, row) for row in evidence.generations if row.user == person)
        if balance != expected:
            drift += abs(balance - expected)
            yield Finding(f"{person} has {balance} credits instead of {expected}")
    if unexplained := _bill(evidence) - _explained(evidence):
        drift += abs(unexplained)
        yield Finding(f"{unexplained} credits of BFL's bill were paid by nobody")
    figures.drift = f"{drift:.4f}"


def _charge(evidence: Evidence, generation: Generation) -> Decimal:
    """Return what a person pays in the end: nothing for what failed, even where its picture came later."""
    is_free = generation.is_failed or generation.is_canceled or _was_given_up(generation)
    tasks = evidence.tasks.get(generation.pk, [])[:1]
    told = [task for task in tasks if evidence.was_told(generation, task)]
    return Decimal() if is_free else _settled(generation, told)


def _settled(generation: Generation, tasks: Sequence[Task]) -> Decimal:
    """Return the price, and how much more than it asks as a rule BFL took for these tasks."""
    return generation.price + sum((task.cost - task.endpoint.price for task in tasks), Decimal())


def _was_given_up(generation: Generation) -> bool:
    return any(event.kind == Kind.FAILED for event in generation.events.all())


def _bill(evidence: Evidence) -> Decimal:
    """Return what BFL keeps: what ended otherwise than Ready it pays back."""
    tasks = [task for pk in evidence.tasks for task in evidence.tasks[pk]]
    return sum((task.cost for task in tasks if task.status == READY), Decimal())


def _explained(evidence: Evidence) -> Decimal:
    """Return what was charged, given away because it came late, or cannot be had: see check_delivery."""
    total = Decimal()
    for generation in evidence.generations:
        tasks = evidence.tasks.get(generation.pk, [])
        is_beyond_us = evidence.is_unknown(generation) or any(
            evidence.has_died(generation, task) for task in tasks
        )
        if generation.is_succeeded or (is_beyond_us and tasks):
            total += _settled(generation, tasks[:1])
    return total


def check_limits(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """BFL never had to refuse us for too many at once, and never worked at too many."""
    for seen in evidence.requests:
        if seen.status == 429 and seen.fault is None:
            figures.breaches += 1
            yield Finding(f"BFL refused {seen.path} as one too many")
    tasks = [task for pk in evidence.tasks for task in evidence.tasks[pk]]
    for endpoint, limit in MOST_ACTIVE.items():
        most = most_active([task for task in tasks if endpoint in ("", task.endpoint.slug)])
        if most > limit:
            figures.breaches += most - limit
            yield Finding(f"{most} tasks of {endpoint or 'all endpoints'} were active at once")


def check_refunds(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    for generation in evidence.generations:
        kinds = [entry.kind for entry in generation.entries.all()]
        gets_refund = generation.is_failed or generation.is_canceled or _was_given_up(generation)
        if kinds.count("charge") != 1 or kinds.count("refund") != int(gets_refund):
            figures.refunds += 1
            yield Finding(f"it is {generation.status} and has the entries {', '.join(kinds)}", generation)


def check_fairness(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """While all ten wait, all ten are served alike."""
    if evidence.part.all_wait_from is None:
        return
    people = len(evidence.people)
    starts = _starts_while_all_wait(evidence, evidence.part.all_wait_from)
    if len(starts) < FEWEST_STARTS:
        yield Finding(f"{len(starts)} starts while all waited are too few to judge fairness by")
        return
    size = min(WINDOW, len(starts))
    windows = [starts[first : first + size] for first in range(len(starts) - size + 1)]
    figures.jain = min(_jain([window.count(user) for user in set(starts)], people) for window in windows)
    if figures.jain < FAIREST:
        yield Finding(f"of {size} starts in a row people had very different shares: Jain {figures.jain:.3f}")


def _starts_while_all_wait(evidence: Evidence, since: datetime) -> list[int]:
    """Return whose turn each claim was since then, for as many rounds as the one with the least has to wait.

    Not only while all do wait: who serves one person to the end has ended that at once.
    """
    waiting = dict.fromkeys((person.pk for person in evidence.people), 0)
    starts: list[int] = []
    for event, user in _events_in_order(evidence):
        if event.created_at <= since:
            waiting[user] += _QUEUE_CHANGES.get(event.kind, 0)
        elif event.kind == Kind.SUBMITTING:
            starts.append(user)
    return starts[: min(waiting.values()) * len(waiting)]


def _events_in_order(evidence: Evidence) -> list[tuple[GenerationEvent, int]]:
    both = [(event, row.user_id) for row in evidence.generations for event in row.events.all()]
    return sorted(both, key=lambda pair: pair[0].pk)


def _jain(shares: list[int], people: int) -> float:
    return sum(shares) ** 2 / (people * sum(share**2 for share in shares))


def check_time(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """Everything ends, and nothing stays in a state for longer than its deadline and a minute."""
    for generation in evidence.generations:
        steps = [event for event in generation.events.all() if event.kind in _STEPS]
        until = generation.finished_at or timezone.now()
        skipped = evidence.skipped(generation)
        seconds = (until - generation.created_at).total_seconds() - skipped
        figures.worst = max(figures.worst, seconds)
        limits = _limits(evidence, generation)
        too_long = [kind for kind, stay in _stays(steps) if stay > limits.get(kind, stay) + skipped]
        if not generation.is_finished or too_long:
            figures.stuck += 1
            where = (
                f"stood too long at {', '.join(too_long)}" if too_long else f"is still {generation.status}"
            )
            yield Finding(f"it {where}", generation)


def _stays(steps: list[GenerationEvent]) -> list[tuple[str, float]]:
    return [
        (before.kind, (after.created_at - before.created_at).total_seconds())
        for before, after in pairwise(steps)
        if before.kind not in _ENDS
    ]


def _limits(evidence: Evidence, generation: Generation) -> Mapping[str, float]:
    """Return for how many seconds each state may last; in the queue for as long as BFL is away."""
    return {
        Kind.SUBMITTING: SLACK + (UNANSWERED_WITH_WEBHOOKS if evidence.uses_webhooks else UNANSWERED_WITHOUT),
        Kind.SUBMITTED: SLACK + ENDPOINTS[generation.endpoint].deadline_seconds,
        Kind.READY: SLACK + UNFETCHED,
    }


def check_orphans(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    figures.orphans = len(evidence.doctor)
    yield from map(Finding, evidence.doctor)


def check_log(evidence: Evidence, figures: Figures) -> Iterator[Finding]:
    """No key, no webhook's secret and no signed link is in the log, and the key went to the API only."""
    tasks: list[Task] = [task for pk in evidence.tasks for task in evidence.tasks[pk]]
    secrets = {KEY, *(task.params["webhook_secret"] for task in tasks)} - {None}
    shown = [secret for secret in secrets if secret in evidence.log]
    signatures = _SIGNATURE.findall(evidence.log)
    if shown or signatures:
        yield Finding(f"the log shows {len(shown)} secrets and {len(signatures)} signed links")
    strayed = [seen for seen in evidence.requests if seen.key and not seen.path.startswith("/v1/")]
    if strayed:
        yield Finding(f"the key went along to {strayed[0].host} {len(strayed)} times, and not to the API")
    figures.leaks = len(shown) + len(signatures) + len(strayed)


CHECKS: tuple[Callable[[Evidence, Figures], Iterator[Finding]], ...] = (
    check_delivery,
    check_files,
    check_purchases,
    check_ledger,
    check_limits,
    check_refunds,
    check_fairness,
    check_time,
    check_orphans,
    check_log,
)
