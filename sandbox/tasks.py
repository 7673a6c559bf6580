"""Tasks: their life over time, the places they take, the credits they cost.

Nothing runs for a task. What it is at a moment follows from the clock; places and credits are
settled when somebody looks.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.clock import Clock
from sandbox.endpoints import ENDPOINTS, Endpoint
from sandbox.faults import Fault, Faults
from sandbox.settings import CLOSELY_LIMITED_ENDPOINT, Settings

READY = "Ready"
PENDING = "Pending"

# Write one of these into a prompt to see that end of a generation.
OUTCOMES: dict[str, tuple[str, dict[str, Any]]] = {
    "[request moderated]": ("Request Moderated", {"Moderation Reasons": ["Violence"]}),
    "[content moderated]": ("Content Moderated", {"Moderation Reasons": ["Sexual Content"]}),
    "[error]": ("Error", {"error": "The sandbox was asked to end this task with an error."}),
    "[failed]": ("Failed", {"error": "The sandbox was asked to let this task fail."}),
}

_FLOURISHES = (
    "soft directional light, fine detail, calm composition",
    "layered depth, muted complementary colours, film grain",
    "wide view, long shadows, quiet atmosphere",
    "close framing, rich texture, gentle contrast",
)


class NoCredits(Exception):
    """402."""


class TooManyActive(Exception):
    """429."""


@dataclass(slots=True)
class WebhookCall:
    kind: str  # "true", or the fault that it comes from
    at: float
    payload: Any  # without padding
    secret: str | None
    status: int | None = None  # None: no answer came
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Task:
    id: str
    ordinal: int
    endpoint: Endpoint
    params: dict[str, Any]
    cluster: int | None
    seed: int
    prompt: str  # the one used: rewritten where upsampling was asked for
    latency: float
    accepted_at: float
    started_at: float
    ready_at: float  # infinite where it never ends
    status: str = READY  # the last one
    details: dict[str, Any] | None = None
    has_sample: bool = True
    forced_sample_url: str = ""
    unknown_until: float = 0.0
    unknown_with: int = 404
    ends_with: int = 200  # the HTTP status of polls that tell the end
    named_cost: float | None = None  # None: not named, and the usual price
    is_early: bool = False  # its webhook leaves before the submission is answered
    link_expires_at: float = 0.0
    downloaded_at: float | None = None
    faults: list[Fault] = field(default_factory=list)  # those of its submission, once it was taken
    webhook_faults: list[Fault] = field(default_factory=list)
    webhook_calls: list[WebhookCall] = field(default_factory=list)
    delivered_at: float | None = None  # when a webhook was taken with a 2xx

    @property
    def cost(self) -> Decimal:
        return self.endpoint.price if self.named_cost is None else Decimal(str(self.named_cost))

    @property
    def webhook_url(self) -> str | None:
        url: str | None = self.params["webhook_url"]
        return url

    @property
    def output_format(self) -> str:
        return str(self.params["output_format"] or self.endpoint.default_format)

    @property
    def history(self) -> list[tuple[float, str]]:
        """The statuses with the moments from which they hold."""
        last = [] if math.isinf(self.ready_at) else [(self.ready_at, self.status)]
        return [(self.accepted_at, PENDING), *last]

    def has_ended(self, now: float) -> bool:
        return now >= self.ready_at

    def status_at(self, now: float) -> str:
        return self.status if self.has_ended(now) else PENDING

    def progress_at(self, now: float) -> float | None:
        """Tenths while the picture is made; None before, just before the end, and after."""
        if not self.endpoint.reports_progress or not self.started_at <= now < self.ready_at:
            return None
        done = (now - self.started_at) / (self.ready_at - self.started_at)
        return None if done > 0.97 else max(1, math.ceil(done / 0.97 * 10)) / 10


class Tasks:
    def __init__(self, settings: Settings, clock: Clock, faults: Faults) -> None:
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.by_id: dict[str, Task] = {}
            self.ordinal = 0
            self._credits = Decimal(self._settings.credits)
            self._endings: list[tuple[float, str]] = []
            self._ended: deque[Task] = deque()
            self._active: Counter[str] = Counter()
            self.max_active_seen = 0
            self.max_active_seen_of: Counter[str] = Counter()

    @property
    def credits(self) -> Decimal:
        with self._lock:
            self._settle()
            return self._credits

    @credits.setter
    def credits(self, value: Decimal) -> None:
        with self._lock:
            self._credits = Decimal(value)

    @property
    def active(self) -> dict[str, int]:
        with self._lock:
            self._settle()
            return {slug: count for slug, count in self._active.items() if count}

    def accept(self, endpoint: Endpoint, params: dict[str, Any], cluster: int | None) -> Task:
        """Take a submission and its price; NoCredits or TooManyActive where it is refused."""
        with self._lock:
            self._settle()
            self._refuse(endpoint)
            task = self._make(endpoint, params, cluster)
            self._shape(task)
            task.link_expires_at = task.ready_at + self._settings.link_seconds
            self._enter(task)
            return task

    def find(self, task_id: str, cluster: int | None) -> Task | None:
        """Find a task as one host knows it: only in its own cluster, and not too late."""
        task = self.by_id.get(task_id)
        if task is None or task.cluster != cluster:
            return None
        return task if self._clock() < task.ready_at + self._settings.keep_seconds else None

    def other_id(self, task: Task) -> str:
        """The id of the newest other task; one that nobody has where there is none."""
        with self._lock:
            others = (task_id for task_id in reversed(self.by_id) if task_id != task.id)
            return next(others, str(uuid.uuid4()))

    def latencies(self, count: int, slug: str) -> list[float]:
        """The seconds that the first `count` accepted submissions take, were they all `slug`."""
        return [self._draw(ordinal, ENDPOINTS[slug])[1] for ordinal in range(count)]

    def _refuse(self, endpoint: Endpoint) -> None:
        if self._credits < endpoint.price:
            raise NoCredits
        if sum(self._active.values()) >= self._settings.max_active:
            raise TooManyActive
        is_limited = endpoint.slug == CLOSELY_LIMITED_ENDPOINT
        if is_limited and self._active[endpoint.slug] >= self._settings.max_active_kontext_max:
            raise TooManyActive

    def _draw(self, ordinal: int, endpoint: Endpoint) -> tuple[random.Random, float]:
        # The same numbers for the same ordinal, so a benchmark can work out the best schedule.
        numbers = random.Random(f"{self._settings.seed}/{ordinal}")
        if self._settings.latency:
            seconds = numbers.uniform(*self._settings.latency)
        else:
            # 1.645: the 95th percentile of the normal distribution.
            spread = math.log(endpoint.p95 / endpoint.median) / 1.645
            seconds = numbers.lognormvariate(math.log(endpoint.median), spread)
        return numbers, seconds / self._settings.speed

    def _make(self, endpoint: Endpoint, params: dict[str, Any], cluster: int | None) -> Task:
        numbers, latency = self._draw(self.ordinal, endpoint)
        waiting = min(numbers.uniform(0.2, 1.0) / self._settings.speed, latency * 0.3)
        seed, prompt = numbers.getrandbits(32), params["prompt"] or ""
        if params["prompt_upsampling"]:
            latency += 2 / self._settings.speed
            prompt = ", ".join(filter(None, (prompt, numbers.choice(_FLOURISHES))))
        status, details = _outcome_of(params["prompt"] or "")
        now = self._clock()
        return Task(
            id=str(uuid.uuid4()),
            ordinal=self.ordinal,
            endpoint=endpoint,
            params=params,
            cluster=cluster,
            seed=seed if params["seed"] is None else params["seed"],
            prompt=prompt,
            latency=latency,
            accepted_at=now,
            started_at=now + waiting,
            ready_at=now + latency,
            status=status,
            details=details,
        )

    def _shape(self, task: Task) -> None:
        slug, prompt = task.endpoint.slug, task.params["prompt"] or ""
        task.faults = self._faults.take("accepted", slug, prompt)
        if task.webhook_url:
            task.webhook_faults = self._faults.take("webhook", slug, prompt)
        for fault in (*task.faults, *task.webhook_faults):
            if shape := _SHAPES.get((fault.stage, fault.kind)):
                shape(task, fault)

    def _enter(self, task: Task) -> None:
        slug = task.endpoint.slug
        self.ordinal += 1
        self.by_id[task.id] = task
        self._credits -= task.cost
        self._active[slug] += 1
        heapq.heappush(self._endings, (task.ready_at, task.id))
        self.max_active_seen = max(self.max_active_seen, sum(self._active.values()))
        self.max_active_seen_of[slug] = max(self.max_active_seen_of[slug], self._active[slug])

    def _settle(self) -> None:
        now = self._clock()
        while self._endings and self._endings[0][0] <= now:
            task = self.by_id[heapq.heappop(self._endings)[1]]
            self._active[task.endpoint.slug] -= 1
            self._ended.append(task)
            if task.status != READY:
                self._credits += task.cost
        self._forget(now - self._settings.keep_seconds)

    def _forget(self, before: float) -> None:
        # A task stays as a record. Its input images are too large to stay for days.
        while self._ended and self._ended[0].ready_at <= before:
            task = self._ended.popleft()
            task.params |= {name: None for name in task.params if "image" in name}


def _outcome_of(prompt: str) -> tuple[str, dict[str, Any] | None]:
    for words, outcome in OUTCOMES.items():
        if words in prompt.lower():
            return outcome
    return READY, None


def _end_otherwise(task: Task, fault: Fault) -> None:
    task.status = fault.task_status
    task.details = dict(fault.details) if fault.details is not None else None
    task.ends_with = fault.status or 200


def _never_end(task: Task, fault: Fault) -> None:
    task.ready_at = math.inf


def _take(task: Task, fault: Fault) -> None:
    task.latency = fault.seconds
    task.started_at = min(task.started_at, task.accepted_at + fault.seconds)
    task.ready_at = task.accepted_at + fault.seconds


def _leave_out_sample(task: Task, fault: Fault) -> None:
    task.has_sample = False


def _set_sample_url(task: Task, fault: Fault) -> None:
    task.forced_sample_url = fault.url


def _hide(task: Task, fault: Fault) -> None:
    task.unknown_until = task.accepted_at + fault.seconds
    task.unknown_with = fault.status or 404


def _name_cost(task: Task, fault: Fault) -> None:
    task.named_cost = fault.cost


def _hurry(task: Task, fault: Fault) -> None:
    task.is_early = True
    task.ready_at = task.started_at = task.accepted_at


_SHAPES: dict[tuple[str, str], Callable[[Task, Fault], None]] = {
    ("submit", "outcome"): _end_otherwise,
    ("submit", "never"): _never_end,
    ("submit", "latency"): _take,
    ("submit", "no_sample"): _leave_out_sample,
    ("submit", "sample_url"): _set_sample_url,
    ("submit", "unknown"): _hide,
    ("submit", "cost"): _name_cost,
    ("webhook", "early"): _hurry,
}


def most_active(tasks: Sequence[Task]) -> int:
    """The most of these that were active at one moment, by their own times alone."""
    # At the same moment an end counts before a start, as the limit does.
    changes = [(task.accepted_at, 1) for task in tasks] + [(task.ready_at, -1) for task in tasks]
    return max(itertools.accumulate(change for _, change in sorted(changes)), default=0)


def kinds(faults: Sequence[Fault]) -> set[str]:
    return {fault.kind for fault in faults}
