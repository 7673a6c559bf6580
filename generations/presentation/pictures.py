"""The addresses of a picture's copies, for a browser to choose from."""

from __future__ import annotations

from generations.media.renditions import needed_sides
from generations.models import GeneratedImage


def srcset(image: GeneratedImage, address: str) -> str:
    """Return the value of `srcset` for a picture whose page is at `address`."""
    candidates = [f"{address}thumbnail {image.thumbnail_width}w"]
    longest = max(image.width, image.height)
    for side in needed_sides(image.width, image.height):
        width = max(round(image.width * min(side, longest) / longest), 1)
        candidates.append(f"{address}rendition/{side} {width}w")
    return ", ".join(candidates)
