"""Smaller copies of a picture for the browser, as WebP in steps of their longest side.

The first two are made when the picture is stored, since somebody waits to see it; the largest right after.
"""

from __future__ import annotations

import io

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from generations.models import GeneratedImage, Generation
from generations.models.image import RENDITION_SIDES

THUMBNAIL_SIDE = 512


def needed_sides(width: int, height: int) -> list[int]:
    """Return the sides, in pixels, of which each shows more of a picture than the one before."""
    longest = max(width, height)
    before = (THUMBNAIL_SIDE, *RENDITION_SIDES)
    return [side for step, side in zip(before, RENDITION_SIDES, strict=False) if longest > step]


def make(colors: Image.Image, side: int) -> Image.Image:
    """Return an upright sRGB picture, scaled so that its longest side is at most `side` pixels."""
    smaller = colors.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2)
    return smaller


def encode(rendition: Image.Image, *, quality: int = 80) -> bytes:
    buffer = io.BytesIO()
    rendition.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def write(generation: Generation, colors: Image.Image, side: int) -> None:
    name = GeneratedImage(generation=generation).rendition_name(side)
    default_storage.save(name, ContentFile(encode(make(colors, side))))


def all_names(image: GeneratedImage) -> list[str]:
    """Return the names of all files that a picture may have, also of those that are not made yet."""
    sides = needed_sides(image.width, image.height)
    return [str(image.file), str(image.thumbnail), *map(image.rendition_name, sides)]


def delete(generation: Generation) -> None:
    """Remove the renditions of a generation, if there are any."""
    for side in RENDITION_SIDES:
        default_storage.delete(GeneratedImage(generation=generation).rendition_name(side))
