"""Pictures made of a prompt and a seed: the same two give the same bytes.

A family of pictures is chosen by the words of the prompt, or by the numbers where no word asks
for one. To add a family: a function that paints on a Canvas, and its words in _FAMILIES.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from collections.abc import Callable

from PIL import Image

from sandbox.pictures import landscapes, patterns, subjects
from sandbox.pictures.canvas import Canvas
from sandbox.pictures.palettes import choose_palette, words_of

# What is drawn before it is brought to its size: more for smooth edges, less for time.
_DRAWN_PIXELS = 1_800_000

_FAMILIES: dict[Callable[[Canvas], None], str] = {
    subjects.paint_portrait: "portrait man woman girl boy face fisherman person selfie",
    subjects.paint_animal: "fox cat dog wolf bear rabbit animal kitten puppy",
    subjects.paint_still_life: "lemons lemon still fruit fruits vase bowl apple apples table",
    subjects.paint_city: "city isometric skyline street neon tokyo skyscraper town building",
    subjects.paint_garden: "fern ferns flower flowers garden greenhouse leaf plant botanical petals",
    landscapes.paint_sea: "sea lighthouse ocean boat ship beach harbour harbor coast wave sail",
    landscapes.paint_forest: "forest woods tree trees autumn birch pine jungle",
    landscapes.paint_dunes: "desert dune dunes sand sahara",
    landscapes.paint_aurora: "aurora northern borealis galaxy cosmos",
    patterns.paint_bauhaus: "poster bauhaus minimal geometric abstract shapes logo pattern",
    patterns.paint_glass: "stained mosaic glass cathedral window crystal",
    patterns.paint_paper: "paper layers cut cave origami papercut",
    patterns.paint_ribbons: "silk ribbon ribbons flow fabric waves music dream",
    landscapes.paint_mountains: "mountain mountains hill hills valley alps peak landscape mist fog",
}
_FAMILY_OF = {word: paint for paint, words in _FAMILIES.items() for word in words.split()}


def draw(prompt: str, seed: int, size: tuple[int, int], output_format: str) -> bytes:
    """Give the bytes of a picture of that size, as jpeg, png or webp."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
    numbers = random.Random(digest)
    canvas = Canvas(_drawn_size(size), choose_palette(prompt, numbers), numbers, set(words_of(prompt)))
    _choose_family(prompt, numbers)(canvas)
    return _encode(canvas.finish(size), output_format)


def _choose_family(prompt: str, numbers: random.Random) -> Callable[[Canvas], None]:
    """The first family in the order of _FAMILIES that a word asks for; else any."""
    asked = {_FAMILY_OF[word] for word in words_of(prompt) if word in _FAMILY_OF}
    families = list(_FAMILIES)
    return min(asked, key=families.index) if asked else numbers.choice(families)


def _drawn_size(size: tuple[int, int]) -> tuple[int, int]:
    factor = math.sqrt(_DRAWN_PIXELS / (size[0] * size[1]))
    return round(size[0] * min(2.0, factor)), round(size[1] * min(2.0, factor))


def _encode(image: Image.Image, output_format: str) -> bytes:
    buffer = io.BytesIO()
    if output_format == "png":
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.save(buffer, output_format.upper(), quality=92)
    return buffer.getvalue()
