"""Calls out: what BFL, or somebody who would like to be BFL, sends to `webhook_url`, and when.

Only loopback addresses are called: a sandbox on a developer's machine must not be a way to make
requests elsewhere.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.settings import Settings
from sandbox.tasks import READY, Task, Tasks, WebhookCall, kinds

RETRY_AFTER = (1.0, 5.0, 30.0)
_WORKERS = 4
_TIMEOUT = 10.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PIECE = 1000  # bytes of one chunk
_OVERSIZE = 300_000
_INVENTED = "not-the-secret"
# Calls besides the true one that go out just before it.
_BESIDES = {"forged", "oversized", "malformed", "foreign"}
# Nobody's address (RFC 5737): a site that believes a forged call cannot reach anything there.
_HOSTILE_SAMPLE = "http://192.0.2.1/results/sample.jpeg"


class Webhooks:
    """A few threads and one heap of what is due when."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tasks: Tasks,
        result_of: Callable[[Task], dict[str, Any] | None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._result_of = result_of
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._condition = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._is_paused = False
        self._is_closed = False

    def schedule(self, task: Task) -> None:
        """Plan the calls for a task that was just accepted; make an early one at once."""
        for fault in task.webhook_faults:
            if fault.kind == "progress" or (fault.kind in _BESIDES and fault.seconds):
                self._at(_time_of(task, fault), partial(self._call_besides, task, fault))
        if task.is_early:
            self._call_all(task)
        else:
            late = sum(fault.seconds for fault in task.webhook_faults if fault.kind == "late")
            self._at(task.ready_at + late, lambda: self._call_all(task))

    def _call_all(self, task: Task) -> None:
        for fault in task.webhook_faults:
            if fault.kind in _BESIDES and not fault.seconds:
                self._call_besides(task, fault)
        names = kinds(task.webhook_faults)
        if "lost" in names:
            return
        for _ in range(2 if "duplicated" in names else 1):
            if task.is_early:
                self.deliver(task)
            else:
                # In a thread of its own each, so that two of them race.
                self._at(self._clock(), lambda: self.deliver(task))

    def deliver(self, task: Task, attempt: int = 0) -> None:
        """Make one true call, and plan the next attempt where no 2xx came."""
        call = self._call(task, "true", self._payload(task), _secret_of(task))
        if call.status is not None and 200 <= call.status < 300:
            task.delivered_at = task.delivered_at or call.at
        elif attempt < len(RETRY_AFTER):
            wait = RETRY_AFTER[attempt] / self._settings.speed
            self._at(self._clock() + wait, lambda: self.deliver(task, attempt + 1))

    def pause(self) -> None:
        """Let what falls due wait for `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self.wake()

    def wake(self) -> None:
        """Look at the clock again, which has jumped."""
        with self._condition:
            self._condition.notify_all()

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
                wait = self._seconds_to_next()
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._condition.wait(wait)
        return None

    def _seconds_to_next(self) -> float | None:
        if self._is_paused or not self._due:
            return None
        return self._due[0][0] - self._clock()

    def _call_besides(self, task: Task, fault: Fault) -> None:
        secret: str | None = task.params["webhook_secret"]
        if fault.kind == "progress":
            payload = {"task_id": task.id, "status": "PENDING", "progress": 0.5}
            self._call(task, fault.kind, payload, _secret_of(task))
        elif fault.kind == "forged":
            self._call(task, fault.kind, _forged_payload(task, fault), _INVENTED)
        elif fault.kind == "oversized":
            self._call(task, fault.kind, self._payload(task), secret, fault.size or _OVERSIZE)
        elif fault.kind == "malformed":
            self._call(task, fault.kind, json.dumps(self._payload(task))[:-1], secret)
        elif fault.kind == "foreign":
            payload = self._payload(task) | {"task_id": self._tasks.other_id(task)}
            self._call(task, fault.kind, payload, secret)

    def _payload(self, task: Task) -> dict[str, Any]:
        names = kinds(task.webhook_faults)
        result = None if "no_result" in names else self._result_of(task)
        payload: dict[str, Any] = {"task_id": task.id, "status": task.status, "result": result}
        if task.details is not None:
            payload |= {"details": task.details}
        if "old_payload" in names:
            payload = _old_payload(task, result)
        for fault in task.webhook_faults:
            if fault.kind == "status":
                payload |= {"status": fault.task_status, "details": fault.details, "result": None}
        return payload

    def _call(self, task: Task, kind: str, payload: Any, secret: str | None, size: int = 0) -> WebhookCall:
        call = WebhookCall(kind, self._clock(), payload, secret)
        task.webhook_calls.append(call)
        text = payload if isinstance(payload, str) else json.dumps(payload)
        # Spaces after a JSON text change nothing in it.
        body = text.encode().ljust(size)
        is_chunked = "chunked" in kinds(task.webhook_faults)
        try:
            call.status = _post(task.webhook_url or "", _pieces_of(body) if is_chunked else body, secret)
        except (OSError, ValueError, http.client.HTTPException) as error:
            call.error = f"{type(error).__name__}: {error}"
        return call


def _time_of(task: Task, fault: Fault) -> float:
    if fault.seconds:
        return task.ready_at + fault.seconds
    return (task.accepted_at + task.ready_at) / 2


def _forged_payload(task: Task, fault: Fault) -> dict[str, Any]:
    result = {"sample": fault.url or _HOSTILE_SAMPLE, "prompt": task.prompt, "seed": task.seed}
    return {"task_id": task.id, "status": READY, "result": result}


def _old_payload(task: Task, result: dict[str, Any] | None) -> dict[str, Any]:
    if task.status == READY:
        return {"task_id": task.id, "status": "SUCCESS", "result": result}
    # Nobody has recorded a failure of that time; this is what receivers were written for.
    return {"task_id": task.id, "status": "FAILED", "error": task.status}


def _secret_of(task: Task) -> str | None:
    names = kinds(task.webhook_faults)
    if "no_secret" in names:
        return None
    return _INVENTED if "wrong_secret" in names else task.params["webhook_secret"]


def _pieces_of(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))


def _post(url: str, body: bytes | Iterator[bytes], secret: str | None) -> int:
    """Send a body whole, or pieces of it in chunks; give the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(*_address(parts), timeout=_TIMEOUT)
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Webhook-Secret"] = secret
    try:
        connection.connect()
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        # A site may answer and close before it has read the whole of a large body.
        with contextlib.suppress(ConnectionError):
            connection.request("POST", target, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _address(parts: SplitResult) -> tuple[str, int]:
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError("The sandbox calls plain http on loopback only.")
    return parts.hostname, parts.port or 80
