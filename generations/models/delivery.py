from __future__ import annotations

from django.db import models

from generations.models.generation import Generation


class Delivery(models.Model):
    """One verified call of BFL's webhook. Refused calls leave no row.

    The body is not kept: it holds a signed link. Its digest tells repeated calls apart. Only a call that is
    quicker than the answer to our submission waits here until we know the task's id: see results.apply_held.
    """

    generation = models.ForeignKey(Generation, models.CASCADE, related_name="deliveries")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the body.")
    bfl_status = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    held = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = "webhook call"
        verbose_name_plural = "webhooks"
        constraints = [
            models.UniqueConstraint(fields=["generation", "digest"], name="delivery_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bfl_status} for {self.generation_id}"
