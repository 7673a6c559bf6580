from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from generations.gallery import changes as gallery_verbs
from generations.gallery import search
from generations.gallery.query import parse
from generations.media import images
from generations.models import Change, Generation, Picture
from generations.pipeline import lifecycle
from generations.views import gallery
from tests.conftest import jpeg, make_pictures, make_wall, set_time

# Of the gallery in these tests: a few pictures fill a page.
PAGE_SIZE = 6
# Session and person, the page's ids and its pictures, the count, the tags, the state of BFL, the balance,
# what is in progress; once a second everybody's, and the prices.
QUERIES = 11
SHOWN = re.compile(r'href="/g/([0-9a-f-]{36})/(?:\?q=[^"]*)?"')


@pytest.fixture(autouse=True)
def _pages_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "PAGE_SIZE", PAGE_SIZE)


def shown_codes(client: Client, url: str) -> tuple[list[str], str]:
    """Return the codes on a page of the gallery, and the address of the next."""
    response = client.get(url)
    following = re.search(r'href="(/gallery/\?older_than=[^"]+)"', response.text)
    return SHOWN.findall(response.text), following.group(1) if following else ""


def test_it_shows_pictures_with_their_thumbnail(as_alice: Client, alice: User, media: Path) -> None:
    code = make_pictures(alice)[0].code
    response = as_alice.get("/gallery/")
    assert response.status_code == 200
    assert f'href="/g/{code}/"' in response.text
    assert f'src="/g/{code}/thumbnail"' in response.text
    assert re.search(r"\b1 picture\s*<", response.text)


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
    assert shown_codes(as_bob, f"/gallery/?older_than={foreign.code}")[0] == [str(mine.code)]
    assert "Newest" not in as_bob.get(f"/gallery/?older_than={foreign.code}").text


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
def test_the_trash_costs_the_same_queries_however_many_pictures(
    count: int, as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_wall(alice, count)
    gallery_verbs.change(alice, Change.Kind.TRASH, Picture.objects.all())
    as_alice.get("/gallery/trash/")
    with django_assert_num_queries(QUERIES):
        as_alice.get("/gallery/trash/")


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
    # One more to find the last picture of the page before, one to know whether there is a newer page.
    with django_assert_num_queries(QUERIES + 2):
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
    response = as_alice.get("/gallery/", {"older_than": before})
    assert response.status_code == 200
    assert SHOWN.findall(response.text) == [code]


def test_it_escapes_prompts(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt='"><script>alert(1)</script>')
    text = as_alice.get("/gallery/").text
    assert "<script>alert" not in text
    assert "&quot;&gt;&lt;script&gt;alert(1)" in text


def test_it_refuses_to_be_posted_to(as_alice: Client) -> None:
    assert as_alice.post("/gallery/").status_code == 405


def test_it_goes_back_to_the_newer_page(as_alice: Client, alice: User, media: Path) -> None:
    expected = make_wall(alice, 2 * PAGE_SIZE + 2)
    second = shown_codes(as_alice, f"/gallery/?older_than={expected[PAGE_SIZE - 1]}")[0]
    assert shown_codes(as_alice, f"/gallery/?newer_than={second[0]}")[0] == expected[:PAGE_SIZE]


def test_it_opens_around_a_picture_that_one_comes_back_from(
    as_alice: Client, alice: User, media: Path
) -> None:
    expected = make_wall(alice, 2 * PAGE_SIZE)
    left = expected[PAGE_SIZE]
    text = as_alice.get(f"/gallery/?at={left}").text
    assert SHOWN.findall(text) == expected[PAGE_SIZE // 2 : PAGE_SIZE // 2 + PAGE_SIZE]
    assert re.search(rf'href="/g/{left}/"\s+autofocus', text)


def test_it_pages_through_five_thousand_equal_times(as_alice: Client, alice: User, media: Path) -> None:
    source = make_pictures(alice)[0]
    copies = copies_of(source, 5000)
    with_last = Picture.objects.on_wall().matching(alice, parse("")).newest_first()
    seen: list[int] = []
    page = list(with_last[:499])
    while page:
        seen += [picture.pk for picture in page]
        page = list(with_last.older_than(page[-1])[:499])
    assert seen == sorted([source.pk, *copies], reverse=True)


@pytest.mark.parametrize(("most", "told", "asks"), [(2, "2+ pictures", True), (3, "3 pictures", False)])
def test_beyond_what_a_page_counts_it_asks_for_the_rest(
    most: int,
    told: str,
    asks: bool,
    as_alice: Client,
    alice: User,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "MOST_COUNTED", most)
    make_wall(alice, 3)
    text = as_alice.get("/gallery/").text
    assert f"{told}</span>" in text
    assert ('hx-trigger="load, changed from:document"' in text) is asks
    assert "<span data-count>3 pictures</span>" in as_alice.get("/gallery/count/?q=").text


def test_a_search_by_words_counts_what_it_shows_and_asks_for_the_rest(
    as_alice: Client, alice: User, media: Path
) -> None:
    make_wall(alice, PAGE_SIZE + 1)
    text = as_alice.get("/gallery/?q=lighthouse").text
    assert f"{PAGE_SIZE}+ pictures</span>" in text
    assert 'hx-trigger="load, changed from:document"' in text
    assert f"{PAGE_SIZE + 1} pictures" in as_alice.get("/gallery/count/?q=lighthouse").text


@pytest.mark.parametrize("near", [0, 2, PAGE_SIZE, 900])
def test_a_word_is_found_in_order_however_far_it_is_looked_for_first(
    near: int, as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "NEAR", near)
    old = make_pictures(alice, PAGE_SIZE + 2)
    make_pictures(alice, 2, prompt="a heron")
    new = make_pictures(alice, 4)
    set_time(old, timezone.now() - timedelta(days=1))
    first, _ = shown_codes(as_alice, "/gallery/?q=lighthouse")
    second, _ = shown_codes(as_alice, f"/gallery/?q=lighthouse&older_than={first[-1]}")
    assert [*first, *second] == [str(row.code) for row in [*reversed(new), *reversed(old)]]


def copies_of(source: Generation, count: int) -> list[int]:
    """Put further pictures of the same moment beside one; only what the order looks at is real."""
    first = source.pk + 1
    Generation.objects.bulk_create(
        Generation(
            pk=first + number,
            user=source.user,
            endpoint=source.endpoint,
            params=source.params,
            price=source.price,
            bfl_price=source.bfl_price,
            created_at=source.created_at,
        )
        for number in range(count)
    )
    made = Generation.objects.filter(pk__gte=first)
    Picture.objects.bulk_create(gallery_verbs.picture_of(row, source.image) for row in made)
    return [row.pk for row in made]


def test_it_has_a_heading_for_each_day_and_none_twice(as_alice: Client, alice: User, media: Path) -> None:
    older, newer = make_pictures(alice, 2), make_pictures(alice, PAGE_SIZE)
    set_time(older, datetime(2026, 3, 4, 12, tzinfo=UTC))
    set_time(newer, datetime(2026, 3, 5, 12, tzinfo=UTC))
    first = as_alice.get("/gallery/")
    assert re.findall(r"<h2[^>]*>(.*2026)</h2>", first.text) == ["Thursday, 5 March 2026"]
    second = as_alice.get(shown_codes(as_alice, "/gallery/")[1], headers={"HX-Request": "true"})
    assert re.findall(r"<h2[^>]*>(.*2026)</h2>", second.text) == ["Wednesday, 4 March 2026"]


def test_it_jumps_to_a_month(as_alice: Client, alice: User, media: Path) -> None:
    march, may = make_pictures(alice, 2), make_pictures(alice, 1)
    set_time(march, datetime(2026, 3, 31, 23, tzinfo=UTC))
    set_time(may, datetime(2026, 5, 1, tzinfo=UTC))
    months = as_alice.get("/gallery/months/").text
    assert re.findall(r"month=(2026-..)", months) == ["2026-05", "2026-03"]
    assert re.findall(r'number">(\d+)<', months) == ["1", "2"]
    shown = shown_codes(as_alice, "/gallery/?month=2026-03")[0]
    assert shown == [str(row.code) for row in reversed(march)]


@pytest.mark.parametrize("months", [1, 30])
def test_the_months_cost_the_same_queries(
    months: int, as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    old, new = make_pictures(alice, 2)
    set_time([old], datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=30 * months))
    set_time([new], datetime(2026, 3, 1, tzinfo=UTC))
    with django_assert_num_queries(5):
        as_alice.get("/gallery/months/", headers={"HX-Request": "true"})


def test_it_keeps_to_pages_once_they_were_chosen(as_alice: Client, alice: User, media: Path) -> None:
    make_wall(alice, PAGE_SIZE + 1)
    assert 'hx-trigger="intersect once rootMargin' in as_alice.get("/gallery/").text
    as_alice.get("/gallery/?view=pages")
    text = as_alice.get("/gallery/").text
    assert 'hx-trigger="intersect once' not in text
    assert 'rel="next"' in text


def favourites_way(client: Client, text: str) -> tuple[str, bool]:
    """Return where the link to the favourites leads, and whether they are shown already."""
    page = client.get("/gallery/", {"q": text}).text
    found = re.search(r'class="favourites" href="([^"]*)" (aria-current="true")?', page)
    assert found
    return found[1], bool(found[2])


def test_one_link_leads_to_the_favourites_of_a_search_and_back(
    as_alice: Client, alice: User, media: Path
) -> None:
    make_pictures(alice)
    assert favourites_way(as_alice, "") == ("/gallery/?q=is%3Afavourite", False)
    assert favourites_way(as_alice, "dusk") == ("/gallery/?q=dusk%2A+is%3Afavourite", False)
    assert favourites_way(as_alice, "dusk* is:favorite") == ("/gallery/?q=dusk%2A", True)
    assert favourites_way(as_alice, "is:favourite") == ("/gallery/", True)
    assert "The heart on a picture" in as_alice.get("/gallery/?q=is:favourite").text


def test_the_filters_on_the_page_write_the_query(as_alice: Client) -> None:
    response = as_alice.get("/gallery/", {"q": "red fox ratio:1:1", "endpoint": "flux-dev", "ratio": ""})
    assert response["Location"] == "/gallery/?q=red+fox+endpoint%3Aflux-dev"


def test_filters_that_were_left_as_they_stood_change_nothing(
    as_alice: Client, alice: User, media: Path
) -> None:
    (picture,) = make_pictures(alice)
    gallery_verbs.change(
        alice,
        Change.Kind.TAG,
        Picture.objects.filter(pk=picture.pk),
        tag=gallery_verbs.get_tag(alice, "Logo"),
    )
    query = "tag:logo tag:draft endpoint:flux-of-old after:2026 before:2030"
    page = as_alice.get("/gallery/", {"q": query}).text
    chosen = dict(
        re.findall(r'<select id="filter-(\w+)".*?<option value="([^"]+)"\s+selected', page, re.DOTALL)
    )
    assert chosen["endpoint"] == "flux-of-old"
    assert re.search(r"<option selected>logo</option>", page)
    posted = {"q": query, "tag": "logo", "endpoint": "flux-of-old", "ratio": "", "seed": "7"}
    assert parse_qs(as_alice.get("/gallery/", posted)["Location"].partition("?")[2]) == {
        "q": [f"{query} seed:7"]
    }


def test_there_is_nothing_newer_than_the_newest(as_alice: Client, alice: User, media: Path) -> None:
    expected = make_wall(alice, 2 * PAGE_SIZE)
    month = f"{timezone.localdate():%Y-%m}"
    for place in (f"newer_than={expected[PAGE_SIZE]}", f"at={expected[0]}", f"month={month}"):
        text = as_alice.get(f"/gallery/?{place}").text
        assert SHOWN.findall(text) == expected[:PAGE_SIZE], place
        assert 'rel="prev"' not in text, place
    assert 'rel="prev"' in as_alice.get(f"/gallery/?older_than={expected[0]}").text


@pytest.mark.parametrize("shelf", ["/gallery/", "/gallery/trash/"])
def test_a_page_on_which_nothing_is_left_leads_to_the_shelf(
    shelf: str, as_alice: Client, alice: User, media: Path
) -> None:
    (only,) = make_pictures(alice)
    if shelf == "/gallery/trash/":
        gallery_verbs.change(alice, Change.Kind.TRASH, Picture.objects.filter(pk=only.pk))
    for place in ("older_than", "newer_than"):
        response = as_alice.get(shelf, {place: str(only.code), "q": "dusk"})
        assert response["Location"] == f"{shelf}?q=dusk"
    assert as_alice.get("/gallery/?month=2020-01")["Location"] == "/gallery/"
    fragment = as_alice.get(shelf, {"older_than": str(only.code)}, headers={"HX-Request": "true"})
    assert fragment.status_code == 200


def test_each_page_by_itself_begins_with_its_day(as_alice: Client, alice: User, media: Path) -> None:
    expected = make_wall(alice, PAGE_SIZE + 2)
    address = f"/gallery/?older_than={expected[PAGE_SIZE - 1]}"
    assert len(re.findall('class="wall-day"', as_alice.get(address).text)) == 1
    assert "wall-day" not in as_alice.get(address, headers={"HX-Request": "true"}).text


def test_a_month_is_jumped_to_within_the_search(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice)
    text = as_alice.get("/gallery/months/", {"q": 'dusk tag:"a & b"'}).text
    assert re.search(r"month=\d{4}-\d\d&amp;q=dusk%20tag%3A%22a%20%26%20b%22", text)
    assert as_alice.get("/gallery/?q=dusk").text.count("/gallery/months/?q=dusk") == 2
