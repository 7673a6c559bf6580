"""A city, a still life, a portrait, an animal, a garden."""

from __future__ import annotations

import itertools
import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.pictures.canvas import Canvas, Point, ridge
from sandbox.pictures.landscapes import paint_night_sky
from sandbox.pictures.palettes import Color, mix


def paint_city(canvas: Canvas) -> None:
    """Blocks seen from above, from the back to the front, and the light they give off."""
    tone = canvas.palette.tone
    canvas.fill([(0, tone(0.3)), (0.5, tone(0.14)), (1, tone(0.04))])
    lights = Image.new("RGB", canvas.size)
    cell = canvas.unit * canvas.numbers.uniform(0.16, 0.2)
    columns = int(canvas.width / cell) + 4
    rows = int(canvas.height / cell * 2.8) + 9
    for row in range(rows):
        for column in range(columns):
            x = (column - 1 + row % 2 / 2) * cell * 1.04
            y = canvas.height * 0.12 + row * cell * 0.32
            if canvas.chance(0.84):
                _paint_block(canvas, lights, (x, y), cell, row / rows)
        if row % 6 == 5:
            _haze(canvas, row / rows)
    for radius, strength in ((0.006, 0.9), (0.03, 0.8)):
        _bloom(canvas, lights, radius, strength)


def _haze(canvas: Canvas, depth: float) -> None:
    strength = 0.2 * (1 - depth) ** 1.5
    canvas.fade([(0, strength * 1.4), (0.6, strength), (1, 0)], canvas.palette.tone(0.42))


def _bloom(canvas: Canvas, lights: Image.Image, radius: float, strength: float) -> None:
    small = lights.reduce(3)
    soft = small.filter(ImageFilter.GaussianBlur(canvas.unit * radius / 3))
    soft = soft.point([min(255, round(value * strength)) for value in range(256)] * 3)
    canvas.image = ImageChops.screen(canvas.image, soft.resize(canvas.size, Image.Resampling.BILINEAR))


def _paint_block(canvas: Canvas, lights: Image.Image, base: Point, cell: float, depth: float) -> None:
    numbers, tone = canvas.numbers, canvas.palette.tone
    half, quarter = cell * 0.46, cell * 0.26
    tall = cell * (0.2 + 2.4 * numbers.random() ** 2.4)
    x, y = base
    up = y - tall
    roof = [(x, up - quarter), (x + half, up), (x, up + quarter), (x - half, up)]
    left = [(x - half, up), (x, up + quarter), (x, y + quarter), (x - half, y)]
    right = [(x, up + quarter), (x + half, up), (x + half, y), (x, y + quarter)]
    shift = numbers.uniform(-0.05, 0.06)
    pen, glow = canvas.pen, ImageDraw.Draw(lights)
    for face, level in ((left, 0.3), (right, 0.13), (roof, 0.52)):
        pen.polygon(face, fill=tone(level + shift))
        glow.polygon(face, fill=(0, 0, 0))
    street = numbers.choice((canvas.palette.second, canvas.palette.tone(0.75)))
    _light_foot(canvas, left, tone(0.3 + shift), street)
    _light_foot(canvas, right, tone(0.13 + shift), street)
    rim = [roof[3], roof[2], roof[1]]
    pen.line(rim, fill=tone(0.66), width=max(1, round(cell * 0.012)))
    storeys = max(1, int(tall / cell * 8))
    for side, corner in ((-1, left[0]), (1, right[0])):
        _light_windows(canvas, glow, corner, (side, half, quarter, tall, storeys))
    if numbers.random() < 0.16:
        _paint_sign(canvas, glow, roof)


def _light_foot(canvas: Canvas, face: list[Point], color: Color, light: Color) -> None:
    """What the street throws back at the lowest part of a wall."""
    deep = (face[3][1] - face[0][1]) * 0.5
    for step in range(5):
        rise = deep * (1 - step / 5)
        lifted = [(face[3][0], face[3][1] - rise), (face[2][0], face[2][1] - rise)]
        canvas.pen.polygon([*lifted, face[2], face[3]], fill=mix(color, light, 0.07 * (step + 1)))


def _light_windows(
    canvas: Canvas, glow: ImageDraw.ImageDraw, corner: Point, face: tuple[int, float, float, float, int]
) -> None:
    side, half, quarter, tall, storeys = face
    numbers, palette, pen = canvas.numbers, canvas.palette, canvas.pen
    colors = [palette.accent, palette.second, palette.tone(0.95), palette.accent]
    lit = numbers.uniform(0.15, 0.7)
    start = corner if side < 0 else (corner[0], corner[1] + quarter)
    for storey in range(storeys):
        for window in range(5):
            if numbers.random() > lit:
                continue
            color = mix(numbers.choice(colors), palette.tone(0.3), numbers.uniform(0, 0.5))
            a, b = (window + 0.22) / 5, (window + 0.74) / 5
            top = start[1] + tall * (storey + 0.25) / storeys
            deep = tall / storeys * 0.42
            rise = quarter if side < 0 else -quarter
            left, right = start[0] + half * a, start[0] + half * b
            pane = [
                (left, top + rise * a),
                (right, top + rise * b),
                (right, top + rise * b + deep),
                (left, top + rise * a + deep),
            ]
            pen.polygon(pane, fill=color)
            glow.polygon(pane, fill=mix(color, (0, 0, 0), 0.35))


