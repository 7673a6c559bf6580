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
    return _guarded(view, lambda user: user.is_staff)


def staff_with(permission: str) -> Callable[[View], View]:
    """Return a decorator that closes a view with 403 to all but staff with the permission."""
    return lambda view: _guarded(view, lambda user: user.is_staff and user.has_perm(permission))


def _guarded(view: View, may_see: Callable[[User], bool]) -> View:
    @wraps(view)
    def guarded(request: PersonRequest) -> HttpResponseBase:
        if not may_see(request.user):
            raise PermissionDenied
        return view(request)

    return guarded
