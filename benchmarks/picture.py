"""The one picture that the sandbox serves: a megapixel whose files weigh what a photograph's do."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SIDE = 1024


def write(file: Path) -> None:
    """Write a JPEG of about 0.7 MB, whose thumbnail has some 25 kB: gradients under noise."""
    down = Image.linear_gradient("L").resize((SIDE, SIDE))
    round_ = Image.radial_gradient("L").resize((SIDE, SIDE))
    colours = Image.merge("RGB", (down, round_, down.rotate(90)))
    noise = Image.merge("RGB", [Image.effect_noise((SIDE, SIDE), 64) for _ in range(3)])
    Image.blend(colours, noise, 0.25).save(file, quality=96)
