"""Prompt and parameters inside the picture's own file, as an XMP packet. The pixels are not touched.

JPEG keeps it in an APP1 segment, PNG in an iTXt chunk (XMP specification part 3). Other formats go without.
strip() takes out these and whatever else is no part of the picture.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError  # the names alone; parsing is defusedxml's
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from generations.media import containers
from generations.media.containers import PNG_START

_PNG_HEADER = containers.XMP_IN_PNG + b"\x00\x00\x00\x00"
# A JPEG segment's length has two bytes, and counts itself.
_JPEG_MAX = 0xFFFF - 2 - len(containers.XMP_IN_JPEG)
# What a file is read with: its size, colors and pixels. In a JPEG also the start of JFIF, the color profile
# and Adobe's word on how colors are coded.
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP pHYs".split(),
)
_PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"))
_JPEG_DROPPED = frozenset({0xE1, *range(0xE3, 0xEE), 0xEF, 0xFE})
_WEBP_DROPPED = frozenset((b"EXIF", b"XMP ", b"C2PA"))
_WEBP_FLAGS = 0x08 | 0x04
# Ours have a dozen. A page that shows a hundred thousand has nine megabytes.
MOST_FIELDS = 100
# A packet of ours has twenty, one that a photo program keeps its history in has hundreds.
MOST_TAGS = 5000
_CONTROLS = bytes({*range(32)} - {9, 10, 13})
# XML 1.0, section 2.2. A lone carriage return would be read as a line feed.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_FIELDS = "{https://fluxsite.invalid/ns/1.0/}generation"

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
    prompt = _NOT_IN_XML.sub("", str(fields.get("prompt", "")))
    # JSON has an escape for every character, also for those that XML has no way to write.
    text = _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    packet = _PACKET.format(prompt=escape(prompt), fields=escape(text)).encode(errors="replace")
    if containers.is_jpeg(content) and len(packet) <= _JPEG_MAX:
        return _into_jpeg(content, packet)
    if containers.is_png(content):
        return _into_png(content, packet)
    return content


def extract(content: bytes) -> dict[str, object] | None:
    """Return the fields that embed() wrote, at most MOST_FIELDS, or None if there are none.

    Other programs write the packet anew when a picture is rated or tagged: what was an element may then be
    an attribute, in other prefixes, another order and another encoding.
    """
    packet = containers.find_xmp(content)
    text = _find_fields(packet) if packet and packet.count(b"<") <= MOST_TAGS else ""
    if not text:
        return None
    try:
        fields = json.loads(text)
        # JSON can name half a letter, which cannot be written anywhere.
        fields = json.loads(json.dumps(fields, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return dict(list(fields.items())[:MOST_FIELDS]) if isinstance(fields, dict) else None


def _find_fields(packet: bytes) -> str:
    """Return the text of our property, or "" if the packet is no XML or has none."""
    try:
        root = _parse(packet)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return ""
    for element in root.iter():
        if _FIELDS in element.attrib:
            return element.attrib[_FIELDS]
        if element.tag == _FIELDS:
            # A list of one, or a value with qualifiers, has the text further in.
            return "".join(element.itertext()).strip()
    return ""


def _parse(packet: bytes) -> Element:
    if packet[:1] not in (b"\xff", b"\xfe", b"\x00"):
        # In UTF-16 a NUL is half a letter.
        packet = packet.strip(b"\x00 \r\n\t")
    try:
        root: Element = fromstring(packet, forbid_dtd=True)
    except ParseError:
        # Until 0.1.0 control characters of a prompt were written as they are.
        root = fromstring(packet.translate(None, _CONTROLS), forbid_dtd=True)
    return root


def strip(content: bytes) -> bytes:
    """Return the file without anything but the picture, or as it was if it is none of our formats."""
    if containers.is_jpeg(content):
        return content[:2] + b"".join(
            segment for marker, segment in containers.jpeg_segments(content) if _is_kept(marker, segment)
        )
    if containers.is_png(content):
        chunks = containers.png_chunks(content)
        return PNG_START + b"".join(chunk for name, chunk in chunks if name in _PNG_KEPT)
    return _bare_webp(content) if containers.is_webp(content) else content


def bare(content: bytes) -> bytes:
    """Return the file with nothing but its pixels: the color profile is left out as well."""
    if containers.is_jpeg(content):
        return content[:2] + b"".join(
            segment for marker, segment in containers.jpeg_segments(content) if _is_of_pixels(marker, segment)
        )
    if containers.is_png(content):
        chunks = containers.png_chunks(content)
        return PNG_START + b"".join(chunk for name, chunk in chunks if name in _PNG_PIXELS)
    return strip(content)


def _is_of_pixels(marker: int, segment: bytes) -> bool:
    # Adobe's word on how colors are coded has twelve bytes.
    is_adobe = marker == 0xEE and len(segment) >= 16
    return is_adobe or (marker != 0xFE and not 0xE0 <= marker <= 0xEF)


def _is_kept(marker: int, segment: bytes) -> bool:
    # APP2 holds the color profile, and much else.
    is_profile = marker != 0xE2 or segment[4:16] == b"ICC_PROFILE\x00"
    return marker not in _JPEG_DROPPED and is_profile


def _bare_webp(content: bytes) -> bytes:
    kept = (
        _without_flags(name, chunk)
        for name, chunk in containers.webp_chunks(content)
        if name not in _WEBP_DROPPED
    )
    chunks = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _without_flags(name: bytes, chunk: bytes) -> bytes:
    if name != b"VP8X" or len(chunk) <= 8:
        return chunk
    return chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]


def _into_jpeg(content: bytes, packet: bytes) -> bytes:
    segment = containers.XMP_IN_JPEG + packet
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
    after = len(PNG_START) + 25
    whole = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:after] + whole + content[after:]
