"""The parts of a JPEG, PNG or WebP file, found in linear time and without trusting any length in it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

PNG_START = b"\x89PNG\r\n\x1a\n"
XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\x00"
XMP_IN_PNG = b"XML:com.adobe.xmp\x00"
# Ours have 2 KB. What is larger than this is not read.
LONGEST_XMP = 256 * 1024

_APP1, _APP11, _SCAN, _END = 0xE1, 0xEB, 0xDA, 0xD9
# Within a scan 0xFF is followed by 0x00 (a byte of data), a restart marker or further 0xFF.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def is_jpeg(content: bytes) -> bool:
    return content.startswith(b"\xff\xd8")


def is_png(content: bytes) -> bool:
    return content.startswith(PNG_START)


def is_webp(content: bytes) -> bool:
    return content.startswith(b"RIFF") and content[8:12] == b"WEBP"


def jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and whole bytes of each segment after the start of the file, to the end of the picture.

    A scan is yielded with its header and data as one; what follows the end marker is left out.
    """
    at = 2
    while at + 2 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == _END:
            yield marker, content[at : at + 2]
            return
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == _SCAN:
            found = _AFTER_SCAN.search(content, end)
            end = found.start() if found else len(content)
        # A length of 0 or 1 would lead back into the segment itself.
        end = max(end, at + 4)
        yield marker, content[at:end]
        at = end


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and whole bytes of each chunk, to the end of the picture."""
    at = len(PNG_START)
    while at + 8 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        name = content[at + 4 : at + 8]
        yield name, content[at:end]
        if name == b"IEND":
            return
        at = end


def webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and whole bytes of each chunk."""
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        # Each begins at an even place.
        end = at + 8 + size + size % 2
        yield name, content[at:end]
        at = end


def find_xmp(content: bytes) -> bytes | None:
    """Return the XMP packet of a file, or None if there is none of a reasonable size."""
    if is_jpeg(content):
        packets = (
            segment[4 + len(XMP_IN_JPEG) :]
            for marker, segment in jpeg_segments(content)
            if marker == _APP1 and segment[4:].startswith(XMP_IN_JPEG)
        )
    elif is_png(content):
        packets = (_text_of(chunk[8:-4]) for name, chunk in png_chunks(content) if name == b"iTXt")
    elif is_webp(content):
        packets = (chunk[8:] for name, chunk in webp_chunks(content) if name == b"XMP ")
    else:
        return None
    packet = next((packet for packet in packets if packet), b"")
    return packet if 0 < len(packet) <= LONGEST_XMP else None


def has_manifest(content: bytes) -> bool:
    """Whether the file holds Content Credentials (C2PA specification, embedding manifests)."""
    if is_jpeg(content):
        # JUMBF boxes; a C2PA one names itself in its first description box.
        return any(
            marker == _APP11 and segment[4:6] == b"JP" and b"c2pa" in segment[:128]
            for marker, segment in jpeg_segments(content)
        )
    if is_png(content):
        return any(name == b"caBX" for name, _ in png_chunks(content))
    return is_webp(content) and any(name == b"C2PA" for name, _ in webp_chunks(content))


def _text_of(text_chunk: bytes) -> bytes:
    """Return the XMP packet in the data of an iTXt chunk, or nothing if it holds another text."""
    if not text_chunk.startswith(XMP_IN_PNG):
        return b""
    is_compressed = text_chunk[len(XMP_IN_PNG) : len(XMP_IN_PNG) + 1] == b"\x01"
    # Two bytes about the compression, then language and translated keyword, each ended by NUL.
    parts = text_chunk[len(XMP_IN_PNG) + 2 :].split(b"\x00", 2)
    text = parts[2] if len(parts) == 3 else b""
    return _inflated(text) if is_compressed else text


def _inflated(text: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(text, LONGEST_XMP + 1)
    except zlib.error:
        return b""
