from __future__ import annotations

from django.db import models
from django.db.models import Q

from generations.models.generation import Generation


class GeneratedImage(models.Model):
    """What we keep of a generation: the original, its thumbnail and a placeholder."""

    generation = models.OneToOneField(Generation, models.CASCADE, related_name="image")
    file = models.FileField(max_length=200)
    format = models.CharField(max_length=8, help_text="By content: JPEG, PNG or WEBP.")
    width = models.PositiveIntegerField(help_text="Pixels.")
    height = models.PositiveIntegerField(help_text="Pixels.")
    byte_size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the stored file.")
    thumbnail = models.FileField(max_length=200)
    thumbnail_width = models.PositiveIntegerField(help_text="Pixels.")
    thumbnail_height = models.PositiveIntegerField(help_text="Pixels.")
    placeholder = models.TextField(help_text="A data: address of a picture 16 pixels wide.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0, byte_size__gt=0), name="image_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(format__in=["JPEG", "PNG", "WEBP"]), name="image_format_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.width} × {self.height}"
