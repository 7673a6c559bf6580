from __future__ import annotations

import io
import os
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from pytest_django import Settings

from fluxsite.storage import DRAFTS, OLDEST_DRAFT_SECONDS, AtomicFileSystemStorage, prune_drafts
from generations.pipeline import tasks


@pytest.fixture
def storage(tmp_path: Path) -> AtomicFileSystemStorage:
    return AtomicFileSystemStorage(location=tmp_path)


class BrokenFile(File[bytes]):
    """Gives half of itself and then fails, as a full disk or a lost process would."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(b""), name="broken")

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"half"
        raise OSError("no space left on device")


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_it_keeps_the_pictures() -> None:
    assert isinstance(storages["default"], AtomicFileSystemStorage)
    assert default_storage.path("x").endswith("/media/x")


def test_it_saves_under_just_the_given_name(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    assert storage.save("images/ab/x.jpg", ContentFile(b"one")) == "images/ab/x.jpg"
    assert (tmp_path / "images/ab/x.jpg").read_bytes() == b"one"
    assert files_in(tmp_path) == ["images/ab/x.jpg"]


def test_it_replaces_a_file_of_that_name(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    storage.save("x.jpg", ContentFile(b"a longer first one"))
    assert storage.save("x.jpg", ContentFile(b"two")) == "x.jpg"
    assert (tmp_path / "x.jpg").read_bytes() == b"two"
    assert files_in(tmp_path) == ["x.jpg"]


def test_it_keeps_the_old_file_when_writing_fails(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    storage.save("x.jpg", ContentFile(b"one"))
    with pytest.raises(OSError, match="no space"):
        storage.save("x.jpg", BrokenFile())
    assert (tmp_path / "x.jpg").read_bytes() == b"one"
    assert files_in(tmp_path) == ["x.jpg"]


def test_it_leaves_nothing_when_writing_a_new_file_fails(
    storage: AtomicFileSystemStorage, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="no space"):
        storage.save("x.jpg", BrokenFile())
    assert files_in(tmp_path) == []


def test_it_never_shows_half_a_file(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    sizes = {100_000, 3_000_000}
    storage.save("x", ContentFile(b"x" * 100_000))

    def write() -> None:
        for _ in range(10):
            for size in sizes:
                storage.save("x", ContentFile(b"x" * size))

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(len((tmp_path / "x").read_bytes()))
    assert seen <= sizes


def test_it_lets_many_write_the_same_file(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def save(letter: int) -> str:
        together.wait(10)
        return storage.save("a/b/x", ContentFile(bytes([letter]) * 200_000))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(save, range(8))) == {"a/b/x"}
    content = (tmp_path / "a/b/x").read_bytes()
    assert (len(content), len(set(content))) == (200_000, 1)
    assert files_in(tmp_path) == ["a/b/x"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_it_writes_nowhere_else(name: str, storage: AtomicFileSystemStorage) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))


def test_a_power_cut_takes_no_name_back(
    storage: AtomicFileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    storage.save("images/ab/x.jpg", ContentFile(b"x"))
    written = [tmp_path / name for name in ("images/ab/x.jpg", "images/ab", "images", ".")]
    assert synced == [path.stat().st_ino for path in written]


def test_it_saves_where_folders_cannot_be_synced(
    storage: AtomicFileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError("not supported")

    monkeypatch.setattr(os, "fsync", refuse_folders)
    storage.save("images/ab/x.jpg", ContentFile(b"x"))
    assert files_in(tmp_path) == ["images/ab/x.jpg"]


def test_it_deletes_what_is_not_there(storage: AtomicFileSystemStorage) -> None:
    storage.save("x", ContentFile(b"x"))
    storage.delete("x")
    storage.delete("x")
    assert not storage.exists("x")


def test_it_writes_drafts_beside_the_pictures(media: Path) -> None:
    seen = []

    class Watching(File[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            seen.extend(files_in(media))
            yield b"x"

    default_storage.save("images/ab/x.jpg", Watching(io.BytesIO(b"x")))
    assert [name.startswith(f"{DRAFTS}/x.jpg-") for name in seen] == [True]
    assert files_in(media) == ["images/ab/x.jpg"]


def test_the_sweep_prunes_what_a_killed_process_left_half_written(db: None, media: Path) -> None:
    default_storage.save("images/ab/x.jpg", ContentFile(b"x"))
    for name, seconds in {"old": OLDEST_DRAFT_SECONDS + 5, "new": OLDEST_DRAFT_SECONDS - 60}.items():
        (media / DRAFTS / name).write_bytes(b"half")
        moment = time.time() - seconds
        os.utime(media / DRAFTS / name, (moment, moment))
    os.utime(media / "images/ab/x.jpg", (0, 0))
    tasks.sweep()
    assert files_in(media) == ["drafts/new", "images/ab/x.jpg"]


def test_it_prunes_nothing_where_nothing_was_ever_written(media: Path) -> None:
    prune_drafts()
    assert files_in(media) == []


def test_a_draft_that_is_put_into_place_while_they_are_pruned_does_no_harm(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    gone = tmp_path / DRAFTS / "gone"
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter([gone]))
    prune_drafts()
