from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from generations.sandbox import api, control
from generations.sandbox.delivery import Delivery
from generations.sandbox.endpoints import Endpoint
from generations.sandbox.faults import Fault, Faults
from generations.sandbox.messages import Request, Response, Seen
from generations.sandbox.server import Listener
from generations.sandbox.settings import Settings
from generations.sandbox.tasks import Task, Tasks
from generations.sandbox.webhooks import Webhooks

_KEPT_REQUESTS = 50_000


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
        self.faults = Faults(self.settings.seed)
        self.requests: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)
        self.request_counts: Counter[str] = Counter()
        self.delivery = Delivery(self.settings, time.time)
        self._tasks = Tasks(self.settings, time.time)
        self._webhooks = Webhooks(self.settings, time.time, lambda task: api.result_of(self, task))
        self._stopping = threading.Event()
        self._poll_window = (0, 0)
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
                listeners.append(Listener(number, cluster, self.answer))
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
        self._stopping.set()
        self._webhooks.close()
        for listener in self._listeners:
            listener.stop()

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

    def latencies(self, count: int, endpoint: str = "flux-dev") -> list[float]:
        """The seconds that the first `count` submissions take, were they all for `endpoint`."""
        return self._tasks.latencies(count, endpoint)

    def reset(self) -> None:
        """Forget tasks, faults and requests, and give the first credits back."""
        self._webhooks.clear()
        self._tasks.reset()
        self.faults.clear()
        self.requests.clear()
        self.request_counts.clear()

    def state(self) -> dict[str, Any]:
        now = time.time()
        return {
            "hosts": self.hosts,
            "credits": float(self.credits),
            "active": self.active,
            "max_active_seen": self.max_active_seen,
            "max_active_seen_of": dict(self.max_active_seen_of),
            "requests": dict(self.request_counts),
            "tasks": [control.describe(task, now) for task in list(self.tasks.values())],
        }

    def answer(self, request: Request) -> Response:
        if request.path.startswith(control.PREFIX):
            return control.answer(self, request)
        response = api.answer(self, request)
        status = None if response.is_dropped else response.status
        self.request_counts[f"{request.method} {_group(request.path)} {status}"] += 1
        self.requests.append(
            Seen(
                method=request.method,
                path=request.target,
                host=request.host,
                key=request.key,
                at=request.at,
                body=request.json if request.body else None,
                status=status,
            )
        )
        return response

    def accept(
        self, endpoint: Endpoint, params: dict[str, Any], cluster: int | None, faults: list[Fault]
    ) -> Task:
        if cluster is None and len(self._listeners) > 1:
            cluster = self._tasks.ordinal % (len(self._listeners) - 1)
        if params["webhook_url"]:
            faults = faults + self.faults.take("webhook", endpoint.slug, params["prompt"] or "")
        task = self._tasks.accept(endpoint, params, cluster, faults)
        if task.webhook_url:
            self._webhooks.schedule(task)
        if task.is_early:
            self._webhooks.deliver(task)
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
        if self.settings.renews_links and task.link_expires_at < time.time():
            task.link_expires_at = time.time() + self.settings.link_seconds

    def count_poll(self, limit: int) -> tuple[int, float]:
        """Count one poll in the window of this second; give what remains, and until when."""
        second = int(time.time())
        started, count = self._poll_window
        self._poll_window = (second, count + 1 if started == second else 1)
        return max(0, limit - self._poll_window[1]), float(second + 1)

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than the sandbox runs."""
        self._stopping.wait(seconds)


def _group(path: str) -> str:
    return "/results" if path.startswith("/results/") else path
