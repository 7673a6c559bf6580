from __future__ import annotations

import base64
import hashlib
import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from PIL import Image
from pytest_django import Settings

from generations.media import images, xmp
from generations.models import Generation
from generations.pipeline import lifecycle

FORMATS = ["JPEG", "PNG", "WEBP"]
NAMES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


def drawing(width: int = 600, height: int = 300) -> Image.Image:
    """Return a picture with something to compress in every row."""
    noise = Image.frombytes("L", (256, 256), random.Random(1).randbytes(256 * 256))
    merged = Image.merge("RGB", (Image.linear_gradient("L"), Image.radial_gradient("L"), noise))
    return merged.resize((width, height))


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    # Quick to write: how well it is packed does not matter here.
    image.save(buffer, format, **{"compress_level": 1, "method": 0, **options})
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def thumbnail_of(image: Image.Image, format: str = "PNG", **options: object) -> Image.Image:
    return opened(images.read(encoded(image, format, **options)).thumbnail)


def middle(image: Image.Image) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return tuple(round(value) for value in pixel)


@pytest.fixture
def generation(alice: User) -> Generation:
    return lifecycle.create(alice, "flux-dev", {"prompt": "a lighthouse", "seed": 7})[0]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("format", FORMATS)
def test_it_knows_a_picture_by_its_content(format: str) -> None:
    picture = images.read(encoded(drawing(), format))
    assert (picture.format, picture.width, picture.height) == (format, 600, 300)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_it_refuses_a_picture_that_was_cut(format: str, kept: float) -> None:
    content = encoded(drawing(), format)
    with pytest.raises(images.BadImage):
        images.read(content[: int(len(content) * kept)])


@pytest.mark.parametrize("missing", [20, 100, 1000])
def test_it_refuses_a_jpeg_without_its_end(missing: int) -> None:
    with pytest.raises(images.BadImage):
        images.read(encoded(drawing(), "JPEG")[:-missing])


def test_it_refuses_a_few_bytes_that_claim_many_pixels() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(1000)), b"IEND"]
    content = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )
    with pytest.raises(images.BadImage, match="far too many pixels"):
        images.read(b"\x89PNG\r\n\x1a\n" + content)


def test_it_refuses_more_pixels_than_the_limit(settings: Settings) -> None:
    settings.IMAGE_MAX_PIXELS = 600 * 300
    assert images.read(encoded(drawing())).width == 600
    with pytest.raises(images.BadImage, match="600 by 301 pixels are too many"):
        images.read(encoded(drawing(600, 301)))


def test_it_takes_the_largest_picture_that_bfl_makes() -> None:
    assert images.read(encoded(Image.new("RGB", (3136, 1344)), "JPEG")).width == 3136


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000"])
def test_it_refuses_other_formats(format: str) -> None:
    with pytest.raises(images.BadImage):
        images.read(encoded(drawing(32, 32), format))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><title>Sign in</title>",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b'{"detail": "expired"}',
    ],
)
def test_it_refuses_what_is_no_picture(content: bytes) -> None:
    with pytest.raises(images.BadImage):
        images.read(content)


@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [((1024, 512), (512, 256)), ((512, 1024), (256, 512)), ((512, 512), (512, 512)), ((90, 40), (90, 40))],
)
def test_it_makes_a_small_webp_of_the_same_shape(size: tuple[int, int], thumbnail: tuple[int, int]) -> None:
    picture = images.read(encoded(drawing(*size), "JPEG"))
    rendition = opened(picture.thumbnail)
    assert rendition.format == "WEBP"
    assert rendition.size == (picture.thumbnail_width, picture.thumbnail_height) == thumbnail


@pytest.mark.parametrize("size", [(1024, 512), (300, 300), (5, 3)])
def test_it_makes_a_placeholder_for_the_page(size: tuple[int, int]) -> None:
    placeholder = images.read(encoded(drawing(*size))).placeholder
    start, _, data = placeholder.partition(",")
    tiny = opened(base64.b64decode(data, validate=True))
    assert start == "data:image/webp;base64"
    assert max(tiny.size) <= 16
    assert len(placeholder) < 600


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_it_takes_every_kind_of_png(mode: str) -> None:
    thumbnail = thumbnail_of(Image.new("RGB", (64, 64), (255, 255, 255)).convert(mode))
    assert min(middle(thumbnail)) > 245


def test_it_takes_a_jpeg_for_printing() -> None:
    thumbnail = thumbnail_of(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")
    red, green, blue = middle(thumbnail)
    assert red > 200
    assert max(green, blue) < 60


def test_it_shows_a_picture_the_way_up_that_browsers_do() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (100, 50), (255, 0, 0))
    picture = images.read(encoded(lying, "JPEG", exif=exif))
    assert (picture.width, picture.height) == (50, 100)
    assert opened(picture.thumbnail).size == (50, 100)


@pytest.mark.parametrize("format", FORMATS)
def test_it_keeps_the_file_under_the_code_of_the_generation(
    format: str, generation: Generation, media: Path
) -> None:
    images.store(generation, encoded(drawing(), format))
    code = generation.code
    assert files_in(media) == [
        f"images/{code.hex[:2]}/{code}.{NAMES[format]}",
        f"renditions/{code.hex[:2]}/{code}-1024.webp",
        f"thumbnails/{code.hex[:2]}/{code}.webp",
    ]


def test_it_measures_the_file_that_is_kept(generation: Generation, media: Path) -> None:
    image = images.store(generation, encoded(drawing(), "JPEG"))
    kept = Path(image.file.path).read_bytes()
    assert image.sha256 == hashlib.sha256(kept).hexdigest()
    assert image.byte_size == len(kept)
    assert opened(kept).size == (image.width, image.height) == (600, 300)
    assert opened(Path(image.thumbnail.path).read_bytes()).size == (512, 256)


def test_it_writes_the_parameters_into_the_file(generation: Generation, media: Path) -> None:
    generation.seed, generation.final_prompt = 42, "a lighthouse in fog"
    image = images.store(generation, encoded(drawing()))
    fields = xmp.extract(Path(image.file.path).read_bytes())
    assert fields is not None
    assert {name: fields[name] for name in generation.params} == {**generation.params, "seed": 42}
    assert (fields["endpoint"], fields["final_prompt"]) == ("flux-dev", "a lighthouse in fog")


def test_it_leaves_one_file_when_stored_twice(generation: Generation, media: Path) -> None:
    first = images.store(generation, encoded(drawing(), "JPEG"))
    second = images.store(generation, encoded(drawing(320, 200), "JPEG"))
    assert first.file.name == second.file.name
    assert len(files_in(media)) == 2
    assert opened(Path(first.file.path).read_bytes()).size == (320, 200)


def test_it_writes_nothing_for_what_is_no_picture(generation: Generation, media: Path) -> None:
    with pytest.raises(images.BadImage):
        images.store(generation, b"<!doctype html>")
    assert files_in(media) == []


def test_it_saves_no_row_by_itself(generation: Generation, media: Path) -> None:
    assert images.store(generation, encoded(drawing())).pk is None


def test_it_discards_the_files(generation: Generation, media: Path) -> None:
    for format in FORMATS:
        images.store(generation, encoded(drawing(), format))
    images.discard(generation)
    images.discard(generation)
    assert files_in(media) == []


def test_it_discards_nothing_of_another_generation(generation: Generation, alice: User, media: Path) -> None:
    other = lifecycle.create(alice, "flux-dev", {"prompt": "a fox"})[0]
    image = images.store(other, encoded(drawing(), "JPEG"))
    images.discard(generation)
    image.generation = other
    assert files_in(media) == sorted(image.file_names)
