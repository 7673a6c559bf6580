"""Mountains, sea, dunes, forest, northern lights."""

from __future__ import annotations

import itertools
import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.pictures.canvas import Canvas, Point, gradient, ridge
from sandbox.pictures.palettes import Color, mix

_NIGHT = "night stars midnight moon starry space neon aurora northern galaxy cosmos"
_GREEN = (92, 240, 170)


def paint_sky(canvas: Canvas, horizon: float) -> None:
    tone = canvas.palette.tone
    top = canvas.numbers.uniform(0.2, 0.45)
    stops = [(0.0, tone(top)), (horizon * 0.55, tone(0.68)), (horizon, tone(0.97))]
    canvas.fill([*stops, (1.0, tone(0.97))])
    canvas.veil(canvas.cloud_mask(6, 0.3), tone(0.9), 0.22)


def paint_sun(canvas: Canvas, center: Point, radius: float) -> None:
    light = mix(canvas.palette.accent, (255, 255, 255), 0.45)
    canvas.glow(center, radius * 9, canvas.palette.accent, 0.45)
    canvas.glow(center, radius * 3.2, light, 0.6)
    canvas.disc(center, radius, light)


def is_dark(canvas: Canvas) -> bool:
    return canvas.has(*_NIGHT.split())


def paint_night_sky(canvas: Canvas, horizon: float) -> None:
    tone = canvas.palette.tone
    canvas.fill([(0, tone(0.0)), (horizon * 0.6, tone(0.25)), (horizon, tone(0.55)), (1, tone(0.5))])
    canvas.milky_way(tone(0.7), 0.2)
    canvas.stars(420, horizon, (255, 250, 240))


def paint_moon(canvas: Canvas, center: Point, radius: float) -> None:
    light = mix(canvas.palette.accent, (255, 255, 255), 0.6)
    canvas.glow(center, radius * 7, light, 0.45)
    canvas.disc(center, radius, light)
    for _ in range(7):
        angle, far = canvas.numbers.uniform(0, 6.3), canvas.numbers.uniform(0, 0.65) * radius
        spot = center[0] + math.cos(angle) * far, center[1] + math.sin(angle) * far
        size = radius * canvas.numbers.uniform(0.06, 0.2)
        canvas.disc(spot, size, mix(light, canvas.palette.tone(0.6), 0.16))


def paint_mountains(canvas: Canvas) -> None:
    numbers = canvas.numbers
    horizon = numbers.uniform(0.5, 0.62)
    place = canvas.at(numbers.uniform(0.2, 0.8), horizon * numbers.uniform(0.35, 0.75))
    radius = canvas.unit * numbers.uniform(0.045, 0.1)
    if is_dark(canvas):
        paint_night_sky(canvas, horizon)
        paint_moon(canvas, place, radius)
    else:
        paint_sky(canvas, horizon)
        paint_sun(canvas, place, radius)
    layers = 6
    for layer in range(layers):
        _paint_range(canvas, layer / (layers - 1), horizon)
    if canvas.chance(0.6):
        _paint_birds(canvas, place)


def _paint_range(canvas: Canvas, nearness: float, horizon: float) -> None:
    tone = canvas.palette.tone
    count = 260
    heights = ridge(canvas.numbers, count, 0.46 + 0.1 * (1 - nearness))
    base = horizon - 0.06 + (1.0 - horizon) * nearness**1.3 * 0.95
    reach = (0.1 + 0.05 * math.sin(nearness * 3)) * canvas.height
    line = [
        (index / (count - 1) * canvas.width, base * canvas.height - height * reach)
        for index, height in enumerate(heights)
    ]
    if nearness > 0.75:
        line = _with_pines(canvas, line, nearness)
    sky = tone(0.5) if is_dark(canvas) else tone(0.92)
    color = mix(sky, tone(0.02), 0.16 + 0.84 * nearness**0.9)
    mist = mix(color, sky, 0.7 * (1 - nearness) + 0.08)
    canvas.shape([*line, canvas.at(1, 1.01), canvas.at(0, 1.01)], [(0, color), (0.75, mist), (1, mist)])


