"""Signed links, and the pictures behind them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.messages import Request, Response, Seen
from sandbox.pictures import draw
from sandbox.pictures.sizes import size_of
from sandbox.settings import Settings
from sandbox.tasks import READY, Task

_KEPT_PICTURES = 64
_OVERSIZE = 200_000_000

Alter = Callable[[Response, Fault, "Delivery", Task], Response]


class Delivery:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._secret = secrets.token_bytes(16)
        self._paths: dict[str, str] = {}
        self._pictures: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        # One picture at a time: two clients of one picture must not both draw it, and the
        # product that is tried against the sandbox needs the other processor.
        self._lock = threading.Lock()

    def link(self, task: Task, host: str) -> str:
        """The address of a task's picture, signed until its time."""
        digest = hashlib.sha256(task.id.encode()).hexdigest()
        folder = f"/results/{digest[:2]}/{digest[2:16]}/{digest[16:48]}"
        path = f"{folder}/sample.{task.output_format}"
        self._paths[path] = task.id
        expiry = datetime.fromtimestamp(int(task.link_expires_at), UTC)
        until = expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"se": until, "sp": "r", "sv": "2024-11-04", "sr": "b"}
        query |= {"rsct": f"image/{task.output_format}", "sig": self._sign(path, until)}
        return f"http://{host}{path}?{urlencode(query, safe='/', quote_via=quote)}"

    def task_id(self, path: str) -> str | None:
        return self._paths.get(path)

    def answer(self, request: Request, task: Task, faults: list[Fault], seen: Seen) -> Response:
        if refusal := self._refuse(request, faults, seen):
            return refusal
        response = self._picture_response(task)
        for fault in faults:
            if alter := _ALTERATIONS.get(fault.kind):
                response = alter(response, fault, self, task)
                seen.fault = fault.kind
        if response.status == 200 and task.downloaded_at is None:
            task.downloaded_at = self._clock()
        return response

    def picture(self, task: Task, output_format: str) -> bytes:
        if samples := self._settings.samples:
            return samples[task.ordinal % len(samples)].read_bytes()
        key = (task.prompt, task.seed, size_of(task.endpoint.slug, task.params), output_format)
        with self._lock:
            if key not in self._pictures:
                self._pictures[key] = draw(*key)
            self._pictures.move_to_end(key)
            while len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
            return self._pictures[key]

    def _sign(self, path: str, until: str) -> str:
        digest = hmac.digest(self._secret, f"{path}\n{until}".encode(), "sha256")
        return base64.b64encode(digest).decode()

    def _refuse(self, request: Request, faults: list[Fault], seen: Seen) -> Response | None:
        until = request.query.get("se", "")
        signature = self._sign(request.path, until)
        if not hmac.compare_digest(signature.encode(), request.query.get("sig", "").encode()):
            return _forbidden("Signature did not match.")
        if datetime.fromisoformat(until).timestamp() <= self._clock():
            return _forbidden(f"Signed expiry time [{until}] has passed.")
        if any(fault.kind == "expired" for fault in faults):
            seen.fault = "expired"
            return _forbidden(f"Signed expiry time [{until}] has passed.")
        return None

    def _picture_response(self, task: Task) -> Response:
        body = self.picture(task, task.output_format)
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {
            "Cache-Control": "max-age=1200",
            "Content-MD5": base64.b64encode(digest).decode(),
            "ETag": f'"0x{digest[:8].hex().upper()}"',
            "Last-Modified": formatdate(task.ready_at, usegmt=True),
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
        }
        kind = f"image/{task.output_format}"
        return Response(content_type=kind, headers=headers, body=body)


def has_picture(task: Task, now: float) -> bool:
    return task.has_ended(now) and task.status == READY


def _forbidden(reason: str) -> Response:
    return _azure_error(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header"
        f" is formed correctly including the signature.</Message><AuthenticationErrorDetail>"
        f"{escape(reason)}</AuthenticationErrorDetail>",
    )


def not_there() -> Response:
    return _azure_error(404, "BlobNotFound", "The specified blob does not exist.</Message>")


def _azure_error(status: int, code: str, message: str) -> Response:
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
    body = f"{text}<Message>{message}</Error>".encode()
    headers = {"x-ms-error-code": code}
    return Response(status=status, content_type="application/xml", headers=headers, body=body)


def _truncate(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    return replace(response, cut=len(response.body) // 2)


def _slow_down(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    return replace(response, spread=fault.seconds)


def _enlarge(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    return replace(response, padding=max(0, (fault.size or _OVERSIZE) - len(response.body)))


def _never_announce(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    return replace(_enlarge(response, fault, delivery, task), announces_length=False)


def _swap_format(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    other = "png" if task.output_format != "png" else "jpeg"
    return replace(response, body=delivery.picture(task, other))


def _send_page(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    return replace(response, body=b"<!doctype html><title>Sign in</title><p>Please sign in.")


def _claim_many_pixels(response: Response, fault: Fault, delivery: Delivery, task: Task) -> Response:
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
    data = _png_chunk(b"IDAT", zlib.compress(bytes(100_000))) + _png_chunk(b"IEND", b"")
    return replace(response, content_type="image/png", body=b"\x89PNG\r\n\x1a\n" + header + data)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


_ALTERATIONS: dict[str, Alter] = {
    "truncated": _truncate,
    "slow": _slow_down,
    "oversized": _enlarge,
    "endless": _never_announce,
    "wrong_format": _swap_format,
    "not_a_picture": _send_page,
    "huge_pixels": _claim_many_pixels,
}
