"""The page of components, without a browser."""

from __future__ import annotations

import html
from pathlib import Path

from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from generations import words

# What puts parts together that are shown, and what is at home on one page: filters, and a viewer's tools.
NOT_SHOWN = {
    "_detail_state.html",
    "_detail_tools.html",
    "_everything.html",
    "_filters.html",
    "_months.html",
    "_nothing_found.html",
    "_progress.html",
    "_search.html",
    "_suggestions.html",
    "_title.html",
    "_usage_filter.html",
    "_wall_bar.html",
    "_wall_count.html",
    "_wall_form.html",
}


def test_it_asks_the_database_for_no_component(
    as_staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    as_staff.get("/components/")
    # Session, person, balance, the prices that make it low, and what is in progress: the frame of every page.
    with django_assert_max_num_queries(10):
        assert as_staff.get("/components/").status_code == 200


def test_every_part_of_a_page_is_shown(as_staff: Client) -> None:
    templates = as_staff.get("/components/").templates
    shown = {template.name.rpartition("/")[2] for template in templates if template.name}
    parts = {path.name for path in Path(settings.BASE_DIR, "templates/generations").glob("_*.html")}
    assert parts - shown == NOT_SHOWN


def test_every_state_that_people_meet_is_shown(as_staff: Client) -> None:
    text = html.unescape(as_staff.get("/components/").text)
    states = [*words.FAILURES.values(), *words.WAITING.values(), words.WAITING_FOR_SLOT]
    states += [words.place(3), "longer than usual", "usually 5 s", words.LATE, words.NOT_CHARGED]
    states += ["The limit resets", "Wait until some have had their turn"]
    states += ["No connection to the site.", "This was not confirmed.", "Steps was left out: Kontext Pro"]
    assert [state for state in states if state not in text] == []


def test_nothing_on_it_can_be_mistaken_for_a_picture_or_ask_for_one(as_staff: Client) -> None:
    text = as_staff.get("/components/").text
    assert 'src="/g/' not in text
    assert '<image href="/g/' not in text
    assert " hx-get" not in text.partition('<div class="specimen">')[2].rpartition("</section>")[0]


def test_no_name_stands_twice(as_staff: Client) -> None:
    text = as_staff.get("/components/").text
    names = [part.partition('"')[0] for part in text.split(' id="')[1:]]
    assert [name for name in set(names) if names.count(name) > 1] == []