def _paint_sign(canvas: Canvas, glow: ImageDraw.ImageDraw, roof: list[Point]) -> None:
    color = canvas.numbers.choice((canvas.palette.accent, canvas.palette.second, canvas.palette.tone(0.8)))
    width = max(2, round(canvas.unit * 0.004))
    canvas.pen.line([*roof, roof[0]], fill=mix(color, (255, 255, 255), 0.35), width=width, joint="curve")
    glow.line([*roof, roof[0]], fill=color, width=width * 2, joint="curve")


def paint_still_life(canvas: Canvas) -> None:
    tone, numbers = canvas.palette.tone, canvas.numbers
    side = numbers.choice((-1, 1))
    canvas.fill([(0, tone(0.22)), (0.62, tone(0.42)), (1, tone(0.3))])
    canvas.glow(
        canvas.at(0.5 + side * 0.34, 0.26),
        canvas.unit * 0.85,
        mix(tone(0.8), canvas.palette.accent, 0.3),
        0.45,
    )
    edge = 0.64
    table = [canvas.at(0, edge), canvas.at(1, edge), canvas.at(1, 1), canvas.at(0, 1)]
    canvas.shape(table, [(0, mix(tone(0.85), canvas.palette.second, 0.15)), (1, tone(0.45))])
    canvas.shape(
        [canvas.at(0, edge), canvas.at(1, edge), canvas.at(1, edge + 0.012), canvas.at(0, edge + 0.012)],
        [(0, tone(0.97)), (1, tone(0.85))],
    )
    _paint_vase(canvas, canvas.at(0.5 - side * 0.2, 0.76), side)
    spots = [(0.1, 0.8), (0.3, 0.78), (0.2, 0.86), (0.02, 0.885), (-0.16, 0.87)]
    for offset, y in sorted(spots[: numbers.randint(3, 5)], key=lambda spot: spot[1]):
        place = canvas.at(0.5, y + numbers.uniform(-0.01, 0.01))
        x = place[0] + side * offset * canvas.unit * 1.1 + numbers.uniform(-0.02, 0.02) * canvas.unit
        _paint_fruit(canvas, (x, place[1]), canvas.unit * numbers.uniform(0.068, 0.085), side)


def _paint_shadow(canvas: Canvas, center: Point, reach: float, side: int) -> None:
    small = canvas.width // 4, canvas.height // 4
    mask = Image.new("L", small, 0)
    x, y = center[0] / 4 - side * reach * 0.12, center[1] / 4
    ImageDraw.Draw(mask).ellipse((x - reach / 3.2, y - reach / 13, x + reach / 3.2, y + reach / 13), fill=230)
    mask = mask.filter(ImageFilter.GaussianBlur(reach / 40))
    canvas.veil(mask.resize(canvas.size, Image.Resampling.BILINEAR), canvas.palette.tone(0.05), 0.6)


def _paint_fruit(canvas: Canvas, foot: Point, radius: float, side: int) -> None:
    numbers, palette = canvas.numbers, canvas.palette
    color = mix(palette.accent, palette.second, numbers.uniform(0, 0.5))
    center = foot[0], foot[1] - radius * 0.82
    _paint_shadow(canvas, foot, radius * 2.6, side)
    ball = _shaded_ball(canvas, round(radius * 3), color, side)
    is_lemon = canvas.has("lemon", "lemons", "lime", "citrus") or canvas.chance(0.3)
    tilt = numbers.uniform(-35, 35)
    outline = Image.new("L", ball.size, 0)
    pen, middle = ImageDraw.Draw(outline), ball.width / 2
    pen.polygon([_rim(middle, radius, step / 90 * math.tau, is_lemon) for step in range(90)], fill=255)
    outline = outline.rotate(tilt, Image.Resampling.BICUBIC)
    canvas.image.paste(ball, (round(center[0] - middle), round(center[1] - middle)), outline)
    stem = center[0] + radius * 0.1, center[1] - radius * 0.95
    if not is_lemon or canvas.chance(0.5):
        _paint_leaf(
            canvas,
            stem,
            radius * 1.15,
            -60 + side * 35 + numbers.uniform(-20, 20),
            mix(palette.tone(0.3), (74, 110, 62), 0.6),
        )


def _rim(middle: float, radius: float, angle: float, is_lemon: bool) -> Point:
    if not is_lemon:
        return middle + math.cos(angle) * radius, middle + math.sin(angle) * radius * 0.95
    point = abs(math.cos(angle)) ** 26 * 0.2
    wide = 1.1 + point
    return middle + math.cos(angle) * radius * wide, middle + math.sin(angle) * radius * 0.86


