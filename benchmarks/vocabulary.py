"""Prompts that are drawn as language is: few words very often, very many words hardly ever."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Iterator

from PIL import Image

# Of several languages, since accents are folded by the search.
OFTEN = """
lighthouse portrait forest light city morning red cat mountain woman golden sea old street blue house
tree photograph painting river night window garden snow field dog road summer horse market bridge paper
glass café jardín château Mädchen forêt niño Straße été over under near with of in mist rain storm
desert harbour bicycle kitchen table flowers bread violin train station roof moon stars cloud fog winter
autumn lantern mirror oil ink watercolour charcoal film grain macro aerial close wide soft hard warm
cold quiet crowded empty ancient modern wooden stone brass copper linen velvet marble ceramic neon
pastel monochrome symmetrical cinematic
"""
SYLLABLES = """
ba be bo da dé do fa fe fí ga go gü ha hi jo ka ke ko la lé lo ma me mi na né ño pa pe po ra re ro sa se
só ta te to va ve vi wa we xo ya zé
"""
TAGS = (
    "logo",
    "to print",
    "café",
    "client A",
    "draft",
    "winner",
    "2024",
    "web",
    "moodboard",
    "🌊",
    "hero",
    "old",
)
WORDS = 50_000
DRAWN_AT_ONCE = 10_000


def prompts(chance: random.Random) -> Iterator[str]:
    """Give prompts without end, of 5 to 16 words."""
    words = _words(chance)
    # Zipf's law: the n-th word is drawn as often as the first by n.
    shares = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    while True:
        drawn = iter(chance.choices(words, cum_weights=shares, k=16 * DRAWN_AT_ONCE))
        for _ in range(DRAWN_AT_ONCE):
            yield "a " + " ".join(itertools.islice(drawn, chance.randint(5, 16)))


def _words(chance: random.Random) -> list[str]:
    often, syllables = OFTEN.split(), SYLLABLES.split()
    rare = {"".join(chance.choices(syllables, k=chance.randint(2, 5))) for _ in range(WORDS)}
    return [*often, *sorted(rare - set(often), key=lambda word: (len(word), word))]


def plain_picture(size: tuple[int, int]) -> bytes:
    """Return a small JPEG of this size."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, "JPEG", quality=60)
    return buffer.getvalue()
