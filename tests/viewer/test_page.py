from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from generations import bfl
from generations.media import images
from generations.models import Generation, Provider
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.provider import circuit_breaker
from tests.conftest import end_pause, jpeg, make_pictures, make_ready, make_wall, submit
from tests.credits import steps
from tests.studio.test_page import version_of

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


def without_token(text: str) -> str:
    """Return a page without the token of its log-out form, which is another each time."""
    found, count = re.subn(r'name="csrfmiddlewaretoken" value="\w+"|"X-CSRFToken": "\w+"', "", text)
    assert count
    return found


@pytest.mark.parametrize("address", ["", "image", "download", "thumbnail"])
def test_it_denies_that_other_peoples_pictures_exist(
    address: str, as_bob: Client, picture: Generation
) -> None:
    foreign = as_bob.get(f"/g/{picture.code}/{address}")
    assert foreign.status_code == 404
    unknown = as_bob.get(f"/g/{UNKNOWN}/{address}")
    assert without_token(foreign.text) == without_token(unknown.text)


def test_it_keeps_what_people_did_from_staff_too(as_staff: Client, picture: Generation) -> None:
    assert as_staff.get(f"/g/{picture.code}/").status_code == 404
    assert as_staff.get(f"/g/{picture.code}/download").status_code == 404


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
    assert wording.FAILURES[failure_code] in text
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
    view = fragment[fragment.index('<div class="view-state"') :]
    assert TOKEN.sub("", view).strip() in TOKEN.sub("", page)


def test_it_names_no_size_of_a_picture_that_never_was(as_alice: Client, waiting: Generation) -> None:
    assert "<dt>Picture</dt><dd>1024 × 768</dd>" in as_alice.get(f"/g/{waiting.code}/").text
    assert lifecycle.fail(waiting, Generation.FailureCode.REQUEST_MODERATED)
    assert "<dt>Picture</dt>" not in as_alice.get(f"/g/{waiting.code}/").text


def test_it_leads_back_to_where_the_picture_stands(
    as_alice: Client, picture: Generation, waiting: Generation
) -> None:
    back = re.compile(r'data-back\s+href="([^"]+)"')
    assert back.findall(as_alice.get(f"/g/{picture.code}/").text) == [f"/gallery/?at={picture.code}"]
    assert back.findall(as_alice.get(f"/g/{waiting.code}/").text) == ["/"]


def test_what_was_opened_in_the_studio_closes_into_it(alice: User, as_alice: Client) -> None:
    oldest, middle, newest = (generation.code for generation in make_pictures(alice, 3))
    text = as_alice.get(f"/g/{middle}/?back=studio").text
    assert re.findall(r'data-back href="(.*?)"', text) == [f"/#card-{middle}"]
    assert f'rel="prev" href="/g/{newest}/?back=studio"' in text
    assert f'rel="next" href="/g/{oldest}/?back=studio"' in text
    assert f'href="/g/{middle}/?back=studio"' in as_alice.get("/").text
    assert f"/gallery/?at={middle}" in as_alice.get(f"/g/{middle}/?back=elsewhere").text
    as_alice.post(f"/g/{middle}/trash/")
    assert f"/gallery/trash/?at={middle}" in as_alice.get(f"/g/{middle}/?back=studio").text


# What happened when


def story_of(generation: Generation) -> list[tuple[str, str]]:
    """Return title and detail of each line, as somebody reads it who asks now."""
    return [(line.title, line.detail) for line in Generation.objects.get(pk=generation.pk).story]


def take_turns(*reasons: str) -> Generation:
    """Let BFL send the one that waits away for each of the reasons; return it as it stands then."""
    for reason in reasons:
        assert lifecycle.put_back(lifecycle.claim()[0], reason)
    return Generation.objects.get()


def space_out(generation: Generation, *seconds: float) -> None:
    """Set the events apart: so long after the first one each."""
    events = list(generation.events.order_by("pk"))
    for event, after in zip(events[1:], seconds, strict=True):
        event.created_at = events[0].created_at + timedelta(seconds=after)
        event.save()


