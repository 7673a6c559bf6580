from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django import template

from generations.credits.ledger import plain
from generations.credits.prices import Listed
from generations.presentation import pictures

register = template.Library()


@register.filter
def credits(amount: Decimal) -> str:
    """Return credits as people read them: 2.5 and not 2.5000."""
    return plain(amount)


register.simple_tag(pictures.srcset)


@register.filter
def count(number: int) -> str:
    """Return how many there are as people read it: 12,480."""
    return f"{number:,}"


@register.filter
def price_of(listing: Mapping[str, Listed], endpoint: str) -> Decimal | None:
    """Return what one picture of an endpoint costs now; None if it is not offered, or in no frame."""
    listed = listing.get(endpoint) if listing else None
    return listed.price if listed and listed.is_enabled else None