def _shaded_ball(canvas: Canvas, side_length: int, color: Color, side: int) -> Image.Image:
    """Light from one side, a dark rim, a little light thrown back by the table."""
    dark = mix(color, canvas.palette.tone(0.05), 0.75)
    light = mix(color, (255, 250, 225), 0.6)
    steps = []
    for value in range(256):
        share = value / 255
        steps.append(
            mix(light, color, share * 3.2) if share < 0.31 else mix(color, dark, (share - 0.31) * 1.9)
        )
    shade = Image.radial_gradient("L").resize((side_length * 2, side_length * 2), Image.Resampling.BICUBIC)
    left = side_length // 2 - round(side * side_length * 0.14)
    top = side_length // 2 + round(side_length * 0.15)
    shade = shade.crop((left, top, left + side_length, top + side_length))
    return Image.merge("RGB", [shade.point([step[band] for step in steps]) for band in range(3)])


def _paint_leaf(canvas: Canvas, stem: Point, length: float, angle: float, color: Color) -> None:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def at(along: float, across: float) -> Point:
        return stem[0] + (cos * along - sin * across) * length, stem[1] + (
            sin * along + cos * across
        ) * length

    upper = [at(step / 12, 0.26 * math.sin(step / 12 * math.pi) ** 0.9) for step in range(13)]
    lower = [at(step / 12, -0.26 * math.sin(step / 12 * math.pi) ** 0.9) for step in range(13)]
    canvas.pen.polygon([*upper, *reversed(lower)], fill=color)
    canvas.pen.polygon([*upper, at(1, 0)], fill=mix(color, (255, 255, 235), 0.2))
    canvas.pen.line(
        [at(0, 0), at(0.95, 0)], fill=mix(color, (255, 255, 235), 0.4), width=max(1, round(length * 0.025))
    )


def _paint_vase(canvas: Canvas, foot: Point, side: int) -> None:
    numbers, palette = canvas.numbers, canvas.palette
    height, half = canvas.unit * numbers.uniform(0.3, 0.36), canvas.unit * 0.085
    color = mix(palette.tone(0.3), palette.second, numbers.uniform(0.1, 0.4))
    _paint_shadow(canvas, foot, half * 3.4, side)
    for _ in range(7):
        _paint_twig(
            canvas,
            (foot[0], foot[1] - height * 0.95),
            numbers.uniform(-150, -30),
            canvas.unit * numbers.uniform(0.16, 0.3),
        )
    profile = [(0.0, 0.62), (0.12, 0.85), (0.4, 1.0), (0.62, 0.85), (0.8, 0.45), (0.92, 0.38), (1.0, 0.5)]
    strips = 40
    for strip in range(strips):
        low, high = strip / strips * 2 - 1, (strip + 1) / strips * 2 - 1
        facing = 0.5 + 0.5 * (low * side)
        shade = mix(
            mix(color, palette.tone(0.02), 0.65),
            mix(color, (255, 250, 235), 0.5),
            facing**1.4 * (1.05 - 0.5 * max(0, facing - 0.8) * 5),
        )
        edge = [(foot[0] + low * wide * half, foot[1] - up * height) for up, wide in _smooth_profile(profile)]
        other = [
            (foot[0] + (high + 0.02) * wide * half, foot[1] - up * height)
            for up, wide in _smooth_profile(profile)
        ]
        canvas.pen.polygon([*edge, *reversed(other)], fill=shade)
    mouth = half * 0.5
    canvas.pen.ellipse(
        (foot[0] - mouth, foot[1] - height * 1.012, foot[0] + mouth, foot[1] - height * 0.985),
        fill=palette.tone(0.03),
    )


