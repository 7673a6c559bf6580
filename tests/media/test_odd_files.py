"""Files that other programs and other days have made: what may not be lost, and what may not be believed."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import c2pa
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageCms

from generations.media import containers, images, xmp
from generations.models import GeneratedImage, Generation
from generations.pipeline import lifecycle, tasks
from tests.conftest import make_ready, submit

CASES = Path(__file__).parent / "cases"
SIGNED = ["c2pa-signed.jpg", "c2pa-signed.png"]


def case(name: str) -> bytes:
    return (CASES / name).read_bytes()


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def chunk(name: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    sum = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", sum)


RED = Image.new("RGB", (64, 48), (250, 10, 10))
JPEG = encoded(RED, "JPEG", quality=95)
PNG = encoded(RED, "PNG")
WEBP = encoded(RED, "WEBP", lossless=True)


def in_jpeg(marker: int, data: bytes) -> bytes:
    return JPEG[:2] + segment(marker, data) + JPEG[2:]


def in_png(*chunks: bytes) -> bytes:
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def exif(orientation: int, *, kind: int = 3, count: int = 1, extra: bytes = b"") -> bytes:
    """Return EXIF data with an orientation, of any type and count, in Motorola's order."""
    value = struct.pack(">H", orientation) + b"\x00\x00"
    entries = struct.pack(">HHI", 0x0112, kind, count) + value
    return b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">H", 1) + entries + extra


def stored_as(alice: User, content: bytes) -> Generation:
    """Return a generation whose picture is this file, stored by the verbs of the pipeline."""
    (generation,) = lifecycle.create(alice, "flux-dev", {"prompt": "a fox in a signed file"})
    (claimed,) = lifecycle.claim()
    submit(claimed)
    make_ready(claimed)
    assert lifecycle.complete(claimed, images.store(claimed, content))
    return Generation.objects.get(pk=generation.pk)


# Content Credentials


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_file_is_kept_byte_for_byte_and_stays_valid(
    name: str, alice: User, as_alice: Client, media: Path
) -> None:
    generation = stored_as(alice, case(name))
    assert Path(generation.image.file.path).read_bytes() == case(name)
    address = f"/g/{generation.code}/download"
    original = as_alice.get(address).getvalue()
    archive = zipfile.ZipFile(io.BytesIO(as_alice.get("/gallery/pictures.zip").getvalue()))
    (zipped,) = [archive.read(entry) for entry in archive.namelist() if not entry.startswith("manifest")]
    assert original == zipped == case(name)
    assert failures(original, name) == failures(case(name), name)
    assert "a fox in a signed file" in archive.read("manifest.json").decode()


def failures(content: bytes, name: str) -> list[str]:
    """Return what the reference validator finds wrong, besides that it does not know the test's signer."""
    kind = "image/jpeg" if name.endswith("jpg") else "image/png"
    with c2pa.Reader(kind, io.BytesIO(content)) as reader:
        report = json.loads(reader.json())
    found = report.get("validation_status", [])
    return sorted({status["code"] for status in found} - {"signingCredential.untrusted"})


def test_the_validator_notices_what_our_metadata_did_to_a_signed_file() -> None:
    assert failures(case("c2pa-signed.jpg"), "a.jpg") == []
    changed = xmp.embed(case("c2pa-signed.jpg"), {"prompt": "x"})
    assert failures(changed, "a.jpg") == ["assertion.dataHash.mismatch"]


@pytest.mark.parametrize("name", SIGNED)
def test_the_page_that_reads_files_knows_ones_own_signed_file(
    name: str, alice: User, as_alice: Client, as_bob: Client, media: Path
) -> None:
    stored_as(alice, case(name))
    for client, knows in ((as_alice, True), (as_bob, False)):
        answer = client.post("/read/", {"file": SimpleUploadedFile(name, case(name))})
        assert ("a fox in a signed file" in answer.text) is knows


@pytest.mark.parametrize("name", SIGNED)
def test_a_clean_download_has_no_credentials_left(
    name: str, alice: User, as_alice: Client, media: Path
) -> None:
    generation = stored_as(alice, case(name))
    clean = as_alice.get(f"/g/{generation.code}/download?as=clean").content
    assert not containers.has_manifest(clean)
    assert images.read(clean).width == generation.image.width


# Metadata never decides whether pixels are kept


def test_an_odd_tag_beside_the_orientation_loses_no_picture() -> None:
    turned, upright = case("exif-turned-wrong-type.jpg"), case("exif-upright-wrong-type.jpg")
    assert (images.read(turned).width, images.read(turned).height) == (
        images.read(upright).height,
        images.read(upright).width,
    )


