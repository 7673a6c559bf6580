"""The page of components, without a browser."""

from __future__ import annotations

import html
import re
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, ContextList

from generations.presentation import wording

# No components, each for its reason.
NOT_SHOWN = {
    "studio/_estimates.html": "parts that are shown each by itself, on their way to a page",
    "gallery/_suggestions.html": "options of a field, which the browser draws",
    "studio/_title.html": "the words on the browser's tab",
}
# Classes that no component wears.
NOT_WORN = {
    "beside": "two blocks of a page that stand beside each other",
    "broad": "a page wider than others",
    "js": "the page's own, while scripts run",
    "page": "the page's own",
    "studio": "the columns of a page",
}
RATIO = re.compile(r"r-\d+")
# What people read of each state.
STATES = [
    *wording.FAILURES.values(),
    *wording.WAITING.values(),
    *wording.NOTICES.values(),
    *(wording.WAITING_FOR_SLOT, wording.LATE, wording.NOT_CHARGED, wording.place(3)),
    *(wording.KEPT, wording.CAME_LATE, wording.CANCELED),
    *("longer than usual", "usually 5 s", "Steps was left out: Kontext Pro"),
    *("The limit resets", "Wait until some have had their turn", "is switched off at the moment"),
    *("No connection to the site.", "We couldn’t confirm that.", "Tried 3 times"),
    *("held by pictures in progress", "Running low.", "Not enough for another picture."),
    *("A picture that you removed", "what was left of it went on", "Adjusted by BFL"),
    *("after settling what BFL took", "This picture was removed for good.", "As FLUX has rewritten it"),
    *("2 chosen", "In the trash, 12 days left.", "FLUX has it, so it can no longer be canceled."),
    *("1,000+ pictures", "4 filters", "That search cannot be read", "Matches without one word:"),
    *("No pictures yet.", "Nothing was bought in this month.", "Nothing was bought by what is chosen here."),
    *("the price list</a> says", "BFL has not told its balance for", "BFL has taken less than"),
    *("None of your newest", "No prompt of yours", "Add a word to find fewer"),
]


def specimens(client: Client) -> str:
    """Return the page without the frame above and below."""
    text = client.get("/components/").text
    return text.partition('<div class="specimen')[2].rpartition("</section>")[0]


def test_it_asks_the_database_for_no_component(as_staff: Client) -> None:
    def queries(path: str) -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            assert as_staff.get(path).status_code == 200
        return [query["sql"] for query in asked]

    queries("/keys/")  # The first page of all makes a row for BFL.
    # The page of keys has the frame alone.
    assert len(queries("/components/")) == len(queries("/keys/"))


def test_every_part_of_a_page_is_shown(as_staff: Client) -> None:
    response = as_staff.get("/components/")
    assert isinstance(response.context, ContextList)
    drawn = zip(response.templates, response.context, strict=True)
    # The frame of the page itself does not count, though it is made of some of them.
    shown = {template.name for template, context in drawn if context.get("csrf_token") == "made-up"}
    folder = Path(settings.BASE_DIR, "templates")
    parts = {path.relative_to(folder).as_posix() for path in folder.rglob("_*.html")}
    assert parts - shown == NOT_SHOWN.keys()


def test_every_class_of_the_stylesheet_is_shown(as_staff: Client) -> None:
    style = Path(settings.BASE_DIR, "static/css/site.css").read_text()
    classes = set(re.findall(r"\.([a-z][\w-]*)", re.sub(r"/\*.*?\*/|url\(.*?\)", "", style, flags=re.DOTALL)))
    given = re.findall(r'\sclass="([^"]*)"', specimens(as_staff))
    shown = {name for names in given for name in names.split()}
    assert {name for name in classes - shown if not RATIO.fullmatch(name)} == NOT_WORN.keys()


def test_every_state_that_people_meet_is_shown(as_staff: Client) -> None:
    text = " ".join(html.unescape(as_staff.get("/components/").text).split())
    assert [state for state in STATES if state not in text] == []


def test_nothing_on_it_can_be_mistaken_for_a_picture_or_ask_for_one(as_staff: Client) -> None:
    text = specimens(as_staff)
    assert "<img" in text
    assert not re.search('(src|<image href)="/g/', text)
    assert " hx-" not in text


def test_nothing_on_it_can_be_sent(as_staff: Client) -> None:
    forms = re.findall("<form[^>]*>", specimens(as_staff))
    assert len(forms) > 50
    assert [form for form in forms if 'method="dialog"' not in form] == []


def test_no_name_stands_twice(as_staff: Client) -> None:
    text = as_staff.get("/components/").text
    names = [part.partition('"')[0] for part in text.split(' id="')[1:]]
    assert [name for name in set(names) if names.count(name) > 1] == []
