"""The wall, and what helps to find something on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils import timezone

from generations import bfl
from generations.gallery.months import Month
from generations.gallery.query import FORMATS, RATIOS, READERS, Query, parse
from generations.usage.filter_form import month_before, this_month
from styleguide.specimens.made_up import LONGEST_WORD, Size, Status, generation, picture
from styleguide.specimens.specimen import Specimen

OF_ONE_SHAPE: list[Size] = [(1024, 768)] * 3
SHAPES: list[Size] = [(1344, 768), (768, 1344), (1024, 1024), (832, 1216), (640, 1536), (1536, 640)]
TAGS = ["logo", "marsh", LONGEST_WORD[:50]]
NEXT = {"older_url": "?older_than=1", "newer_url": "?newer_than=1", "newest_url": "?"}


def wall() -> Iterator[Specimen]:
    several = {**searched(), **pictures(SHAPES)}
    yield Specimen("Pictures of every shape", "components/wall.html", several, width="whole")
    one = {**searched(), **pictures(OF_ONE_SHAPE)}
    more = {**one, "older_url": NEXT["older_url"]}
    yield Specimen("One that is a favourite, and more to come", "components/wall.html", more)
    yield Specimen("In the trash", "components/wall.html", {**one, "in_trash": True})
    form = "gallery/_wall_form.html"
    yield Specimen("Some are chosen", form, several, width="whole", chosen=2)
    found = {**searched("lighthouse"), **pictures(OF_ONE_SHAPE)}
    yield Specimen("One of those that a search has found", form, found, width="whole", chosen=1)
    yield Specimen("Some of the trash", form, {**one, "in_trash": True}, width="whole", chosen=2)
    yield Specimen("In pages", form, {**one, **NEXT, "in_pages": True}, width="whole")
    yield Specimen("Everything that matches", "gallery/_everything.html", {"count": 12480})


def pictures(sizes: list[Size]) -> dict[str, Any]:
    """Return a page of the wall: of one day, the first a favourite."""
    made = [generation(Status.SUCCEEDED, size=size) for size in sizes]
    return {"page": {"pictures": [picture(one, is_favourite=one is made[0]) for one in made]}}


def finding() -> Iterator[Specimen]:
    several = pictures(OF_ONE_SHAPE)
    filters = f'pier tag:logo tag:"{TAGS[-1]}" ratio:16:9 before:2026-11'
    heads = {
        "Head of the wall": searched(),
        "Head of more than are counted": searched() | {"count": 1_000, "has_more_than_count": True},
        "Head of a search": searched(filters),
        "Head of the trash": searched("pier") | {"in_trash": True},
    }
    for name, context in heads.items():
        yield Specimen(name, "components/wall_head.html", {**context, **several}, width="whole")
    chosen = searched("tag:logo ratio:16:9 on:2026-11")
    yield Specimen("Filters", "gallery/_filters.html", chosen, width="whole")
    yield from _months()
    yield from _in_vain()


def _months() -> Iterator[Specimen]:
    months, first = [], this_month()
    for count in (38, 1204, 7, 512):
        months.append(Month(first, count))
        first = month_before(first)
    yield Specimen("Months", "gallery/_months.html", {"months": months})
    yield Specimen("Months, in a search", "gallery/_months.html", {"months": months, "text": "pier"})
    yield Specimen("No months", "gallery/_months.html")


def _in_vain() -> Iterator[Specimen]:
    nothing = "gallery/_nothing_found.html"
    unread = searched("seed:many on:yesterday")
    yield Specimen("What cannot be read", nothing, unread)
    yield Specimen("Nothing found", nothing, searched("heron"))
    yield Specimen("No favourite", nothing, searched("is:favourite"))
    query = parse(f"heron tag:{LONGEST_WORD}")
    drops = [(query.only(part), reverse("gallery")) for part in query.parts]
    yield Specimen("Nothing found, but with less of it", nothing, searched(query.text) | {"drops": drops})


def searched(text: str = "") -> dict[str, Any]:
    """Return what the page around a wall is drawn from, when a person has typed `text`."""
    query = parse(text)
    return {
        "query": query,
        "count": 12480,
        "chips": [(part, reverse("gallery")) for part in query.filters],
        "clear_url": reverse("gallery"),
        "today": timezone.localdate(),
        **_choices(query),
    }


def _choices(query: Query) -> dict[str, Any]:
    return {
        "endpoints": [(slug, entry.name) for slug, entry in bfl.ENDPOINTS.items()],
        "ratios": RATIOS,
        "formats": FORMATS,
        "tags": TAGS,
        "chosen": {key: query.value_of(key) for key in READERS},
    }