def _with_pines(canvas: Canvas, line: list[Point], nearness: float) -> list[Point]:
    numbers = canvas.numbers
    trees: list[Point] = []
    size = canvas.unit * 0.035 * (nearness - 0.45) * 2
    for (x, y), (right, _) in itertools.pairwise(line):
        trees.append((x, y))
        if numbers.random() < 0.75:
            trees += _pine(x, y, (right - x) * 0.62, size * numbers.uniform(0.4, 1.4))
    return [*trees, line[-1]]


def _pine(x: float, y: float, half: float, height: float) -> list[Point]:
    """A saw-toothed outline, to be set into a ridge."""
    left: list[Point] = []
    for step in range(4):
        share = step / 4
        left.append((x - half * (1 - share), y - height * share))
        left.append((x - half * (1 - share) * 0.45, y - height * (share + 0.2)))
    right = [(2 * x - px, py) for px, py in reversed(left)]
    return [*left, (x, y - height), *right]


def _paint_birds(canvas: Canvas, near: Point) -> None:
    numbers, pen = canvas.numbers, canvas.pen
    for _ in range(numbers.randint(3, 8)):
        x = near[0] + numbers.gauss(0, 0.13) * canvas.unit
        y = near[1] + numbers.gauss(0, 0.06) * canvas.unit
        span = canvas.unit * numbers.uniform(0.006, 0.014)
        wings = [(x - span, y - span * 0.5), (x, y), (x + span, y - span * 0.55)]
        pen.line(wings, fill=canvas.palette.tone(0.1), width=max(1, round(span * 0.22)), joint="curve")


def paint_sea(canvas: Canvas) -> None:
    numbers = canvas.numbers
    horizon = numbers.uniform(0.5, 0.64)
    place = numbers.uniform(0.25, 0.75), horizon - numbers.uniform(0.02, 0.16)
    radius = canvas.unit * numbers.uniform(0.05, 0.09)
    if is_dark(canvas):
        paint_night_sky(canvas, horizon)
        paint_moon(canvas, canvas.at(place[0], place[1] - 0.14), radius * 0.7)
    else:
        paint_sky(canvas, horizon)
        paint_sun(canvas, canvas.at(*place), radius)
    for nearness in (0.0, 0.4):
        _paint_coast(canvas, horizon, nearness)
    _paint_water(canvas, horizon, place[0])
    if canvas.has("lighthouse", "beacon") or canvas.chance(0.25):
        _paint_lighthouse(canvas, horizon, -1 if place[0] > 0.5 else 1)
    elif canvas.chance(0.7):
        _paint_sail(canvas, horizon)


def _paint_coast(canvas: Canvas, horizon: float, nearness: float) -> None:
    numbers = canvas.numbers
    heights = ridge(numbers, 120, 0.5)
    side = numbers.choice((-1, 1))
    line: list[Point] = []
    for index, height in enumerate(heights):
        share = index / 119
        slope = share if side > 0 else 1 - share
        rise = max(0.0, (slope - 0.35 - 0.2 * nearness) * 0.16 + height * 0.022 * slope)
        line.append(canvas.at(share * 1.001, horizon - rise))
    color = mix(canvas.palette.tone(0.86), canvas.palette.tone(0.3), 0.35 + nearness)
    bottom = [canvas.at(1.001, horizon), canvas.at(0, horizon)]
    canvas.shape([*line, *bottom], [(0, color), (1, mix(color, canvas.palette.tone(0.9), 0.4))])


def _paint_water(canvas: Canvas, horizon: float, sun: float) -> None:
    tone, numbers = canvas.palette.tone, canvas.numbers
    top = mix(tone(0.75), canvas.palette.accent, 0.2)
    corners = [canvas.at(0, horizon), canvas.at(1, horizon), canvas.at(1, 1), canvas.at(0, 1)]
    canvas.shape(corners, [(0, top), (0.25, tone(0.5)), (1, tone(0.1))])
    light = mix(canvas.palette.accent, (255, 255, 255), 0.35)
    for _ in range(900):
        depth = numbers.random() ** 1.6
        y = horizon + (1 - horizon) * depth
        # The path of the sun: bright where x is near it, wider towards the eye.
        away = numbers.gauss(0, 0.03 + 0.16 * depth) if numbers.random() < 0.55 else None
        x = sun + away if away is not None else numbers.random()
        length = canvas.width * (0.004 + 0.05 * depth) * numbers.uniform(0.4, 1.4)
        thick = canvas.unit * (0.0006 + 0.0055 * depth)
        base = mix(mix(top, tone(0.5), depth * 4), tone(0.1), depth)
        toward = light if away is not None else tone(numbers.choice((0.2, 0.45, 0.75)))
        strength = 0.75 * (1 - depth * 0.75) if away is not None else 0.3 * (1 - depth * 0.5)
        _ripple(canvas, canvas.at(x, y), length, thick, mix(base, toward, strength))


