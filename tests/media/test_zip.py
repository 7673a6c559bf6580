"""Many pictures as one ZIP."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import tempfile
import tracemalloc
import uuid
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from generations.gallery import changes
from generations.media import zip_archive
from generations.models import Change, GeneratedImage, Generation, Picture
from tests.conftest import make_pictures, make_wall
from tests.gallery.test_wall import copies_of

ZIP = "/gallery/pictures.zip"


def unpacked(response: HttpResponseBase) -> zipfile.ZipFile:
    file = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    assert file.testzip() is None
    return file


def manifest(file: zipfile.ZipFile) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(file.read("manifest.json"))
    return listed


def pictures_in(file: zipfile.ZipFile) -> list[str]:
    return [name for name in file.namelist() if not name.startswith("manifest.")]


def test_it_holds_every_original_and_lists_it(as_alice: Client, alice: User, media: Path) -> None:
    (fox,) = make_pictures(alice, prompt="a fox")
    (owl,) = make_pictures(alice, prompt="an owl")
    file = unpacked(as_alice.get(ZIP))
    newest, oldest = manifest(file)
    assert (newest["prompt"], oldest["prompt"]) == ("an owl", "a fox")
    assert pictures_in(file) == [newest["file"], oldest["file"]]
    assert hashlib.sha256(file.read(newest["file"])).hexdigest() == newest["sha256"] == owl.image.sha256
    assert oldest["parameters"] == {
        **fox.params,
        "endpoint": "flux-dev",
        "seed": 42,
        "created_at": fox.created_at.isoformat(),
        "code": str(fox.code),
    }


def test_both_manifests_say_the_same(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, 2)
    file = unpacked(as_alice.get(ZIP))
    lines = list(csv.DictReader(io.StringIO(file.read("manifest.csv").decode())))
    for line, entry in zip(lines, manifest(file), strict=True):
        assert json.loads(line.pop("parameters")) == entry.pop("parameters")
        assert line == {name: str(value) for name, value in entry.items()}


def test_it_is_read_by_what_reads_from_the_front_only(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice)
    content = as_alice.get(ZIP).getvalue()
    # No size or checksum is left for later in the heads of stored entries.
    entry = zipfile.ZipFile(io.BytesIO(content)).infolist()[0]
    assert not entry.flag_bits & 0x08
    assert entry.compress_type == zipfile.ZIP_STORED
    assert int.from_bytes(content[18:22], "little") == entry.file_size


def test_it_tells_equal_names_apart(as_alice: Client, alice: User, media: Path, settings: Settings) -> None:
    settings.DOWNLOAD_NAMES = "{prompt}"
    make_pictures(alice, 2, prompt="A Fox")
    make_pictures(alice, prompt="a fox")
    assert pictures_in(unpacked(as_alice.get(ZIP))) == ["a fox.jpg", "A Fox (2).jpg", "A Fox (3).jpg"]


def test_it_holds_what_a_search_finds(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt="a fox in snow")
    make_pictures(alice, prompt="an owl in snow")
    listed = manifest(unpacked(as_alice.get(ZIP, {"q": "snow owl"})))
    assert [entry["prompt"] for entry in listed] == ["an owl in snow"]


def test_it_holds_what_was_selected(as_alice: Client, alice: User, media: Path) -> None:
    first, _, third = make_pictures(alice, 3)
    listed = manifest(
        unpacked(as_alice.post(ZIP, {"picture": [str(first.code), str(third.code), "nonsense"]}))
    )
    assert {entry["parameters"]["code"] for entry in listed} == {str(first.code), str(third.code)}


def test_it_holds_nothing_of_anybody_else(as_alice: Client, alice: User, bob: User, media: Path) -> None:
    (foreign,) = make_pictures(bob, prompt="a secret")
    (own,) = make_pictures(alice, prompt="a secret")
    for response in (
        as_alice.get(ZIP),
        as_alice.get(ZIP, {"q": "secret"}),
        as_alice.post(ZIP, {"picture": [str(foreign.code), str(own.code)]}),
    ):
        assert [entry["parameters"]["code"] for entry in manifest(unpacked(response))] == [str(own.code)]


def test_it_leaves_out_what_is_in_the_trash(as_alice: Client, alice: User, media: Path) -> None:
    kept, trashed = make_pictures(alice, 2)
    changes.change(alice, Change.Kind.TRASH, Picture.objects.filter(pk=trashed.pk))
    listed = manifest(unpacked(as_alice.post(ZIP, {"picture": [str(kept.code), str(trashed.code)]})))
    assert [entry["parameters"]["code"] for entry in listed] == [str(kept.code)]


@pytest.mark.parametrize("query", [{}, {"q": "nothing like it"}, {"q": '" OR 1=1 NEAR * -'}, {"q": "seed:x"}])
def test_it_says_so_when_there_is_nothing_to_download(
    query: dict[str, str], as_alice: Client, alice: User
) -> None:
    response = as_alice.get(ZIP, query, follow=True)
    assert "There is no picture to download." in response.text
    assert as_alice.post(ZIP, {"picture": [str(uuid.uuid4())]}, follow=True).status_code == 200


def test_it_names_a_picture_whose_file_is_gone(as_alice: Client, alice: User, media: Path) -> None:
    gone, kept = make_pictures(alice, 2)
    (media / str(gone.image.file)).unlink()
    file = unpacked(as_alice.get(ZIP))
    assert len(pictures_in(file)) == 1
    listed = {entry["parameters"]["code"]: entry.get("file") for entry in manifest(file)}
    assert listed == {str(kept.code): pictures_in(file)[0], str(gone.code): None}


@pytest.mark.parametrize("prompt", ["=HYPERLINK(1)", "@SUM(A1)", " +1", "\t=1"])
def test_no_prompt_becomes_a_formula(prompt: str, as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt=prompt)
    file = unpacked(as_alice.get(ZIP))
    (line,) = csv.DictReader(io.StringIO(file.read("manifest.csv").decode()))
    assert line["prompt"].startswith("'")


def test_it_reads_rows_in_batches_without_losing_any_of_equal_times(
    as_alice: Client,
    alice: User,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr("generations.views.downloads.BATCH", 2)
    codes = make_wall(alice, 5)
    # Session, person, whether there are any, then five pictures in three batches.
    with django_assert_num_queries(6):
        listed = manifest(unpacked(as_alice.get(ZIP)))
    assert [entry["parameters"]["code"] for entry in listed] == codes


def test_a_broken_connection_leaves_nothing_open(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(alice, 3)
    opened: list[IO[Any]] = []
    temporary_file = tempfile.TemporaryFile

    def noted(*args: Any, **options: Any) -> IO[Any]:
        opened.append(temporary_file(*args, **options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    response = as_alice.get(ZIP)
    assert isinstance(response, StreamingHttpResponse)
    assert next(iter(response)).startswith(b"PK")
    response.close()
    assert len(opened) == 2
    assert all(file.closed for file in opened)


def test_its_memory_does_not_grow_with_it(alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    size = 1024 * 1024
    (media / str(generation.image.file)).write_bytes(os.urandom(size))
    tracemalloc.start()
    sent = sum(map(len, zip_archive.write(itertools.repeat(generation, 60))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > 60 * size
    assert peak < 8 * size


def test_two_thousand_originals_take_no_more_memory_and_all_are_as_the_manifest_says(
    as_alice: Client, alice: User, media: Path, tmp_path: Path
) -> None:
    (generation,) = make_pictures(alice)
    (media / str(generation.image.file)).write_bytes(os.urandom(50_000))
    copies_of(generation, 1999)
    images = GeneratedImage.objects.filter(pk=generation.image.pk).values().get()
    GeneratedImage.objects.bulk_create(
        GeneratedImage(**{**images, "id": None, "generation_id": generation.pk + number})
        for number in range(1, 2000)
    )
    response = as_alice.get(ZIP)
    assert isinstance(response, StreamingHttpResponse)
    before, most = resident(), 0
    with (tmp_path / "all.zip").open("wb") as target:
        for piece in response:
            target.write(piece)
            most = max(most, resident())
    response.close()
    assert most - before < 30 * 1024**2
    with zipfile.ZipFile(tmp_path / "all.zip") as file:
        listed = manifest(file)
        assert len(listed) == len(pictures_in(file)) == 2000
        for entry in listed:
            assert hashlib.sha256(file.read(entry["file"])).hexdigest() == entry["sha256"]


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_it_gives_what_a_person_made_and_no_row_more(alice: User, media: Path) -> None:
    make_pictures(alice, 2)
    content = b"".join(zip_archive.write(Generation.objects.select_related("image")))
    assert len(pictures_in(zipfile.ZipFile(io.BytesIO(content)))) == 2
