from __future__ import annotations

from django import template
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest

register = template.Library()

SIGNED_OUT = "You are signed out."
SESSION_ENDED = "Your session has ended. Log in to go on; what you wrote is kept."
SWITCHED_OFF = "Your account is switched off. Staff can switch it on again; what you made is kept."


@register.simple_tag
def why_login(request: HttpRequest) -> str:
    """Return why somebody who was logged in meets the login page, or nothing for anybody else."""
    if "signed-out" in request.GET:
        return SIGNED_OUT
    # The session is there and its person is not: Django takes nobody who is not active.
    if SESSION_KEY in request.session:
        return SWITCHED_OFF
    had_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return SESSION_ENDED if had_session and request.GET.get("next") else ""
