"""The way through the pictures, in the order of the search that one came from."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations.gallery import changes
from generations.models import Change, Generation, Picture
from generations.pipeline import lifecycle
from tests.conftest import make_pictures


def way(text: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]*)"', text)
    return found[1].replace("&amp;", "&") if found else None


def test_it_goes_through_the_search_that_one_came_from(as_alice: Client, alice: User, media: Path) -> None:
    fox, owl, last = (make_pictures(alice, prompt=f"{name} in snow")[0] for name in ("fox", "owl", "fox"))
    carried = urlencode({"q": "fox snow"})
    text = as_alice.get(f"/g/{fox.code}/?{carried}").text
    assert way(text, "prev") == f"/g/{last.code}/?{carried}"
    assert way(text, "next") is None
    assert f'data-back href="/gallery/?at={fox.code}&amp;{carried}"' in text
    assert f'name="next" value="/gallery/?at={fox.code}&amp;q=fox%20snow"' in text
    assert way(as_alice.get(f"/g/{fox.code}/").text, "prev") == f"/g/{owl.code}/"


def test_it_goes_on_from_a_picture_that_the_search_does_not_find(
    as_alice: Client, alice: User, media: Path
) -> None:
    older, shown, newer = (make_pictures(alice, prompt=name)[0] for name in ("fox", "owl", "fox"))
    text = as_alice.get(f"/g/{shown.code}/?q=fox").text
    assert way(text, "prev") == f"/g/{newer.code}/?q=fox"
    assert way(text, "next") == f"/g/{older.code}/?q=fox"


def test_it_passes_by_what_is_in_the_trash(as_alice: Client, alice: User, media: Path) -> None:
    oldest, trashed, newest = make_pictures(alice, 3)
    changes.change(alice, Change.Kind.TRASH, Picture.objects.filter(pk=trashed.pk))
    assert way(as_alice.get(f"/g/{newest.code}/").text, "next") == f"/g/{oldest.code}/"


@pytest.mark.parametrize(
    "text", ['" OR 1=1 NEAR * -', "seed:no", "x" * 10_000, "\0", "nowhere:x (", "tag:🌊"]
)
def test_it_shows_the_picture_whatever_the_search_was(
    text: str, as_alice: Client, alice: User, media: Path
) -> None:
    (picture,) = make_pictures(alice)
    response = as_alice.get(f"/g/{picture.code}/", {"q": text})
    assert response.status_code == 200
    assert way(response.text, "next") is None


def test_it_costs_the_same_queries_however_many_pictures(
    as_alice: Client, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pictures = make_pictures(alice, 9)
    for generation in (pictures[0], pictures[4]):
        # The first look at a picture also notes that its owner has seen it.
        as_alice.get(f"/g/{generation.code}/")
        with django_assert_num_queries(13):
            as_alice.get(f"/g/{generation.code}/")


def test_the_trash_is_come_back_to_at_the_same_place(as_alice: Client, alice: User, media: Path) -> None:
    first, _ = make_pictures(alice, 2)
    assert changes.change(alice, Change.Kind.TRASH, Picture.objects.all())
    text = as_alice.get(f"/g/{first.code}/").text
    assert f'data-back href="/gallery/trash/?at={first.code}"' in text
    back = as_alice.get(f"/gallery/trash/?at={first.code}").text
    assert re.search(rf'href="/g/{first.code}/"\s+autofocus', back)


def test_what_was_fetched_ahead_was_not_looked_at(as_alice: Client, alice: User, media: Path) -> None:
    (picture,) = make_pictures(alice)
    as_alice.get(f"/g/{picture.code}/", headers={"X-Prefetch": "yes"})
    assert Generation.objects.get().is_unseen
    as_alice.head(f"/g/{picture.code}/")
    assert not Generation.objects.get().is_unseen


def test_all_parameters_can_be_copied_at_once(as_alice: Client, alice: User, media: Path) -> None:
    (picture,) = make_pictures(alice, prompt="a fox & an owl")
    text = as_alice.get(f"/g/{picture.code}/").text
    assert 'data-copy="all-text"' in text
    found = re.search(r'id="all-text"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert found
    lines = html.unescape(found[1]).splitlines()
    assert lines[:2] == ["Prompt: a fox & an owl", f"Model: {picture.endpoint_name}"]
    assert lines[2:] == [*(f"{label}: {value}" for label, value in picture.shown_parameters), "Seed: 42"]


def test_it_offers_every_way_to_use_and_to_keep_a_picture(as_alice: Client, alice: User, media: Path) -> None:
    (picture,) = make_pictures(alice)
    text = as_alice.get(f"/g/{picture.code}/").text
    for use in ("all", "vary", "prompt", "seed"):
        assert f'href="/?from={picture.code}&amp;use={use}"' in text
    for form in ("", "?as=clean", "?as=jpeg", "?as=png", "?as=webp"):
        assert f'href="/g/{picture.code}/download{form}"' in text


def test_it_says_when_a_picture_was_removed_for_good(as_alice: Client, alice: User, media: Path) -> None:
    (picture,) = make_pictures(alice)
    Picture.objects.filter(pk=picture.pk).delete()
    picture.image.delete()
    text = as_alice.get(f"/g/{picture.code}/").text
    assert "This picture was removed" in text
    assert "download" not in text
    assert Generation.objects.filter(pk=picture.pk).exists()


def test_without_script_one_can_look_again_while_it_is_made(
    as_alice: Client, alice: User, media: Path
) -> None:
    (made,) = make_pictures(alice)
    (waiting,) = lifecycle.create(alice, "flux-dev", {"prompt": "a heron"})
    again = '<noscript><a class="button" href="{}">Look again</a></noscript>'
    for generation, count in ((waiting, 1), (made, 0)):
        page = f"/g/{generation.code}/?q=dusk"
        assert as_alice.get(page).text.count(again.format(page)) == count
