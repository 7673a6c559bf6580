"""
BFLError
├── Unreachable        no connection was made, so BFL surely has nothing of ours
├── NoAnswer           the connection broke or ran out of time; nothing is known about what BFL did
├── UnexpectedAnswer   an answer that is not BFL's JSON; nothing is known about what BFL did
│   └── ServerError    5xx
├── RateLimited        429: too many active tasks; retry_after
├── InsufficientFunds  402: the BFL account has no credits left
├── Unauthorized       401, 403: the key is wrong or may not do this
├── InvalidRequest     400, 422: the same again fails the same
├── NotFound           404: no such endpoint, or the task is not known to this host
├── ForbiddenHost      an address that is not on the list of hosts; nothing was sent
├── LinkExpired        the signed link of a sample is dead
└── BadDownload        a sample that is too large or shorter than announced
"""

from __future__ import annotations


class BFLError(Exception):
    """What went wrong, in words fit for a log: method, path, status, start of the body; never the key."""

    permanent = False
    """Whether the same call can only fail the same way."""


class Unreachable(BFLError):
    pass


class NoAnswer(BFLError):
    pass


class UnexpectedAnswer(BFLError):
    pass


class ServerError(UnexpectedAnswer):
    pass


class RateLimited(BFLError):
    """`retry_after` is in seconds, or None: BFL does not promise the header."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InsufficientFunds(BFLError):
    pass


class Unauthorized(BFLError):
    pass


class InvalidRequest(BFLError):
    permanent = True

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class NotFound(BFLError):
    permanent = True


class ForbiddenHost(BFLError):
    permanent = True


class LinkExpired(BFLError):
    pass


class BadDownload(BFLError):
    pass
