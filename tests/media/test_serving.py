"""How files of pictures reach a browser, and in which forms."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from hypothesis import example, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from PIL import ExifTags, Image
from pytest_django import DjangoAssertNumQueries, Settings

from generations import checks
from generations.media import file_names, images, xmp
from generations.models import Generation
from generations.pipeline import lifecycle
from tests.conftest import jpeg, make_pictures, make_ready, submit


@pytest.fixture
def picture(alice: User, media: Path) -> Generation:
    return make_pictures(alice)[0]


def encoded(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


# Parts of files


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=100-", 100, None),
        ("bytes=-5", -5, None),
        ("bytes=10-999999999", 10, None),
    ],
)
def test_it_hands_out_the_part_that_is_asked_for(
    asked: str, first: int, last: int | None, as_alice: Client, picture: Generation
) -> None:
    whole = as_alice.get(f"/g/{picture.code}/image").getvalue()
    response = as_alice.get(f"/g/{picture.code}/image", headers={"Range": asked})
    expected = whole[first : None if last is None else last + 1]
    assert response.status_code == 206
    assert response.getvalue() == expected
    assert response["Content-Length"] == str(len(expected))
    start = first % len(whole)
    assert response["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole)}"


def test_it_says_how_long_the_file_is_to_whom_asks_beyond_it(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/image", headers={"Range": "bytes=999999-"})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{picture.image.byte_size}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=5-1x", "bytes=0-1,4-5", "pieces=0-1", "bytes=٣-٤", "bytes=" + "9" * 5000 + "-"],
)
def test_it_hands_out_the_whole_where_no_one_part_is_meant(
    asked: str, as_alice: Client, picture: Generation
) -> None:
    response = as_alice.get(f"/g/{picture.code}/image", headers={"Range": asked})
    assert response.status_code == 200
    assert len(response.getvalue()) == picture.image.byte_size


def test_it_hands_out_nothing_of_an_end_before_the_start(as_alice: Client, picture: Generation) -> None:
    assert as_alice.get(f"/g/{picture.code}/image", headers={"Range": "bytes=9-5"}).status_code == 416
    assert as_alice.get(f"/g/{picture.code}/image", headers={"Range": "bytes=-0"}).status_code == 416


def test_it_goes_on_with_the_same_file_only(as_alice: Client, picture: Generation) -> None:
    part = {"Range": "bytes=0-9"}
    same = as_alice.get(f"/g/{picture.code}/image", headers={**part, "If-Range": f'"{picture.image.sha256}"'})
    assert (same.status_code, len(same.getvalue())) == (206, 10)
    other = as_alice.get(f"/g/{picture.code}/image", headers={**part, "If-Range": '"another"'})
    assert (other.status_code, len(other.getvalue())) == (200, picture.image.byte_size)


def test_it_sends_nothing_twice(as_alice: Client, picture: Generation) -> None:
    for name in ("image", "thumbnail"):
        first = as_alice.get(f"/g/{picture.code}/{name}")
        first.getvalue()
        again = as_alice.get(f"/g/{picture.code}/{name}", headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


# Who sends them


def test_it_leaves_the_sending_to_a_server_in_front(
    as_alice: Client, picture: Generation, settings: Settings
) -> None:
    settings.ACCEL_REDIRECT = "/pictures/"
    response = as_alice.get(f"/g/{picture.code}/image")
    assert response["X-Accel-Redirect"] == f"/pictures/{picture.image.file.name}"
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response.content == b""


def test_it_names_no_file_to_the_server_in_front_for_strangers(
    as_bob: Client, picture: Generation, settings: Settings
) -> None:
    settings.ACCEL_REDIRECT = "/pictures/"
    for name in ("image", "thumbnail", "download"):
        response = as_bob.get(f"/g/{picture.code}/{name}")
        assert response.status_code == 404
        assert "X-Accel-Redirect" not in response


def test_it_shows_files_to_staff_who_may_see_pictures(picture: Generation, charlie: User) -> None:
    client = Client()
    client.force_login(charlie)
    assert client.get(f"/g/{picture.code}/thumbnail").status_code == 404
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    assert client.get(f"/g/{picture.code}/thumbnail").status_code == 404
    charlie.user_permissions.add(Permission.objects.get(codename="view_generatedimage"))
    response = client.get(f"/g/{picture.code}/thumbnail")
    assert response.status_code == 200
    response.getvalue()


def test_it_costs_few_queries_to_show_a_thumbnail(
    as_alice: Client, picture: Generation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Session, person, image.
    with django_assert_num_queries(3):
        as_alice.get(f"/g/{picture.code}/thumbnail").getvalue()


# Downloads


def test_it_names_a_download_after_day_prompt_and_seed(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/download")
    day = timezone.localdate(picture.created_at)
    assert response["Content-Disposition"] == f'attachment; filename="{day} a lighthouse at dusk 42.jpg"'
    assert hashlib.sha256(response.getvalue()).hexdigest() == picture.image.sha256


def test_it_downloads_the_same_picture_without_a_word_in_it(as_alice: Client, picture: Generation) -> None:
    content = as_alice.get(f"/g/{picture.code}/download?as=clean").content
    assert xmp.extract(content) is None
    assert b"lighthouse" not in content
    stored = as_alice.get(f"/g/{picture.code}/image").getvalue()
    assert opened(content).tobytes() == opened(stored).tobytes()


@pytest.mark.parametrize(("wanted", "format"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_it_downloads_as_another_format(
    wanted: str, format: str, as_alice: Client, picture: Generation
) -> None:
    response = as_alice.get(f"/g/{picture.code}/download?as={wanted}")
    content = response.getvalue()
    assert (opened(content).format, opened(content).size) == (format, (32, 24))
    assert response["Content-Type"] == f"image/{wanted}"
    assert response["Content-Disposition"].endswith(f'.{images.EXTENSIONS[format]}"')
    if format != "WEBP":
        assert xmp.extract(content) == images.describe(picture)


def test_it_says_so_when_there_is_no_such_download(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/download?as=<b>tiff", follow=True)
    assert "There is no download “&lt;b&gt;tiff”." in response.text


def test_it_has_no_download_before_the_picture_is_there(as_alice: Client, alice: User) -> None:
    (waiting,) = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    assert as_alice.get(f"/g/{waiting.code}/download").status_code == 404


@pytest.mark.parametrize("wanted", ["original", "clean", "png"])
def test_it_says_not_found_when_the_file_is_gone(
    wanted: str, as_alice: Client, picture: Generation, media: Path
) -> None:
    (media / str(picture.image.file)).unlink()
    assert as_alice.get(f"/g/{picture.code}/download?as={wanted}").status_code == 404


# What is no part of the picture

SECRET = "taken at home"
EXIF = Image.Exif()
EXIF[ExifTags.Base.ImageDescription] = SECRET


@pytest.mark.parametrize(
    "content",
    [
        encoded("JPEG", exif=EXIF, comment=SECRET),
        encoded("JPEG", exif=EXIF, progressive=True),
        encoded("PNG", exif=EXIF),
        encoded("WEBP", exif=EXIF, xmp=SECRET.encode()),
        encoded("WEBP", lossless=True),
    ],
    ids=["JPEG", "progressive JPEG", "PNG", "WEBP", "plain WEBP"],
)
def test_it_takes_out_all_but_the_picture(content: bytes) -> None:
    bare = xmp.strip(xmp.embed(content, {"prompt": SECRET}))
    assert SECRET.encode() not in bare
    assert not opened(bare).getexif()
    assert opened(bare).tobytes() == opened(content).tobytes()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_it_leaves_the_colour_profile_in(format: str) -> None:
    bare = xmp.strip(encoded(format, icc_profile=b"a profile of colours"))
    assert opened(bare).info["icc_profile"] == b"a profile of colours"


def test_it_turns_a_picture_whose_metadata_said_so() -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    bare = images.without_metadata(encoded("JPEG", exif=turned))
    assert opened(bare).size == (48, 64)
    assert not opened(bare).getexif()


@rules(deadline=None)
@example(b"VP8X", b"RIFF\0\0\0\0WEBP")
@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b""])
)
def test_it_survives_files_that_are_broken(content: bytes, start: bytes) -> None:
    xmp.strip(start + content)


# Names


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("../../etc/passwd", "etc passwd"),
        ('a "b" <c> | d? * \\ e', "a b c d e"),
        ("one\r\ntwo\0three", "one two three"),
        ("  .hidden.  ", "hidden"),
        ("con", "_con"),
        ("café ☕", "café ☕"),
        ("\ud800", ""),
        ("///", ""),
    ],
)
def test_it_makes_names_that_every_disk_takes(name: str, cleaned: str) -> None:
    assert file_names.clean(name) == cleaned


@rules(deadline=None)
@given(st.text(max_size=500))
def test_it_never_makes_a_name_too_long_or_a_way_out(name: str) -> None:
    cleaned = file_names.clean(name)
    assert len(cleaned.encode()) <= 201
    assert not set(cleaned) & set('<>:"/\\|?*\0\r\n')
    assert not cleaned.startswith(".")


def test_it_shortens_a_long_prompt_between_words(alice: User, media: Path) -> None:
    generation = make_pictures(alice, prompt="word " * 300)[0]
    name = file_names.name_of(generation, "jpg")
    assert name.endswith(" word word 42.jpg")
    assert len(name) < 90


def test_it_names_a_picture_after_its_code_where_nothing_else_is_left(
    picture: Generation, settings: Settings
) -> None:
    settings.DOWNLOAD_NAMES = "???"
    assert file_names.name_of(picture, "jpg") == f"{picture.code}.jpg"


def test_it_puts_other_letters_into_the_header_safely(as_alice: Client, alice: User, media: Path) -> None:
    generation = make_pictures(alice, prompt='灯台"\r\nSet-Cookie: a=b')[0]
    header = as_alice.get(f"/g/{generation.code}/download")["Content-Disposition"]
    assert "灯台 Set-Cookie a=b" in unquote(header)


@pytest.mark.parametrize("template", ["{date} {colour}", "{prompt", "{prompt!r}", "{seed:>9}", "{0}", "{}"])
def test_it_refuses_a_template_that_it_cannot_fill(template: str, settings: Settings) -> None:
    settings.DOWNLOAD_NAMES = template
    assert [message.id for message in checks.check_download_names()] == ["generations.E004"]


def test_it_takes_every_field_that_it_names(picture: Generation, settings: Settings) -> None:
    settings.DOWNLOAD_NAMES = " ".join(f"{{{name}}}" for name in file_names.FIELDS)
    assert checks.check_download_names() == []
    assert str(picture.code) in file_names.name_of(picture, "jpg")


def test_the_picture_of_a_png_task_stays_one(as_alice: Client, alice: User, media: Path) -> None:
    lifecycle.create(alice, "flux-dev", {"prompt": "a heron", "output_format": "png"})
    (generation,) = lifecycle.claim()
    submit(generation)
    make_ready(generation)
    assert lifecycle.complete(generation, images.store(generation, encoded("PNG")))
    for wanted in ("original", "png"):
        response = as_alice.get(f"/g/{generation.code}/download?as={wanted}")
        assert response["Content-Disposition"].endswith('.png"')
        assert hashlib.sha256(response.getvalue()).hexdigest() == generation.image.sha256
    assert jpeg() != as_alice.get(f"/g/{generation.code}/download?as=jpeg").content
