from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Beside the pictures, so that putting one into place is a rename.
DRAFTS = "drafts"
# Writing one takes less than a second. A process that was killed meanwhile leaves it behind.
OLDEST_DRAFT_SECONDS = 300


class AtomicFileSystemStorage(FileSystemStorage):
    """Puts a file into place whole or not at all; a second save under the same name replaces the first.

    Django's own writes straight into the final name, so a crash would leave half a picture there.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(self.path(DRAFTS)) / f"{target.name}-{secrets.token_hex(8)}"
        draft.parent.mkdir(exist_ok=True)
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


def prune_drafts() -> None:
    """Remove what killed processes have left half-written."""
    for draft in Path(settings.MEDIA_ROOT, DRAFTS).glob("*"):
        if time.time() - draft.stat().st_mtime > OLDEST_DRAFT_SECONDS:
            draft.unlink(missing_ok=True)


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no types
    """WhiteNoise's storage that also gives hashed names to files which JavaScript modules import."""

    support_js_module_import_aggregation = True