def test_it_tells_a_plain_story_line_by_line(picture: Generation) -> None:
    assert story_of(picture) == [
        ("Queued", ""),
        ("Turn has come", ""),
        ("Taken by BFL", f"task-{picture.pk}"),
        ("Picture ready at BFL", ""),
        ("Saved", ""),
    ]


def test_it_tells_how_long_each_step_took(picture: Generation, as_alice: Client) -> None:
    space_out(picture, 12, 12.3, 18.4, 18.44)
    text = as_alice.get(f"/g/{picture.code}/").text
    assert "Waited 12 s, handed over in 0.3 s, made in 6.1 s, saved in 40 ms." in text
    assert re.findall(r'<span class="since">(.*?)</span>', text) == [
        "",
        "+12 s",
        "+0.3 s",
        "+6.1 s",
        "+40 ms",
    ]


def test_it_makes_one_calm_line_of_many_turns_that_came_to_nothing(waiting: Generation) -> None:
    generation = take_turns(*["BFL is busy"] * 3, "BFL cannot be reached")
    lifecycle.claim()
    space_out(generation, 1, 2, 5, 6, 40, 41, 42, 43, 50)
    assert story_of(generation) == [
        ("Queued", ""),
        ("BFL was busy: tried 3 times in 40 s", ""),
        ("BFL could not be reached: tried once", ""),
        ("Turn has come, attempt 5 of 5", ""),
    ]
    assert [line.since for line in generation.story] == ["", "+1.0 s", "+1.0 s", "+7.0 s"]


def test_it_counts_attempts_in_the_summary(waiting: Generation) -> None:
    take_turns("BFL is busy")
    assert Generation.objects.get().in_short == ""
    generation = lifecycle.claim()[0]
    submit(generation)
    space_out(generation, 1, 2, 100, 160)
    assert generation.in_short == "Waited 1 min 40 s, handed over in 1 min; 2 attempts."


@pytest.mark.parametrize(
    ("verb", "sentence"), [("fail", "Failed after 5.0 s."), ("cancel", "Canceled after 5.0 s.")]
)
def test_it_sums_up_what_came_to_nothing(verb: str, sentence: str, alice: User, waiting: Generation) -> None:
    if verb == "fail":
        assert lifecycle.fail(waiting, Generation.FailureCode.PROVIDER_ERROR)
    else:
        assert lifecycle.cancel(waiting, canceled_by=alice)
    space_out(waiting, 5)
    assert waiting.in_short == sentence


def test_it_sums_up_a_picture_whose_webhook_was_quicker_than_the_answer(waiting: Generation) -> None:
    generation = lifecycle.claim()[0]
    result = bfl.Result(status=bfl.Status.READY, word="Ready", sample_url="https://delivery.eu.bfl.ai/a.jpeg")
    assert lifecycle.mark_ready(generation, result, bfl_id="early")
    space_out(generation, 2, 6)
    assert generation.in_short == "Waited 2.0 s, made in 4.0 s."


def test_it_says_who_did_it(as_alice: Client, as_staff: Client, alice: User, staff: User) -> None:
    mine, theirs = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=2)
    assert lifecycle.cancel(mine, canceled_by=alice)
    assert lifecycle.cancel(theirs, canceled_by=staff)
    assert "by you</span>" in as_alice.get(f"/g/{mine.code}/").text
    assert "by staff</span>" in as_alice.get(f"/g/{theirs.code}/").text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 ms"),
        (0.0213, "21 ms"),
        (0.1, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7510, "2 h 5 min"),
    ],
)
def test_it_says_how_long_as_people_do(seconds: float, said: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == said


# Given up, and late


@pytest.fixture
def given_up(waiting: Generation) -> Generation:
    generation = lifecycle.claim()[0]
    submit(generation)
    assert lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)
    return generation


def test_it_says_that_it_still_looks_for_what_was_given_up(as_alice: Client, given_up: Generation) -> None:
    for address in (f"/g/{given_up.code}/", "/"):
        text = as_alice.get(address).text
        assert "We still look for it, until" in text
        assert "Not charged" in text
        assert "every 20s" in text
    assert lifecycle.stop_looking(given_up)
    for address in (f"/g/{given_up.code}/", "/"):
        assert "We still look for it" not in as_alice.get(address).text