ODD_METADATA: dict[str, bytes] = {
    **{f"EXIF orientation of type {kind}": in_jpeg(0xE1, exif(1, kind=kind)) for kind in range(14)},
    "EXIF with an endless count": in_jpeg(0xE1, exif(1, count=2**32 - 1)),
    "EXIF that ends early": in_jpeg(0xE1, exif(1)[:20]),
    "EXIF whose next directory is itself": in_jpeg(0xE1, exif(1, extra=struct.pack(">I", 8))),
    "EXIF of garbage": in_jpeg(0xE1, b"Exif\x00\x00garbage"),
    "ICC of garbage": in_jpeg(0xE2, b"ICC_PROFILE\x00\x01\x01garbage"),
    "ICC of missing parts": in_jpeg(0xE2, b"ICC_PROFILE\x00\x02\x07garbage"),
    "ICC part 0 of 0": in_jpeg(0xE2, b"ICC_PROFILE\x00\x00\x00"),
    "MPF of garbage": in_jpeg(0xE2, b"MPF\x00garbage"),
    "Photoshop of garbage": in_jpeg(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\xff\xff\xff\xff"),
    "Adobe of no length": in_jpeg(0xEE, b"Adobe"),
    "a comment": in_jpeg(0xFE, b"\xff\xd8\xff\xd9"),
    "an empty APP segment": in_jpeg(0xE5, b""),
    "XMP that is no XML": in_jpeg(0xE1, containers.XMP_IN_JPEG + b"<x"),
    "bytes after the end": JPEG + b"trailer" * 1000,
    "PNG text that is a bomb": in_png(chunk(b"zTXt", b"bomb\x00\x00" + zlib.compress(bytes(200_000_000), 9))),
    "PNG international text that is a bomb": in_png(
        chunk(b"iTXt", containers.XMP_IN_PNG + b"\x01\x00\x00\x00" + zlib.compress(bytes(200_000_000), 9))
    ),
    "PNG profile of garbage": in_png(chunk(b"iCCP", b"x\x00\x00garbage")),
    "PNG profile without a name": in_png(chunk(b"iCCP", b"")),
    "PNG EXIF of garbage": in_png(chunk(b"eXIf", b"garbage")),
    "PNG gamma of no length": in_png(chunk(b"gAMA", b"")),
    "PNG density of no length": in_png(chunk(b"pHYs", b"\x00")),
    "PNG time of garbage": in_png(chunk(b"tIME", b"\xff" * 7)),
    "PNG text with a wrong sum": in_png(chunk(b"tEXt", b"a\x00b", crc=1)),
    "PNG unknown chunk": in_png(chunk(b"fuNk", b"x" * 1000)),
    "PNG bytes after the end": PNG + b"trailer" * 1000,
}


@pytest.mark.parametrize("name", ODD_METADATA)
def test_odd_metadata_loses_no_picture(name: str) -> None:
    picture = images.read(ODD_METADATA[name])
    assert (picture.width, picture.height) == (64, 48)
    assert picture.colors.getpixel((32, 24))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright_as_pillow_would(orientation: int) -> None:
    tall = images.read(in_jpeg(0xE1, exif(orientation)))
    assert (tall.width > tall.height) is (orientation < 5)


# What is not whole


def test_a_png_with_fewer_rows_than_it_says_is_not_whole() -> None:
    rows = b"".join(b"\x00" + bytes(3 * 64) for _ in range(40))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    content = containers.PNG_START + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    with pytest.raises(images.BadImage, match="not a whole picture"):
        images.read(content)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_whole_png_of_every_kind_is_kept(mode: str) -> None:
    image = Image.new("L", (37, 21)).convert(mode if mode != "I;16" else "L")
    image = image.convert("I").convert("I;16") if mode == "I;16" else image
    assert images.read(encoded(image, "PNG")).width == 37


# Colors


def test_a_thumbnail_and_a_conversion_show_the_colors_of_the_profile() -> None:
    content = case("icc-swapped-red-blue.jpg")
    raw = Image.open(io.BytesIO(content)).convert("RGB").getpixel((10, 10))
    assert isinstance(raw, tuple)
    thumbnail = Image.open(io.BytesIO(images.read(content).thumbnail)).convert("RGB").getpixel((10, 10))
    converted = Image.open(io.BytesIO(images.convert(content, "PNG"))).convert("RGB").getpixel((10, 10))
    for shown in (thumbnail, converted):
        assert isinstance(shown, tuple)
        # The file's numbers say red, its profile says that they mean blue.
        assert (raw[0] > raw[2], shown[0] > shown[2]) == (True, False)


@pytest.mark.parametrize(("format", "kept"), [("PNG", True), ("WEBP", True), ("JPEG", False)])
def test_what_is_transparent_stays_so_or_is_put_on_white(format: str, kept: bool) -> None:
    content = images.convert(case("alpha.png"), format)
    image = Image.open(io.BytesIO(content))
    clear = next(
        (x, y)
        for x in range(image.width)
        for y in range(image.height)
        if Image.open(io.BytesIO(case("alpha.png"))).convert("RGBA").getpixel((x, y))[3] == 0  # type: ignore[index]
    )
    if kept:
        assert image.convert("RGBA").getpixel(clear)[3] == 0  # type: ignore[index]
    else:
        assert image.convert("RGB").getpixel(clear) > (245, 245, 245)  # type: ignore[operator]


def test_the_thumbnail_of_a_transparent_picture_is_on_white() -> None:
    thumbnail = Image.open(io.BytesIO(images.read(case("alpha.png")).thumbnail)).convert("RGB")
    assert max(thumbnail.getdata()) > (245, 245, 245)
    assert (0, 0, 0) not in set(thumbnail.getdata())


def palette_with_transparency() -> Image.Image:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        (encoded(Image.new("I;16", (20, 20), 0x8000), "PNG"), (128, 128, 128)),
        (encoded(Image.new("L", (20, 20), 128), "JPEG"), (128, 128, 128)),
        (encoded(palette_with_transparency(), "PNG", transparency=0), (255, 255, 255)),
        (encoded(Image.new("LA", (20, 20), (0, 0)), "PNG"), (255, 255, 255)),
    ],
    ids=["CMYK", "16 bit", "gray", "palette", "gray with alpha"],
)
def test_every_kind_of_color_is_shown_right(content: bytes, expected: tuple[int, ...]) -> None:
    shown = images.read(content).colors.getpixel((10, 10))
    assert isinstance(shown, tuple)
    assert all(abs(one - other) < 12 for one, other in zip(shown, expected, strict=True))


