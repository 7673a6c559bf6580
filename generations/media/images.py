"""Bytes from outside, turned into a picture that is safe to keep and what we show of it."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

# The plugins by name: without them every process loads all of Pillow's at its first picture.
from PIL import (  # noqa: F401
    ExifTags,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from generations.media import pixel_data, provenance, renditions, xmp
from generations.models import GeneratedImage, Generation

PLACEHOLDER_SIDE = 16
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

_BEST: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"quality": 95, "method": 2},
}
_HAS_ALPHA = frozenset({"PNG", "WEBP"})
# EXIF 2.32, tag Orientation: what has to be done to a picture before it is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(Exception):
    """Not a picture that we keep: another format, too many pixels, or not whole."""

    is_final = False
    """Whether these bytes can never become a picture, however often they are fetched."""


class NeverAnImage(BadImage):
    """No picture, or one that is too large: fetching it again brings the same."""

    is_final = True


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was decoded, with its renditions."""

    format: str
    width: int
    height: int
    thumbnail: bytes
    thumbnail_width: int
    thumbnail_height: int
    placeholder: str
    colors: Image.Image
    """Upright and in sRGB, on white where it was transparent."""


def read(content: bytes) -> Picture:
    """Return the picture in these bytes, going by what they are and not by any name. Raises BadImage."""
    with _opened(content) as image:
        return _render(image)


def store(generation: Generation, content: bytes) -> GeneratedImage:
    """Check, render and write a picture; return the image, not saved yet. Raises BadImage.

    Its files are named after the generation, so that doing it again replaces them and leaves nothing over.
    """
    picture = read(content)
    if not provenance.is_signed(content):
        content = xmp.embed(content, describe(generation))
    sides = renditions.needed_sides(picture.width, picture.height)
    if not sides:
        # An earlier try may have had a larger picture.
        renditions.delete(generation)
    for side in sides[:1]:
        renditions.write(generation, picture.colors, side)
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
        largest_rendition=sides[0] if sides else 0,
    )


def make_renditions(image: GeneratedImage) -> None:
    """Make the renditions that a stored picture still lacks. Raises BadImage, OSError."""
    sides = renditions.needed_sides(image.width, image.height)
    missing = [side for side in sides if side > image.largest_rendition]
    if not missing:
        return
    with image.file.open("rb") as file, _opened(file.read()) as stored:
        colors = _on_white(_in_srgb(stored))
    for side in missing:
        renditions.write(image.generation, colors, side)
    GeneratedImage.objects.filter(pk=image.pk).update(largest_rendition=missing[-1])


def discard(generation: Generation, *, kept: str | None = None) -> None:
    """Remove what was written for a generation, if anything was, but a picture in the format `kept`."""
    for format in EXTENSIONS.keys() - {kept}:
        default_storage.delete(_file_name(generation, format))
    if kept is None:
        default_storage.delete(_thumbnail_name(generation))
        renditions.delete(generation)


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
    """Return a stored picture as another of our formats, in the best that it has, in sRGB without metadata.

    What is transparent stays so in PNG and WebP, and is put on white in JPEG.
    """
    with _opened(content) as image:
        colors = _in_srgb(image)
    if format not in _HAS_ALPHA:
        colors = _on_white(colors)
    buffer = io.BytesIO()
    colors.save(buffer, format, **_BEST[format])
    return buffer.getvalue()


def without_metadata(content: bytes) -> bytes:
    """Return a stored picture with nothing in the file but the picture."""
    with _opened(content) as image:
        is_turned, format = _turn_of(image) is not None, _format_of(image)
    # How it is turned is metadata too: then the pixels must be turned themselves.
    return convert(content, format) if is_turned else xmp.strip(content)


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """Decode to the last row, without the metadata where that is what cannot be read. Raises BadImage."""
    image = _decoded(content)
    with image:
        yield image


def _decoded(content: bytes) -> Image.Image:
    try:
        return _load(content)
    except NeverAnImage:
        raise
    # Pillow's decoders raise whatever they stumble on: SyntaxError, ValueError, struct.error …
    except Exception as error:
        bare = xmp.bare(content)
        if bare == content:
            raise BadImage(f"not a whole picture: {type(error).__name__}") from error
    try:
        return _load(bare)
    except NeverAnImage:
        raise
    except Exception as error:
        raise BadImage(f"not a whole picture: {type(error).__name__}") from error


def _load(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow only warns of a decompression bomb up to twice its limit.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=list(EXTENSIONS))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise NeverAnImage("it has far too many pixels") from None
        except UnidentifiedImageError:
            raise _unidentified(content) from None
    if image.width * image.height > settings.IMAGE_MAX_PIXELS:
        raise NeverAnImage(f"{image.width} by {image.height} pixels are too many")
    image.load()
    if not pixel_data.is_whole(content):
        raise ValueError("rows are missing")
    return image


def _unidentified(content: bytes) -> BadImage:
    # What begins as one of our formats may have been cut short.
    if content[:2] == b"\xff\xd8" or content[:4] in (b"\x89PNG", b"RIFF") or not content:
        return BadImage("not a whole picture: UnidentifiedImageError")
    return NeverAnImage("it is no JPEG, PNG or WebP")


def _render(image: Image.Image) -> Picture:
    colors = _on_white(_in_srgb(image))
    thumbnail = renditions.make(colors, renditions.THUMBNAIL_SIDE)
    tiny = thumbnail.copy()
    tiny.thumbnail((PLACEHOLDER_SIDE, PLACEHOLDER_SIDE))
    placeholder = base64.b64encode(renditions.encode(tiny, quality=30)).decode()
    return Picture(
        format=_format_of(image),
        width=colors.width,
        height=colors.height,
        thumbnail=renditions.encode(thumbnail),
        thumbnail_width=thumbnail.width,
        thumbnail_height=thumbnail.height,
        placeholder=f"data:image/webp;base64,{placeholder}",
        colors=colors,
    )


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return the picture upright, in sRGB, as RGB or, where it is transparent anywhere, as RGBA."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    colors = _with_profile(image, mode) or _eight_bit(image).convert(mode)
    turn = _turn_of(image)
    return colors if turn is None else colors.transpose(turn)


def _with_profile(image: Image.Image, mode: str) -> Image.Image | None:
    """Return the picture converted by its own color profile, or None if it has none that can be read."""
    profile = image.info.get("icc_profile")
    if not profile:
        return None
    given = image if image.mode in ("RGB", "RGBA", "CMYK", "L") else _eight_bit(image).convert(mode)
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(given, own, _srgb(), outputMode=_mode_of(given))
        return converted.convert(mode) if converted else None
    return None


def _mode_of(image: Image.Image) -> str:
    return "RGBA" if image.mode == "RGBA" else "RGB"


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _eight_bit(image: Image.Image) -> Image.Image:
    # Pillow would cut off what is brighter than 255 of 65,535.
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image


def _on_white(colors: Image.Image) -> Image.Image:
    if colors.mode == "RGB":
        return colors
    ground = Image.new("RGB", colors.size, "white")
    ground.paste(colors, mask=colors.getchannel("A"))
    return ground


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """Return what makes the picture upright, as a browser would; None if nothing has to be done."""
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as above: whatever Pillow stumbles on
        return None


def _format_of(image: Image.Image) -> str:
    # A JPEG with further pictures behind it is still one.
    name = {"MPO": "JPEG"}.get(str(image.format), str(image.format))
    if name not in EXTENSIONS:
        raise NeverAnImage(f"{name} is not a format that we keep")
    return name
