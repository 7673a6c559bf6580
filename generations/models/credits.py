from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q

from generations.models.generation import Generation


class CreditAccount(models.Model):
    """One for each person. Its row is the lock under which entries are written; it holds no balance."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="credit_account")

    def __str__(self) -> str:
        return str(self.user)


class AppendOnly(Exception):
    """Entries are never changed. A mistake is put right by a further entry."""


class CreditEntryQuerySet(models.QuerySet["CreditEntry"]):
    def update(self, **values: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class CreditEntry(models.Model):
    """One line of the ledger. The balance is the sum of the amounts."""

    class Kind(models.TextChoices):
        GRANT = "grant", "Grant"
        CHARGE = "charge", "Charge"
        REFUND = "refund", "Refund"
        ADJUSTMENT = "adjustment", "Adjustment"

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind)
    amount = models.DecimalField(max_digits=12, decimal_places=4, help_text="Credits, signed.")
    generation = models.ForeignKey(Generation, models.PROTECT, null=True, blank=True, related_name="entries")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = CreditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "credit entries"
        indexes = [models.Index(fields=["account", "-id"], name="entry_of_account")]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "kind"],
                condition=Q(kind__in=["charge", "refund"]),
                name="entry_once_per_generation",
            ),
            models.CheckConstraint(
                condition=Q(kind="charge", amount__lte=0)
                | Q(kind="refund", amount__gte=0)
                | Q(kind="grant", amount__gt=0)
                | (Q(kind="adjustment") & ~Q(amount=0)),
                name="entry_sign_matches_kind",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["charge", "refund"]) | Q(generation__isnull=False),
                name="entry_of_a_generation",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["grant", "adjustment"]) | ~Q(note=""),
                name="entry_by_hand_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount:+}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
