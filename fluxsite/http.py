from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails


class PersonRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: the user is a person. For annotations only."""

    user: User
    htmx: HtmxDetails


def person_of(request: HttpRequest) -> User:
    """Return who makes a request that came past the login."""
    assert isinstance(request.user, User)  # noqa: S101  # LoginRequiredMiddleware has seen to it
    return request.user


View = Callable[[PersonRequest], HttpResponseBase]


def staff_only(view: View) -> View:
    """Return the view, closed with 403 to everybody who is not staff."""

    @wraps(view)
    def guarded(request: PersonRequest) -> HttpResponseBase:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request)

    return guarded
