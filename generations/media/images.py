"""Bytes from outside, turned into a picture that is safe to keep and what we show of it."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

# The plugins by name: without them every process loads all of Pillow's at its first picture.
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from generations.media import xmp
from generations.models import GeneratedImage, Generation

THUMBNAIL_SIDE = 512
PLACEHOLDER_SIDE = 16
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

_BEST: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"quality": 95, "method": 2},
}


class BadImage(Exception):
    """Not a picture that we keep: another format, too many pixels, or not whole."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was decoded to its last row, with its renditions."""

    format: str
    width: int
    height: int
    thumbnail: bytes
    thumbnail_width: int
    thumbnail_height: int
    placeholder: str


def read(content: bytes) -> Picture:
    """Return the picture in these bytes, going by what they are and not by any name. Raises BadImage."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a decompression bomb up to twice its limit.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(EXTENSIONS)) as image:
                return _render(image)
    except BadImage:
        raise
    # Pillow's decoders raise whatever they stumble on: SyntaxError, ValueError, struct.error …
    except Exception as error:
        raise BadImage(f"not a whole picture: {type(error).__name__}") from error


def store(generation: Generation, content: bytes) -> GeneratedImage:
    """Check, render and write a picture; return the image, not saved yet. Raises BadImage.

    Its files are named after the generation, so that doing it again replaces them and leaves nothing over.
    """
    picture = read(content)
    content = xmp.embed(content, describe(generation))
    return GeneratedImage(
        file=default_storage.save(_file_name(generation, picture.format), ContentFile(content)),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        byte_size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        thumbnail=default_storage.save(_thumbnail_name(generation), ContentFile(picture.thumbnail)),
        thumbnail_width=picture.thumbnail_width,
        thumbnail_height=picture.thumbnail_height,
        placeholder=picture.placeholder,
    )


def discard(generation: Generation, *, kept: str | None = None) -> None:
    """Remove what was written for a generation, if anything was, but a picture in the format `kept`."""
    for format in EXTENSIONS.keys() - {kept}:
        default_storage.delete(_file_name(generation, format))
    if kept is None:
        default_storage.delete(_thumbnail_name(generation))


def _file_name(generation: Generation, format: str) -> str:
    return f"images/{generation.code.hex[:2]}/{generation.code}.{EXTENSIONS[format]}"


def _thumbnail_name(generation: Generation) -> str:
    return f"thumbnails/{generation.code.hex[:2]}/{generation.code}.webp"


def describe(generation: Generation) -> Mapping[str, object]:
    """Return what goes into the file: every parameter, the seed that was used, endpoint and time."""
    fields = {**generation.params, "endpoint": generation.endpoint}
    if generation.seed is not None:
        fields["seed"] = generation.seed
    if generation.wording:
        fields["final_prompt"] = generation.wording
    return {**fields, "created_at": generation.created_at.isoformat(), "code": str(generation.code)}


def convert(content: bytes, format: str) -> bytes:
    """Return a stored picture as another of our formats, in the best that it has; without any metadata."""
    with Image.open(io.BytesIO(content), formats=list(EXTENSIONS)) as image:
        profile = image.info.get("icc_profile")
        colours = ImageOps.exif_transpose(image).convert("RGB")
    buffer = io.BytesIO()
    colours.save(buffer, format, icc_profile=profile, **_BEST[format])
    return buffer.getvalue()


def without_metadata(content: bytes) -> bytes:
    """Return a stored picture with nothing in the file but the picture."""
    with Image.open(io.BytesIO(content), formats=list(EXTENSIONS)) as image:
        is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        format = _format_of(image)
    # How it is turned is metadata too: then the pixels must be turned themselves.
    return convert(content, format) if is_turned else xmp.strip(content)


def _render(image: Image.Image) -> Picture:
    if image.width * image.height > settings.IMAGE_MAX_PIXELS:
        raise BadImage(f"{image.width} by {image.height} pixels are too many")
    # Converting decodes to the last row. A browser turns a picture as its EXIF data says, so we do too.
    colours = ImageOps.exif_transpose(image).convert("RGB")
    thumbnail = colours.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=1)
    tiny = thumbnail.copy()
    tiny.thumbnail((PLACEHOLDER_SIDE, PLACEHOLDER_SIDE))
    return Picture(
        format=_format_of(image),
        width=colours.width,
        height=colours.height,
        thumbnail=_webp(thumbnail, quality=80),
        thumbnail_width=thumbnail.width,
        thumbnail_height=thumbnail.height,
        placeholder="data:image/webp;base64," + base64.b64encode(_webp(tiny, quality=30)).decode(),
    )


def _format_of(image: Image.Image) -> str:
    # A JPEG with further pictures behind it is still one.
    name = {"MPO": "JPEG"}.get(str(image.format), str(image.format))
    if name not in EXTENSIONS:
        raise BadImage(f"{name} is not a format that we keep")
    return name


def _webp(image: Image.Image, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
