"""Every prompt that was pressed comes back: by search, and to its owner alone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations.models import PastPrompt
from generations.studio import prompt_history
from tests.studio.test_page import HTMX, open_at, post, prompt_of


def past(client: Client, words: str = "") -> list[str]:
    text = client.get("/prompts/", {"q": words}, headers=HTMX).text
    return re.findall(r"data-past>(.*?)</span>", text, re.DOTALL)


def remember(user: User, *texts: str) -> None:
    for text in texts:
        prompt_history.remember(user, text)


def test_a_press_is_remembered_newest_first(as_alice: Client) -> None:
    for prompt in ("a heron", "a fox"):
        assert post(as_alice, prompt=prompt).status_code == 302
    assert past(as_alice) == ["a fox", "a heron"]


def test_a_prompt_that_is_used_again_moves_up_and_stands_once(as_alice: Client) -> None:
    for prompt in ("a heron", "a fox", "a heron"):
        post(as_alice, prompt=prompt)
    assert past(as_alice) == ["a heron", "a fox"]


def test_what_was_refused_is_not_remembered(as_alice: Client) -> None:
    post(as_alice, steps="51")
    post(as_alice, count="50")
    assert not PastPrompt.objects.exists()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("heron", ["a heron among reeds"]),
        ("REEDS heron", ["a heron among reeds"]),
        ("heron fox", []),
        ("her", ["a heron among reeds"]),
        ("olgemalde", ["ÖLGEMÄLDE, a café"]),
        ("ölgemälde CAFE", ["ÖLGEMÄLDE, a café"]),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("  ", ["ÖLGEMÄLDE, a café", "a heron among reeds"]),
        ("x" * 10_000, []),
    ],
)
def test_search_finds_all_the_words_in_any_order_case_and_accent(
    words: str, found: list[str], as_alice: Client, alice: User
) -> None:
    remember(alice, "a heron among reeds", "ÖLGEMÄLDE, a café")
    assert past(as_alice, words) == found


def test_nobody_elses_are_ever_found(as_bob: Client, alice: User) -> None:
    remember(alice, "a secret heron")
    assert past(as_bob, "heron") == []
    assert "secret" not in as_bob.get("/prompts/").text
    digest = PastPrompt.objects.get().digest
    assert prompt_of(open_at(as_bob, past=digest)) == ""


def test_one_is_brought_back_into_the_form_and_can_be_undone(as_alice: Client, alice: User) -> None:
    remember(alice, "a heron among reeds")
    as_alice.post("/draft/", {"prompt": "a fox", "endpoint": "flux-dev", "form_for": "flux-dev"})
    text = open_at(as_alice, past=PastPrompt.objects.get().digest)
    assert prompt_of(text) == "a heron among reeds"
    assert 'name="form_for" value="flux-dev"' in text
    assert 'formaction="/draft/undo/"' in text


def test_htmx_brings_one_back_without_another_page(as_alice: Client, alice: User) -> None:
    remember(alice, "a heron among reeds")
    response = as_alice.get("/", {"past": PastPrompt.objects.get().digest}, headers=HTMX)
    assert prompt_of(response.text) == "a heron among reeds"
    assert "<html" not in response.text


def test_the_page_works_without_script(as_alice: Client, alice: User) -> None:
    remember(alice, "a heron among reeds", "a fox")
    text = as_alice.get("/prompts/", {"q": "heron"}).text
    assert "<html" in text
    assert 'value="heron"' in text
    assert f'href="/?past={PastPrompt.objects.get(text="a heron among reeds").digest}"' in text
    assert "a fox" not in text


def test_it_says_what_an_empty_list_means(as_alice: Client, alice: User) -> None:
    assert "is kept here, for you alone" in as_alice.get("/prompts/").text
    assert "No prompt of yours has all of these words." in as_alice.get("/prompts/", {"q": "fox"}).text


def test_it_says_how_far_back_it_has_searched(
    as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_history, "SEARCHED", 2)
    remember(alice, "a heron", "a fox", "a hare")
    assert "None of your newest 2 prompts has all of these words." in as_alice.get("/prompts/?q=heron").text


def test_what_stands_in_the_form_is_kept_on_the_way_to_them(as_alice: Client) -> None:
    shown = {"prompt": "half a thought", "endpoint": "flux-dev", "form_for": "flux-dev"}
    response = as_alice.post("/draft/", {**shown, "then": "past-prompts"})
    assert response["Location"] == "/prompts/"
    assert prompt_of(as_alice.get("/").text) == "half a thought"


def test_it_escapes_prompts(as_alice: Client, alice: User) -> None:
    remember(alice, "<script>alert(1)</script>")
    assert "<script>alert" not in as_alice.get("/prompts/").text


def test_it_shows_a_page_of_them_and_says_so(
    as_alice: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    remember(alice, *(f"heron {number}" for number in range(prompt_history.SHOWN + 1)))
    # Session, person, prompts.
    with django_assert_num_queries(3):
        text = as_alice.get("/prompts/", headers=HTMX).text
    assert text.count("data-past") == prompt_history.SHOWN
    assert "heron 0<" not in text
    assert "Search for one that is older." in text
    assert past(as_alice, "heron 0") != []
