from __future__ import annotations

from django.db import models
from django.db.models import Q


class BFLAccount(models.Model):
    """What BFL said last of the credits that this site has there: one row, written each few minutes."""

    credits = models.DecimalField(max_digits=15, decimal_places=4)
    read_at = models.DateTimeField()
    base_credits = models.DecimalField(
        max_digits=15, decimal_places=4, help_text="What there was when credits were last bought."
    )
    base_at = models.DateTimeField(help_text="When that was read: the drift counts from here.")

    class Meta:
        verbose_name = "BFL account"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="bfl_account_one_row")]

    def __str__(self) -> str:
        return f"{self.credits.normalize():f} credits at BFL"
