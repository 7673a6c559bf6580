"""How large a picture is, which follows from endpoint and parameters."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import Any

from PIL import Image

# BFL publishes no table: the same number of pixels for every ratio, in multiples of 16.
_MEGAPIXEL = 1024 * 1024
_PIXELS = {
    "flux-kontext-pro": _MEGAPIXEL,
    "flux-kontext-max": _MEGAPIXEL,
    "flux-pro-1.1-ultra": 4 * _MEGAPIXEL,
}
_WIDEST = 21 / 9


def size_of(slug: str, params: Mapping[str, Any]) -> tuple[int, int]:
    if slug not in _PIXELS:
        return params["width"], params["height"]
    return _fit(_ratio(params), _PIXELS[slug])


def _ratio(params: Mapping[str, Any]) -> float:
    if params["aspect_ratio"]:
        width, height = params["aspect_ratio"].split(":")
        return int(width) / int(height)
    ratio = _input_ratio(params.get("input_image") or "")
    return min(_WIDEST, max(1 / _WIDEST, ratio))


def _input_ratio(text: str) -> float:
    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text)
        with Image.open(io.BytesIO(data)) as image:
            return image.width / image.height
    except (binascii.Error, ValueError, OSError, Image.DecompressionBombError):
        return 1.0


def _fit(ratio: float, pixels: int) -> tuple[int, int]:
    # Steps of 64 give what Ultra makes of 16:9, 2752x1536.
    step = 16 if pixels == _MEGAPIXEL else 64
    height = math.sqrt(pixels / ratio)
    return round(height * ratio / step) * step, round(height / step) * step