def _smooth_profile(knots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    smooth: list[tuple[float, float]] = []
    for (up, wide), (next_up, next_wide) in itertools.pairwise(knots):
        for step in range(5):
            share = (1 - math.cos(step / 5 * math.pi)) / 2
            smooth.append((up + (next_up - up) * step / 5, wide + (next_wide - wide) * share))
    return [*smooth, knots[-1]]


def _paint_twig(canvas: Canvas, start: Point, angle: float, length: float) -> None:
    numbers = canvas.numbers
    color = mix(canvas.palette.tone(0.45), (92, 118, 78), 0.5)
    bend = numbers.uniform(-25, 25)
    x, y = start
    for step in range(7):
        turn = math.radians(angle + bend * step / 6)
        nx, ny = x + math.cos(turn) * length / 6, y + math.sin(turn) * length / 6
        canvas.pen.line(
            [(x, y), (nx, ny)],
            fill=mix(color, canvas.palette.tone(0), 0.3),
            width=max(1, round(length * 0.014)),
        )
        x, y = nx, ny
        if step:
            shade = mix(color, canvas.palette.tone(numbers.choice((0.2, 0.9))), numbers.uniform(0, 0.35))
            for side in (-1, 1):
                _paint_leaf(
                    canvas, (x, y), length * (0.34 - step * 0.022), math.degrees(turn) + side * 48, shade
                )


def paint_portrait(canvas: Canvas) -> None:
    """A bust of cut paper: planes of light and shadow, no features but a few."""
    numbers, palette, unit = canvas.numbers, canvas.palette, canvas.unit
    side = numbers.choice((-1, 1))
    canvas.fill([(0, palette.tone(0.55)), (1, palette.tone(0.3))])
    center = canvas.at(numbers.uniform(0.42, 0.58), numbers.uniform(0.42, 0.47))
    canvas.disc(
        (center[0] + side * unit * 0.08, center[1] - unit * 0.02),
        unit * 0.36,
        mix(palette.tone(0.85), palette.accent, 0.35),
    )
    skin = mix(palette.tone(0.85), (222, 166, 128), 0.55)
    coat = mix(palette.tone(0.14), palette.second, 0.25)
    _paint_shoulders(canvas, center, coat, side)
    _paint_head(canvas, center, skin, side)
    if canvas.has("fisherman", "sailor", "old", "man", "captain"):
        _paint_beard(canvas, center, side)
        _paint_cap(canvas, center, side)
    else:
        _paint_hair(canvas, center, side)


def _paint_shoulders(canvas: Canvas, center: Point, coat: Color, side: int) -> None:
    unit, (x, y) = canvas.unit, center
    bottom = canvas.height * 1.01
    body = [
        (x - unit * 0.46, bottom),
        (x - unit * 0.4, y + unit * 0.42),
        (x - unit * 0.15, y + unit * 0.29),
        (x + unit * 0.15, y + unit * 0.29),
        (x + unit * 0.4, y + unit * 0.42),
        (x + unit * 0.46, bottom),
    ]
    canvas.shape(body, [(0, mix(coat, (255, 255, 255), 0.12)), (1, coat)])
    lit = [
        (x + side * unit * 0.02, bottom),
        (x + side * unit * 0.1, y + unit * 0.3),
        (x + side * unit * 0.15, y + unit * 0.29),
        (x + side * unit * 0.4, y + unit * 0.42),
        (x + side * unit * 0.46, bottom),
    ]
    canvas.shape(
        lit, [(0, mix(coat, canvas.palette.accent, 0.4)), (1, mix(coat, canvas.palette.accent, 0.12))]
    )
    collar = [
        (x - unit * 0.17, y + unit * 0.3),
        (x + unit * 0.17, y + unit * 0.3),
        (x + unit * 0.12, y + unit * 0.2),
        (x - unit * 0.12, y + unit * 0.2),
    ]
    canvas.shape(
        collar,
        [
            (0, mix(canvas.palette.second, canvas.palette.tone(0.9), 0.2)),
            (1, mix(canvas.palette.second, canvas.palette.tone(0.1), 0.3)),
        ],
    )


def _oval(center: Point, wide: float, tall: float, start: float = 0, end: float = math.tau) -> list[Point]:
    return [
        (
            center[0] + math.cos(start + (end - start) * s / 60) * wide,
            center[1] + math.sin(start + (end - start) * s / 60) * tall,
        )
        for s in range(61)
    ]


def _paint_head(canvas: Canvas, center: Point, skin: Color, side: int) -> None:
    unit, (x, y) = canvas.unit, center
    dark = mix(skin, canvas.palette.tone(0.12), 0.5)
    pen = canvas.pen
    pen.polygon(
        [
            (x - unit * 0.07, y + unit * 0.1),
            (x + unit * 0.07, y + unit * 0.1),
            (x + unit * 0.08, y + unit * 0.28),
            (x - unit * 0.08, y + unit * 0.28),
        ],
        fill=mix(dark, canvas.palette.tone(0), 0.3),
    )
    for ear in (-1, 1):
        pen.polygon(
            _oval((x + ear * unit * 0.155, y + unit * 0.01), unit * 0.028, unit * 0.045),
            fill=skin if ear == side else dark,
        )
    pen.polygon(_oval(center, unit * 0.155, unit * 0.205), fill=dark)
    lit = [
        (x, y - unit * 0.205),
        *[
            (x + side * abs(px - x), py)
            for px, py in _oval(center, unit * 0.155, unit * 0.205, -math.pi / 2, math.pi / 2)
        ],
    ]
    nose = [
        (x - side * unit * 0.02, y + unit * 0.1),
        (x - side * unit * 0.045, y + unit * 0.065),
        (x, y - unit * 0.05),
    ]
    pen.polygon([*lit, (x, y + unit * 0.12), *nose], fill=skin)
    for eye in (-1, 1):
        ex, ey = x + eye * unit * 0.066, y - unit * 0.02
        pen.polygon(
            _oval((ex, ey), unit * 0.026, unit * 0.011), fill=mix(canvas.palette.tone(0.03), dark, 0.1)
        )
        brow = [
            (ex - unit * 0.042, ey - unit * 0.03),
            (ex, ey - unit * 0.045),
            (ex + unit * 0.042, ey - unit * 0.03),
        ]
        pen.line(brow, fill=canvas.palette.tone(0.1), width=round(unit * 0.012), joint="curve")
    pen.line(
        [(x - unit * 0.04, y + unit * 0.125), (x, y + unit * 0.13), (x + unit * 0.042, y + unit * 0.123)],
        fill=mix(dark, (120, 40, 40), 0.4),
        width=round(unit * 0.009),
        joint="curve",
    )


def _paint_beard(canvas: Canvas, center: Point, side: int) -> None:
    unit, (x, y) = canvas.unit, center
    white = mix(canvas.palette.tone(0.95), (240, 236, 226), 0.5)
    shade = mix(white, canvas.palette.tone(0.35), 0.45)
    for part, color in ((-side, shade), (side, white)):
        half = [
            (x, y + unit * 0.1),
            (x + part * unit * 0.06, y + unit * 0.085),
            (x + part * unit * 0.13, y + unit * 0.045),
            (x + part * unit * 0.162, y + unit * 0.0),
            (x + part * unit * 0.165, y + unit * 0.12),
            (x + part * unit * 0.115, y + unit * 0.24),
            (x, y + unit * 0.31),
        ]
        canvas.pen.polygon(half, fill=color)
    for _ in range(60):
        turn = canvas.numbers.uniform(-1, 1)
        start = (x + turn * unit * 0.12, y + unit * (0.13 + 0.02 * canvas.numbers.random()))
        end = (
            x + turn * unit * 0.085,
            start[1] + unit * canvas.numbers.uniform(0.05, 0.14) * (1.1 - abs(turn)),
        )
        tint = canvas.palette.tone(0.5) if turn * side < 0 else canvas.palette.tone(0.75)
        canvas.pen.line([start, end], fill=mix(white, tint, 0.5), width=max(1, round(unit * 0.003)))
    mouth = [
        (x - unit * 0.045, y + unit * 0.132),
        (x, y + unit * 0.126),
        (x + unit * 0.045, y + unit * 0.132),
        (x, y + unit * 0.15),
    ]
    canvas.pen.polygon(mouth, fill=mix(canvas.palette.tone(0.1), (120, 50, 45), 0.5))
    moustache = [
        (x, y + unit * 0.098),
        (x + unit * 0.1, y + unit * 0.14),
        (x, y + unit * 0.128),
        (x - unit * 0.1, y + unit * 0.14),
    ]
    canvas.pen.polygon(moustache, fill=mix(white, (255, 255, 255), 0.3))


def _paint_cap(canvas: Canvas, center: Point, side: int) -> None:
    unit, (x, y) = canvas.unit, center
    color = mix(canvas.palette.tone(0.12), canvas.palette.second, 0.5)
    dome = _oval((x, y - unit * 0.085), unit * 0.178, unit * 0.165, math.pi, math.tau)
    canvas.pen.polygon(dome, fill=mix(color, canvas.palette.tone(0), 0.35))
    lit = [(px, py) for px, py in dome if (px - x) * side >= -unit * 0.02]
    canvas.pen.polygon([*lit, (x, y - unit * 0.085)], fill=color)
    band = (x - unit * 0.185, y - unit * 0.13, x + unit * 0.185, y - unit * 0.07)
    canvas.pen.rounded_rectangle(band, unit * 0.02, fill=mix(color, (255, 255, 255), 0.16))
    for rib in range(-8, 9):
        left = x + rib * unit * 0.021
        canvas.pen.line(
            [(left, y - unit * 0.126), (left, y - unit * 0.074)],
            fill=mix(color, canvas.palette.tone(0), 0.15),
            width=max(1, round(unit * 0.003)),
        )


def _paint_hair(canvas: Canvas, center: Point, side: int) -> None:
    unit, (x, y) = canvas.unit, center
    color = mix(canvas.palette.tone(0.06), canvas.palette.second, canvas.numbers.uniform(0, 0.4))
    for part, shade in (
        (-side, mix(color, canvas.palette.tone(0), 0.35)),
        (side, mix(color, canvas.palette.accent, 0.18)),
    ):
        lock = [
            (x - part * unit * 0.01, y - unit * 0.235),
            (x + part * unit * 0.12, y - unit * 0.225),
            (x + part * unit * 0.185, y - unit * 0.1),
            (x + part * unit * 0.19, y + unit * 0.1),
            (x + part * unit * 0.16, y + unit * 0.24),
            (x + part * unit * 0.125, y + unit * 0.22),
            (x + part * unit * 0.14, y),
            (x + part * unit * 0.11, y - unit * 0.1),
            (x + part * unit * 0.02, y - unit * 0.165),
        ]
        canvas.pen.polygon(lock, fill=shade)


_COATS = {
    "fox": "d9622b",
    "cat": "b98a5e",
    "wolf": "7d8794",
    "dog": "a8764a",
    "bear": "6b4a35",
    "rabbit": "c9b7a2",
}


def paint_animal(canvas: Canvas) -> None:
    if canvas.has("astronaut", "space", "galaxy", "stars"):
        paint_night_sky(canvas, 0.95)
        _paint_planet(canvas)
    else:
        _paint_hills(canvas)
    unit = canvas.unit
    center = canvas.at(canvas.numbers.uniform(0.4, 0.6), canvas.numbers.uniform(0.5, 0.58))
    name = next((word for word in _COATS if canvas.has(word)), canvas.numbers.choice(sorted(_COATS)))
    code = _COATS[name]
    coat: Color = (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16))
    if canvas.has("astronaut"):
        _paint_suit(canvas, center)
    else:
        _paint_body(canvas, center, coat)
    _paint_muzzle(canvas, center, unit * (0.2 if canvas.has("astronaut") else 0.25), coat, name)
    if canvas.has("astronaut"):
        _paint_visor(canvas, center)
    elif canvas.has("snow", "winter", "frost"):
        _paint_snowfall(canvas)


