from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from generations.bfl import parameters
from generations.gallery.normalization import tag_key, words_in
from generations.gallery.query import parse
from generations.gallery.search import _endpoints
from generations.media.file_names import clean
from generations.models import Picture, PictureTag, Tag
from tests.conftest import make_pictures


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("किला", "काला"),
        ("தமிழ்", "தமழ"),
        ("বাংলা", "বলা"),
        ("ไกล", "ใกล้"),
        ("ກາ", "ກີ"),
        ("ကာ", "ကီ"),
        ("ខ្មែរ", "ខមរ"),
    ],
)
def test_words_that_differ_by_a_mark_are_two(one: str, other: str) -> None:
    assert words_in(one) != words_in(other)


@pytest.mark.parametrize("word", ["किला", "தமிழ்", "বাংলা", "తెలుగు", "한국어"])
def test_marks_stay_in_their_word(word: str) -> None:
    assert len(words_in(word)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("كِتَاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("می\u200cخواهم", "میخواهم"),
        ("light\u00adhouse", "lighthouse"),
        ("ﬁre", "fire"),
        ("ＡＢＣ", "abc"),
        ("cafe\u0301", "café"),
        ("Việt", "viet"),
        ("ISTANBUL", "ıstanbul"),
        ("straße", "STRASSE"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("don’t", "don't"),
        ("a\u3164b", "ab"),
    ],
)
def test_what_people_write_in_two_ways_is_one_word(one: str, other: str) -> None:
    assert words_in(one) == words_in(other) != []


def test_a_part_of_a_thai_word_is_among_its_words() -> None:
    assert set(words_in("กำแพง")) <= set(words_in("สีกำแพงแดง"))


@pytest.mark.parametrize(
    "quotes", ["““", "“”", "„“", "«»", "»«", "‚‘", "‘’", "''", "「」", "『』", "＂＂", "‹›", '""']
)
def test_a_tag_may_stand_in_any_quotes(quotes: str) -> None:
    [part] = parse(f"tag:{quotes[0]}winter plans{quotes[1]}").parts
    assert (part.key, part.value) == ("tag", "winter plans")


@pytest.mark.parametrize(
    ("typed", "key"), [("shape:16:9", "ratio"), ("date:2026-11", "on"), ("model:kontext", "endpoint")]
)
def test_the_words_on_the_screen_are_keys(typed: str, key: str) -> None:
    assert [part.key for part in parse(typed).parts] == [key]


def test_a_part_of_a_models_name_finds_all_that_have_it() -> None:
    assert {"flux-kontext-pro", "flux-kontext-max"} <= set(_endpoints("kontext"))
    assert _endpoints("flux-kontext-pro") == ["flux-kontext-pro"]


@pytest.mark.parametrize(
    "text", ["\u200b", "\u2060\ufeff", "\u3164", "\u2800", "\u00a0", "\ufe0f", "\U000e0041", "\u202e"]
)
def test_a_prompt_of_which_nothing_is_seen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Write what you want to see"):
        parameters.Text(name="prompt", label="Prompt", max_length=100).clean(text)


def test_nothing_in_a_file_name_turns_its_order() -> None:
    assert clean("a\u202egpj\u2066.exe\u200f\u061c") == "agpj.exe"
    assert clean("👩\u200d🚀 می\u200cخواهم") == "👩\u200d🚀 می\u200cخواهم"


def test_invisible_twins_of_a_tag_are_one() -> None:
    assert tag_key("lo\u200bgo\u2060\u202e") == tag_key("logo\u200d")
    assert tag_key("👩\u200d🚀") != tag_key("👩🚀")
    assert tag_key("می\u200cخواهم") != tag_key("میخواهم")


def test_a_search_that_fits_into_no_address_is_refused_with_a_sentence() -> None:
    assert parse("山" * 460).problems == ()
    assert parse("山" * 999).problems


@pytest.mark.parametrize(
    "address", ["/?past=%00", "/gallery/?q=a%00", "/gallery/suggestions/?q=%00", "/usage/?person=%00"]
)
def test_a_nul_in_a_parameter_breaks_nothing(address: str, as_alice: Client) -> None:
    assert as_alice.get(address).status_code < 500


def test_a_nul_in_a_path_or_cookie_breaks_nothing(as_alice: Client) -> None:
    assert as_alice.get("/gallery/%00/").status_code == 404
    as_alice.cookies[settings.SESSION_COOKIE_NAME] = "\0"
    assert as_alice.get("/gallery/").status_code < 500


def test_the_migration_indexes_anew_and_joins_twins(alice: User, media: Path) -> None:
    migration = import_module("generations.migrations.0015_words_of_all_scripts")
    picture = Picture.objects.get(generation=make_pictures(alice, prompt="किला")[0])
    words = picture.words
    Picture.objects.update(words="old")
    tag = Tag.objects.create(user=alice, name="logo", key="logo")
    twin = Tag.objects.create(user=alice, name="lo\u200bgo", key="lo\u200bgo")
    PictureTag.objects.create(tag=twin, picture=picture)
    migration.fill_words(apps, None)
    migration.join_twins(apps, None)
    assert Picture.objects.get().words == words != "old"
    assert list(picture.tag_uses.values_list("tag", flat=True)) == [tag.pk]
    assert list(Tag.objects.all()) == [tag]
