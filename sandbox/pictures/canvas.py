"""The tools that the scenes draw with: gradients, noise, light, shadow, grain."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.pictures.palettes import Color, Palette, mix

Point = tuple[float, float]
Stops = Sequence[tuple[float, Color]]

# What Pillow's gradient reaches in the middle of a side: its end is in the corners.
_RIM = 181
# Wider and rounder than a cone: light falls off with the square of the distance.
_GLOW = Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / _RIM) ** 2) for v in range(256)])


class Canvas:
    """A picture under way. Lengths are pixels; `unit` is the shorter side."""

    def __init__(
        self, size: tuple[int, int], palette: Palette, numbers: random.Random, words: set[str]
    ) -> None:
        self.width, self.height = size
        self.unit = min(size)
        self.palette = palette
        self.numbers = numbers
        self.words = words
        self.image = Image.new("RGB", size, palette.tones[0])

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> Point:
        return x * self.width, y * self.height

    def has(self, *words: str) -> bool:
        return not self.words.isdisjoint(words)

    def chance(self, probability: float) -> bool:
        return self.numbers.random() < probability

    def fill(self, stops: Stops) -> None:
        self.image.paste(gradient(self.size, stops))

    def mask(self) -> Image.Image:
        return Image.new("L", self.size, 0)

    def shape(self, points: Sequence[Point], stops: Stops) -> None:
        """Fill a polygon with a gradient that runs from its top to its bottom."""
        left, top, right, bottom = _bounds(points, self.size)
        if right <= left or bottom <= top:
            return
        size = (right - left, bottom - top)
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        self.image.paste(gradient(size, stops), (left, top), mask)

    def disc(self, center: Point, radius: float, color: Color) -> None:
        self.pen.ellipse(_box(center, radius), fill=color)

    def glow(self, center: Point, radius: float, color: Color, strength: float = 1.0) -> None:
        """Add light around a point."""
        side = max(2, round(radius * 2))
        light = _GLOW.resize((side, side), Image.Resampling.BILINEAR)
        left, top = round(center[0] - radius), round(center[1] - radius)
        box = (max(0, left), max(0, top), min(self.width, left + side), self._floor(top + side))
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        light = light.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
        self.screen(light, color, strength, box[:2])

    def _floor(self, y: int) -> int:
        return min(self.height, y)

    def screen(
        self,
        light: Image.Image,
        color: Color,
        strength: float = 1.0,
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """Bring a colour of light where `light` is bright."""
        self._tint(light.point(_scale(strength)), color, corner)

    def veil(self, mask: Image.Image, color: Color, strength: float = 1.0) -> None:
        """Cover with a colour where `mask` is bright: mist, shadow, cloud."""
        self._tint(mask.point(_scale(strength)), color)

    def _tint(self, mask: Image.Image, color: Color, corner: tuple[int, int] = (0, 0)) -> None:
        # Three times as quick as pasting a colour.
        self.image.paste(Image.new("RGB", mask.size, color), corner, mask)

    def fade(self, stops: Sequence[tuple[float, float]], color: Color) -> None:
        """Cover with a colour from top to bottom: positions and strengths, both 0..1."""
        levels: Stops = [(at, _grey(round(255 * strength))) for at, strength in stops]
        self._tint(gradient(self.size, levels).getchannel(0), color)

    def soften(self, radius: float) -> None:
        pixels = radius * self.unit / 1000
        if pixels < 2:
            self.image = self.image.filter(ImageFilter.GaussianBlur(pixels))
            return
        small = self.image.reduce(2).filter(ImageFilter.GaussianBlur(pixels / 2))
        self.image = small.resize(self.size, Image.Resampling.BILINEAR)

    def stars(self, count: int, lowest: float, color: Color) -> None:
        pen = self.pen
        for _ in range(count):
            x, y = self.at(self.numbers.random(), lowest * self.numbers.random() ** 1.3)
            radius = self.unit / 1000 * self.numbers.choice((0.5, 0.6, 0.8, 1.0, 1.7))
            shade = mix(self.image.getpixel((int(x), int(y))), color, self.numbers.uniform(0.3, 1))  # type: ignore[arg-type]
            pen.ellipse(_box((x, y), radius), fill=shade)

    def cloud_mask(self, stretch: float, cover: float) -> Image.Image:
        """Noise, pulled wide, of which the brightest part is left."""
        cells = max(2, round(3 * self.width / self.unit / stretch))
        noise = fractal(self.numbers, self.size, (cells, max(3, round(cells * stretch))))
        low = 255 * (1 - cover)
        return noise.point([round(min(255, max(0, (v - low) * 3))) for v in range(256)])

    def milky_way(self, color: Color, strength: float) -> None:
        side = round(math.hypot(*self.size) / 4)
        band = fractal(self.numbers, (side, side), (2, 7), 5)
        band = band.point([min(255, max(0, (v - 118) * 3)) for v in range(256)])
        band = band.rotate(self.numbers.uniform(20, 60), Image.Resampling.BILINEAR)
        left, top = (side - self.width // 4) // 2, (side - self.height // 4) // 2
        band = band.crop((left, top, left + self.width // 4, top + self.height // 4))
        self.screen(band.resize(self.size, Image.Resampling.BICUBIC), color, strength)

    def finish(self, size: tuple[int, int]) -> Image.Image:
        """Bring to the final size, with a slight vignette and film grain."""
        shrinks = size[0] < self.width
        kernel = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
        image = self.image.resize(size, kernel)
        shade = Image.radial_gradient("L").point([round(max(0, v - 90) * 0.32) for v in range(256)])
        shade = shade.resize(size, Image.Resampling.BILINEAR)
        image.paste(Image.new("RGB", size), (0, 0), shade)
        return add_grain(image, self.numbers)


def gradient(size: tuple[int, int], stops: Stops) -> Image.Image:
    """Colours from top, 0, to bottom, 1."""
    rows = 24 if len(stops) < 3 else 96
    strip = Image.new("RGB", (1, rows))
    strip.putdata([_at_stops(stops, (row + 0.5) / rows) for row in range(rows)])
    column = strip.resize((1, size[1]), Image.Resampling.BILINEAR)
    return column.resize(size, Image.Resampling.NEAREST)


def _at_stops(stops: Stops, place: float) -> Color:
    before = stops[0]
    for stop in stops:
        if stop[0] >= place:
            span = stop[0] - before[0]
            return mix(before[1], stop[1], (place - before[0]) / span if span else 1.0)
        before = stop
    return before[1]


def fractal(
    numbers: random.Random, size: tuple[int, int], cells: tuple[int, int], octaves: int = 4
) -> Image.Image:
    """Soft noise in several sizes at once."""
    # Large forms need few pixels: drawn small and enlarged once, it costs almost nothing.
    small = (max(8, size[0] // 4), max(8, size[1] // 4))
    total = _noise(numbers, cells, small)
    for octave in range(1, octaves):
        finer = _noise(numbers, (cells[0] << octave, cells[1] << octave), small)
        total = Image.blend(total, finer, 0.5 ** (octave + 0.4))
    return total.resize(size, Image.Resampling.BICUBIC)


def _noise(numbers: random.Random, cells: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    cells = (min(cells[0], size[0]), min(cells[1], size[1]))
    data = numbers.randbytes(cells[0] * cells[1])
    return Image.frombytes("L", cells, data).resize(size, Image.Resampling.BICUBIC)


def add_grain(image: Image.Image, numbers: random.Random, strength: float = 0.034) -> Image.Image:
    tile = Image.frombytes("L", (512, 512), numbers.randbytes(512 * 512))
    tile = tile.filter(ImageFilter.GaussianBlur(0.45))
    grain = Image.new("L", image.size)
    for left in range(0, image.width, 512):
        for top in range(0, image.height, 512):
            grain.paste(tile, (left, top))
    lifted = grain.point([round(128 + (v - 127.5) * strength * 5) for v in range(256)])
    return ImageChops.overlay(image, Image.merge("RGB", (lifted, lifted, lifted)))


def ridge(numbers: random.Random, count: int, roughness: float = 0.5) -> list[float]:
    """Heights, about -1..1, of a line of hills: the higher the roughness, the more rugged."""
    heights = [0.0] * count
    cells, weight = 2, 1.0
    while cells < count:
        knots = [numbers.uniform(-1, 1) * weight for _ in range(cells + 2)]
        for index in range(count):
            heights[index] += _smooth(knots, index / count * cells)
        cells, weight = cells * 2, weight * roughness
    return heights


def _smooth(knots: Sequence[float], place: float) -> float:
    lower = int(place)
    share = (1 - math.cos((place - lower) * math.pi)) / 2
    return knots[lower] + (knots[lower + 1] - knots[lower]) * share


def _scale(factor: float) -> list[int]:
    return [min(255, round(value * factor)) for value in range(256)]


def _grey(level: int) -> Color:
    return level, level, level


def _box(center: Point, radius: float) -> tuple[float, float, float, float]:
    return center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius


def _bounds(points: Sequence[Point], size: tuple[int, int]) -> tuple[int, int, int, int]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    right, bottom = min(size[0], math.ceil(max(xs))), min(size[1], math.ceil(max(ys)))
    return max(0, math.floor(min(xs))), max(0, math.floor(min(ys))), right, bottom