def _paint_planet(canvas: Canvas) -> None:
    center = canvas.at(canvas.numbers.choice((0.16, 0.84)), 0.24)
    radius = canvas.unit * 0.13
    canvas.glow(center, radius * 3, canvas.palette.second, 0.3)
    ball = _shaded_ball(canvas, round(radius * 2), canvas.palette.second, 1)
    mask = Image.new("L", ball.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, ball.width - 1, ball.height - 1), fill=255)
    canvas.image.paste(ball, (round(center[0] - radius), round(center[1] - radius)), mask)
    for ring in (1.5, 1.68):
        box = (
            center[0] - radius * ring,
            center[1] - radius * ring * 0.3,
            center[0] + radius * ring,
            center[1] + radius * ring * 0.3,
        )
        canvas.pen.arc(
            box,
            -20,
            200,
            fill=mix(canvas.palette.accent, canvas.palette.tone(0.5), 0.3),
            width=max(2, round(radius * 0.05)),
        )


def _paint_hills(canvas: Canvas) -> None:
    tone = canvas.palette.tone
    canvas.fill([(0, tone(0.62)), (0.6, tone(0.9)), (1, tone(0.95))])
    canvas.glow(canvas.at(0.72, 0.25), canvas.unit * 0.6, canvas.palette.second, 0.35)
    for layer in range(4):
        heights = ridge(canvas.numbers, 120, 0.4)
        level = 0.42 + layer * 0.13
        line = [canvas.at(index / 119, level - height * 0.05) for index, height in enumerate(heights)]
        color = mix(tone(0.72 + layer * 0.07), tone(0.5), 0.4 - layer * 0.1)
        canvas.shape(
            [*line, canvas.at(1, 1.01), canvas.at(0, 1.01)],
            [(0, mix(color, (255, 255, 255), 0.25)), (1, color)],
        )


