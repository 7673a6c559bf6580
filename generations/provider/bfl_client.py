"""The client of BFL's API made from the settings, and the webhook address of each generation."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac

from generations import bfl
from generations.bfl.webhooks import is_secret
from generations.models import Generation


@functools.cache
def get_client() -> bfl.Client:
    """Return the client that all threads of this process share."""
    return bfl.Client(settings.BFL_API_KEY, base_url=settings.BFL_API_BASE, hosts=get_hosts())


@functools.cache
def get_hosts() -> bfl.Hosts:
    return bfl.Hosts(extra=frozenset(settings.BFL_EXTRA_HOSTS))


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str = field(repr=False)


def get_webhook(generation: Generation) -> Webhook | None:
    """Return where BFL is to call for this generation, or None: without PUBLIC_URL it cannot reach us."""
    if not settings.PUBLIC_URL:
        return None
    path = reverse("bfl-webhook", args=[generation.code])
    return Webhook(settings.PUBLIC_URL + path, _secret(generation, settings.SECRET_KEY))


def is_webhook_secret(received: str, generation: Generation) -> bool:
    """Whether a call carries the secret of just this generation, made with today's key or one before it."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(is_secret(received, _secret(generation, key)) for key in keys)


def _secret(generation: Generation, key: str) -> str:
    # Derived, so that no table holds a secret.
    return salted_hmac("fluxsite.webhook", generation.code.hex, secret=key, algorithm="sha256").hexdigest()
