from __future__ import annotations

import functools
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import requests
import urllib3

from generations.bfl.errors import (
    BadDownload,
    BFLError,
    ForbiddenHost,
    InsufficientFunds,
    InvalidRequest,
    LinkExpired,
    NoAnswer,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from generations.bfl.hosts import Hosts, host_of
from generations.bfl.parameters import Value
from generations.bfl.results import Result, Status, Submission, read_result, read_submission
from generations.bfl.texts import LONGEST_REASON, clean, phrase, read_json

_JSON_MAX_BYTES = 1024 * 1024
_CONNECT_SECONDS = 5.0
# For one picture, from the request on: 7 MB by a line of 2.5 Mbit/s. A host that drips must not keep a worker
# for long: all others' ends wait behind it.
_DOWNLOAD_SECONDS = 25.0
# What reading a body raises is not made one of requests' own errors.
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)


P = ParamSpec("P")
T = TypeVar("T")


def _only_bfl_errors(method: Callable[P, T]) -> Callable[P, T]:
    """Let a method raise nothing but BFLError: an answer that nobody thought of must not end its caller."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except BFLError:
            raise
        except Exception as error:
            raise UnexpectedAnswer(f"{method.__name__}: {type(error).__name__}") from error

    return guarded


class Client:
    """BFL's API at one base address. Safe to share between threads: each has its own connections."""

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str,
        hosts: Hosts,
        timeout: float = 30,
        poll_timeout: float = 10,
    ) -> None:
        """`timeout` and `poll_timeout`: the most seconds until an answer begins, and again until it ends."""
        if not hosts.is_api(base_url):
            raise ForbiddenHost(f"{base_url} is not a host of BFL's API")
        if not (api_key.isascii() and api_key.isprintable()):
            raise ValueError("The key has a character in it that no key has")
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._hosts = hosts
        self._timeout = timeout
        self._poll_timeout = poll_timeout
        self._local = threading.local()

    @_only_bfl_errors
    def submit(
        self,
        endpoint: str,
        params: Mapping[str, Value],
        *,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
    ) -> Submission:
        """Buy one image: POST /v1/<endpoint>. There is no idempotency key, so this is never repeated blindly.

        Raises BFLError. Only after Unreachable, RateLimited, InsufficientFunds, Unauthorized, InvalidRequest,
        NotFound and ForbiddenHost is it sure that BFL did not take the task.
        """
        body = dict(params)
        if webhook_url and webhook_secret:
            body |= {"webhook_url": webhook_url, "webhook_secret": webhook_secret}
        url = f"{self._base_url}/v1/{quote(endpoint, safe='')}"
        code, answer = self._call("POST", url, timeout=self._timeout, json=body)
        submission = read_submission(answer)
        if submission is None:
            raise UnexpectedAnswer(f"POST {urlsplit(url).path}: {code} without a task id")
        return submission

    @_only_bfl_errors
    def get_result(self, url: str, *, timeout: float | None = None) -> Result:
        """Ask for a task at its polling address, exactly as BFL gave it. `timeout` replaces `poll_timeout`.

        A host that does not know the task gives the status TASK_NOT_FOUND. Raises BFLError.
        """
        response_code, body, error = self._exchange("GET", url, timeout=timeout or self._poll_timeout)
        # BFL answers 422 with the task itself when it failed, and 404 with or without one. A task that has
        # failed may come with any other code too: FLUX 3 does so with 400 and 503.
        result = read_result(body)
        if response_code not in (200, 202, 404, 422) and not _has_failed(response_code, result):
            result = None
        if result is not None:
            return result
        if response_code == 404:
            return Result(status=Status.TASK_NOT_FOUND, word=Status.TASK_NOT_FOUND)
        if response_code == 202:
            return Result(status=Status.PENDING, word=Status.PENDING)
        raise error or UnexpectedAnswer(f"GET {urlsplit(url).path}: {response_code} without a status")

    def addresses_of(self, bfl_id: str, polling_url: str) -> list[str]:
        """Return where to ask for a task: the address that BFL gave, else every one that may know it."""
        if self._hosts.is_api(polling_url):
            return [polling_url]
        bases = self._hosts.clusters_of(self._base_url)
        return [f"{base}/v1/get_result?id={quote(bfl_id, safe='')}" for base in bases]

    @_only_bfl_errors
    def credits(self) -> Decimal:
        """Return the credits left on the BFL account: GET /v1/credits. Raises BFLError."""
        code, answer = self._call("GET", f"{self._base_url}/v1/credits", timeout=self._poll_timeout)
        amount = answer.get("credits") if isinstance(answer, Mapping) else None
        if isinstance(amount, bool) or not isinstance(amount, int | float) or amount != amount:
            raise UnexpectedAnswer(f"GET /v1/credits: {code} without a number")
        return Decimal(str(amount))

    def download(self, url: str, *, max_bytes: int) -> bytes:
        """Return the bytes of a sample. The key does not travel along, and no redirect is followed.

        Raises BFLError: ForbiddenHost, LinkExpired, BadDownload above all.
        """
        if not self._hosts.is_delivery(url):
            raise ForbiddenHost(f"{host_of(url)} is not a host that delivers BFL's pictures")
        until = time.monotonic() + _DOWNLOAD_SECONDS
        try:
            with self._session.get(
                url, timeout=(_CONNECT_SECONDS, self._poll_timeout), stream=True, allow_redirects=False
            ) as response:
                # Azure answers 403 to an expired signature; a removed file is 404.
                if response.status_code in (403, 404, 410):
                    raise LinkExpired(f"GET {urlsplit(url).path}: {response.status_code}")
                if response.status_code != 200:
                    raise _error(response, b"")
                return _whole_body(response, max_bytes, until)
        except _BROKEN as error:
            raise _connection_error("GET", url, error) from None

    def _call(self, method: str, url: str, *, timeout: float, **options: Any) -> tuple[int, object]:
        code, body, error = self._exchange(method, url, timeout=timeout, **options)
        if error is not None:
            raise error
        return code, body

    def _exchange(
        self, method: str, url: str, *, timeout: float, **options: Any
    ) -> tuple[int, object, BFLError | None]:
        """Return status code, decoded body (None if it is no JSON) and the error that the code stands for."""
        if not self._hosts.is_api(url):
            raise ForbiddenHost(f"{host_of(url)} is not a host of BFL's API")
        try:
            with self._session.request(
                method,
                url,
                headers={"x-key": self._api_key},
                timeout=(min(_CONNECT_SECONDS, timeout), timeout),
                stream=True,
                allow_redirects=False,
                **options,
            ) as response:
                content = _json_body(response, timeout)
                error = (
                    None if response.status_code in (200, 202) else _error(response, content, self._api_key)
                )
                return response.status_code, read_json(content), error
        except _BROKEN as error:
            raise _connection_error(method, url, error) from None

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # Else requests would add a password from ~/.netrc.
            session.auth = _no_auth
        return session


