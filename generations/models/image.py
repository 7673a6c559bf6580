from __future__ import annotations

from django.db import models
from django.db.models import Q

from generations.models.generation import Generation

# Longest sides in pixels. A card in the studio is 832 wide; the second is for dense screens and the viewer.
RENDITION_SIDES = (1024, 1600)


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
    largest_rendition = models.PositiveSmallIntegerField(
        default=0, help_text="Longest side of the largest rendition beside the thumbnail, in pixels."
    )
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

    @property
    def file_names(self) -> list[str]:
        """Return the names of all files of the picture in the storage."""
        return [str(self.file), str(self.thumbnail), *map(self.rendition_name, self.renditions)]

    @property
    def renditions(self) -> list[int]:
        """Return the longest sides, in pixels, of the renditions that are made already."""
        return [side for side in RENDITION_SIDES if side <= self.largest_rendition]

    def rendition_name(self, side: int) -> str:
        code = self.generation.code
        return f"renditions/{code.hex[:2]}/{code}-{side}.webp"