def test_it_says_that_a_late_picture_is_being_saved_and_free(
    as_alice: Client, given_up: Generation, media: Path
) -> None:
    make_ready(given_up)
    for address in (f"/g/{given_up.code}/", "/"):
        text = as_alice.get(address).text
        assert "<b>Saving</b>" in text
        assert "Arrived late, so it is free" in text
        assert "We still look for it" not in text


def test_it_says_that_a_late_picture_was_free(as_alice: Client, given_up: Generation, media: Path) -> None:
    make_ready(given_up)
    assert lifecycle.complete(given_up, images.store(given_up, jpeg()))
    for address in (f"/g/{given_up.code}/", "/"):
        text = as_alice.get(address).text
        assert "Arrived late, so it is free" in text
        assert "Not charged" not in text
    assert ("Picture ready at BFL", "Late, and therefore free") in story_of(given_up)


def test_it_calls_no_late_picture_free_that_was_lost_again(as_alice: Client, given_up: Generation) -> None:
    make_ready(given_up)
    assert lifecycle.fail(given_up, Generation.FailureCode.STORING_FAILED)
    text = as_alice.get(f"/g/{given_up.code}/").text
    assert "Arrived late" not in text
    assert "Not charged" in text


# While BFL is away


@pytest.mark.parametrize(
    ("pause", "reason"),
    [
        (Provider.Pause.NO_FUNDS, "Waiting: the team&#x27;s BFL account is empty"),
        (Provider.Pause.REFUSED, "Waiting: BFL refuses the team&#x27;s key"),
    ],
)
def test_it_says_what_everybody_waits_for(
    pause: Provider.Pause, reason: str, as_alice: Client, waiting: Generation
) -> None:
    circuit_breaker.pause(pause, "HTTP 402: out of credits", seconds=60)
    for address in (f"/g/{waiting.code}/", "/", "/progress/"):
        assert f"<b>{reason}</b>" in as_alice.get(address).text


@pytest.mark.parametrize("pause", [Provider.Pause.BUSY, Provider.Pause.AWAY])
def test_it_makes_no_fuss_of_a_short_wait(
    pause: Provider.Pause, as_alice: Client, waiting: Generation
) -> None:
    circuit_breaker.pause(pause, "HTTP 429", seconds=60)
    assert "<b>Waiting for your turn</b>" in as_alice.get(f"/g/{waiting.code}/").text
    for address in ("/", "/progress/"):
        assert "<b>BFL is busy, yours is next</b>" in as_alice.get(address).text


def test_it_says_that_bfl_is_away_once_that_lasts(as_alice: Client, waiting: Generation) -> None:
    go_away()
    assert "<b>Waiting: BFL cannot be reached</b>" in as_alice.get(f"/g/{waiting.code}/").text


def test_it_says_that_a_busy_bfl_has_no_slot(as_alice: Client, waiting: Generation) -> None:
    take_turns("BFL is busy")
    circuit_breaker.pause(Provider.Pause.BUSY, seconds=60)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert "<b>BFL is busy, yours is next</b>" in text
    assert "BFL was busy: tried once" in text
    assert "About BFL" not in text


def go_away() -> None:
    """Let the connection to BFL fail three times in a row, each pause being over before the next."""
    for _ in range(3):
        circuit_breaker.pause(Provider.Pause.AWAY, "GET /v1/credits: no connection")
        end_pause()


def test_it_tells_everybody_that_bfl_is_away_and_staff_why(
    as_alice: Client, as_staff: Client, waiting: Generation
) -> None:
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402: out of credits", seconds=60)
    told = wording.NOTICES["no_funds"].replace("'", "&#x27;")
    for client in (as_alice, as_staff):
        assert f'role="status">{told}</p>' in client.get("/").text
    assert "HTTP 402" not in as_alice.get("/").text
    assert "BFL in the admin" not in as_alice.get("/").text
    text = as_staff.get("/").text
    assert re.search(r"HTTP 402: out of credits. Tried once, next try at \d\d:\d\d:\d\d\.", text)
    assert 'href="/admin/generations/provider/1/change/"' in text


