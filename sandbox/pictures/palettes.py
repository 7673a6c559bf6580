"""Colours that go together, and which of them the words of a prompt ask for."""

from __future__ import annotations

import colorsys
import random
import re
from dataclasses import dataclass

from PIL import ImageColor

Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Five tones from dark to light, and two accents."""

    tones: tuple[Color, ...]
    accent: Color
    second: Color

    def tone(self, position: float) -> Color:
        """A colour on the way from the darkest tone, 0, to the lightest, 1."""
        place = min(max(position, 0.0), 1.0) * (len(self.tones) - 1)
        lower = min(int(place), len(self.tones) - 2)
        return mix(self.tones[lower], self.tones[lower + 1], place - lower)


def mix(first: Color, second: Color, share: float) -> Color:
    if share <= 0:
        return first
    if share >= 1:
        return second
    (red, green, blue), (to_red, to_green, to_blue) = first, second
    return (
        int(red + (to_red - red) * share + 0.5),
        int(green + (to_green - green) * share + 0.5),
        int(blue + (to_blue - blue) * share + 0.5),
    )


def _palette(tones: str, accent: str, second: str) -> Palette:
    colors = [_color(tone) for tone in tones.split()]
    return Palette(tuple(colors), _color(accent), _color(second))


def _color(code: str) -> Color:
    red, green, blue = ImageColor.getrgb(f"#{code}")[:3]
    return red, green, blue


PALETTES = {
    "dusk": _palette("1a1936 46285a a03f6b ee7660 ffc792", "ffe6b5", "3f6c9b"),
    "night": _palette("060a1c 0e1a3d 20356f 4a69ab a9bfe2", "ffd88a", "e2738a"),
    "autumn": _palette("24100c 5c2415 a3431f dc8236 f4cd85", "8b9450", "f7e7c6"),
    "forest": _palette("0b1c18 17382e 2f5f4a 74a07c dbe6c8", "f0c463", "d9694a"),
    "sea": _palette("06203a 0d4268 2b7ba2 7cc0cc e6f0e4", "f6a865", "e8584f"),
    "gold": _palette("1e130b 573813 a5711f e0b04c faedca", "a63d22", "365a5c"),
    "red": _palette("24060d 680f1e b4232c e95f4a f9cfb0", "f7e8cc", "20405e"),
    "rose": _palette("2b1230 772b5c cc5d86 f2a6ac fde6da", "4c72a8", "f5c25e"),
    "snow": _palette("1b2a40 486383 8caac3 cad9e3 f6f6f3", "e2622f", "f3b45b"),
    "neon": _palette("0a0618 22105a 5d1d9c c22fa6 ff8ac6", "2de6e2", "ffd447"),
    "desert": _palette("2a1a30 6c3a41 bd684b e9a96c fae4ba", "3f7280", "f6d37a"),
    "spring": _palette("14342c 3d7a58 8bbf86 d6e7a6 fcf7e2", "ee706c", "f4b942"),
    "lemon": _palette("17363a 2f6d6c 7fae9a e9dfae fdf6dc", "f3c22c", "e88d2a"),
    "mono": _palette("121316 34373d 70767e b5babe f2f0ea", "c9472f", "d9a441"),
    "lavender": _palette("17132e 3c3270 7866b6 b9a7dc f3e8f1", "f5ba62", "e56b8c"),
    "teal": _palette("06232a 0e4a52 1f8581 7ccab2 eaf5dc", "f27f5a", "f6cf6b"),
}

# From the most to the least telling: "a red fox in snow" is a picture of snow.
_WORDS = {
    "neon": "neon cyberpunk synthwave electric magenta club",
    "autumn": "autumn fall october orange copper rust leaves harvest",
    "snow": "snow winter ice frost frozen arctic white",
    "dusk": "dusk sunset evening twilight dawn sunrise",
    "lemon": "lemon lemons yellow citrus lime",
    "desert": "desert dune dunes sand sahara clay terracotta canyon",
    "lavender": "lavender violet purple lilac dream dreamy",
    "rose": "rose pink cherry blossom blossoms peony",
    "teal": "teal turquoise cyan tropical underwater coral",
    "spring": "spring meadow garden fresh morning grass flower flowers",
    "gold": "gold golden amber honey brass candle candlelight fisherman",
    "mono": "minimal monochrome grey gray ink charcoal concrete black",
    "red": "red crimson scarlet ruby poppy poppies fire",
    "sea": "sea ocean blue water lake wave waves beach coast azure",
    "forest": "forest woods fern ferns green moss jungle greenhouse emerald",
    "night": "night midnight moon stars starry space galaxy cosmos dark astronaut aurora northern",
}
_NAME_OF = {word: name for name, words in _WORDS.items() for word in words.split()}


def words_of(prompt: str) -> list[str]:
    return re.findall(r"[a-z]+", prompt.lower())


def choose_palette(prompt: str, numbers: random.Random) -> Palette:
    """The one that the words ask for, else any; a little different for every seed."""
    asked = {_NAME_OF[word] for word in words_of(prompt) if word in _NAME_OF}
    names = [name for name in _WORDS if name in asked]
    name = names[0] if names and numbers.random() < 0.85 else numbers.choice(names or list(_WORDS))
    turn, strength = numbers.uniform(-0.022, 0.022), numbers.uniform(0.85, 1.08)
    palette = PALETTES[name]
    return Palette(
        tuple(_turned(tone, turn, strength) for tone in palette.tones),
        _turned(palette.accent, turn, strength),
        _turned(palette.second, turn, strength),
    )


def _turned(color: Color, turn: float, strength: float) -> Color:
    hue, light, saturation = colorsys.rgb_to_hls(*(band / 255 for band in color))
    red, green, blue = colorsys.hls_to_rgb((hue + turn) % 1, light, min(1, saturation * strength))
    return round(red * 255), round(green * 255), round(blue * 255)