def test_a_profile_on_a_gray_picture_is_no_reason_to_lose_it() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(Image.new("L", (20, 20), 128), "PNG", icc_profile=profile)
    assert images.read(content).colors.getpixel((10, 10)) == (128, 128, 128)


# Reading back


@pytest.mark.parametrize(
    "name", ["ours.jpg", "rated-by-exiv2.jpg", "rated-by-exiftool.jpg", "rated-by-exiftool.png"]
)
def test_a_file_that_was_rated_elsewhere_is_read_back(name: str) -> None:
    fields = xmp.extract(case(name))
    assert fields is not None
    assert fields["prompt"] == (xmp.extract(case("ours.jpg")) or {})["prompt"]


RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OURS = "https://fluxsite.invalid/ns/1.0/"
TEXT = '{"prompt": "a fox &amp; an owl"}'
PACKETS = {
    "an attribute": f"<d rdf:about=\"\" x:generation='{TEXT}'/>",
    "an element": f"<d><x:generation>{TEXT}</x:generation></d>",
    "a list": f"<d><x:generation><rdf:Alt><rdf:li>{TEXT}</rdf:li></rdf:Alt></x:generation></d>",
    "a value with qualifiers": f"<d><x:generation><rdf:Description><rdf:value>{TEXT}</rdf:value>"
    "</rdf:Description></x:generation></d>",
    "CDATA": "<d><x:generation><![CDATA[" + TEXT.replace("&amp;", "&") + "]]></x:generation></d>",
}


def packet(inside: str, encoding: str = "utf-8") -> bytes:
    return (
        f'<?xpacket begin="\ufeff"?><q:xmpmeta xmlns:q="adobe:ns:meta/" xmlns:rdf="{RDF}" xmlns:x="{OURS}">'
        f"<rdf:RDF>{inside}</rdf:RDF></q:xmpmeta><?xpacket end='w'?>"
    ).encode(encoding)


@pytest.mark.parametrize("name", PACKETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_our_fields_are_found_however_the_packet_is_written(name: str, encoding: str) -> None:
    content = in_jpeg(0xE1, containers.XMP_IN_JPEG + packet(PACKETS[name], encoding))
    assert xmp.extract(content) == {"prompt": "a fox & an owl"}


def test_our_fields_are_found_in_webp_and_in_compressed_text() -> None:
    data = packet(PACKETS["an attribute"])
    in_webp = WEBP + b"XMP " + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2)
    in_text = in_png(chunk(b"iTXt", containers.XMP_IN_PNG + b"\x01\x00\x00\x00" + zlib.compress(data)))
    assert xmp.extract(in_webp) == xmp.extract(in_text) == {"prompt": "a fox & an owl"}


