from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox import Sandbox

KEY = {"x-key": "sandbox-key"}
SMALL = {"prompt": "a lighthouse", "seed": 7, "width": 256, "height": 256}


def submit(sandbox: Sandbox, slug: str = "flux-dev", **params: Any) -> requests.Response:
    body = SMALL | params
    return requests.post(f"{sandbox.url}/v1/{slug}", json=body, headers=KEY, timeout=5)


def poll(response: requests.Response) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(response.json()["polling_url"], timeout=5).json()
    return answer


def wait_for(question: Callable[[], Any], seconds: float = 5.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)
    return answer


def finish(response: requests.Response) -> dict[str, Any]:
    """Poll until the status is not Pending any more."""
    assert response.status_code == 200, response.text

    def ended() -> dict[str, Any] | None:
        answer = poll(response)
        return None if answer["status"] in ("Pending", "Task not found") else answer

    ended_answer: dict[str, Any] = wait_for(ended)
    return ended_answer


def sample(response: requests.Response) -> str:
    url: str = finish(response)["result"]["sample"]
    return url


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=100, latency=(3, 3)) as sandbox:
        yield sandbox


@pytest.fixture
def slow_sandbox() -> Iterator[Sandbox]:
    """Its tasks end long after the test."""
    with Sandbox(latency=(60, 60)) as sandbox:
        yield sandbox


def _read(handler: BaseHTTPRequestHandler) -> bytes:
    if "Transfer-Encoding" not in handler.headers:
        return handler.rfile.read(int(handler.headers["Content-Length"]))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


@dataclass
class Receiver:
    """What a site does for webhooks: takes calls, and answers with the next of `statuses`."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    calls: list[tuple[dict[str, Any], str | None]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    encodings: list[str | None] = field(default_factory=list)

    def judge(self, body: bytes, headers: Message) -> int:
        """Take a call, and answer as a careful site would."""
        secret = headers["X-Webhook-Secret"]
        self.sizes.append(len(body))
        self.encodings.append(headers["Transfer-Encoding"])
        try:
            payload = json.loads(body)
        except ValueError:
            return 400
        self.calls.append((payload, secret))
        if len(body) > 65_536:
            return 413
        return self.statuses.pop(0) if self.statuses else 204

    def statuses_received(self) -> list[str]:
        return [payload["status"] for payload, _ in self.calls]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(receiver.judge(_read(self), self.headers))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhooks/bfl/1/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
