from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class ClosedSignUpAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """People are added by staff; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that tries are counted by; without a proxy a Unix socket has one for all."""
        if not settings.TRUSTED_PROXIES and not request.META.get("REMOTE_ADDR"):
            return "0.0.0.0"  # noqa: S104  # nothing listens there
        return str(super().get_client_ip(request))
