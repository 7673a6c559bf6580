from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from generations.gallery import changes, search
from generations.gallery.normalization import words_in
from generations.gallery.query import LONGEST, MOST_PARTS, Part, parse
from generations.models import Change, Generation, Picture
from tests.conftest import make_pictures, set_time
from tests.gallery.test_wall import SHOWN

PROMPTS = {
    "lighthouse": "A lighthouse at dusk, soft light",
    "cafe": "Café crème on a blue table",
    "smorrebrod": "Smørrebrød, straße, ĐÀ NẴNG",
    "mountains": "山水 in ink",
    "operators": "cats OR dogs NEAR a river, portrait:oil",
}


@pytest.fixture
def prompts(alice: User, media: Path) -> dict[str, str]:
    """A picture for each prompt: from its code to the prompt's short name."""
    return {str(make_pictures(alice, prompt=text)[0].code): name for name, text in PROMPTS.items()}


def found(client: Client, prompts: dict[str, str], text: str) -> set[str]:
    response = client.get("/gallery/", {"q": text})
    assert response.status_code == 200
    return {prompts[code] for code in SHOWN.findall(response.text)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lighthouse", {"lighthouse"}),
        ("LIGHTHOUSE dusk", {"lighthouse"}),
        ("dusk lighthouse", {"lighthouse"}),
        ("lighthouse table", set()),
        ("lightho", {"lighthouse"}),
        ('"lightho"', set()),
        ("lightho dusk", set()),
        ("lightho* dusk", {"lighthouse"}),
        ("cafe creme", {"cafe"}),
        ("CAFÉ", {"cafe"}),
        ("smorrebrod", {"smorrebrod"}),
        ("strasse", {"smorrebrod"}),
        ("da nang", {"smorrebrod"}),
        ("水", {"mountains"}),
        ("水山", {"mountains"}),
        ("portrait:oil", {"operators"}),
        ("or dogs near", {"operators"}),
        ('" OR 1=1', set()),
        ("cats NOT dogs", set()),
        ("cats AND dogs", set()),
        ("NEAR(cats dogs)", {"operators"}),
        ("dogs -", {"operators"}),
        ("' & 'dogs':* |", {"operators"}),
        ("dogs'; DROP TABLE generations_picture; --", set()),
        ("do*gs", set()),
    ],
)
def test_it_finds_whole_words_and_beginnings_in_any_order(
    text: str, names: set[str], as_alice: Client, prompts: dict[str, str]
) -> None:
    assert found(as_alice, prompts, text) == names


def test_it_finds_nothing_of_other_people(as_bob: Client, bob: User, prompts: dict[str, str]) -> None:
    mine = make_pictures(bob, prompt="another lighthouse")[0]
    assert SHOWN.findall(as_bob.get("/gallery/?q=lighthouse").text) == [str(mine.code)]
    assert SHOWN.findall(as_bob.get("/gallery/?q=table").text) == []


