"""What passes between the listener and everything that answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    target: str  # path and query as they came
    host: str  # the address it arrived at, "127.0.0.1:PORT"
    cluster: int | None  # None: the global host
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def key(self) -> str | None:
        return self.headers.get("x-key")

    @property
    def json(self) -> Any:
        """The body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, and how badly it is sent."""

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    padding: int = 0  # zero bytes after the body, made while sending
    announces_length: bool = True
    cut: int | None = None  # close the connection after so many bytes of the body
    spread: float = 0.0  # seconds over which the body is sent
    is_dropped: bool = False
    afterwards: Callable[[], None] | None = None  # done once the answer has gone out


@dataclass(eq=False, slots=True, kw_only=True)
class Seen:
    """One line of the log of requests, written when a request came and filled in as it is answered."""

    method: str
    path: str
    host: str
    key: str | None
    at: float
    body: Any
    status: int | None = None  # None: not answered yet, or dropped
    fault: str | None = None  # the kind that made the answer, "hang" while it hangs; None: an honest answer
    task_id: str | None = None  # of the task that was accepted, polled or downloaded


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status=status, headers=named, body=body)


def detail(status: int, value: object) -> Response:
    """An error as BFL words it."""
    return json_response({"detail": value}, status)


def scripted(status: int, body: object, headers: Mapping[str, str]) -> Response:
    """A string goes out as it is, as a page unless `headers` say otherwise; the rest as JSON."""
    content_type = {name.lower(): text for name, text in headers.items()}.get("content-type")
    others = {name: text for name, text in headers.items() if name.lower() != "content-type"}
    if isinstance(body, str):
        page = content_type or "text/html; charset=utf-8"
        return Response(status=status, content_type=page, headers=others, body=body.encode())
    response = replace(json_response(body, status), headers=others)
    return replace(response, content_type=content_type) if content_type else response
