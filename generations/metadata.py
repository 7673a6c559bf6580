"""Prompt and parameters inside the picture's own file, as an XMP packet. The pixels are not touched.

JPEG keeps it in an APP1 segment, PNG in an iTXt chunk (XMP specification part 3). Other formats go without.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Mapping
from xml.sax.saxutils import escape, unescape

_JPEG_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG_HEADER = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# A JPEG segment's length has two bytes, and counts itself.
_JPEG_MAX = 0xFFFF - 2 - len(_JPEG_HEADER)
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
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


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
