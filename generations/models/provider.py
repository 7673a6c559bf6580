from __future__ import annotations

from django.db import models
from django.db.models import Q

from generations.presentation import wording


class Provider(models.Model):
    """What holds for BFL as a whole: one row, whose pause stops claiming."""

    class Pause(models.TextChoices):
        BUSY = "busy", "BFL is busy"
        NO_FUNDS = "no_funds", "The BFL account is empty"
        REFUSED = "refused", "BFL refuses the key"
        AWAY = "away", "BFL cannot be reached"

    pause = models.CharField(max_length=16, choices=Pause, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    pause_count = models.PositiveSmallIntegerField(default=0, help_text="Pauses since BFL last took a task.")
    pause_detail = models.TextField(blank=True)
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When BFL, asked without buying anything, was well again."
    )

    class Meta:
        verbose_name_plural = "provider"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="provider_one_row"),
            models.CheckConstraint(
                condition=Q(pause="", paused_until__isnull=True)
                | (~Q(pause="") & Q(paused_until__isnull=False)),
                name="provider_pause_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.get_pause_display() if self.pause else "BFL"

    @property
    def is_noticed(self) -> bool:
        """Whether people are told: a connection that breaks for a second or two is nobody's news."""
        return bool(self.pause) and (self.pause != self.Pause.AWAY or self.pause_count >= 3)

    @property
    def notice(self) -> str:
        """What everybody is told on every page, if anything."""
        return wording.NOTICES.get(self.pause, "") if self.is_noticed else ""