def _paint_body(canvas: Canvas, center: Point, coat: Color) -> None:
    unit, (x, y) = canvas.unit, center
    bottom = canvas.height * 1.01
    dark = mix(coat, canvas.palette.tone(0.05), 0.4)
    canvas.shape(
        [
            (x - unit * 0.16, y + unit * 0.12),
            (x + unit * 0.16, y + unit * 0.12),
            (x + unit * 0.3, bottom),
            (x - unit * 0.3, bottom),
        ],
        [(0, dark), (1, coat)],
    )
    chest = [
        (x - unit * 0.12, y + unit * 0.14),
        (x + unit * 0.12, y + unit * 0.14),
        (x + unit * 0.1, y + unit * 0.3),
        (x, bottom),
        (x - unit * 0.1, y + unit * 0.3),
    ]
    canvas.shape(chest, [(0, mix((255, 255, 255), canvas.palette.tone(0.6), 0.4)), (1, (250, 247, 240))])


_Facet = tuple[tuple[tuple[float, float], ...], float, bool]

# Half a face, to be mirrored: corners in units of the face, shade (-1 dark .. 1 light), and
# whether it is white fur.
_FACE: tuple[_Facet, ...] = (
    (((0.12, -0.62), (0.42, -0.62), (0.78, -1.28), (0.88, -0.45), (0.5, -0.3)), -0.35, False),
    (((0.5, -0.66), (0.74, -1.08), (0.8, -0.55)), -0.75, False),
    (((0.0, -0.62), (0.42, -0.62), (0.5, -0.15), (0.0, 0.0)), 0.3, False),
    (((0.42, -0.62), (0.88, -0.45), (0.98, 0.02), (0.5, -0.15)), 0.05, False),
    (((0.5, -0.15), (0.98, 0.02), (0.62, 0.3)), -0.15, False),
    (((0.0, 0.0), (0.5, -0.15), (0.62, 0.3), (0.16, 0.5)), 0.45, False),
    (((0.98, 0.02), (1.08, 0.3), (0.7, 0.5), (0.62, 0.3)), 0.0, True),
    (((0.62, 0.3), (0.7, 0.5), (0.4, 0.72), (0.16, 0.5)), 0.35, True),
    (((0.16, 0.5), (0.4, 0.72), (0.14, 0.95), (0.0, 0.96), (0.0, 0.5)), 0.6, True),
    (((0.0, 0.0), (0.16, 0.5), (0.13, 0.72), (0.0, 0.74)), 0.15, False),
)


def _paint_muzzle(canvas: Canvas, center: Point, size: float, coat: Color, name: str) -> None:
    """A face of flat facets, lit from one side."""
    short = 0.72 if name in ("cat", "rabbit", "bear") else 1.0
    light = canvas.numbers.choice((-1, 1))
    for side in (-light, light):
        for corners, shade, is_white in _FACE:
            base: Color = (246, 242, 234) if is_white else coat
            level = shade + (0.22 if side == light else -0.3)
            target = (255, 246, 230) if level > 0 else canvas.palette.tone(0.08)
            points = [
                (center[0] + side * px * size, center[1] + py * size * (short if py > 0 else 1.0))
                for px, py in corners
            ]
            canvas.pen.polygon(points, fill=mix(base, target, abs(level) * 0.55))
    for side in (-1, 1):
        _paint_eye(canvas, (center[0] + side * 0.4 * size, center[1] - 0.02 * size), size, side, name)
    x, y = center[0], center[1] + size * 0.8 * short
    nose = [
        (x - size * 0.12, y - size * 0.1),
        (x + size * 0.12, y - size * 0.1),
        (x + size * 0.06, y + size * 0.04),
        (x, y + size * 0.08),
        (x - size * 0.06, y + size * 0.04),
    ]
    canvas.pen.polygon(nose, fill=(32, 26, 30))


