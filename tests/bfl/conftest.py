from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

import pytest

from generations.bfl import Client, Hosts
from sandbox import Sandbox

KEY = "key-of-the-tests"


@dataclass(frozen=True, slots=True)
class Received:
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Server(ThreadingTCPServer):
    """Answers from a list and keeps what came: for answers that the sandbox never gives."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.host}"
        self.answers: deque[tuple[int, bytes, Mapping[str, str]]] = deque()
        self.received: list[Received] = []

    def will_say(self, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Queue an answer: bytes as they are, everything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, content, headers or {}))


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.path, headers, body))
        status, content, answer_headers = self.server.answers.popleft()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **answer_headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def server_client(server: Server) -> Client:
    return Client(KEY, base_url=server.url, hosts=Hosts(extra=frozenset({server.host})), timeout=5)


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(key=KEY) as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """A BFL of our own without any tasks, faults and requests."""
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    """BFL's client at the sandbox."""
    return client_at(sandbox)


def client_at(sandbox: Sandbox, *, timeout: float = 5) -> Client:
    hosts = Hosts(extra=frozenset(sandbox.hosts))
    return Client(KEY, base_url=sandbox.url, hosts=hosts, timeout=timeout, poll_timeout=timeout)
