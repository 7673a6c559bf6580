from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations import images, lifecycle
from generations.models import Generation
from generations.views import gallery
from tests.conftest import jpeg, make_pictures, make_wall

# Of the gallery in these tests: a few pictures fill a page.
PAGE_SIZE = 6
# Session and person, the page, the count, the balance, what is in progress; once a second everybody's, BFL.
QUERIES = 8
SHOWN = re.compile(r'href="/g/([0-9a-f-]{36})/"')


@pytest.fixture(autouse=True)
def _pages_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "PAGE_SIZE", PAGE_SIZE)


def shown_codes(client: Client, url: str) -> tuple[list[str], str]:
    """Return the codes on a page of the gallery, and the address of the next."""
    response = client.get(url)
    following = re.search(r'href="(/gallery/\?before=[^"]+)"', response.text)
    return SHOWN.findall(response.text), following.group(1) if following else ""


def test_it_shows_pictures_with_their_thumbnail(as_alice: Client, alice: User, media: Path) -> None:
    code = make_pictures(alice)[0].code
    response = as_alice.get("/gallery/")
    assert response.status_code == 200
    assert f'href="/g/{code}/"' in response.text
    assert f'src="/g/{code}/thumbnail"' in response.text
    assert "1 picture<" in response.text


def test_it_asks_strangers_to_log_in(client: Client) -> None:
    response = client.get("/gallery/")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/gallery/"


def test_it_hides_other_peoples_pictures(as_bob: Client, alice: User, media: Path) -> None:
    code = make_pictures(alice, prompt="a secret of Alice's")[0].code
    text = as_bob.get("/gallery/").text
    assert str(code) not in text
    assert "a secret of Alice" not in text
    assert "Nothing on the wall yet" in text


def test_it_ignores_a_place_in_somebody_elses_gallery(
    as_bob: Client, alice: User, bob: User, media: Path
) -> None:
    mine = make_pictures(bob)[0]
    foreign = make_pictures(alice)[0]
    assert shown_codes(as_bob, f"/gallery/?before={foreign.code}")[0] == [str(mine.code)]
    assert "To the newest" not in as_bob.get(f"/gallery/?before={foreign.code}").text


def test_it_says_what_to_do_when_it_is_empty(as_alice: Client) -> None:
    text = as_alice.get("/gallery/").text
    assert "Nothing on the wall yet" in text
    assert 'href="/"' in text


def test_it_shows_only_what_succeeded(as_alice: Client, alice: User, media: Path) -> None:
    waiting, failed, canceled = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"}, count=3)
    assert lifecycle.fail(failed, Generation.FailureCode.REJECTED)
    assert lifecycle.cancel(canceled, canceled_by=alice)
    assert not lifecycle.complete(waiting, images.store(waiting, jpeg()))
    assert SHOWN.search(as_alice.get("/gallery/").text) is None


def test_it_loses_and_doubles_nothing_where_times_are_equal(
    as_alice: Client, alice: User, media: Path
) -> None:
    expected = make_wall(alice, PAGE_SIZE + 3)
    first, next_url = shown_codes(as_alice, "/gallery/")
    second, after_last = shown_codes(as_alice, next_url)
    assert len(first) == PAGE_SIZE
    assert first + second == expected
    assert after_last == ""


def test_it_offers_no_next_page_when_the_page_is_just_full(
    as_alice: Client, alice: User, media: Path
) -> None:
    make_wall(alice, PAGE_SIZE)
    codes, next_url = shown_codes(as_alice, "/gallery/")
    assert len(codes) == PAGE_SIZE
    assert next_url == ""


def test_it_keeps_the_place_when_pictures_arrive_meanwhile(
    as_alice: Client, alice: User, media: Path
) -> None:
    expected = make_wall(alice, PAGE_SIZE + 1)
    next_url = shown_codes(as_alice, "/gallery/")[1]
    make_pictures(alice)
    assert shown_codes(as_alice, next_url)[0] == expected[PAGE_SIZE:]


@pytest.mark.parametrize("count", [1, PAGE_SIZE + 2])
def test_it_costs_the_same_queries_however_many_pictures(
    count: int, as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_wall(alice, count)
    as_alice.get("/gallery/")
    with django_assert_num_queries(QUERIES):
        as_alice.get("/gallery/")


def test_it_costs_the_same_queries_on_a_later_page(
    as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_wall(alice, PAGE_SIZE + 2)
    next_url = shown_codes(as_alice, "/gallery/")[1]
    # One more to find the last picture of the page before.
    with django_assert_num_queries(QUERIES + 1):
        as_alice.get(next_url)


def test_it_sends_only_the_next_pictures_to_htmx(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice)
    text = as_alice.get("/gallery/", headers={"HX-Request": "true"}).text
    assert "<html" not in text
    assert len(SHOWN.findall(text)) == 1


@pytest.mark.parametrize("before", ["nonsense", "", "00000000-0000-0000-0000-000000000000", "1' OR '1'='1"])
def test_it_starts_at_the_newest_when_the_place_is_unknown(
    before: str, as_alice: Client, alice: User, media: Path
) -> None:
    code = str(make_pictures(alice)[0].code)
    response = as_alice.get("/gallery/", {"before": before})
    assert response.status_code == 200
    assert SHOWN.findall(response.text) == [code]


def test_it_escapes_prompts(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt='"><script>alert(1)</script>')
    text = as_alice.get("/gallery/").text
    assert "<script>alert" not in text
    assert "&quot;&gt;&lt;script&gt;alert(1)" in text


def test_it_refuses_to_be_posted_to(as_alice: Client) -> None:
    assert as_alice.post("/gallery/").status_code == 405