def _paint_eye(canvas: Canvas, spot: Point, size: float, side: int, name: str) -> None:
    x, y = spot
    lid = [
        (x - side * size * 0.15, y + size * 0.04),
        (x - side * size * 0.02, y - size * 0.09),
        (x + side * size * 0.15, y - size * 0.1),
        (x + side * size * 0.04, y + size * 0.06),
    ]
    canvas.pen.polygon(lid, fill=(30, 24, 28))
    iris = (148, 196, 110) if name == "cat" else (222, 158, 52)
    canvas.disc((x + side * size * 0.01, y - size * 0.025), size * 0.062, iris)
    canvas.disc((x + side * size * 0.01, y - size * 0.025), size * 0.034, (18, 14, 18))
    canvas.disc((x + size * 0.03, y - size * 0.05), size * 0.016, (255, 255, 255))


def _paint_suit(canvas: Canvas, center: Point) -> None:
    unit, (x, y) = canvas.unit, center
    bottom = canvas.height * 1.01
    white, grey = (238, 236, 232), mix((160, 166, 180), canvas.palette.tone(0.4), 0.3)
    body = [
        (x - unit * 0.22, y + unit * 0.26),
        (x + unit * 0.22, y + unit * 0.26),
        (x + unit * 0.44, y + unit * 0.44),
        (x + unit * 0.5, bottom),
        (x - unit * 0.5, bottom),
        (x - unit * 0.44, y + unit * 0.44),
    ]
    canvas.shape(body, [(0, white), (1, grey)])
    for side, color in ((-1, canvas.palette.second), (1, canvas.palette.accent)):
        stripe = [
            (x + side * unit * 0.3, y + unit * 0.33),
            (x + side * unit * 0.34, y + unit * 0.36),
            (x + side * unit * 0.38, bottom),
            (x + side * unit * 0.33, bottom),
        ]
        canvas.pen.polygon(stripe, fill=color)
    canvas.disc(center, unit * 0.375, (214, 214, 216))
    canvas.disc((x - unit * 0.008, y - unit * 0.008), unit * 0.36, (246, 245, 242))
    canvas.disc(center, unit * 0.325, mix(canvas.palette.tone(0.12), (20, 26, 60), 0.5))
    canvas.glow((x, y + unit * 0.1), unit * 0.3, canvas.palette.tone(0.6), 0.4)


def _paint_visor(canvas: Canvas, center: Point) -> None:
    unit, (x, y) = canvas.unit, center
    mask = canvas.mask()
    pen = ImageDraw.Draw(mask)
    radius = unit * 0.3
    pen.arc((x - radius, y - radius, x + radius, y + radius), 195, 255, fill=220, width=round(unit * 0.022))
    pen.arc((x - radius, y - radius, x + radius, y + radius), 262, 272, fill=200, width=round(unit * 0.022))
    pen.arc((x - radius, y - radius, x + radius, y + radius), 20, 60, fill=90, width=round(unit * 0.014))
    canvas.veil(mask.filter(ImageFilter.GaussianBlur(unit * 0.002)), (255, 255, 255), 0.7)
    canvas.glow((x + unit * 0.16, y - unit * 0.2), unit * 0.12, canvas.palette.accent, 0.5)


def _paint_snowfall(canvas: Canvas) -> None:
    numbers = canvas.numbers
    for size, count in ((0.0016, 170), (0.003, 90), (0.0065, 26)):
        for _ in range(count):
            canvas.disc(
                canvas.at(numbers.random(), numbers.random()),
                canvas.unit * size * numbers.uniform(0.6, 1.3),
                (252, 252, 250),
            )


def paint_garden(canvas: Canvas) -> None:
    """Fronds and flowers in three depths, the far ones blurred."""
    tone, numbers = canvas.palette.tone, canvas.numbers
    canvas.fill([(0, tone(0.9)), (0.5, tone(0.7)), (1, tone(0.25))])
    canvas.glow(canvas.at(numbers.uniform(0.3, 0.7), 0.2), canvas.unit * 0.8, canvas.palette.accent, 0.4)
    if canvas.has("greenhouse", "glass", "conservatory"):
        _paint_panes(canvas)
    for depth, blur in ((0.0, 9.0), (0.5, 3.0), (1.0, 0.0)):
        for _ in range(round(9 * canvas.width / canvas.unit)):
            _paint_frond(canvas, depth)
        if not canvas.has("fern", "ferns", "greenhouse") or depth == 0.5:
            for _ in range(4):
                _paint_flower(canvas, depth)
        if blur:
            canvas.soften(blur)
            canvas.fade([(0, 0.1), (0.6, 0.2), (1, 0)], tone(0.9))


