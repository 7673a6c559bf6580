"""Calls out: what BFL sends to `webhook_url`, when, and how often.

Only loopback addresses are called: a sandbox on a developer's machine must not be a way to make
requests elsewhere.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from generations.sandbox.faults import Fault
from generations.sandbox.settings import Settings
from generations.sandbox.tasks import READY, Task, WebhookCall, kinds

RETRY_AFTER = (1.0, 5.0, 30.0)
_WORKERS = 4
_TIMEOUT = 10.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Clock = Callable[[], float]


class Webhooks:
    """A few threads and one heap of what is due when."""

    def __init__(
        self, settings: Settings, clock: Clock, result_of: Callable[[Task], dict[str, Any] | None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._result_of = result_of
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._condition = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def schedule(self, task: Task) -> None:
        """Plan the calls for a task that was just accepted."""
        faults = {fault.kind: fault for fault in task.webhook_faults}
        if "progress" in faults:
            self._at(self._progress_time(task, faults["progress"]), lambda: self._progress(task))
        if {"lost", "early"} & faults.keys():
            return
        at = task.ready_at + (faults["late"].seconds if "late" in faults else 0)
        for _ in range(2 if "duplicated" in faults else 1):
            self._at(at, lambda: self.deliver(task))

    def deliver(self, task: Task, attempt: int = 0) -> None:
        """Call once, and plan the next attempt where no 2xx came."""
        call = self._call(task, self._payload(task))
        if call.status is not None and 200 <= call.status < 300:
            task.delivered_at = task.delivered_at or call.at
        elif attempt < len(RETRY_AFTER):
            wait = RETRY_AFTER[attempt] / self._settings.speed
            self._at(self._clock() + wait, lambda: self.deliver(task, attempt + 1))

    def clear(self) -> None:
        with self._condition:
            self._due.clear()

    def close(self) -> None:
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _at(self, when: float, call: Callable[[], None]) -> None:
        if when == float("inf"):
            return
        with self._condition:
            heapq.heappush(self._due, (when, next(self._order), call))
            self._start_threads()
            self._condition.notify()

    def _start_threads(self) -> None:
        while len(self._threads) < _WORKERS and not self._is_closed:
            thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while call := self._next():
            call()

    def _next(self) -> Callable[[], None] | None:
        with self._condition:
            while not self._is_closed:
                wait = self._due[0][0] - self._clock() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._condition.wait(wait)
        return None

    def _progress_time(self, task: Task, fault: Fault) -> float:
        if fault.seconds:
            return task.ready_at + fault.seconds
        return (task.accepted_at + task.ready_at) / 2

    def _progress(self, task: Task) -> None:
        self._call(task, {"task_id": task.id, "status": "PENDING", "progress": 0.5})

    def _payload(self, task: Task) -> dict[str, Any]:
        names = kinds(task.webhook_faults)
        result = None if "no_result" in names else self._result_of(task)
        if "old_payload" in names:
            return _old_payload(task, result)
        payload = {"task_id": task.id, "status": task.status, "result": result}
        return payload if task.details is None else payload | {"details": task.details}

    def _call(self, task: Task, payload: dict[str, Any]) -> WebhookCall:
        call = WebhookCall(self._clock(), payload, _secret_of(task))
        task.webhook_calls.append(call)
        try:
            call.status = _post(task.webhook_url or "", payload, call.secret)
        except (OSError, ValueError, http.client.HTTPException) as error:
            call.error = f"{type(error).__name__}: {error}"
        return call


def _old_payload(task: Task, result: dict[str, Any] | None) -> dict[str, Any]:
    if task.status == READY:
        return {"task_id": task.id, "status": "SUCCESS", "result": result}
    # Nobody has recorded a failure of that time; this is what receivers were written for.
    return {"task_id": task.id, "status": "FAILED", "error": task.status}


def _secret_of(task: Task) -> str | None:
    names = kinds(task.webhook_faults)
    if "no_secret" in names:
        return None
    return "not-the-secret" if "wrong_secret" in names else task.params["webhook_secret"]


def _post(url: str, payload: dict[str, Any], secret: str | None) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(*_address(parts), timeout=_TIMEOUT)
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Webhook-Secret"] = secret
    try:
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", target, json.dumps(payload).encode(), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _address(parts: SplitResult) -> tuple[str, int]:
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError("The sandbox calls plain http on loopback only.")
    return parts.hostname, parts.port or 80