def test_a_packet_with_entities_is_not_read() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    assert xmp.extract(in_jpeg(0xE1, containers.XMP_IN_JPEG + bomb)) is None


def test_only_so_many_fields_of_a_file_are_read() -> None:
    many = json.dumps({f"key{number}": 1 for number in range(3000)})
    inside = f"<d><x:generation>{many}</x:generation></d>"
    assert len(xmp.extract(in_jpeg(0xE1, containers.XMP_IN_JPEG + packet(inside))) or {}) == xmp.MOST_FIELDS


def test_a_packet_of_too_many_tags_is_not_read() -> None:
    data = packet("<d>" + "<e/>" * xmp.MOST_TAGS + f"<x:generation>{TEXT}</x:generation></d>")
    assert xmp.extract(in_jpeg(0xE1, containers.XMP_IN_JPEG + data)) is None


def test_a_packet_that_is_too_large_is_not_read() -> None:
    data = packet(PACKETS["an element"]) + b" " * containers.LONGEST_XMP
    text = in_png(chunk(b"iTXt", containers.XMP_IN_PNG + b"\x00\x00\x00\x00" + data))
    assert xmp.extract(text) is None


# Time


GROWING: dict[str, Callable[[int], bytes]] = {
    "repeated openers": lambda n: b"\xff\xd8" + b"<fluxsite:generation>" * n,
    "openers in a packet": lambda n: in_png(
        chunk(b"iTXt", containers.XMP_IN_PNG + b"\x00\x00\x00\x00" + b"<a>" * n)
    ),
    "empty JPEG segments": lambda n: b"\xff\xd8" + b"\xff\xe1\x00\x02" * n,
    "JPEG segments without length": lambda n: b"\xff\xd8" + b"\xff\xe1\x00\x00" * n,
    "scans without end": lambda n: b"\xff\xd8" + b"\xff\xda\x00\x02" * n,
    "escaped bytes in a scan": lambda n: b"\xff\xd8\xff\xda\x00\x02" + b"\xff\x00" * n,
    "empty PNG chunks": lambda n: in_png(chunk(b"tEXt", b"") * n),
    "PNG texts of XMP": lambda n: in_png(chunk(b"iTXt", containers.XMP_IN_PNG) * n),
    "empty WebP chunks": lambda n: WEBP + (b"XMP " + bytes(4)) * n,
}


@pytest.mark.parametrize("name", GROWING)
def test_twice_the_bytes_take_no_more_than_twice_the_time(name: str) -> None:
    once, twice = GROWING[name](40_000), GROWING[name](80_000)
    assert quickest(twice) <= 2.5 * quickest(once) + 0.02


def quickest(content: bytes) -> float:
    """Return the seconds that reading and stripping take, the best of seven."""
    times = []
    for _ in range(7):
        began_at = time.process_time()
        xmp.extract(content)
        containers.has_manifest(content)
        xmp.strip(content)
        times.append(time.process_time() - began_at)
    return min(times)


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_a_clean_download_ends_where_the_picture_ends(content: bytes) -> None:
    hidden = content + b"<script>" * 100
    assert b"<script>" not in images.without_metadata(hidden)
    assert images.read(images.without_metadata(hidden)).width == 64


# Renditions


def test_a_large_picture_has_its_renditions_and_they_go_with_it(
    alice: User, as_alice: Client, media: Path
) -> None:
    generation = stored_as(alice, encoded(Image.new("RGB", (2000, 1000), "teal"), "PNG"))
    assert generation.image.renditions == [1024]
    address = f"/g/{generation.code}/rendition/1600"
    assert as_alice.get(address)["Location"] == f"/g/{generation.code}/image"
    tasks.make_renditions(generation.pk)
    image = GeneratedImage.objects.get()
    assert image.renditions == [1024, 1600]
    answer = as_alice.get(address)
    assert Image.open(io.BytesIO(answer.getvalue())).size == (1600, 800)
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    images.discard(generation)
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_picture_offers_the_browser_all_its_copies(alice: User, as_alice: Client, media: Path) -> None:
    generation = stored_as(alice, encoded(Image.new("RGB", (1360, 768), "teal"), "PNG"))
    page = as_alice.get("/").text
    url = f"/g/{generation.code}/"
    assert f'srcset="{url}thumbnail 512w, {url}rendition/1024 1024w, {url}rendition/1600 1360w"' in page


def test_there_are_no_other_renditions(alice: User, as_alice: Client, media: Path) -> None:
    generation = stored_as(alice, PNG)
    assert as_alice.get(f"/g/{generation.code}/rendition/99").status_code == 404
