from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
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
        # A row is about to have this name: a power cut must not take it back, nor a folder that is new.
        for folder in Path(name).parents:
            _sync_folder(self.path(str(folder)))
        return name


def _write_to_disk(path: Path, content: File[bytes]) -> None:
    with path.open("xb") as file:
        for chunk in content.chunks():
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Some network file systems cannot, and keep names in their own way.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune_drafts() -> None:
    """Remove what killed processes have left half-written."""
    for draft in Path(settings.MEDIA_ROOT, DRAFTS).glob("*"):
        # One that was put into place since it was listed is no draft any more.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > OLDEST_DRAFT_SECONDS:
                draft.unlink()


MAIN_SCRIPT = "js/site/main.js"
# A module that gives its importer nothing; one that gives names stays a file of its own.
_BARE_IMPORT = re.compile(r'^import "(\.\.?/[\w/-]+\.js)";$', re.MULTILINE)
_USES_MODULES = re.compile(r"^(?:import|export)\b", re.MULTILINE)


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # no types
    """WhiteNoise's storage that also gives hashed names to files which JavaScript modules import, and puts
    those that the main script only runs into it: one request in place of one for each."""

    support_js_module_import_aggregation = True

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str, bool]]:
        if MAIN_SCRIPT in paths and not dry_run:
            folder = Path(paths[MAIN_SCRIPT][0].path(MAIN_SCRIPT)).parent
            self.delete(MAIN_SCRIPT)
            self._save(MAIN_SCRIPT, ContentFile(join_modules(folder / Path(MAIN_SCRIPT).name).encode()))
            paths = paths | {MAIN_SCRIPT: (self, MAIN_SCRIPT)}
        yield from super().post_process(paths, dry_run, **options)


def join_modules(main: Path) -> str:
    """Return a script with the modules that it merely runs written out, each in a block of its own."""

    def written_out(found: re.Match[str]) -> str:
        module = (main.parent / found[1]).read_text()
        return found[0] if _USES_MODULES.search(module) else f"{{\n{module}}}"

    return _BARE_IMPORT.sub(written_out, main.read_text())