def _paint_panes(canvas: Canvas) -> None:
    frame = mix(canvas.palette.tone(0.25), (255, 255, 255), 0.1)
    width = max(2, round(canvas.unit * 0.008))
    pen = canvas.pen
    top = canvas.at(0.5, -0.25)
    for column in range(-7, 8):
        x = 0.5 + column * 0.085
        pen.line(
            [top, canvas.at(0.5 + column * 0.16, 0.3), canvas.at(0.5 + column * 0.16, 1)],
            fill=frame,
            width=width,
        )
        del x
    for row, y in enumerate((0.05, 0.17, 0.3, 0.55)):
        pen.line([canvas.at(0, y), canvas.at(1, y)], fill=frame, width=width * (2 if row == 2 else 1))


def _paint_frond(canvas: Canvas, depth: float) -> None:
    numbers, tone = canvas.numbers, canvas.palette.tone
    x, y = canvas.at(numbers.uniform(-0.05, 1.05), 1.04)
    length = canvas.unit * numbers.uniform(0.55, 0.95) * (1.05 - 0.3 * depth)
    angle, bend = numbers.uniform(-120, -60), numbers.uniform(-75, 75)
    green = mix(tone(0.62 - 0.5 * depth + numbers.uniform(-0.08, 0.08)), (58, 120, 74), 0.35)
    steps = 20 + round(10 * depth)
    for step in range(steps):
        share = step / steps
        turn = math.radians(angle + bend * share**1.5)
        nx, ny = x + math.cos(turn) * length / steps, y + math.sin(turn) * length / steps
        canvas.pen.line(
            [(x, y), (nx, ny)],
            fill=mix(green, tone(0), 0.25),
            width=max(1, round(canvas.unit * 0.007 * (1.1 - share))),
        )
        x, y = nx, ny
        leaf = length * 0.19 * math.sin(min(1.0, share * 1.1 + 0.12) * math.pi) ** 0.8
        for side in (-1, 1):
            shade = mix(green, tone(0.85) if side > 0 else tone(0.1), 0.16 + 0.14 * share)
            _paint_leaflet(canvas, (x, y), leaf, turn + side * (1.15 - 0.4 * share), shade)


def _paint_leaflet(canvas: Canvas, start: Point, length: float, angle: float, color: Color) -> None:
    cos, sin = math.cos(angle) * length, math.sin(angle) * length
    x, y = start
    canvas.pen.polygon(
        [
            (x, y),
            (x + cos * 0.45 - sin * 0.13, y + sin * 0.45 + cos * 0.13),
            (x + cos, y + sin),
            (x + cos * 0.45 + sin * 0.13, y + sin * 0.45 - cos * 0.13),
        ],
        fill=color,
    )


def _paint_flower(canvas: Canvas, depth: float) -> None:
    numbers, palette = canvas.numbers, canvas.palette
    x, y = canvas.at(numbers.uniform(0.05, 0.95), numbers.uniform(0.25, 0.75))
    size = canvas.unit * (0.05 + 0.05 * depth) * numbers.uniform(0.7, 1.25)
    stem = [(x, y), (x + numbers.uniform(-0.1, 0.1) * canvas.unit, canvas.height * 1.01)]
    canvas.pen.line(stem, fill=mix(palette.tone(0.25), (60, 105, 66), 0.5), width=max(2, round(size * 0.07)))
    color = numbers.choice((palette.accent, palette.second, mix(palette.accent, palette.tone(1), 0.5)))
    petals, turn = numbers.choice((6, 8, 11)), numbers.uniform(0, 6.3)
    for ring, reach in ((0, 1.0), (1, 0.68)):
        for petal in range(petals):
            angle = turn + (petal + ring / 2) / petals * math.tau
            shade = mix(
                mix(color, palette.tone(0.1), 0.25 - ring * 0.2), (255, 255, 255), numbers.uniform(0, 0.22)
            )
            _paint_petal(canvas, (x, y), size * reach, angle, math.tau / petals * 0.62, shade)
    canvas.disc((x, y), size * 0.2, mix(palette.second, palette.tone(0.1), 0.4))
    for seed in range(24):
        far, angle = size * 0.16 * math.sqrt(seed / 24), seed * 2.39996
        canvas.disc((x + math.cos(angle) * far, y + math.sin(angle) * far), size * 0.018, palette.accent)


def _paint_petal(
    canvas: Canvas, center: Point, length: float, angle: float, half: float, color: Color
) -> None:
    outline: list[Point] = [center]
    for step in range(-8, 9):
        share = step / 8
        reach = length * (0.62 + 0.38 * (1 - share * share) ** 0.5)
        outline.append(
            (
                center[0] + math.cos(angle + half * share) * reach,
                center[1] + math.sin(angle + half * share) * reach,
            )
        )
    canvas.pen.polygon(outline, fill=color)
    tip = center[0] + math.cos(angle) * length * 0.9, center[1] + math.sin(angle) * length * 0.9
    canvas.pen.line(
        [center, tip], fill=mix(color, canvas.palette.tone(0.2), 0.18), width=max(1, round(length * 0.02))
    )
