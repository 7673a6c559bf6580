"""The wall: what is on it, in pages, and what helps to find something there."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from fluxsite.http import PersonRequest
from generations import bfl, periods
from generations.gallery import months, search, suggestions
from generations.gallery.query import FORMATS, LONGEST, RATIOS, READERS, Query, parse
from generations.models import Picture, Tag
from generations.models.gallery import PictureQuerySet

PAGE_SIZE = 36
# So far a page counts by itself, and of a search by words what it shows: to count some that match, PostgreSQL
# looks up all. How many there are beyond is asked for when the page is there.
MOST_COUNTED = 1_000
# Of a search without a match, so many parts are tried to be left out.
MOST_DROPPED = 8
PLACES = {"older_than", "newer_than", "at", "month"}


@dataclass(frozen=True, slots=True)
class Page:
    pictures: list[Picture]
    has_newer: bool
    has_older: bool


@require_safe
@vary_on_headers("HX-Request")
def gallery(request: PersonRequest) -> HttpResponse:
    if READERS.keys() & request.GET.keys():
        return redirect(_address("gallery", q=_written(request).text))
    response = _render_wall(request, "gallery", Picture.objects.on_wall())
    if request.GET.get("view") in ("pages", "endless"):
        response.set_cookie(
            "wall",
            request.GET["view"],
            max_age=31536000,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


@require_safe
@vary_on_headers("HX-Request")
def trash(request: PersonRequest) -> HttpResponse:
    return _render_wall(request, "gallery-trash", Picture.objects.in_trash())


@require_safe
def jump(request: PersonRequest) -> HttpResponse:
    """The months that have pictures, as a page, or as the list in it. Each leads into the search, if any."""
    context = {"months": months.of(request.user), "text": request.GET.get("q", "")[:LONGEST]}
    template = "gallery/_months.html" if request.htmx else "gallery/months.html"
    return render(request, template, context)


@require_safe
def suggest(request: PersonRequest) -> HttpResponse:
    offered = suggestions.of(request.user, request.GET.get("q", ""))
    return render(request, "gallery/_suggestions.html", {"suggestions": offered})


@require_safe
def count(request: PersonRequest) -> HttpResponse:
    """How many pictures match, to the last one."""
    query = parse(request.GET.get("q", ""))
    shelf = Picture.objects.in_trash() if "trash" in request.GET else Picture.objects.on_wall()
    context = {"count": shelf.matching(request.user, query).count()}
    return render(request, "gallery/_everything.html", context)


def _written(request: PersonRequest) -> Query:
    """Return the query with what was chosen in the page's filters. One that was left as it stood changes
    nothing: there may be a second one of its key, which the page's filters do not show."""
    query = parse(request.GET.get("q", ""))
    for key in READERS:
        value = request.GET.get(key, query.value_of(key)).strip()
        if value != query.value_of(key):
            query = query.with_filter(key, value)
    return query


def _render_wall(request: PersonRequest, name: str, shelf: PictureQuerySet) -> HttpResponse:
    query = parse(request.GET.get("q", ""))
    found = shelf.matching(request.user, query)
    place = _place(request)
    page = _page(request, found, shelf.of(request.user), query, place)
    if not page.pictures and PLACES & request.GET.keys() and not request.htmx:
        # What stood there is gone, so nothing is left to turn back from.
        return redirect(_address(name, q=query.text))
    if name == "gallery":
        for picture in page.pictures:
            picture.day = periods.local_day(picture.created_at)
    # The page is added below another one that has the day's heading, or stands alone.
    above = place if request.htmx and "older_than" in request.GET else None
    in_pages = (request.GET.get("view") or request.COOKIES.get("wall")) == "pages"
    context = {
        "page": page,
        "day_above": periods.local_day(above.created_at) if above else None,
        "query": query,
        "in_trash": name == "gallery-trash",
        "in_pages": in_pages,
        "at": place if "at" in request.GET else None,
        # A picture that was found leads on to its neighbours in the search.
        "search": f"?{urlencode({'q': query.text})}" if query.text else "",
        **_ways(page, name, query),
    }
    if request.htmx:
        return render(request, "gallery/_wall.html", context)
    context |= _around(request, name, query, found, page)
    return render(request, f"gallery/{name.removeprefix('gallery-')}.html", context)


