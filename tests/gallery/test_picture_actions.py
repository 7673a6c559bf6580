"""Favourites, tags and the trash: one picture, many, all that match; and back again."""

from __future__ import annotations

import html
import re
import uuid
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations.gallery import changes
from generations.models import Change, Generation, Picture, PictureTag, Tag
from generations.models.gallery import PictureQuerySet
from tests.conftest import make_pictures
from tests.gallery.test_wall import SHOWN

Kind = Change.Kind


def shown(client: Client, address: str = "/gallery/") -> list[str]:
    return SHOWN.findall(client.get(address).text)


def codes(generations: list[Generation]) -> list[str]:
    return [str(row.code) for row in generations]


def undo_address(text: str) -> str:
    found = re.search(r'action="(/gallery/undo/\d+/)"', text)
    assert found
    return found[1]


def of(generations: list[Generation]) -> PictureQuerySet:
    return Picture.objects.filter(pk__in=[row.pk for row in generations])


def test_chosen_pictures_go_to_the_trash_and_back(as_alice: Client, alice: User, media: Path) -> None:
    first, second, third = make_pictures(alice, 3)
    form = {"do": "trash", "picture": codes([first, second]), "next": "/gallery/?q=light"}
    response = as_alice.post("/gallery/change/", form)
    assert response["Location"] == "/gallery/?q=light"
    text = as_alice.get("/gallery/").text
    assert "2 pictures moved to trash." in text
    assert SHOWN.findall(text) == codes([third])
    assert shown(as_alice, "/gallery/trash/") == codes([second, first])
    as_alice.post(undo_address(text), {"next": "/gallery/"})
    assert shown(as_alice) == codes([third, second, first])
    assert shown(as_alice, "/gallery/trash/") == []


def test_everything_that_matches_is_changed_and_nothing_else(
    as_alice: Client, alice: User, bob: User, media: Path
) -> None:
    foxes = make_pictures(alice, 3, prompt="a fox")
    make_pictures(alice, 2, prompt="a heron")
    bobs = make_pictures(bob, prompt="a fox")
    assert ">3 pictures</span> match" in as_alice.get("/gallery/count/", {"q": "fox"}).text
    as_alice.post("/gallery/change/", {"do": "favourite", "everything": "yes", "q": "fox"})
    favourites = Picture.objects.filter(is_favourite=True)
    assert set(favourites.values_list("pk", flat=True)) == {row.pk for row in foxes}
    assert not bobs[0].picture.is_favourite
    made = alice.changes.get()
    assert sorted(made.pictures) == [row.pk for row in foxes]


def test_as_many_as_a_person_can_tick_are_changed(as_alice: Client, alice: User, media: Path) -> None:
    first, second = codes(make_pictures(alice, 2))
    others = [str(uuid.UUID(int=number)) for number in range(20_000)]
    form = urlencode({"do": "favourite", "picture": [first, *others, second]}, doseq=True)
    as_alice.post("/gallery/change/", form, content_type="application/x-www-form-urlencoded")
    assert Picture.objects.filter(is_favourite=True).count() == 2


@pytest.mark.parametrize("text", ["before:yesterday", "%", "???", '"*"'])
def test_a_search_that_asks_for_nothing_changes_nothing(
    text: str, as_alice: Client, alice: User, media: Path
) -> None:
    make_pictures(alice)
    assert ">0 pictures</span>" in as_alice.get("/gallery/count/", {"q": text}).text
    as_alice.post("/gallery/change/", {"do": "trash", "everything": "yes", "q": text})
    assert Picture.objects.on_wall().count() == 1


def test_undo_leaves_alone_what_was_so_before(as_alice: Client, alice: User, media: Path) -> None:
    before, after = make_pictures(alice, 2)
    assert changes.change(alice, Kind.FAVOURITE, of([before]))
    made = changes.change(alice, Kind.FAVOURITE, of([before, after]))
    assert made
    assert made.pictures == [after.pk]
    assert changes.undo(made)
    assert list(Picture.objects.filter(is_favourite=True)) == [before.picture]


