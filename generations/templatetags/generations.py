from __future__ import annotations

from decimal import Decimal

from django import template

from generations.ledger import plain

register = template.Library()


@register.filter
def credits(amount: Decimal) -> str:
    """Return credits as people read them: 2.5 and not 2.5000."""
    return plain(amount)
