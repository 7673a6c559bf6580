"""Prompt and parameters inside the picture's own file, as an XMP packet. The pixels are not touched.

JPEG keeps it in an APP1 segment, PNG in an iTXt chunk (XMP specification part 3). Other formats go without.
strip() takes out these and whatever else is no part of the picture.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, unescape

_JPEG_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG_HEADER = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# A JPEG segment's length has two bytes, and counts itself.
_JPEG_MAX = 0xFFFF - 2 - len(_JPEG_HEADER)
# What a file is read with: its size, colours and pixels. In a JPEG also the start of JFIF, the colour profile
# and Adobe's word on how colours are coded.
_PNG_KEPT = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"cHRM",
        b"gAMA",
        b"iCCP",
        b"sBIT",
        b"sRGB",
        b"cICP",
        b"pHYs",
    )
)
_JPEG_DROPPED = frozenset({0xE1, *range(0xE3, 0xEE), 0xEF, 0xFE})
_JPEG_SCAN = 0xDA
_WEBP_DROPPED = frozenset((b"EXIF", b"XMP "))
_WEBP_FLAGS = 0x08 | 0x04
_FIELDS = re.compile(rb"<fluxsite:generation>(.*?)</fluxsite:generation>", re.DOTALL)

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:fluxsite="https://fluxsite.invalid/ns/1.0/" \
xmp:CreatorTool="fluxsite">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{prompt}</rdf:li></rdf:Alt></dc:description>
<fluxsite:generation>{fields}</fluxsite:generation>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def embed(content: bytes, fields: Mapping[str, object]) -> bytes:
    """Return the file with `fields` (JSON values) in it, or as it was if it has no room for them."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    packet = _PACKET.format(prompt=escape(str(fields.get("prompt", ""))), fields=escape(text)).encode(
        errors="replace"
    )
    if content.startswith(b"\xff\xd8") and len(packet) <= _JPEG_MAX:
        return _into_jpeg(content, packet)
    if content.startswith(_PNG_START):
        return _into_png(content, packet)
    return content


def extract(content: bytes) -> dict[str, object] | None:
    """Return the fields that embed() wrote, or None."""
    found = _FIELDS.search(content)
    if found is None:
        return None
    try:
        fields = json.loads(unescape(found[1].decode()))
        # JSON can tell of half a letter, which cannot be written anywhere.
        fields = json.loads(json.dumps(fields, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def strip(content: bytes) -> bytes:
    """Return the file without anything but the picture, or as it was if it is none of our formats."""
    if content.startswith(b"\xff\xd8"):
        return b"".join(_bare_jpeg(content))
    if content.startswith(_PNG_START):
        return _PNG_START + b"".join(chunk for name, chunk in _png_chunks(content) if name in _PNG_KEPT)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _bare_webp(content)
    return content


def _bare_jpeg(content: bytes) -> Iterator[bytes]:
    yield content[:2]
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != _JPEG_SCAN:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        is_profile = content[at + 1] == 0xE2 and content[at + 4 : at + 16] == b"ICC_PROFILE\x00"
        if content[at + 1] not in _JPEG_DROPPED and (content[at + 1] != 0xE2 or is_profile):
            yield content[at:end]
        at = end
    yield content[at:]


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_START)
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 8], content[at:end]
        at = end


def _bare_webp(content: bytes) -> bytes:
    chunks = b"".join(chunk for name, chunk in _webp_chunks(content) if name not in _WEBP_DROPPED)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        # Each begins at an even place.
        end = at + 8 + size + size % 2
        chunk = bytearray(content[at:end])
        if name == b"VP8X" and len(chunk) > 8:
            chunk[8] &= ~_WEBP_FLAGS
        yield name, bytes(chunk)
        at = end


def _into_jpeg(content: bytes, packet: bytes) -> bytes:
    segment = _JPEG_HEADER + packet
    after = _end_of_jfif(content)
    return content[:after] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[after:]


def _end_of_jfif(content: bytes) -> int:
    # JFIF wants its own segment directly after the start of the file.
    if content[2:4] == b"\xff\xe0":
        return 4 + int.from_bytes(content[4:6], "big")
    return 2


def _into_png(content: bytes, packet: bytes) -> bytes:
    data = _PNG_HEADER + packet
    chunk = b"iTXt" + data
    # IHDR is the first chunk and always 25 bytes long.
    after = len(_PNG_START) + 25
    whole = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:after] + whole + content[after:]