@pytest.mark.parametrize("kind", Kind)
def test_each_change_can_be_undone_once(kind: Change.Kind, alice: User, media: Path) -> None:
    made = make_pictures(alice, 2)
    tag = changes.get_tag(alice, "logo")
    if kind in (Kind.UNTAG, Kind.UNFAVOURITE, Kind.RESTORE):
        assert changes.change(alice, changes._OPPOSITES[kind], of(made), tag=about(kind, tag))
    before = state()
    change = changes.change(alice, kind, of(made), tag=about(kind, tag))
    assert change
    assert state() != before
    assert changes.change(alice, kind, of(made), tag=about(kind, tag)) is None
    assert changes.undo(change) == 2
    assert state() == before
    assert changes.undo(change) is None
    assert state() == before


def about(kind: str, tag: Tag) -> Tag | None:
    return tag if kind in (Kind.TAG, Kind.UNTAG) else None


def state() -> list[tuple[int, bool, bool, int]]:
    rows = Picture.objects.order_by("pk")
    return [(row.pk, row.is_favourite, row.is_trashed, row.tag_uses.count()) for row in rows]


def test_nobody_changes_or_undoes_what_is_anothers(
    as_bob: Client, alice: User, bob: User, media: Path
) -> None:
    (picture,) = make_pictures(alice)
    made = changes.change(alice, Kind.TRASH, of([picture]))
    assert made
    assert as_bob.post(f"/gallery/undo/{made.pk}/").status_code == 404
    assert changes.undo(made)
    for name in ("favourite", "tags", "trash", "restore"):
        assert as_bob.post(f"/g/{picture.code}/{name}/", {"tag": "x"}).status_code == 404
    for do in Kind.values:
        as_bob.post("/gallery/change/", {"do": do, "picture": str(picture.code), "tag": "x"})
    assert changes.change(bob, Kind.FAVOURITE, Picture.objects.all()) is None
    assert state() == [(picture.pk, False, False, 0)]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "Choose what to do"),
        ({"do": "burn"}, "Choose what to do"),
        ({"do": "trash"}, "Nothing changed"),
        ({"do": "trash", "picture": ["nonsense", "00000000-0000-0000-0000-000000000000"]}, "Nothing changed"),
        ({"do": "tag", "tag": ' " '}, "Write a word for the tag."),
        ({"do": "tag", "tag": "x" * 51}, "50 characters at most"),
        ({"do": "tag", "tag": "\ufdfa" * 9}, "Write it shorter."),
        ({"do": "untag", "tag": "lgoo"}, "You have no tag “lgoo”."),
    ],
)
def test_a_bad_form_is_answered_with_a_sentence(
    form: dict[str, object], sentence: str, as_alice: Client, alice: User, media: Path
) -> None:
    make_pictures(alice)
    before = state()
    response = as_alice.post("/gallery/change/", form, follow=True)
    assert response.status_code == 200
    assert sentence in response.text
    assert state() == before


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_it_leads_back_to_this_site_only(back: str, as_alice: Client, alice: User, media: Path) -> None:
    assert as_alice.post("/gallery/change/", {"next": back})["Location"] == "/gallery/"


def test_one_picture_becomes_a_favourite_and_is_none_again(
    as_alice: Client, alice: User, media: Path
) -> None:
    (generation,) = make_pictures(alice)
    for answer, expected in (("yes", True), ("yes", True), ("no", False)):
        as_alice.post(f"/g/{generation.code}/favourite/", {"favourite": answer})
        assert Picture.objects.get().is_favourite is expected


