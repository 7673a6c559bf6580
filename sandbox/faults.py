"""What can be made to go wrong, and the one list of it.

A fault names a stage and a kind. Every fault of a stage that matches a request applies to it, in
the order of the list. To add a kind: its name in KINDS, and its effect beside the others of its
stage (api.py for submit, poll and credits, tasks.py for what shapes a task, delivery.py for
download, webhooks.py for webhook).
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_ANY_ANSWER = {
    "answer",  # `status` (500), `body` (a string is sent as it is, anything else as JSON), `headers`
    "hang",  # wait `seconds`, then go on
    "drop",  # close the connection without a word
}

KINDS: Mapping[str, set[str]] = {
    # With `accepted`, the three of _ANY_ANSWER happen after the submission was taken and charged.
    # The others shape the task that was taken. A refused submission uses up none of these.
    "submit": _ANY_ANSWER
    | {
        "outcome",  # the task ends with `task_status` and `details`, which polls tell with `status` (200)
        "never",  # the task never ends
        "latency",  # the task takes `seconds`
        "no_sample",  # Ready without result.sample
        "sample_url",  # Ready with `url` as result.sample
        "unknown",  # polls answer "Task not found" with `status` (404) for the first `seconds`
        "cost",  # `cost` credits are charged, and named in the answer
    },
    "poll": _ANY_ANSWER
    | {
        "status",  # this poll says `task_status` with `details`, and `status` (200)
        "not_found",  # this poll says "Task not found" with `status` (404)
    },
    "download": _ANY_ANSWER
    | {
        "expired",  # as if the link had run out
        "truncated",  # half of the announced bytes, then the connection closes
        "slow",  # the bytes are spread over `seconds`
        "oversized",  # `size` (200 MB) announced and sent
        "endless",  # `size` (200 MB) sent without Content-Length
        "wrong_format",  # another format than the Content-Type says
        "not_a_picture",  # a page of HTML that calls itself image/jpeg
        "huge_pixels",  # a few bytes that claim 60,000 x 60,000 pixels
    },
    # GET /v1/credits: only faults for any endpoint and any prompt match it.
    "credits": _ANY_ANSWER,
    "webhook": {
        # How the true call goes out. Only true calls are tried again.
        "duplicated",  # twice at the same time
        "late",  # `seconds` after completion
        "lost",  # never
        "early",  # before the submission is answered
        "old_payload",  # SUCCESS and FAILED, as until February 2026
        "status",  # with `task_status`, `details` and a null result
        "no_result",  # Ready with a null result
        "wrong_secret",
        "no_secret",
        "chunked",  # all calls of the task: with Transfer-Encoding and no Content-Length
        # Calls besides. `progress`: half-way, or `seconds` after completion. The others: one after
        # the other just before the true call (and where that is lost), or `seconds` after completion.
        "progress",  # PENDING
        "forged",  # a wrong secret, Ready, and a sample at `url` (a hostile host)
        "oversized",  # the right secret, and a body of `size` (300 KB)
        "malformed",  # the right secret, and a body that is no JSON
        "foreign",  # the right secret, and the id of another task
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    stage: str
    kind: str
    endpoint: str | None = None  # None: any
    prompt: str = ""  # only for prompts that contain this
    times: int | None = 1  # how many matching requests; None: until cleared
    skip: int = 0  # matching requests to let pass first
    probability: float = 1.0
    accepted: bool = False
    status: int | None = None  # None: the one beside the kind
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    size: int | None = None
    task_status: str = "Error"
    details: Mapping[str, Any] | None = None
    url: str = ""
    cost: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS.get(self.stage, set()):
            raise ValueError(f"There is no fault {self.kind!r} at the stage {self.stage!r}.")

    @property
    def moment(self) -> str:
        """Its stage, but "accepted" for all that a submission must have been taken for."""
        if self.stage == "submit" and (self.accepted or self.kind not in _ANY_ANSWER):
            return "accepted"
        return self.stage

    def matches(self, moment: str, endpoint: str, prompt: str) -> bool:
        is_for_endpoint = self.endpoint in (None, endpoint)
        return self.moment == moment and is_for_endpoint and self.prompt in prompt


def read_fault(values: object) -> Fault:
    """Make a fault of a JSON object; ValueError says what is wrong with it."""
    if not isinstance(values, dict) or not {"stage", "kind"} <= values.keys():
        raise ValueError("A fault is an object with a stage and a kind.")
    if unknown := values.keys() - {known.name for known in fields(Fault)}:
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
    return Fault(**values)


@dataclass(slots=True)
class _Entry:
    fault: Fault
    position: int
    skip: int
    left: int | None
    applied: int = 0
    matched: Counter[str] = field(default_factory=Counter)  # by prompt


class Faults:
    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        self._seed = seed
        self.clear()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._entries.append(_Entry(fault, len(self._entries), fault.skip, fault.times))
        return fault

    def script(self, stage: str, kind: str, **values: Any) -> Fault:
        """Add a fault: `faults.script("submit", "answer", status=429, times=3)`."""
        return self.add(Fault(stage=stage, kind=kind, **values))

    def clear(self) -> None:
        with self._lock:
            self._entries: list[_Entry] = []

    def take(self, moment: str, endpoint: str, prompt: str) -> list[Fault]:
        """Find the faults for one request, and count it against each of them."""
        if not self._entries:
            return []
        with self._lock:
            matching = [entry for entry in self._entries if entry.fault.matches(moment, endpoint, prompt)]
            return [entry.fault for entry in matching if self._applies(entry, prompt)]

    def _applies(self, entry: _Entry, prompt: str) -> bool:
        entry.matched[prompt] += 1
        if entry.left == 0:
            return False
        if entry.skip:
            entry.skip -= 1
            return False
        if self._draw(entry, prompt) >= entry.fault.probability:
            return False
        if entry.left is not None:
            entry.left -= 1
        entry.applied += 1
        return True

    def _draw(self, entry: _Entry, prompt: str) -> float:
        # Of nothing that threads could change the order of: the same prompts meet the same faults
        # in every run, as long as `times` and `skip` do not give the first comers something else.
        drawn_from = (self._seed, entry.position, entry.matched[prompt], prompt)
        return random.Random(repr(drawn_from)).random()

    def list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"stage": entry.fault.stage, "kind": entry.fault.kind}
                | {"endpoint": entry.fault.endpoint, "left": entry.left, "applied": entry.applied}
                for entry in self._entries
            ]
