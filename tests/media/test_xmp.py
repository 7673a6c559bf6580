from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generations.media import xmp

PROMPTS = [
    "a lighthouse at dusk",
    "Ein Leuchtturm — “Dämmerung” 灯台 منارة",
    "\"quoted\" 'single' back\\slash",
    "]]> <b> </fluxsite:generation> <fluxsite:generation> &amp; & &lt; <!-- --> <?xpacket end='r'?>",
    "one\ntwo\r\nthree\ttab",
    "🌊👩‍🚀🏳️‍🌈",
    "é" * 4000,
    "&" * 4000,
    '"' * 4000,
    "🌊" * 4000,
]
XMP = "{http://purl.org/dc/elements/1.1/}description"


def encoded(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


JPEG, PNG, WEBP = encoded("JPEG"), encoded("PNG"), encoded("WEBP")


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def packet_in(content: bytes) -> bytes:
    """Return the XMP packet as an independent reader finds it."""
    found = opened(content).info["xmp"]
    return found if isinstance(found, bytes) else str(found).encode()


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt[:12])
@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_it_finds_again_what_it_wrote(content: bytes, prompt: str) -> None:
    fields = {"prompt": prompt, "seed": 2**63 - 1, "guidance": 2.5, "raw": False, "none": None}
    written = xmp.embed(content, fields)
    assert len(written) > len(content)
    assert xmp.extract(written) == fields


FIELDS = st.dictionaries(
    st.text(max_size=20), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
)


@settings(max_examples=50, deadline=None, database=None)
@given(prompt=st.text(max_size=500), fields=FIELDS)
def test_it_finds_again_whatever_it_wrote(prompt: str, fields: dict[str, object]) -> None:
    fields = {**fields, "prompt": prompt}
    assert xmp.extract(xmp.embed(JPEG, fields)) == fields
    assert xmp.extract(xmp.embed(PNG, fields)) == fields


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_it_leaves_the_pixels_alone(content: bytes) -> None:
    written = xmp.embed(content, {"prompt": "x"})
    Image.open(io.BytesIO(written)).verify()
    assert opened(written).tobytes() == opened(content).tobytes()
    assert opened(written).format == opened(content).format


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_it_only_adds_to_the_file(content: bytes) -> None:
    written = xmp.embed(content, {"prompt": "x"})
    added = len(written) - len(content)
    at = next(n for n, (old, new) in enumerate(zip(content, written, strict=False)) if old != new)
    # The first byte that differs may come late, where old and new happen to begin alike.
    assert any(written[:n] + written[n + added :] == content for n in range(max(0, at - 8), at + 1))


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt[:12])
@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_it_writes_a_packet_that_other_programs_read(content: bytes, prompt: str) -> None:
    root = ElementTree.fromstring(packet_in(xmp.embed(content, {"prompt": prompt})))
    description = root.find(f".//{XMP}")
    assert description is not None
    # A parser makes one \n of every end of line.
    assert "".join(description.itertext()).strip() == prompt.replace("\r\n", "\n")


def test_it_puts_its_segment_behind_the_jfif_header() -> None:
    written = xmp.embed(JPEG, {"prompt": "x"})
    assert written[:4] == JPEG[:4] == b"\xff\xd8\xff\xe0"
    assert written[20:22] == b"\xff\xe1"
    assert written[24:].startswith(b"http://ns.adobe.com/xap/1.0/\x00")


def test_it_takes_a_jpeg_that_begins_with_exif() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    content = encoded("JPEG", exif=exif)
    written = xmp.embed(b"\xff\xd8" + content[20:], {"prompt": "x"})
    assert opened(written).getexif()[0x010E] == "a description"
    assert xmp.extract(written) == {"prompt": "x"}


def test_it_puts_its_chunk_behind_the_png_header() -> None:
    written = xmp.embed(PNG, {"prompt": "x"})
    assert written[:33] == PNG[:33]
    assert written[37:41] == b"iTXt"


def test_it_leaves_a_jpeg_alone_that_has_no_room() -> None:
    fields = {"prompt": "x" * 65_000}
    assert xmp.embed(JPEG, fields) == JPEG
    assert xmp.extract(xmp.embed(PNG, fields)) == fields


def test_it_uses_a_jpeg_segment_to_its_last_byte() -> None:
    empty = len(packet_in(xmp.embed(JPEG, {"prompt": "", "x": ""})))
    room = 0xFFFF - 2 - len(b"http://ns.adobe.com/xap/1.0/\x00") - empty
    fields = {"prompt": "", "x": "y" * room}
    assert xmp.extract(xmp.embed(JPEG, fields)) == fields
    assert opened(xmp.embed(JPEG, fields)).size == (64, 64)
    assert xmp.embed(JPEG, {**fields, "x": "y" * (room + 1)}) == JPEG


@pytest.mark.parametrize("content", [WEBP, b"", b"GIF89a", b"<svg/>", b"\xff\xd7"])
def test_it_leaves_other_files_alone(content: bytes) -> None:
    assert xmp.embed(content, {"prompt": "x"}) == content
    assert xmp.extract(content) is None


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b"junk",
        b"[1]",
        b'"text"',
        b"\xff\xfe",
        b'{"prompt":',
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"9" * 5000, id="huge"),
    ],
)
def test_it_finds_nothing_in_junk(inside: bytes) -> None:
    assert xmp.extract(b"\xff\xd8<fluxsite:generation>" + inside + b"</fluxsite:generation>") is None


def test_it_finds_nothing_in_a_file_that_was_cut() -> None:
    written = xmp.embed(PNG, {"prompt": "x" * 100})
    assert xmp.extract(PNG) is None
    assert xmp.extract(written[:300]) is None


def test_it_survives_a_rewritten_prompt_that_is_no_valid_text() -> None:
    assert xmp.extract(xmp.embed(PNG, {"prompt": "x", "final_prompt": "a\ud800b"})) is not None
