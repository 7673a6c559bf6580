"""HTTP on loopback: one listener per host, one thread per connection."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.clock import Clock
from sandbox.messages import Request, Response, detail

_CHUNK = 65_536
_LARGEST_BODY = 128 * 1024 * 1024  # four input images of 20 MB in base64

Answer = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this, an answer can wait 40 ms for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    timeout = 120
    server: Listener

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the sandbox keeps its own log."""

    def _answer(self) -> None:
        response = self._respond()
        if response.is_dropped:
            self.close_connection = True
            return
        # The client may well have gone: that is its affair.
        with contextlib.suppress(OSError):
            self._send(response)
        if response.afterwards:
            response.afterwards()

    def _respond(self) -> Response:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self.close_connection = True
            return detail(400, "The sandbox reads bodies with a Content-Length.")
        if int(length) > _LARGEST_BODY:
            self.close_connection = True
            return detail(413, "Request Entity Too Large")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # The client was killed while it sent: nobody asked for anything.
            return Response(is_dropped=True)
        return self.server.answer(self._request(body))

    def _request(self, body: bytes) -> Request:
        return Request(
            method=self.command,
            target=self.path,
            host=self.server.host,
            cluster=self.server.cluster,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            at=self.server.clock(),
        )

    def _send(self, response: Response) -> None:
        if not response.announces_length or response.cut is not None:
            self.close_connection = True
        body = b"" if self.command == "HEAD" else response.body
        if response.cut is not None:
            body = body[: response.cut]
        if response.spread:
            self._send_slowly(self._head(response), body, response.spread)
            return
        # One send: two of them would wait for each other.
        self.wfile.write(self._head(response) + body)
        if self.command != "HEAD":
            self._send_zeros(response.padding)

    def _head(self, response: Response) -> bytes:
        phrase = _PHRASES.get(response.status, "")
        headers = {
            "Date": formatdate(self.server.clock(), usegmt=True),
            "Content-Type": response.content_type,
        }
        if response.announces_length:
            headers["Content-Length"] = str(len(response.body) + response.padding)
        if self.close_connection:
            headers["Connection"] = "close"
        headers |= response.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {response.status} {phrase}\r\n{lines}\r\n".encode("latin-1")

    def _send_slowly(self, head: bytes, body: bytes, seconds: float) -> None:
        pieces = 20
        size = len(body) // pieces + 1
        started_at = self.server.clock()
        self.wfile.write(head)
        for number in range(pieces):
            self.server.clock.wait_until(started_at + seconds * (number + 1) / pieces)
            self.wfile.write(body[number * size : (number + 1) * size])

    def _send_zeros(self, count: int) -> None:
        for start in range(0, count, _CHUNK):
            self.wfile.write(bytes(min(_CHUNK, count - start)))


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Listener(ThreadingHTTPServer):
    """One host of the sandbox: the global one, or a cluster.

    Made, it holds its port but refuses connections, until `server_activate`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, cluster: int | None, answer: Answer, clock: Clock) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise
        self.clock = clock
        self.cluster = cluster
        self.answer = answer
        self.host = f"127.0.0.1:{self.server_port}"
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._serve, name=f"sandbox-{self.host}", daemon=True)
        self._is_stopped = False

    def server_bind(self) -> None:
        # HTTPServer would look up the name of the machine, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def successor(self) -> Listener:
        """One that holds the same port, after this one was stopped.

        Held without listening: nobody else is given the port meanwhile, and all are refused.
        """
        return Listener(self.server_port, self.cluster, self.answer, self.clock)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopped = True
        if self._thread.is_alive():
            # It waits for a connection, so one is made. serve_forever would ask 20 times a second.
            with contextlib.suppress(OSError):
                socket.create_connection(self.socket.getsockname(), timeout=1).close()
            self._thread.join()
        self.server_close()
        # A host that has gone does not answer on connections kept alive.
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._is_stopped:
            with contextlib.suppress(OSError):
                connection, address = self.get_request()
                if self._is_stopped:
                    connection.close()
                else:
                    self._connections.add(connection)
                    self.process_request(connection, address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing for a client that went away; everything else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
