from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from generations import bfl, lifecycle, words
from generations.models import Generation
from tests.test_gallery import make_pictures, make_ready, make_wall, submit

UNKNOWN = "00000000-0000-0000-0000-000000000000"
HTMX = {"HX-Request": "true"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')


@pytest.fixture
def picture(alice: User, media: Path) -> Generation:
    return make_pictures(alice)[0]


@pytest.fixture
def waiting(alice: User) -> Generation:
    return lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})[0]


def test_it_shows_the_picture_and_all_that_made_it(as_alice: Client, picture: Generation) -> None:
    text = as_alice.get(f"/g/{picture.code}/").text
    assert f'src="/g/{picture.code}/image"' in text
    assert "a lighthouse at dusk" in text
    assert '<dt>Steps</dt><dd class="break">28</dd>' in text
    assert '<span id="seed-text">42</span>' in text


def test_it_asks_strangers_to_log_in(client: Client, picture: Generation) -> None:
    for address in ("", "image", "thumbnail"):
        response = client.get(f"/g/{picture.code}/{address}")
        assert response["Location"] == f"/accounts/login/?next=/g/{picture.code}/{address}"


@pytest.mark.parametrize("address", ["", "image", "image?download", "thumbnail"])
def test_it_denies_that_other_peoples_pictures_exist(
    address: str, as_bob: Client, picture: Generation
) -> None:
    foreign = as_bob.get(f"/g/{picture.code}/{address}")
    assert foreign.status_code == 404
    assert foreign.content == as_bob.get(f"/g/{UNKNOWN}/{address}").content


@pytest.mark.parametrize("address", ["", "image", "thumbnail"])
def test_it_keeps_peoples_pictures_from_staff_too(
    address: str, as_staff: Client, picture: Generation
) -> None:
    assert as_staff.get(f"/g/{picture.code}/{address}").status_code == 404


def test_it_shows_neighbours_where_times_are_equal(as_alice: Client, alice: User, media: Path) -> None:
    newest, middle, oldest = make_wall(alice, 3)
    text = as_alice.get(f"/g/{middle}/").text
    assert f'rel="prev" href="/g/{newest}/"' in text
    assert f'rel="next" href="/g/{oldest}/"' in text
    assert 'rel="prev"' not in as_alice.get(f"/g/{newest}/").text
    assert 'rel="next"' not in as_alice.get(f"/g/{oldest}/").text


def test_it_never_shows_somebody_elses_neighbour(
    as_alice: Client, alice: User, bob: User, media: Path
) -> None:
    make_pictures(bob)
    mine = make_pictures(alice)[0]
    make_pictures(bob)
    text = as_alice.get(f"/g/{mine.code}/").text
    assert 'rel="prev"' not in text
    assert 'rel="next"' not in text


def test_it_offers_to_cancel_what_waits(as_alice: Client, waiting: Generation) -> None:
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert "Waiting for your turn" in text
    assert f'action="/g/{waiting.code}/cancel/"' in text
    assert 'hx-trigger="every 1s"' in text
    assert f"/g/{waiting.code}/image" not in text


def test_it_shows_how_far_the_picture_is(as_alice: Client, waiting: Generation) -> None:
    generation = lifecycle.claim()[0]
    submit(generation)
    progress = bfl.Result(status=bfl.Status.GENERATING, word="Generating", progress=0.5)
    assert lifecycle.mark_progress(generation, progress)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert '<progress value="50" max="100"' in text
    assert f'action="/g/{waiting.code}/cancel/"' not in text


def test_it_keeps_the_signed_link_to_itself(as_alice: Client, waiting: Generation) -> None:
    generation = lifecycle.claim()[0]
    submit(generation)
    make_ready(generation)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert "Saving" in text
    assert "signed-by-bfl" not in text


@pytest.mark.parametrize("failure_code", Generation.FailureCode)
def test_it_says_why_there_is_no_picture_and_that_it_was_free(
    failure_code: Generation.FailureCode, as_alice: Client, waiting: Generation
) -> None:
    assert lifecycle.fail(waiting, failure_code)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert words.FAILURES[failure_code] in text
    assert "Not charged" in text
    assert f'action="/g/{waiting.code}/retry/"' in text
    assert "every 1s" not in text


