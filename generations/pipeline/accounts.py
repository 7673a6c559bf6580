"""What keeps the books in order once a minute. Safe to run at any time, and twice at once."""

from __future__ import annotations

from django.conf import settings

from generations.checks import is_usable_key
from generations.credits import grants
from generations.provider import balance


def keep_books() -> None:
    """End expired grants, give the month's, and see what BFL says is left."""
    grants.keep_up()
    if is_usable_key(settings.BFL_API_KEY):
        balance.read()