def test_it_pages_through_what_it_finds(
    as_alice: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.views.gallery.PAGE_SIZE", 3)
    expected = [str(row.code) for row in reversed(make_pictures(alice, 7, prompt="a lighthouse"))]
    make_pictures(alice, 2, prompt="a heron")
    seen: list[str] = []
    address = "/gallery/?q=light"
    while address:
        text = as_alice.get(address).text
        seen += SHOWN_OF_SEARCH.findall(text)
        following = re.search(r'href="(/gallery/\?q=light&amp;older_than=[^"]+)"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == expected
    newer = as_alice.get(f"/gallery/?q=light&newer_than={expected[4]}").text
    assert SHOWN_OF_SEARCH.findall(newer) == expected[1:4]


SHOWN_OF_SEARCH = re.compile(r'href="/g/([0-9a-f-]{36})/\?q=light"')


def test_a_beginning_of_very_many_words_is_found_as_well(
    as_alice: Client, prompts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_ENDINGS", 1)
    assert found(as_alice, prompts, "li*") == {"lighthouse"}


def filters_of(client: Client, text: str) -> list[str]:
    response = client.get("/gallery/", {"q": text})
    assert response.status_code == 200
    return SHOWN.findall(response.text)


def test_filters_go_together_with_words(as_alice: Client, alice: User, media: Path) -> None:
    (old,) = make_pictures(alice, prompt="a red fox")
    (new,) = make_pictures(alice, prompt="a red heron")
    set_time([old], _noon(2026, 9, 30))
    set_time([new], _noon(2026, 10, 1))
    tag = changes.get_tag(alice, "Two Words")
    assert changes.change(alice, Change.Kind.TAG, Picture.objects.filter(pk=new.pk), tag=tag)
    assert changes.change(alice, Change.Kind.FAVOURITE, Picture.objects.filter(pk=old.pk))
    both, first, second = [str(new.code), str(old.code)], [str(old.code)], [str(new.code)]
    for text, expected in {
        "red": both,
        "red before:2026-10": first,
        "red after:2026-09": second,
        "red after:2026-09-30": second,
        "after:2026-09-29": both,
        "on:2026": both,
        "on:2026-09-30": first,
        "red before:2026": [],
        'tag:"two words"': second,
        'TAG:"TWO words" red': second,
        "tag:nowhere": [],
        "is:favourite": first,
        "is:favourite tag:nowhere": [],
        "seed:42": both,
        "seed:43": [],
        "endpoint:flux-dev format:jpg ratio:4:3": both,
        "model:flux-dev": both,
        "endpoint:flux-pro": [],
        "size:32x24": both,
        "size:32x25": [],
        "ratio:1:1": [],
    }.items():
        assert filters_of(as_alice, text) == expected, text


def _noon(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("before:yesterday", "“yesterday” is no date"),
        ("on:2026-13", "“2026-13” is no date"),
        ("on:2026-02-30", "“2026-02-30” is no date"),
        ("seed:many", "“many” is no seed"),
        ("seed:99999999999999999999", "is no seed"),
        ("ratio:2:7", "none of the ratios"),
        ("is:mine", "only favourite"),
        ("size:large", "is no size"),
        ("format:gif", "is no format"),
        ('tag:""', "Name a tag"),
        ("🦊", "no letters or digits"),
        ("%", "“%” has no letters or digits"),
        ("??? !", "“??? !” has no letters or digits"),
        ('"*"', "no letters or digits"),
        ("word " * 2000, "too much to search for"),
        ("x" * 10_000, "too much to search for"),
        ("a " * (MOST_PARTS + 1), "too much to search for"),
    ],
)
def test_it_says_what_it_cannot_read_and_shows_no_picture(
    text: str, sentence: str, as_alice: Client, alice: User, media: Path
) -> None:
    make_pictures(alice)
    response = as_alice.get("/gallery/", {"q": text})
    assert response.status_code == 200
    assert sentence in response.text
    assert SHOWN.findall(response.text) == []


@pytest.mark.parametrize(
    "text", ["\0", '"', "*", '"*"', ":", "a:b:c", "tag:", "%", "\\", "() ^ {a b}:c", "\u202e", "a\x00b"]
)
def test_it_never_fails(text: str, as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice)
    assert as_alice.get("/gallery/", {"q": text}).status_code == 200


def test_a_search_without_a_match_says_what_to_drop(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt="a red fox")
    text = as_alice.get("/gallery/", {"q": "red fox tag:logo"}).text
    assert "No picture matches" in text
    assert re.findall(r'Without <b dir="auto">(.*?)</b>', text) == ["tag:logo"]
    assert 'href="/gallery/?q=red+%22fox%22"' in text


def test_a_search_without_a_match_says_what_has_to_go_together(
    as_alice: Client, alice: User, media: Path
) -> None:
    make_pictures(alice, prompt="a red fox")
    text = as_alice.get("/gallery/", {"q": "red zebra tag:logo"}).text
    assert re.findall(r'Without <b dir="auto">(.*?)</b>', text) == ["zebra tag:logo"]
    assert re.findall("Without", as_alice.get("/gallery/", {"q": "zebra"}).text) == []


def test_a_filter_can_be_taken_away(as_alice: Client, alice: User, media: Path) -> None:
    make_pictures(alice, prompt="a red fox")
    text = as_alice.get("/gallery/", {"q": "red endpoint:flux-dev format:jpeg"}).text
    assert 'href="/gallery/?q=red+format%3Ajpeg"' in text
    assert "2 filters" in text


@pytest.mark.parametrize("name", ["🦊", "<script>", "نص", "a:b", "it's", "100%", "is:favourite"])
def test_a_tag_is_taken_literally(name: str, as_alice: Client, alice: User, media: Path) -> None:
    (picture,) = make_pictures(alice)
    make_pictures(alice)
    tag = changes.get_tag(alice, name)
    assert changes.change(alice, Change.Kind.TAG, Picture.objects.filter(pk=picture.pk), tag=tag)
    assert filters_of(as_alice, Part("tag", name).text) == [str(picture.code)]


def test_it_suggests_keys_values_and_own_tags(as_alice: Client, alice: User, bob: User, media: Path) -> None:
    for user, name in ((alice, "Logo two"), (bob, "log of bob")):
        (picture,) = make_pictures(user)
        tag = changes.get_tag(user, name)
        assert changes.change(user, Change.Kind.TAG, Picture.objects.filter(pk=picture.pk), tag=tag)

    def suggested(text: str) -> list[str]:
        return re.findall(r'value="([^"]*)"', as_alice.get("/gallery/suggestions/", {"q": text}).text)

    assert suggested("fox end") == ["fox endpoint:"]
    assert suggested("endpoint:flux-dev") == ["endpoint:flux-dev"]
    assert suggested("fox tag:lo") == ["fox tag:&quot;Logo two&quot;"]
    assert suggested("fox lo") == ["fox tag:&quot;Logo two&quot;"]
    assert suggested("ratio:9") == ["ratio:9:16", "ratio:9:21"]
    assert suggested("x" * 5000) == []


def test_it_suggests_own_words_the_most_used_first(
    as_alice: Client, alice: User, bob: User, media: Path
) -> None:
    make_pictures(alice, prompt="meadow at dusk")
    make_pictures(alice, 2, prompt="Méduse at dusk")
    make_pictures(bob, prompt="a mediator")
    text = as_alice.get("/gallery/suggestions/", {"q": "dusk ME"}).text
    assert re.findall(r'value="([^"]*)"', text) == ["dusk meduse", "dusk meadow"]
    assert "meadow" not in as_alice.get("/gallery/suggestions/", {"q": "meadow"}).text


def test_the_query_survives_being_written(alice: User) -> None:
    for text in ["red fox", 'red "fox"', "red* fox tag:a", 'tag:"a b" on:2026', "light is:favorite"]:
        query = parse(text)
        again = parse(query.without(Part("none", "")).text)
        assert again.parts == query.parts, text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crème-brûlée, 3D!", ["creme", "brulee", "3d"]),
        ("snake_case", ["snake", "case"]),
        ("Æon", ["aeon"]),
        ("İstanbul ISTANBUL ıstanbul", ["istanbul"] * 3),
        ("東京tower", ["東", "京", "tower"]),
        ("W" * 60, ["w" * 50]),
        ("… — 🦊", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_in(text) == words


def test_a_search_may_be_as_long_as_is_said() -> None:
    assert parse("x" * LONGEST).problems == ()


def test_the_index_follows_the_rows(alice: User, media: Path) -> None:
    (generation,) = make_pictures(alice, prompt="a red fox")
    pictures = Picture.objects.all()
    assert pictures.matching(alice, parse("fox")).exists()
    generation.picture.words = f"{alice.pk}_heron"
    generation.picture.save(update_fields=["words"])
    assert not pictures.matching(alice, parse("fox")).exists()
    assert pictures.matching(alice, parse("heron")).exists()
    Picture.objects.filter(pk=generation.pk).delete()
    assert not pictures.matching(alice, parse("heron")).exists()
    assert Generation.objects.filter(pk=generation.pk).exists()