@pytest.mark.parametrize("address", ["/progress/", "/g/{}/"])
def test_it_brings_and_takes_the_notice_without_a_reload(
    address: str, as_alice: Client, waiting: Generation
) -> None:
    address = address.format(waiting.code)
    assert "About BFL" not in as_alice.get(address, headers=HTMX).text
    circuit_breaker.pause(Provider.Pause.REFUSED, "HTTP 403", seconds=60)
    text = as_alice.get(address, headers=HTMX).text
    assert re.search(
        r'<section id="provider" class="notice warning" aria-label="About BFL" hx-swap-oob', text
    )
    end_pause()
    circuit_breaker.resume(timezone.now())
    assert re.search(r'<section id="provider"\s+hx-swap-oob', as_alice.get(address, headers=HTMX).text)


def test_its_version_follows_the_notice_and_for_staff_each_try(as_alice: Client, as_staff: Client) -> None:
    def versions() -> list[str]:
        return [version_of(client) for client in (as_alice, as_staff)]

    well = versions()
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402", seconds=60)
    empty = versions()
    end_pause()
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402", seconds=60)
    still_empty = versions()
    assert (well[0] != empty[0], well[1] != empty[1]) == (True, True)
    assert (empty[0] != still_empty[0], empty[1] != still_empty[1]) == (False, True)


def test_its_version_follows_what_is_looked_for(as_alice: Client, given_up: Generation) -> None:
    before = version_of(as_alice)
    assert lifecycle.stop_looking(given_up)
    assert version_of(as_alice) != before


def test_it_looks_for_news_with_one_query_for_bfl(
    as_alice: Client, waiting: Generation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    circuit_breaker.pause(Provider.Pause.NO_FUNDS, "HTTP 402", seconds=60)
    version = version_of(as_alice)
    # Session, person, what moves, what ended; then the pulse: the line, the turns, BFL's state.
    with django_assert_num_queries(7):
        assert as_alice.get("/progress/", {"version": version}, headers=HTMX).status_code == 204


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
        lifecycle.note(picture, lifecycle.Kind.NOTE, f"note {number}", by=picture.user)
    as_alice.get(f"/g/{picture.code}/")
    # Session, person, the row with its picture, entries, events, two neighbours, tags, then the frame, which
    # knows the prices.
    with django_assert_num_queries(13):
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


def test_it_shows_and_copies_what_flux_has_made_of_the_prompt(as_alice: Client, waiting: Generation) -> None:
    (claimed,) = lifecycle.claim()
    submit(claimed)
    result = bfl.Result(
        status=bfl.Status.READY, word="Ready", sample_url="http://127.0.0.1:9/s.jpeg", prompt="a grey heron"
    )
    assert lifecycle.mark_ready(claimed, result, bfl_id=claimed.bfl_id)
    text = as_alice.get(f"/g/{waiting.code}/").text
    assert 'id="wording-text" dir="auto">a grey heron</p>' in text
    assert "FLUX’s wording: a grey heron" in text


def test_it_shows_no_wording_where_the_prompt_was_used_as_it_stands(
    as_alice: Client, picture: Generation
) -> None:
    Generation.objects.filter(pk=picture.pk).update(final_prompt=picture.prompt)
    assert "wording" not in as_alice.get(f"/g/{picture.code}/").text


def test_it_tells_what_was_paid_where_bfl_took_another_sum(as_alice: Client, alice: User) -> None:
    generation = steps.succeed(alice, cost=Decimal("3.25"))
    assert "2.5 credits; 3.25 after settling" in " ".join(as_alice.get(f"/g/{generation.code}/").text.split())
    card = " ".join(as_alice.get("/").text.split())
    assert "2.5 credits; 3.25 in all after settling" in card


def test_it_tells_the_price_alone_where_bfl_took_just_that(as_alice: Client, alice: User) -> None:
    generation = steps.succeed(alice, cost=Decimal("2.5"))
    assert "settling" not in as_alice.get(f"/g/{generation.code}/").text
    assert "settling" not in as_alice.get("/").text


def test_it_says_from_when_on_it_cannot_be_canceled(as_alice: Client, waiting: Generation) -> None:
    assert "no longer be canceled" not in as_alice.get(f"/g/{waiting.code}/").text
    lifecycle.claim()
    assert "no longer be canceled" in as_alice.get(f"/g/{waiting.code}/").text