def _ripple(canvas: Canvas, center: Point, length: float, thick: float, color: Color) -> None:
    x, y = center
    points = [(x - length, y), (x, y - thick), (x + length, y), (x, y + thick)]
    canvas.pen.polygon(points, fill=color)


def _paint_sail(canvas: Canvas, horizon: float) -> None:
    numbers = canvas.numbers
    x, y = canvas.at(numbers.uniform(0.15, 0.85), horizon + numbers.uniform(0.02, 0.08))
    size = canvas.unit * numbers.uniform(0.05, 0.09)
    white, dark = canvas.palette.tone(1.0), canvas.palette.tone(0.08)
    pen = canvas.pen
    pen.polygon([(x, y - size * 1.5), (x, y - size * 0.14), (x + size * 0.62, y - size * 0.14)], fill=white)
    shade = mix(white, canvas.palette.accent, 0.45)
    pen.polygon(
        [
            (x - size * 0.06, y - size * 1.3),
            (x - size * 0.06, y - size * 0.14),
            (x - size * 0.45, y - size * 0.14),
        ],
        fill=shade,
    )
    hull = [
        (x - size * 0.6, y - size * 0.1),
        (x + size * 0.75, y - size * 0.1),
        (x + size * 0.5, y + size * 0.08),
        (x - size * 0.42, y + size * 0.08),
    ]
    pen.polygon(hull, fill=dark)
    for step in range(6):
        _ripple(
            canvas,
            (x + size * 0.1, y + size * (0.16 + step * 0.13)),
            size * (0.5 - step * 0.06),
            size * 0.02,
            mix(white, canvas.palette.tone(0.45), 0.35 + step * 0.1),
        )


def _paint_lighthouse(canvas: Canvas, horizon: float, side: int) -> None:
    tone = canvas.palette.tone
    foot = canvas.at(0.5 + side * 0.29, horizon + 0.03)
    height = canvas.height * 0.36
    lamp = foot[0], foot[1] - height * 1.05
    _paint_beam(canvas, lamp, side)
    _paint_rock(canvas, foot, side)
    low, high = height * 0.085, height * 0.055
    bands = 7
    for band in range(bands):
        start, end = band / bands, (band + 1) / bands
        lower, upper = low + (high - low) * start, low + (high - low) * end
        color = tone(0.97) if band % 2 == 0 else canvas.palette.second
        box = [
            (foot[0] - lower, foot[1] - height * start),
            (foot[0] + lower, foot[1] - height * start),
            (foot[0] + upper, foot[1] - height * end),
            (foot[0] - upper, foot[1] - height * end),
        ]
        canvas.pen.polygon(box, fill=color)
        shadow = [(foot[0] + lower * 0.15, box[0][1]), box[1], box[2], (foot[0] + upper * 0.15, box[2][1])]
        canvas.pen.polygon(shadow, fill=mix(color, tone(0.1), 0.42))
    _paint_lantern(canvas, (foot[0], foot[1] - height), height * 0.055)


def _paint_lantern(canvas: Canvas, base: Point, half: float) -> None:
    x, y = base
    dark, light = canvas.palette.tone(0.06), mix(canvas.palette.accent, (255, 255, 255), 0.5)
    pen = canvas.pen
    pen.rectangle((x - half * 1.5, y - half * 0.35, x + half * 1.5, y), fill=dark)
    pen.rectangle((x - half * 0.75, y - half * 1.6, x + half * 0.75, y - half * 0.35), fill=light)
    pen.line([(x, y - half * 1.6), (x, y - half * 0.35)], fill=dark, width=max(1, round(half * 0.12)))
    pen.polygon(
        [(x - half * 1.0, y - half * 1.6), (x, y - half * 2.7), (x + half * 1.0, y - half * 1.6)], fill=dark
    )
    canvas.glow((x, y - half), half * 9, light, 0.85)


