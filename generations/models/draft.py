from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Draft(models.Model):
    """What stands in a person's form, wherever they log in next, and what stood there before that."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="draft")
    form = models.JSONField(
        default=dict, help_text="Names and values as they were typed, checked by nothing."
    )
    before = models.JSONField(
        default=dict, blank=True, help_text="What undo brings back; empty when nothing was replaced."
    )
    token = models.UUIDField(default=uuid.uuid4, help_text="That of the next press: see models.Press.")
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user}'s draft"


class PastPrompt(models.Model):
    """A prompt that a person has pressed Generate with: once, however often they did."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="past_prompts")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text, which is too long for an index.")
    text = models.TextField()
    used_at = models.DateTimeField(help_text="When it was last used.")

    class Meta:
        indexes = [models.Index(fields=["user", "-used_at", "-id"], name="past_prompt_of_user")]
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="past_prompt_once"),
        ]

    def __str__(self) -> str:
        return self.text[:80]