def _page(
    request: PersonRequest,
    found: PictureQuerySet,
    shelf: PictureQuerySet,
    query: Query,
    place: Picture | None,
) -> Page:
    """Return the page at a place of what a search has found on a person's shelf."""
    if place and "newer_than" in request.GET:
        newer = found.newer_than(place).oldest_first().values_list("pk", flat=True)
        rows = _load(list(newer[: PAGE_SIZE + 1]))
        return Page(rows[:PAGE_SIZE][::-1], has_newer=len(rows) > PAGE_SIZE, has_older=True)
    rest, among = found, shelf
    above: list[Picture] = []
    if place and "at" in request.GET:
        # The page around a picture begins half a page before it.
        before = list(found.newer_than(place).oldest_first().values_list("pk", flat=True)[: PAGE_SIZE // 2])
        above = list(Picture.objects.to_show().filter(pk__in=before[-1:]))
        place = above[0] if above else None
    if place:
        rest, among = rest.older_than(place), among.older_than(place)
    elif month := months.month_in(request.GET.get("month", "")):
        end = periods.start_of(months.after(month))
        rest, among = rest.filter(created_at__lt=end), among.filter(created_at__lt=end)
    rows = above + _load(search.newest(rest, among, query, PAGE_SIZE + 1))
    has_newer = rest is not found and bool(rows) and found.newer_than(rows[0]).exists()
    return Page(rows[:PAGE_SIZE], has_newer=has_newer, has_older=len(rows) > PAGE_SIZE)


def _load(ids: list[int]) -> list[Picture]:
    # Their ids come first: what has to be sorted is narrow then, and most of it never leaves an index.
    rows = Picture.objects.to_show().in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def _place(request: PersonRequest) -> Picture | None:
    """Return the picture that the address names as a place on the wall, if it is this person's."""
    named = next((request.GET[key] for key in ("older_than", "newer_than", "at") if key in request.GET), "")
    try:
        code = uuid.UUID(named)
    except ValueError:
        return None
    return Picture.objects.filter(user=request.user, generation__code=code).first()


def _ways(page: Page, name: str, query: Query) -> dict[str, str]:
    """Return the addresses of the pages next to this one, empty where there is none."""
    codes = [picture.generation.code for picture in page.pictures]
    older = _address(name, q=query.text, older_than=codes[-1]) if codes and page.has_older else ""
    newer = _address(name, q=query.text, newer_than=codes[0]) if codes and page.has_newer else ""
    return {"older_url": older, "newer_url": newer, "newest_url": _address(name, q=query.text)}


def _around(
    request: PersonRequest, name: str, query: Query, found: PictureQuerySet, page: Page
) -> dict[str, Any]:
    """Return what stands around the wall on a whole page."""
    count, has_more = _count(found, query, page)
    return {
        "count": count,
        "has_more_than_count": has_more,
        "chips": [(part, _address(name, q=query.without(part).text)) for part in query.filters],
        "drops": [] if page.pictures else _drops(request, name, query),
        "clear_url": reverse(name),
        "favourites_url": _favourites(name, query),
        "today": timezone.localdate(),
        "chosen": {key: query.value_of(key) for key in READERS},
        **_choices(request, query),
    }


def _count(found: PictureQuerySet, query: Query, page: Page) -> tuple[int, bool]:
    """Return how many pictures there are, as far as that is soon counted, and whether there are more."""
    if query.words or not page.pictures:
        return len(page.pictures), page.has_older or page.has_newer
    count = found.order_by()[: MOST_COUNTED + 1].count()
    return min(count, MOST_COUNTED), count > MOST_COUNTED


def _favourites(name: str, query: Query) -> str:
    """Return the way to the favourites among what the search finds, or back to all of it."""
    return _address(name, q=query.with_filter("is", "" if query.value_of("is") else "favourite").text)


def _drops(request: PersonRequest, name: str, query: Query) -> list[tuple[Query, str]]:
    """Return what to leave out so that something matches, each with the way there.

    Parts that match nothing even alone have to go together; otherwise each is tried by itself.
    """
    shelf = Picture.objects.in_trash() if name == "gallery-trash" else Picture.objects.on_wall()
    parts = query.parts[:MOST_DROPPED]

    def matches(some: Query) -> bool:
        return bool(some.parts) and shelf.matching(request.user, some).exists()

    if query.problems:
        return []
    hopeless = [part for part in parts if not matches(query.only(part))]
    tries = [hopeless] if hopeless else [[part] for part in parts]
    rests = [(query.only(*some), query.without(*some)) for some in tries]
    return [(out, _address(name, q=rest.text)) for out, rest in rests if matches(rest)]


def _choices(request: PersonRequest, query: Query) -> dict[str, Any]:
    """Return what the page's filters offer, and what was typed besides: a filter without it would drop it."""
    endpoints = {slug: entry.name for slug, entry in bfl.ENDPOINTS.items()}
    tags = Tag.objects.filter(user=request.user).in_use().values_list("name", flat=True)
    named = {key: [query.value_of(key)] if query.value_of(key) else [] for key in ("endpoint", "tag")}
    return {
        "endpoints": ({slug: slug for slug in named["endpoint"]} | endpoints).items(),
        "ratios": RATIOS,
        "formats": FORMATS,
        "tags": dict.fromkeys([*named["tag"], *tags[: suggestions.MOST_TAGS]]),
    }


def _address(name: str, **given: object) -> str:
    values = {key: value for key, value in given.items() if value}
    return f"{reverse(name)}?{urlencode(values)}" if values else reverse(name)
