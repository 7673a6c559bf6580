"""Many pictures as one ZIP, sent while it is written: never more than one picture of it is in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

from django.utils import timezone

from generations.csv_export import harmless
from generations.media import file_names, images
from generations.models import Generation

COLUMNS = (
    "file",
    "sha256",
    "bytes",
    "width",
    "height",
    "created_at",
    "model",
    "seed",
    "prompt",
    "parameters",
)
_CHUNK = 1024 * 1024


class _Outbox(io.BytesIO):
    """The end of a file that zipfile takes for the whole: what was sent is gone.

    zipfile returns to the head of an entry to fill in size and checksum, so one entry at a time stays here.
    It could do without, but then some programs cannot read a stored entry.
    """

    sent = 0

    def tell(self) -> int:
        return self.sent + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.sent + super().seek(offset - self.sent if whence == io.SEEK_SET else offset, whence)

    def take(self) -> bytes:
        """Return what is to be sent, and forget it."""
        content = self.getvalue()
        super().seek(0)
        self.truncate()
        self.sent += len(content)
        return content


def write(generations: Iterable[Generation]) -> Iterator[bytes]:
    """Give the ZIP of these pictures, piece by piece: originals, then manifest.csv and manifest.json.

    Names come from the site's template, told apart where they are equal. A picture whose file is gone is in
    the manifest without one.
    """
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w") as archive, _Manifest() as manifest:
        taken: dict[str, int] = {}
        for generation in generations:
            manifest.add(generation, _add(archive, generation, taken))
            yield outbox.take()
        manifest.into(archive)
    yield outbox.take()


def _add(archive: zipfile.ZipFile, generation: Generation, taken: dict[str, int]) -> dict[str, object]:
    """Return what the manifest says of the file, nothing if there is none."""
    try:
        stored = generation.image.file.open("rb")
    except FileNotFoundError:
        return {}
    name = _free_name(generation, taken)
    entry = zipfile.ZipInfo(name, timezone.localtime(generation.created_at).timetuple()[:6])
    digest, size = hashlib.sha256(), 0
    with stored, archive.open(entry, "w") as target:
        for chunk in stored.chunks(_CHUNK):
            digest.update(chunk)
            size += target.write(chunk)
    return {"file": name, "sha256": digest.hexdigest(), "bytes": size}


def _free_name(generation: Generation, taken: dict[str, int]) -> str:
    """Return a name that no entry has yet. `taken` counts how often each was asked for."""
    extension = images.EXTENSIONS[generation.image.format]
    name = free = file_names.name_of(generation, extension)
    # Some disks do not tell large letters from small ones.
    number = taken.get(name.casefold(), 0)
    while free.casefold() in taken:
        number += 1
        free = f"{name.removesuffix(f'.{extension}')} ({number}).{extension}"
    taken.setdefault(free.casefold(), 1)
    taken[name.casefold()] = max(number, 1)
    return free


class _Manifest:
    """Two lists of what is in the archive, kept on the disk until they are added as its last entries."""

    def __enter__(self) -> _Manifest:
        self._csv = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace", newline="")
        self._json = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._lines = csv.DictWriter(self._csv, COLUMNS, restval="")
        self._lines.writeheader()
        self._json.write("[")
        self._separator = "\n"
        return self

    def __exit__(self, *error: object) -> None:
        self._csv.close()
        self._json.close()

    def add(self, generation: Generation, written: dict[str, object]) -> None:
        parameters = images.describe(generation)
        facts = {**written, **_facts(generation)}
        line = {**facts, "parameters": json.dumps(parameters, ensure_ascii=False)}
        self._lines.writerow({name: harmless(str(value)) for name, value in line.items()})
        self._json.write(
            self._separator + json.dumps({**facts, "parameters": parameters}, ensure_ascii=False)
        )
        self._separator = ",\n"

    def into(self, archive: zipfile.ZipFile) -> None:
        self._json.write("\n]\n")
        for name, file in (("manifest.csv", self._csv), ("manifest.json", self._json)):
            file.seek(0)
            _deflate(archive, name, file)


def _deflate(archive: zipfile.ZipFile, name: str, text: IO[str]) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w") as target:
        while chunk := text.read(_CHUNK):
            target.write(chunk.encode())


def _facts(generation: Generation) -> dict[str, object]:
    return {
        "width": generation.image.width,
        "height": generation.image.height,
        "created_at": generation.created_at.isoformat(),
        "model": generation.endpoint,
        "seed": "" if generation.seed is None else generation.seed,
        "prompt": generation.prompt,
    }
