from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class AtomicFileSystemStorage(FileSystemStorage):
    """Puts a file into place whole or not at all; a second save under the same name replaces the first.

    Django's own writes straight into the final name, so a crash would leave half a picture there.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
        try:
            _write_to_disk(draft, content)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return name


def _write_to_disk(path: Path, content: File[bytes]) -> None:
    with path.open("xb") as file:
        for chunk in content.chunks():
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no types
    """WhiteNoise's storage that also gives hashed names to files which JavaScript modules import."""

    support_js_module_import_aggregation = True
