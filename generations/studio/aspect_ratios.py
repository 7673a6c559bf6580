"""The shape of a picture: the ratios to choose from, and what a ratio is in pixels and pixels as a ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from generations.bfl import Endpoint
from generations.bfl.parameters import Integer

RATIOS = ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "9:21")
# Sizes go by steps, so they meet a ratio only nearly; the ratios themselves lie further apart than this.
_NEARLY = Fraction(3, 100)


@dataclass(frozen=True, slots=True)
class Shape:
    ratio: str
    width: int
    height: int
    is_chosen: bool

    @property
    def pixels(self) -> str:
        return f"{self.width} × {self.height}"

    @property
    def told(self) -> str:
        """The ratio if it is one of those to choose from, else the pixels."""
        return self.ratio if self.ratio in RATIOS else self.pixels


def choices(endpoint: Endpoint, chosen: object) -> list[Shape]:
    """Return each ratio with its pixels at an endpoint; `chosen` is the ratio that is chosen now."""
    return [Shape(ratio, *size_of(endpoint, ratio), ratio == chosen) for ratio in RATIOS]


def size_of(endpoint: Endpoint, ratio: str) -> tuple[int, int]:
    """Return width and height that come nearest to a ratio, by the steps and limits of the endpoint."""
    width, height = endpoint.size_of({"aspect_ratio": ratio})
    sides = [side for side in endpoint.parameters if isinstance(side, Integer) and side.name in _SIDES]
    if not sides:
        return width, height
    shrink = min(1.0, sides[0].maximum / max(width, height))
    return _to_step(sides[0], width * shrink), _to_step(sides[0], height * shrink)


def ratio_of(width: object, height: object) -> str:
    """Return the ratio of a size: one of RATIOS if it is nearly that. Empty for what is no size."""
    sides = (str(width), str(height))
    if not all(side.isascii() and side.isdigit() and 0 < int(side) < 10_000 for side in sides):
        return ""
    exact = Fraction(int(sides[0]), int(sides[1]))
    nearest = min(RATIOS, key=lambda ratio: abs(math.log(exact / _fraction(ratio))))
    if abs(exact / _fraction(nearest) - 1) <= _NEARLY:
        return nearest
    return f"{exact.numerator}:{exact.denominator}"


_SIDES = ("width", "height")


def _fraction(ratio: str) -> Fraction:
    width, height = ratio.split(":")
    return Fraction(int(width), int(height))


def _to_step(side: Integer, pixels: float) -> int:
    steps = round(pixels / side.step) * side.step
    return min(max(steps, side.minimum), side.maximum)
