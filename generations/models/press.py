from __future__ import annotations

from django.conf import settings
from django.db import models


class Press(models.Model):
    """One press of Generate: what it bought is bought once, however often the same form arrives.

    A double click, the back button, a repeated request and another tab all carry the token that the form was
    drawn with; the draft has a new one only after a press. A form that was changed before it was sent again
    asks for something else: another digest.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="presses")
    token = models.UUIDField(help_text="Drawn with the form.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what was asked for.")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["user", "token", "digest"], name="press_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.token}"
