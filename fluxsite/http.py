from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PersonRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: the user is a person. For annotations only."""

    user: User
    htmx: HtmxDetails


def person_of(request: HttpRequest) -> User:
    """Return who makes a request that came past the login."""
    assert isinstance(request.user, User)  # noqa: S101  # LoginRequiredMiddleware has seen to it
    return request.user