def test_it_offers_to_retry_what_was_canceled(as_alice: Client, alice: User, waiting: Generation) -> None:
    assert lifecycle.cancel(waiting, canceled_by=alice)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert "<b>Canceled</b>" in text
    assert "Not charged" in text
    assert f'action="/g/{waiting.code}/retry/"' in text


def test_it_draws_itself_anew_while_the_picture_is_on_its_way(as_alice: Client, waiting: Generation) -> None:
    response = as_alice.get(f"/g/{waiting.code}/", headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert 'hx-trigger="every 1s"' in response.text


def test_it_stops_asking_once_the_picture_is_there(as_alice: Client, picture: Generation) -> None:
    text = as_alice.get(f"/g/{picture.code}/", headers=HTMX).text
    assert f'src="/g/{picture.code}/image"' in text
    assert "every 1s" not in text


def test_it_draws_the_same_as_the_page_so_that_nothing_is_lost(as_alice: Client, waiting: Generation) -> None:
    page = as_alice.get(f"/g/{waiting.code}/").text
    fragment = as_alice.get(f"/g/{waiting.code}/", headers=HTMX).text
    assert TOKEN.sub("", fragment).strip() in TOKEN.sub("", page)


def test_it_escapes_prompt_and_bfls_words(as_alice: Client, alice: User) -> None:
    generation = lifecycle.create(alice, "flux-dev", {"prompt": "<script>alert(1)</script>"})[0]
    assert lifecycle.fail(generation, Generation.FailureCode.REJECTED, "<script>alert(2)</script>")
    text = as_alice.get(f"/g/{generation.code}/").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;script&gt;alert(2)" in text


def test_it_shows_a_picture_of_an_endpoint_that_is_no_more(as_alice: Client, picture: Generation) -> None:
    Generation.objects.update(endpoint="flux-of-old")
    text = as_alice.get(f"/g/{picture.code}/").text
    assert "<dd>flux-of-old</dd>" in text
    assert '<dd class="break">28</dd>' in text


def test_it_costs_the_same_queries_however_long_the_story(
    as_alice: Client, picture: Generation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        lifecycle.note(picture, lifecycle.Kind.NOTE, f"note {number}")
    # Session, person, the row with its picture, entries, events, two neighbours, then what the frame asks.
    with django_assert_num_queries(10):
        as_alice.get(f"/g/{picture.code}/")


def test_it_hands_out_the_stored_bytes(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/image")
    assert response["Content-Type"] == "image/jpeg"
    assert hashlib.sha256(response.getvalue()).hexdigest() == picture.image.sha256
    assert response["Content-Length"] == str(picture.image.byte_size)
    assert "attachment" not in response.headers.get("Content-Disposition", "")


def test_it_hands_out_a_small_thumbnail(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/thumbnail")
    assert response["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(response.getvalue())) as image:
        assert (image.format, image.size) == ("WEBP", (32, 24))


@pytest.mark.parametrize("name", ["image", "thumbnail"])
def test_it_lets_only_the_owners_browser_keep_files(name: str, as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/{name}")
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    response.getvalue()


def test_it_names_the_download_after_the_picture(as_alice: Client, picture: Generation) -> None:
    response = as_alice.get(f"/g/{picture.code}/image?download")
    assert response["Content-Disposition"] == f'attachment; filename="fluxsite-{picture.code}.jpg"'
    response.getvalue()


@pytest.mark.parametrize("name", ["image", "thumbnail"])
def test_it_has_no_file_before_the_picture_is_there(name: str, as_alice: Client, waiting: Generation) -> None:
    assert as_alice.get(f"/g/{waiting.code}/{name}").status_code == 404


@pytest.mark.parametrize("name", ["image", "thumbnail"])
def test_it_says_not_found_when_the_file_is_gone(
    name: str, as_alice: Client, picture: Generation, media: Path
) -> None:
    for file in [path for path in media.rglob("*") if path.is_file()]:
        file.unlink()
    response = as_alice.get(f"/g/{picture.code}/{name}")
    assert response.status_code == 404
    assert "There is nothing here" in response.text


@pytest.mark.parametrize("address", ["", "image", "thumbnail"])
def test_it_refuses_to_be_posted_to(address: str, as_alice: Client, picture: Generation) -> None:
    assert as_alice.post(f"/g/{picture.code}/{address}").status_code == 405


def test_it_knows_no_code_that_is_not_one(as_alice: Client) -> None:
    assert as_alice.get("/g/1/").status_code == 404
    assert as_alice.get("/g/../../etc/passwd").status_code == 404