def test_one_picture_is_tagged_and_the_fragment_shows_it(as_alice: Client, alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    form = {"tag": "<b>Logo</b>", "order": "yes"}
    response = as_alice.post(f"/g/{generation.code}/tags/", form, headers={"HX-Request": "true"})
    assert "&lt;b&gt;Logo&lt;/b&gt;" in response.text
    assert "<b>Logo" not in response.text
    as_alice.post(f"/g/{generation.code}/tags/", {"do": "untag", "tag": "<B>LOGO</B>"})
    assert not PictureTag.objects.exists()


def test_a_tag_is_one_however_it_is_written(alice: User, bob: User) -> None:
    tag = changes.get_tag(alice, "  Straße\t1 ")
    assert tag.name == "Straße 1"
    assert changes.get_tag(alice, "STRASSE 1") == tag
    assert changes.get_tag(bob, "Straße 1") != tag
    with pytest.raises(IntegrityError), transaction.atomic():
        Tag.objects.create(user=alice, name="strasse 1", key=tag.key)


def test_a_tag_that_was_mistyped_when_taken_off_does_not_come_to_be(
    as_alice: Client, alice: User, media: Path
) -> None:
    (generation,) = make_pictures(alice)
    as_alice.post(f"/g/{generation.code}/tags/", {"do": "untag", "tag": "lgoo"})
    assert not Tag.objects.exists()


def addresses(text: str, do: str) -> set[str]:
    """Where the forms that do this lead, with script and without."""
    return {html.unescape(found) for found in re.findall(rf'(?:action|hx-post)="([^"]*/{do}/[^"]*)"', text)}


@pytest.mark.parametrize("do", ["favourite", "tags", "restore"])
def test_a_change_of_one_picture_keeps_the_search_it_was_found_with(
    do: str, as_alice: Client, alice: User, media: Path
) -> None:
    (generation,) = make_pictures(alice)
    if do == "restore":
        assert changes.change(alice, Kind.TRASH, of([generation]))
    page = f"/g/{generation.code}/?{urlencode({'q': 'dusk & dawn'})}"
    (address,) = addresses(as_alice.get(page).text, do)
    assert as_alice.post(address, {"tag": "logo"})["Location"] == page


def test_the_fragment_keeps_the_search_it_was_found_with(as_alice: Client, alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    (address,) = addresses(as_alice.get(f"/g/{generation.code}/?q=dusk").text, "favourite")
    text = as_alice.post(address, {"order": "yes"}, headers={"HX-Request": "true"}).text
    assert addresses(text, "favourite") == {address}
    assert f'name="next" value="/gallery/?at={generation.code}&amp;q=dusk"' in text


@pytest.mark.parametrize("do", ["favourite", "tags", "restore"])
def test_undo_in_a_fragment_leads_back_to_the_page_around_it(
    do: str, as_alice: Client, alice: User, media: Path
) -> None:
    (generation,) = make_pictures(alice)
    if do == "restore":
        assert changes.change(alice, Kind.TRASH, of([generation]))
    page = f"/g/{generation.code}/?q=dusk"
    answer = as_alice.post(
        f"/g/{generation.code}/{do}/",
        {"tag": "logo", "order": "yes"},
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"},
    )
    following = re.search(r'name="next" value="([^"]*)"', answer.text)
    assert following
    undone = as_alice.post(undo_address(answer.text), {"next": following[1]})
    assert undone["Location"] == page
    assert "Undone." in as_alice.get(page).text


def test_script_is_told_what_happened_in_a_fragment(as_alice: Client, alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    form = {"do": "trash", "picture": str(generation.code)}
    response = as_alice.post("/gallery/change/", form, headers={"HX-Request": "true"})
    assert "<html" not in response.text
    assert "1 picture moved to trash." in response.text
    assert undo_address(response.text)


@pytest.mark.parametrize("count", [1, 5])
def test_a_change_of_many_costs_the_queries_of_one(
    count: int, alice: User, media: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = make_pictures(alice, count)
    # The savepoint's two, what is to change, the change, the old ones, the new one.
    with django_assert_num_queries(6):
        changes.change(alice, Kind.TRASH, of(made))


def test_what_can_be_undone_is_forgotten_after_a_day(alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    old = changes.change(alice, Kind.FAVOURITE, of([generation]))
    assert old
    Change.objects.update(created_at=old.created_at - changes.UNDO_FOR)
    assert changes.change(alice, Kind.TRASH, of([generation]))
    assert alice.changes.get().kind == Kind.TRASH


def test_the_database_keeps_a_picture_and_its_days_together(alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.filter(pk=generation.pk).update(trashed_at=generation.created_at)
