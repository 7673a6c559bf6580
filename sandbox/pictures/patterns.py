"""Ribbons of silk, Bauhaus compositions, stained glass, cut paper."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFilter

from sandbox.pictures.canvas import Canvas, Point, fractal, ridge
from sandbox.pictures.palettes import Color, mix


def paint_ribbons(canvas: Canvas) -> None:
    tone, numbers = canvas.palette.tone, canvas.numbers
    canvas.fill([(0, tone(0.04)), (1, tone(0.2))])
    canvas.glow(canvas.at(numbers.random(), numbers.random()), canvas.unit * 0.9, tone(0.5), 0.5)
    colors = [tone(0.35), tone(0.6), canvas.palette.second, tone(0.8), canvas.palette.accent]
    for index, color in enumerate(colors):
        _paint_ribbon(canvas, color, (index + 0.5) / len(colors))
    canvas.soften(1.2)


def _paint_ribbon(canvas: Canvas, color: Color, level: float) -> None:
    """A band between two waving lines; where they cross, the silk turns over."""
    numbers = canvas.numbers
    steps, strands = 110, 24
    first, last = (
        [numbers.uniform(0.6, 2.2), numbers.uniform(0, 6.3), numbers.uniform(0.06, 0.17)] for _ in "ab"
    )
    spread, folds = numbers.uniform(0.1, 0.24), numbers.uniform(1.0, 2.4)
    slant = numbers.uniform(-0.35, 0.35)

    def point(step: int, strand: int) -> Point:
        along, across = step / steps, strand / strands
        middle = level + slant * (along - 0.5) + first[2] * math.sin(first[0] * along * 6.3 + first[1])
        turn = spread * math.sin(folds * along * 3.1 + last[1] + across * 0.6)
        return canvas.at(along * 1.2 - 0.1, middle + turn * (across - 0.5) * 2)

    light, dark = mix(color, (255, 255, 255), 0.5), mix(color, canvas.palette.tone(0), 0.75)
    pen = canvas.pen
    for strand in range(strands):
        for step in range(steps):
            phase = folds * step / steps * 3.1 + last[1] + strand / strands * 2.6
            shine = 0.5 + 0.5 * math.sin(phase * 2 + strand * 0.11)
            shade = (
                mix(dark, color, shine * 1.6) if shine < 0.625 else mix(color, light, (shine - 0.625) * 2.4)
            )
            corners = [
                point(step, strand),
                point(step + 1, strand),
                point(step + 1, strand + 1),
                point(step, strand + 1),
            ]
            pen.polygon(corners, fill=shade)


def paint_bauhaus(canvas: Canvas) -> None:
    palette, numbers = canvas.palette, canvas.numbers
    paper = mix(palette.tone(1.0), (247, 241, 228), 0.6)
    canvas.fill([(0, paper), (1, mix(paper, palette.tone(0.8), 0.12))])
    if canvas.has("mountain", "mountains", "peak") or (canvas.has("poster") and canvas.chance(0.5)):
        _paint_poster(canvas, paper)
    elif canvas.chance(0.5):
        _paint_tiles(canvas, paper)
    else:
        _paint_composition(canvas, paper)
    canvas.veil(fractal(numbers, canvas.size, (90, 90), 2).point([255 - v for v in range(256)]), paper, 0.12)


def _inks(canvas: Canvas) -> list[Color]:
    palette = canvas.palette
    return [palette.tone(0.08), palette.tone(0.4), palette.tone(0.62), palette.accent, palette.second]


def _paint_poster(canvas: Canvas, paper: Color) -> None:
    inks, numbers = _inks(canvas), canvas.numbers
    x, y = canvas.at(numbers.uniform(0.38, 0.62), 0.36)
    canvas.disc((x, y), canvas.unit * 0.2, canvas.palette.accent)
    peaks = [(0.3, 0.3, 0.42), (0.72, 0.38, 0.34), (0.5, 0.2, 0.5)]
    for number, (center, top, half) in enumerate(peaks):
        color = (inks[2], inks[1], inks[0])[number]
        tip = canvas.at(center + numbers.uniform(-0.04, 0.04), top + 0.06)
        left, right = canvas.at(center - half, 0.82), canvas.at(center + half, 0.82)
        canvas.pen.polygon([tip, left, right], fill=color)
        canvas.pen.polygon(
            [tip, right, (tip[0] + canvas.unit * 0.03, right[1])],
            fill=mix(color, canvas.palette.tone(0), 0.4),
        )
        _paint_snow(canvas, tip, left, right, paper)
    canvas.pen.rectangle((*canvas.at(0, 0.82), *canvas.at(1, 1)), fill=paper)
    for line in range(4):
        y = canvas.height * (0.86 + line * 0.028)
        half = canvas.width * (0.34 - line * 0.075)
        canvas.pen.rectangle((x - half, y, x + half, y + canvas.unit * 0.006), fill=inks[line % 2])


def _paint_snow(canvas: Canvas, tip: Point, left: Point, right: Point, paper: Color) -> None:
    def along(end: Point, share: float) -> Point:
        return tip[0] + (end[0] - tip[0]) * share, tip[1] + (end[1] - tip[1]) * share

    teeth = [along(left, 0.3), along(right, 0.3)]
    middle = [
        (tip[0] + (teeth[1][0] - tip[0]) * s, teeth[0][1] + canvas.unit * d)
        for s, d in ((0.45, -0.02), (0.1, 0.05), (-0.3, -0.015), (-0.6, 0.03))
    ]
    canvas.pen.polygon([tip, teeth[1], *middle, teeth[0]], fill=paper)
    canvas.pen.polygon(
        [tip, teeth[1], middle[0], middle[1], (tip[0] + canvas.unit * 0.01, middle[1][1])],
        fill=mix(paper, canvas.palette.tone(0.5), 0.35),
    )


def _paint_tiles(canvas: Canvas, paper: Color) -> None:
    numbers, inks = canvas.numbers, _inks(canvas)
    side = canvas.unit / numbers.choice((3, 4, 5))
    margin_x = (canvas.width % side) / 2
    margin_y = (canvas.height % side) / 2
    for column in range(int(canvas.width // side)):
        for row in range(int(canvas.height // side)):
            corner = margin_x + column * side, margin_y + row * side
            _paint_tile(canvas, corner, side, numbers.sample([*inks, paper, paper], 2))


def _paint_tile(canvas: Canvas, corner: Point, side: float, colors: list[Color]) -> None:
    (x, y), (back, ink) = corner, colors
    pen, kind = canvas.pen, canvas.numbers.randrange(6)
    pen.rectangle((x, y, x + side, y + side), fill=back)
    turn = canvas.numbers.randrange(4)
    cx, cy = x + side * (turn % 2), y + side * (turn // 2)
    if kind < 2:
        pen.pieslice((cx - side, cy - side, cx + side, cy + side), *_quarter(turn), fill=ink)
        if kind == 1:
            half = side / 2
            pen.pieslice((cx - half, cy - half, cx + half, cy + half), *_quarter(turn), fill=back)
    elif kind == 2:
        pen.ellipse((x + side * 0.12, y + side * 0.12, x + side * 0.88, y + side * 0.88), fill=ink)
    elif kind == 3:
        start = 90 * turn
        pen.pieslice((x, y, x + side, y + side), start, start + 180, fill=ink)
    elif kind == 4:
        pen.polygon([(x, y + side * (turn % 2)), (x + side, y + side), (x + side, y)], fill=ink)
    else:
        for stripe in range(4):
            top = y + side * (stripe + 0.25) / 4
            pen.rectangle((x, top, x + side, top + side / 8), fill=ink)


def _quarter(turn: int) -> tuple[int, int]:
    return {0: (0, 90), 1: (90, 180), 2: (270, 360), 3: (180, 270)}[turn]


def _paint_composition(canvas: Canvas, paper: Color) -> None:
    numbers, inks, unit = canvas.numbers, _inks(canvas), canvas.unit
    numbers.shuffle(inks)
    center = canvas.at(numbers.uniform(0.4, 0.6), numbers.uniform(0.38, 0.55))
    radius = unit * numbers.uniform(0.24, 0.32)
    canvas.disc(center, radius, inks[0])
    tilt = numbers.choice((30, 45, 60, -45, -30))
    _paint_bar(canvas, center, unit * 1.3, unit * 0.055, tilt, inks[1])
    _paint_bar(
        canvas, (center[0] + unit * 0.12, center[1] + unit * 0.16), unit * 0.9, unit * 0.016, tilt, inks[2]
    )
    _paint_bar(
        canvas, (center[0] - unit * 0.2, center[1] + unit * 0.1), unit * 0.6, unit * 0.1, tilt + 90, inks[3]
    )
    box = (center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)
    canvas.pen.pieslice(box, tilt, tilt + 180, fill=inks[4])
    canvas.disc((center[0] + radius * 0.9, center[1] - radius * 0.95), unit * 0.07, inks[2])
    for ring in range(5):
        size = unit * (0.06 + ring * 0.028)
        corner = (center[0] - radius * 1.15, center[1] + radius * 1.2)
        arc = (corner[0] - size, corner[1] - size, corner[0] + size, corner[1] + size)
        canvas.pen.arc(arc, 0, 360, fill=inks[ring % 2], width=max(2, round(unit * 0.006)))
    _paint_dots(canvas, (center[0] + radius * 0.6, center[1] + radius * 1.1), inks[1])


def _paint_dots(canvas: Canvas, corner: Point, color: Color) -> None:
    for column in range(5):
        for row in range(5):
            step = canvas.unit * 0.035
            canvas.disc((corner[0] + column * step, corner[1] + row * step), canvas.unit * 0.007, color)


def _paint_bar(canvas: Canvas, center: Point, length: float, width: float, tilt: float, color: Color) -> None:
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    corners = [
        (
            center[0] + cos * a * length / 2 - sin * b * width / 2,
            center[1] + sin * a * length / 2 + cos * b * width / 2,
        )
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    canvas.pen.polygon(corners, fill=color)


def paint_glass(canvas: Canvas) -> None:
    """Stained glass: the cells of scattered points, coloured by a landscape behind them."""
    numbers, tone = canvas.numbers, canvas.palette.tone
    sites = _scatter(canvas, 150)
    hills = ridge(numbers, 100, 0.5)
    sun = numbers.uniform(0.3, 0.7), numbers.uniform(0.25, 0.4)
    canvas.fill([(0, tone(0)), (1, tone(0))])
    for number, site in enumerate(sites):
        cell = _cell(number, sites, canvas.size)
        if len(cell) > 2:
            _paint_pane(canvas, cell, _glass_color(canvas, site, sun, hills))
    light = fractal(numbers, canvas.size, (7, 7), 5)
    canvas.screen(light.point([max(0, v - 110) for v in range(256)]), tone(0.95), 0.7)
    canvas.glow(canvas.at(*sun), canvas.unit * 0.6, canvas.palette.accent, 0.5)


def _scatter(canvas: Canvas, count: int) -> list[Point]:
    """Points that keep their distance: the best of some candidates each time."""
    numbers = canvas.numbers
    points: list[Point] = []
    for _ in range(count):
        tries = [canvas.at(numbers.random(), numbers.random()) for _ in range(8)]
        points.append(max(tries, key=lambda one: min((math.dist(one, p) for p in points), default=0)))
    return points


def _cell(number: int, sites: list[Point], size: tuple[int, int]) -> list[Point]:
    width, height = size
    cell: list[Point] = [(0, 0), (width, 0), (width, height), (0, height)]
    x, y = sites[number]
    nearest = sorted(sites, key=lambda p: (p[0] - x) ** 2 + (p[1] - y) ** 2)[1:18]
    for other in nearest:
        middle = (x + other[0]) / 2, (y + other[1]) / 2
        cell = _clip(cell, middle, (other[0] - x, other[1] - y))
    return cell


def _clip(cell: list[Point], middle: Point, normal: Point) -> list[Point]:
    """The part of a polygon on the near side of a line."""
    kept: list[Point] = []
    sides = [(x - middle[0]) * normal[0] + (y - middle[1]) * normal[1] for x, y in cell]
    for index, (point, side) in enumerate(zip(cell, sides, strict=True)):
        before, before_side = cell[index - 1], sides[index - 1]
        if (side > 0) != (before_side > 0):
            share = before_side / (before_side - side)
            kept.append(
                (before[0] + (point[0] - before[0]) * share, before[1] + (point[1] - before[1]) * share)
            )
        if side <= 0:
            kept.append(point)
    return kept


def _glass_color(canvas: Canvas, site: Point, sun: Point, hills: list[float]) -> Color:
    numbers, palette = canvas.numbers, canvas.palette
    x, y = site[0] / canvas.width, site[1] / canvas.height
    jitter = numbers.uniform(-0.07, 0.07)
    far = math.dist(site, canvas.at(*sun)) / canvas.unit
    if far < 0.13:
        return mix(palette.accent, (255, 255, 255), 0.3 + jitter)
    crest = 0.62 + 0.08 * hills[min(99, int(x * 100))]
    if y > crest + 0.16:
        return palette.tone(0.3 + jitter * 2)
    if y > crest:
        return mix(palette.second, palette.tone(0.4), 0.35 + jitter * 3)
    return mix(palette.tone(0.85 - far * 0.45 + jitter), palette.accent, max(0.0, 0.45 - far))


def _paint_pane(canvas: Canvas, cell: list[Point], color: Color) -> None:
    cx, cy = sum(x for x, _ in cell) / len(cell), sum(y for _, y in cell) / len(cell)
    lead = canvas.unit * 0.006
    inner = []
    for x, y in cell:
        far = max(1.0, math.hypot(x - cx, y - cy))
        inner.append((x + (cx - x) / far * lead, y + (cy - y) / far * lead))
    canvas.shape(
        inner, [(0, mix(color, (255, 255, 255), 0.16)), (1, mix(color, canvas.palette.tone(0), 0.22))]
    )


def paint_paper(canvas: Canvas) -> None:
    """Sheets with holes that grow smaller, one behind the other, and light at the bottom."""
    palette, numbers = canvas.palette, canvas.numbers
    center = canvas.at(numbers.uniform(0.42, 0.58), numbers.uniform(0.42, 0.58))
    lightest = mix(palette.tone(1.0), palette.accent, 0.15)
    canvas.fill([(0, lightest), (1, palette.tone(0.85))])
    canvas.disc(center, canvas.unit * 0.1, palette.accent)
    canvas.glow(center, canvas.unit * 0.35, palette.accent, 0.35)
    layers = 8
    bumps = [(numbers.randint(2, 7), numbers.uniform(0, 6.3), numbers.uniform(0.03, 0.11)) for _ in range(4)]
    for layer in range(layers):
        share = layer / (layers - 1)
        color = mix(palette.tone(0.92 - 0.9 * share), palette.second, 0.16 if layer % 3 == 1 else 0.0)
        _paint_sheet(canvas, center, share, color, bumps)


def _paint_sheet(
    canvas: Canvas, center: Point, share: float, color: Color, bumps: list[tuple[int, float, float]]
) -> None:
    radius = (0.17 + 0.62 * share**1.1) * canvas.unit
    stretch = 1 + (max(canvas.size) / canvas.unit - 1) * share
    wide, tall = (stretch, 1.0) if canvas.width > canvas.height else (1.0, stretch)
    hole: list[Point] = []
    for step in range(240):
        angle = step / 240 * math.tau
        wobble = 1 + sum(size * math.sin(count * angle + phase + share * 2.4) for count, phase, size in bumps)
        hole.append(
            (
                center[0] + math.cos(angle) * radius * wobble * wide,
                center[1] + math.sin(angle) * radius * wobble * tall,
            )
        )
    sheet = Image.new("L", canvas.size, 255)
    ImageDraw.Draw(sheet).polygon(hole, fill=0)
    _cast_shadow(canvas, sheet)
    canvas.veil(sheet, color)
    edge = mix(color, (255, 255, 255), 0.25)
    canvas.pen.line([*hole, hole[0]], fill=edge, width=max(1, round(canvas.unit * 0.0022)), joint="curve")


def _cast_shadow(canvas: Canvas, sheet: Image.Image) -> None:
    small = sheet.reduce(4)
    blurred = small.filter(ImageFilter.GaussianBlur(canvas.unit / 260))
    shift = round(canvas.unit * 0.014)
    shadow = Image.new("L", canvas.size, 0)
    shadow.paste(blurred.resize(canvas.size, Image.Resampling.BILINEAR), (shift // 2, shift))
    canvas.veil(shadow, mix(canvas.palette.tone(0), (0, 0, 0), 0.5), 0.5)