def _paint_beam(canvas: Canvas, lamp: Point, side: int) -> None:
    mask = canvas.mask()
    pen = ImageDraw.Draw(mask)
    far = lamp[0] - side * canvas.width * 1.2
    pen.polygon([lamp, (far, lamp[1] - canvas.height * 0.2), (far, lamp[1] + canvas.height * 0.02)], fill=150)
    near = lamp[0] + side * canvas.width * 0.6
    pen.polygon(
        [lamp, (near, lamp[1] - canvas.height * 0.03), (near, lamp[1] + canvas.height * 0.05)], fill=60
    )
    small = mask.resize((canvas.width // 4, canvas.height // 4)).filter(
        ImageFilter.GaussianBlur(canvas.unit / 250)
    )
    fall = Image.linear_gradient("L").rotate(90 * side).resize(small.size)
    light = ImageChops.multiply(small, fall.point([min(255, 40 + value) for value in range(256)]))
    canvas.screen(
        light.resize(canvas.size, Image.Resampling.BILINEAR),
        mix(canvas.palette.accent, (255, 255, 255), 0.3),
        0.8,
    )


def _paint_rock(canvas: Canvas, foot: Point, side: int) -> None:
    tone = canvas.palette.tone
    heights = ridge(canvas.numbers, 60, 0.6)
    width = canvas.width * 0.36
    line: list[Point] = []
    for index, height in enumerate(heights):
        share = index / 59 * 2 - 1
        hump = (1 - abs(share) ** 1.7) * canvas.height * 0.1
        line.append(
            (
                foot[0] + side * width * 0.15 + share * width,
                foot[1] + canvas.height * 0.085 - hump - height * canvas.height * 0.012 * (1 - abs(share)),
            )
        )
    canvas.shape(line, [(0, tone(0.22)), (1, tone(0.0))])


def paint_dunes(canvas: Canvas) -> None:
    numbers = canvas.numbers
    horizon = numbers.uniform(0.36, 0.46)
    if is_dark(canvas):
        paint_night_sky(canvas, horizon + 0.1)
        paint_moon(canvas, canvas.at(numbers.uniform(0.2, 0.8), 0.16), canvas.unit * 0.04)
    else:
        paint_sky(canvas, horizon + 0.1)
        paint_sun(canvas, canvas.at(numbers.uniform(0.2, 0.8), horizon - 0.08), canvas.unit * 0.055)
    layers = 6
    for layer in range(layers):
        _paint_dune(canvas, horizon, layer / (layers - 1))


def _paint_dune(canvas: Canvas, horizon: float, nearness: float) -> None:
    numbers, tone = canvas.numbers, canvas.palette.tone
    phase, waves = numbers.uniform(0, 6.3), numbers.uniform(0.8, 1.7) / (0.6 + nearness)
    swing = canvas.height * (0.03 + 0.085 * nearness)
    level = canvas.height * (horizon + 0.02 + (0.86 - horizon) * nearness**1.25)
    crest: list[Point] = []
    for index in range(160):
        # Beyond both edges, so that no shadow ends at one.
        share = index / 159 * 1.8 - 0.4
        angle = phase + share * 6.3 * waves
        # A sine that leans over: dunes are steep on one side only.
        crest.append((share * canvas.width, level - swing * math.sin(angle + 0.55 * math.sin(angle))))
    dim = 0.55 if is_dark(canvas) else 1.0
    lit = mix(tone(0.8 * dim), canvas.palette.accent, 0.12)
    far = mix(lit, tone(0.95 * dim), 0.55 * (1 - nearness))
    canvas.shape(
        [*crest, canvas.at(1.4, 1.01), canvas.at(-0.4, 1.01)],
        [(0, far), (0.5, tone(0.62 * dim)), (1, tone(0.4 * dim))],
    )
    _paint_slip(canvas, crest, nearness, swing)


def _paint_slip(canvas: Canvas, crest: list[Point], nearness: float, swing: float) -> None:
    """The shadow side: below the crest where it falls to the right."""
    tone = canvas.palette.tone
    stretch: list[Point] = []
    for point, following in zip(crest, [*crest[1:], crest[-1]], strict=True):
        if following[1] > point[1]:
            stretch.append(point)
            continue
        _paint_shadow(canvas, stretch, nearness, swing)
        stretch = []
    _paint_shadow(canvas, stretch, nearness, swing)
    light = mix(tone(0.95), tone(0.3), 0.75 if is_dark(canvas) else 0.3)
    canvas.pen.line(crest, fill=light, width=max(1, round(canvas.unit * 0.0018)))


def _paint_shadow(canvas: Canvas, stretch: list[Point], nearness: float, swing: float) -> None:
    if len(stretch) < 14:
        return
    tone = canvas.palette.tone
    length = len(stretch) - 1
    under = [
        (
            x - swing * 0.7 * math.sin(index / length * math.pi),
            y + swing * 1.5 * math.sin(index / length * math.pi) ** 0.8,
        )
        for index, (x, y) in enumerate(stretch)
    ]
    dark = mix(tone(0.55), tone(0.14), 0.4 + 0.6 * nearness)
    canvas.shape([*stretch, *reversed(under)], [(0, dark), (1, mix(dark, tone(0.5), 0.45))])


def paint_forest(canvas: Canvas) -> None:
    tone, numbers = canvas.palette.tone, canvas.numbers
    canvas.fill([(0, tone(0.78)), (0.45, tone(0.98)), (0.7, tone(0.9)), (1, tone(0.5))])
    canvas.glow(canvas.at(numbers.uniform(0.3, 0.7), 0.35), canvas.unit * 0.7, canvas.palette.accent, 0.4)
    layers = 5
    for layer in range(layers):
        nearness = layer / (layers - 1)
        _paint_floor(canvas, nearness)
        for _ in range(round((15 - 10 * nearness) * canvas.width / canvas.unit)):
            _paint_trunk(canvas, nearness)
        _paint_foliage(canvas, nearness)
        if layer < layers - 1:
            canvas.fade([(0, 0.02), (0.45, 0.2), (0.75, 0.34), (1, 0.02)], tone(0.97))
    _paint_shafts(canvas)


def _paint_floor(canvas: Canvas, nearness: float) -> None:
    tone = canvas.palette.tone
    heights = ridge(canvas.numbers, 80, 0.45)
    level = 0.66 + 0.27 * nearness
    line = [canvas.at(index / 79, level - height * 0.018) for index, height in enumerate(heights)]
    color = mix(tone(0.85), tone(0.08), 0.2 + 0.75 * nearness)
    canvas.shape(
        [*line, canvas.at(1, 1.01), canvas.at(0, 1.01)], [(0, color), (1, mix(color, tone(0.2), 0.5))]
    )


def _paint_trunk(canvas: Canvas, nearness: float) -> None:
    numbers, tone = canvas.numbers, canvas.palette.tone
    x = numbers.uniform(-0.02, 1.02) * canvas.width
    half = canvas.unit * (0.0045 + 0.02 * nearness**1.6) * numbers.uniform(0.6, 1.3)
    foot = canvas.height * (0.69 + 0.28 * nearness + numbers.uniform(-0.015, 0.02))
    lean = numbers.gauss(0, 0.015) * canvas.unit
    color = mix(tone(0.8), tone(0.0), 0.22 + 0.78 * nearness)
    trunk = [
        (x - half * 1.5, foot),
        (x - half * 0.9, foot - canvas.height * 0.08),
        (x - half * 0.6 + lean, -2),
        (x + half * 0.6 + lean, -2),
        (x + half * 0.9, foot - canvas.height * 0.08),
        (x + half * 1.6, foot),
    ]
    pen = canvas.pen
    pen.polygon(trunk, fill=color)
    for _ in range(numbers.randint(2, 5)):
        start = numbers.uniform(0.05, 0.6) * foot
        side = numbers.choice((-1, 1))
        reach = canvas.unit * numbers.uniform(0.03, 0.1) * (0.5 + nearness)
        branch = [
            (x + lean * 0.6, start),
            (x + side * reach * 0.6, start - reach * 0.45),
            (x + side * reach, start - reach),
        ]
        pen.line(branch, fill=color, width=max(1, round(half * 0.35)), joint="curve")


def _paint_foliage(canvas: Canvas, nearness: float) -> None:
    numbers, palette = canvas.numbers, canvas.palette
    pen = canvas.pen
    colors = [palette.tone(0.6), palette.tone(0.75), palette.accent, palette.tone(0.45)]
    clumps = round(26 * canvas.width / canvas.unit)
    for _ in range(clumps):
        x, y = numbers.uniform(-0.05, 1.05), numbers.random() ** 1.8 * 0.5
        color = mix(
            mix(numbers.choice(colors), palette.tone(0.97), 0.55 * (1 - nearness)),
            palette.tone(0.1),
            0.25 * nearness,
        )
        for _ in range(34):
            cx = x * canvas.width + numbers.gauss(0, 0.05) * canvas.unit
            cy = y * canvas.height + numbers.gauss(0, 0.03) * canvas.unit
            size = canvas.unit * (0.003 + 0.006 * nearness) * numbers.uniform(0.5, 1.5)
            shade = mix(color, palette.tone(numbers.choice((0.3, 0.95))), numbers.uniform(0, 0.3))
            pen.ellipse((cx - size, cy - size * 0.7, cx + size, cy + size * 0.7), fill=shade)


def _paint_shafts(canvas: Canvas) -> None:
    small = canvas.width // 4, canvas.height // 4
    mask = Image.new("L", small, 0)
    pen = ImageDraw.Draw(mask)
    start = canvas.numbers.uniform(0.1, 0.9)
    for _ in range(7):
        foot = start + canvas.numbers.uniform(-0.7, 0.7)
        spread = canvas.numbers.uniform(0.02, 0.07)
        top = start + (foot - start) * 0.2
        pen.polygon(
            [
                (top * small[0], 0),
                ((top + spread * 0.4) * small[0], 0),
                ((foot + spread) * small[0], small[1] * 0.9),
                (foot * small[0], small[1] * 0.9),
            ],
            fill=canvas.numbers.randint(40, 110),
        )
    mask = mask.filter(ImageFilter.GaussianBlur(canvas.unit / 180))
    fall = Image.linear_gradient("L").point([255 - value for value in range(256)]).resize(small)
    light = ImageChops.multiply(mask, fall).resize(canvas.size, Image.Resampling.BILINEAR)
    canvas.screen(light, mix(canvas.palette.accent, (255, 255, 255), 0.4), 0.7)


def paint_aurora(canvas: Canvas) -> None:
    tone, numbers = canvas.palette.tone, canvas.numbers
    canvas.fill([(0, tone(0.0)), (0.5, tone(0.14)), (0.72, tone(0.32)), (1, tone(0.1))])
    canvas.stars(500, 0.75, (255, 252, 240))
    for color in (mix(canvas.palette.second, _GREEN, 0.3), _GREEN, mix(tone(0.9), _GREEN, 0.7)):
        _paint_curtain(canvas, color)
    canvas.words = canvas.words | {"night"}
    for nearness in (0.4, 0.68):
        _paint_range(canvas, nearness, 0.53)
    shore = round(canvas.height * 0.79)
    mirrored = canvas.image.crop((0, 2 * shore - canvas.height, canvas.width, shore))
    mirrored = mirrored.transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(
        ImageFilter.GaussianBlur(canvas.unit / 260)
    )
    water = Image.blend(mirrored, Image.new("RGB", mirrored.size, tone(0.03)), 0.35)
    canvas.image.paste(water, (0, shore))
    canvas.glow(canvas.at(numbers.random(), 0.79), canvas.unit * 0.5, tone(0.6), 0.2)


def _paint_curtain(canvas: Canvas, color: Color) -> None:
    """Rays that stand on a waving line: dense at the foot, fading upwards."""
    numbers = canvas.numbers
    width, height = 320, 200
    mask = Image.new("L", (width, height), 0)
    foot, rays = ridge(numbers, width, 0.35), ridge(numbers, width, 0.85)
    level, reach = numbers.uniform(0.35, 0.58), numbers.uniform(0.3, 0.5)
    ray = gradient(
        (1, 256), [(0, (0, 0, 0)), (0.8, (150, 150, 150)), (0.97, (255, 255, 255)), (1, (0, 0, 0))]
    ).getchannel(0)
    for x in range(width):
        low = (level + foot[x] * 0.09) * height
        tall = max(4, round(height * reach * (0.55 + 0.35 * rays[x])))
        strip = ray.resize((1, tall))
        shine = min(1.0, max(0.0, 0.5 + 0.45 * rays[x] + 0.3 * foot[x]))
        mask.paste(strip.point([round(v * shine) for v in range(256)]), (x, round(low - tall)))
    light = mask.filter(ImageFilter.GaussianBlur(1.6)).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.screen(light, color, 0.75)
