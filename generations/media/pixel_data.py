"""Whether a file has the data of all its rows. Pillow fills up what is missing in a PNG that ends early."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from generations.media import containers

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# PNG specification, Adam7: first column and row of each pass, and the steps between its columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 256 * 1024


def is_whole(content: bytes) -> bool:
    """Return False for a PNG without the bytes that its size needs. Other formats are taken at their word."""
    if not containers.is_png(content):
        return True
    chunks = containers.png_chunks(content)
    name, header = next(chunks, (b"", b""))
    if name != b"IHDR" or len(header) != 25:
        return False
    needed = _bytes_of(header[8:21])
    return _inflated_length((chunk[8:-4] for name, chunk in chunks if name == b"IDAT"), needed) >= needed


def _bytes_of(header: bytes) -> int:
    """Return how many bytes the rows take, with the filter byte before each."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS.get(header[9], 1)
    if not header[12]:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for column, row, columns, rows in _PASSES:
        across, down = -(-(width - column) // columns), -(-(height - row) // rows)
        if across > 0 and down > 0:
            total += down * (1 + (across * bits + 7) // 8)
    return total


def _inflated_length(parts: Iterable[bytes], needed: int) -> int:
    inflate, length = zlib.decompressobj(), 0
    try:
        for part in parts:
            while part and length < needed:
                length += len(inflate.decompress(part, _BLOCK))
                part = inflate.unconsumed_tail
    except zlib.error:
        pass
    return length
