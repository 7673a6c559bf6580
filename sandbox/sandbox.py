from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from sandbox import api, control
from sandbox.clock import Clock
from sandbox.delivery import Delivery
from sandbox.endpoints import Endpoint
from sandbox.faults import Faults
from sandbox.messages import Request, Response, Seen
from sandbox.server import Listener
from sandbox.settings import Settings
from sandbox.tasks import Task, Tasks, most_active
from sandbox.webhooks import Webhooks

_KEPT_REQUESTS = 200_000


class Sandbox:
    """A BFL on loopback, from `start` to `stop` or as a context manager.

    With `clusters`, a submission at the global host lives in one of that many further hosts, and
    only that one knows it. Write `[request moderated]`, `[content moderated]`, `[error]` or
    `[failed]` into a prompt to see a generation end so.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        clusters: int = 0,
        cluster_ports: Sequence[int] = (),
        credits: Decimal | int = Decimal(1000),
        samples: Sequence[Path] = (),
        **settings: Any,
    ) -> None:
        self.settings = Settings(credits=Decimal(credits), samples=list(samples), **settings)
        self.clock = Clock()
        self.faults = Faults(self.settings.seed)
        self.requests: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)
        self.waiting: list[Seen] = []  # lines of requests that are not answered yet, hanging ones above all
        self.request_counts: Counter[str] = Counter()
        self.delivery = Delivery(self.settings, self.clock)
        self.is_away = False
        self._tasks = Tasks(self.settings, self.clock, self.faults)
        self._webhooks = Webhooks(
            self.settings, self.clock, self._tasks, lambda task: api.result_of(self, task)
        )
        self._poll_window = (0, 0)
        self._log_lock = threading.Lock()
        self._door = threading.Lock()  # held while the listeners are opened, closed or replaced
        self._is_stopped = False
        self._listeners = self._listen(port, clusters, cluster_ports)

    def _listen(self, port: int, clusters: int, cluster_ports: Sequence[int]) -> list[Listener]:
        wanted: list[tuple[int, int | None]] = [(port, None)]
        count = max(clusters, len(cluster_ports))
        wanted += [
            (cluster_ports[number] if number < len(cluster_ports) else 0, number) for number in range(count)
        ]
        listeners: list[Listener] = []
        try:
            for number, cluster in wanted:
                listeners.append(Listener(number, cluster, self.answer, self.clock))
                listeners[-1].server_activate()
        except OSError as error:
            for listener in listeners:
                listener.server_close()
            error.filename = number
            raise
        return listeners

    def start(self) -> None:
        for listener in self._listeners:
            listener.start()

    def stop(self) -> None:
        self.clock.stop()
        self._webhooks.close()
        with self._door:
            self._is_stopped = True
            for listener in self._listeners:
                listener.stop()

    def advance(self, seconds: float) -> None:
        """Put the clock forward: tasks end, links run out, waiting ends, webhooks fall due."""
        self.clock.advance(seconds)
        self._webhooks.wake()

    def go_away(self) -> None:
        """Close every connection and refuse new ones, until `come_back`.

        Time and tasks go on. Requests in flight are carried out, and their answers are lost.
        Webhooks that fall due wait for the return, as behind an outage of a real network.
        """
        with self._door:
            if self.is_away or self._is_stopped:
                return
            self.is_away = True
            self._webhooks.pause()
            for listener in self._listeners:
                listener.stop()
            self._listeners = [listener.successor() for listener in self._listeners]

    def come_back(self) -> None:
        """Listen again on the same ports."""
        with self._door:
            if not self.is_away or self._is_stopped:
                return
            for listener in self._listeners:
                listener.server_activate()
                listener.start()
            self.is_away = False
            self._webhooks.resume()

    def be_away(self, seconds: float) -> None:
        """Be away so long, by the sandbox's own clock."""
        until = self.clock() + seconds
        self.go_away()
        self.clock.wait_until(until)
        self.come_back()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.address(None)

    @property
    def hosts(self) -> list[str]:
        return [listener.host for listener in self._listeners]

    @property
    def tasks(self) -> Mapping[str, Task]:
        return self._tasks.by_id

    @property
    def credits(self) -> Decimal:
        return self._tasks.credits

    @credits.setter
    def credits(self, value: Decimal) -> None:
        self._tasks.credits = value

    @property
    def active(self) -> dict[str, int]:
        return self._tasks.active

    @property
    def max_active_seen(self) -> int:
        return self._tasks.max_active_seen

    @property
    def max_active_seen_of(self) -> Mapping[str, int]:
        return self._tasks.max_active_seen_of

    @property
    def submissions(self) -> dict[str, list[Task]]:
        """The accepted tasks of each prompt, in the order of their acceptance."""
        tasks: dict[str, list[Task]] = {}
        for task in list(self.tasks.values()):
            tasks.setdefault(task.params["prompt"] or "", []).append(task)
        return tasks

    def most_active(self, endpoint: str | None = None) -> int:
        """The most tasks that were active at one moment, worked out afresh from their own times."""
        tasks = list(self.tasks.values())
        return most_active([task for task in tasks if endpoint in (None, task.endpoint.slug)])

    def latencies(self, count: int, endpoint: str = "flux-dev") -> list[float]:
        """The seconds that the first `count` submissions take, were they all for `endpoint`."""
        return self._tasks.latencies(count, endpoint)

    def reset(self, seed: int | None = None) -> None:
        """Forget tasks, faults and requests, and give the first credits back; the clock goes on."""
        if seed is not None:
            self.settings.seed = seed
        self._webhooks.clear()
        self._tasks.reset()
        self.faults.reset(self.settings.seed)
        with self._log_lock:
            self.requests.clear()
            self.request_counts.clear()

    def state(self) -> dict[str, Any]:
        now = self.clock()
        return {
            "now": now,
            "hosts": self.hosts,
            "credits": float(self.credits),
            "active": self.active,
            "max_active_seen": self.max_active_seen,
            "max_active_seen_of": dict(self.max_active_seen_of),
            "most_active": self.most_active(),
            "requests": dict(self.request_counts),
            "tasks": [control.describe(task, now) for task in list(self.tasks.values())],
        }

    def answer(self, request: Request) -> Response:
        if request.path.startswith(control.PREFIX):
            return control.answer(self, request)
        seen = Seen(
            method=request.method,
            path=request.target,
            host=request.host,
            key=request.key,
            at=request.at,
            body=request.json if request.body else None,
        )
        with self._log_lock:
            self.requests.append(seen)
            self.waiting.append(seen)
        try:
            return self._note(request, seen, api.answer(self, request, seen))
        finally:
            with self._log_lock:
                self.waiting.remove(seen)

    def _note(self, request: Request, seen: Seen, response: Response) -> Response:
        seen.status = None if response.is_dropped else response.status
        with self._log_lock:
            self.request_counts[f"{request.method} {_group(request.path)} {seen.status}"] += 1
        return response

    def accept(self, endpoint: Endpoint, params: dict[str, Any], cluster: int | None, seen: Seen) -> Task:
        if cluster is None and len(self._listeners) > 1:
            cluster = self._tasks.ordinal % (len(self._listeners) - 1)
        task = self._tasks.accept(endpoint, params, cluster)
        seen.task_id = task.id
        if task.webhook_url:
            self._webhooks.schedule(task)
        return task

    def find(self, task_id: str, cluster: int | None) -> Task | None:
        return self._tasks.find(task_id, cluster)

    def find_by_path(self, path: str) -> Task | None:
        return self.tasks.get(self.delivery.task_id(path) or "")

    def address(self, cluster: int | None) -> str:
        number = 0 if cluster is None else cluster + 1
        return f"http://{self._listeners[number].host}"

    def sample_url(self, task: Task) -> str:
        if task.forced_sample_url:
            return task.forced_sample_url
        # Pictures may lie in another region than the task: here in the next one.
        return self.delivery.link(task, self.hosts[self._delivery_number(task)])

    def _delivery_number(self, task: Task) -> int:
        clusters = len(self._listeners) - 1
        return 0 if task.cluster is None else (task.cluster + 1) % clusters + 1

    def renew_link(self, task: Task) -> None:
        now = self.clock()
        if self.settings.renews_links and task.link_expires_at < now:
            task.link_expires_at = now + self.settings.link_seconds

    def count_poll(self, limit: int) -> tuple[int, float]:
        """Count one poll in the window of this second; give what remains, and until when."""
        second = int(self.clock())
        started, count = self._poll_window
        self._poll_window = (second, count + 1 if started == second else 1)
        return max(0, limit - self._poll_window[1]), float(second + 1)


def _group(path: str) -> str:
    return "/results" if path.startswith("/results/") else path
