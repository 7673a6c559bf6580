from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from generations.bfl import ENDPOINTS

_PRICES = [
    MinValueValidator(Decimal(), "A price cannot be less than nothing."),
    MaxValueValidator(Decimal(10_000), "A price is at most 10,000 credits."),
]


class Offer(models.Model):
    """What the site offers of an endpoint. Without a row it is offered as the catalogue has it."""

    endpoint = models.CharField(
        max_length=64, unique=True, choices=[(slug, entry.name) for slug, entry in ENDPOINTS.items()]
    )
    bfl_price = models.DecimalField(
        "BFL's price",
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=_PRICES,
        help_text="Credits for one picture. Empty: as the catalogue has it.",
    )
    price = models.DecimalField(
        "our price",
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=_PRICES,
        help_text="Credits that people pay here. Empty: the same as BFL's price.",
    )
    is_enabled = models.BooleanField(default=True, help_text="Whether people may use it.")
    max_waiting = models.PositiveIntegerField(
        "most waiting",
        null=True,
        blank=True,
        validators=[MinValueValidator(1, "At least one picture must be allowed to wait.")],
        help_text="How many pictures of it one person may have waiting. Empty: 50.",
    )

    class Meta:
        verbose_name = "model and price"
        verbose_name_plural = "models and prices"
        constraints = [
            models.CheckConstraint(
                condition=Q(bfl_price__isnull=True) | Q(bfl_price__gte=0), name="offer_bfl_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0), name="offer_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(max_waiting__isnull=True) | Q(max_waiting__gte=1), name="offer_lets_one_wait"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint}: {'offered' if self.is_enabled else 'switched off'}"


class OfferChange(models.Model):
    """One change of the price list: who, when, what it was and what it is."""

    endpoint = models.CharField(max_length=64)
    field = models.CharField(max_length=32)
    old = models.CharField(max_length=32, blank=True)
    new = models.CharField(max_length=32, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "price change"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.endpoint}, {self.field}: {self.old or '–'} → {self.new or '–'}"