def _has_failed(response_code: int, result: Result | None) -> bool:
    # The other codes are about the request and not about the task.
    return result is not None and result.has_failed and response_code not in (401, 402, 403, 429)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _json_body(response: requests.Response, seconds: float) -> bytes:
    try:
        return _limited_body(response, _JSON_MAX_BYTES, time.monotonic() + seconds)
    except BadDownload as error:
        raise UnexpectedAnswer(str(error)) from None


def _limited_body(response: requests.Response, max_bytes: int, until: float) -> bytes:
    content = bytearray()
    # iter_content() comes back only when it has as much as it was asked for: never, if bytes come one by one.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        content += chunk
        if len(content) > max_bytes:
            raise BadDownload(f"{urlsplit(response.url).path}: over {max_bytes:,} bytes")
        if time.monotonic() > until:
            raise NoAnswer(f"{urlsplit(response.url).path}: not whole in time")
    return bytes(content)


def _whole_body(response: requests.Response, max_bytes: int, until: float) -> bytes:
    announced = clean(response.headers.get("Content-Length", ""), 20)
    if _is_more(announced, max_bytes):
        raise BadDownload(f"{urlsplit(response.url).path}: {announced} bytes announced")
    try:
        return _limited_body(response, max_bytes, until)
    # urllib3 counts the bytes against the announced length.
    except urllib3.exceptions.ProtocolError:
        raise BadDownload(f"{urlsplit(response.url).path}: shorter than {announced} bytes") from None


def _is_more(announced: str, max_bytes: int) -> bool:
    # Twenty digits at most: Python refuses to read a number of more than 4,300.
    return announced.isascii() and announced.isdecimal() and int(announced) > max_bytes


def _error(response: requests.Response, content: bytes, key: str = "") -> BFLError:
    """Return the error that an answer stands for; BFL's body is `{"detail": …}`, seldom `{"message": …}`."""
    request, code = response.request, response.status_code
    if key:
        content = content.replace(key.encode(), "…".encode())
    detail = _detail(read_json(content))
    start = detail or clean(content[:500].decode(errors="replace"), 120)
    message = f"{request.method} {urlsplit(response.url).path}: {code} {start}".strip()
    if code == 429:
        return RateLimited(message, _seconds(response.headers.get("Retry-After", "")))
    if code in (400, 422):
        return InvalidRequest(message, detail or f"BFL answered {code}.")
    named = {402: InsufficientFunds, 401: Unauthorized, 403: Unauthorized, 404: NotFound}
    return named.get(code, ServerError if code >= 500 else UnexpectedAnswer)(message)


def _detail(body: object) -> str:
    if not isinstance(body, Mapping):
        return ""
    detail = body.get("detail") or body.get("message") or ""
    if isinstance(detail, list):
        return "; ".join(_field_error(item) for item in detail[:20])[:LONGEST_REASON]
    return phrase(detail)


def _field_error(item: object) -> str:
    if not isinstance(item, Mapping):
        return phrase(item)
    location = item.get("loc")
    name = phrase(location[-1]) if isinstance(location, list) and location else "request"
    return f"{name}: {phrase(item.get('msg') or '')}"


def _seconds(value: str) -> float | None:
    return min(float(value), 300.0) if value.isdecimal() else None


def _connection_error(method: str, url: str, error: Exception) -> BFLError:
    # The text of requests' own errors holds the whole address, signature and all.
    what = f"{method} {urlsplit(url).hostname}{urlsplit(url).path}: {type(error).__name__}"
    return Unreachable(what) if _never_connected(error) else NoAnswer(what)


def _never_connected(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    # Only a refused certificate is sure to come before the request: TLS can break after it as well.
    if isinstance(reason, urllib3.exceptions.SSLError):
        return isinstance(reason.args[0] if reason.args else None, ssl.SSLCertVerificationError)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError")
