"""From a query to the pictures that match it, with the word index of whichever database there is.

Both databases index the same normalized words (`normalization`). Each word has its owner before it, so that a
search reads one person's part of the index only. PostgreSQL keeps a tsvector with a GIN index, SQLite an FTS5
table; the database itself keeps them up to date (migration 0009).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BigIntegerField, BooleanField, Q
from django.db.models.expressions import RawSQL

from generations import periods
from generations.bfl import ENDPOINTS
from generations.gallery.normalization import of_owner, tag_key
from generations.gallery.query import FORMATS, Part, Query, period_in

if TYPE_CHECKING:
    from generations.models.gallery import PictureQuerySet

WORDS = "generations_picture_words"
# Where SQLite's index of words has got to: a picture's id.
PLACE = RawSQL(f"{WORDS}.rowid", [], BigIntegerField())  # noqa: S611  # a constant
# So many of a person's newest pictures PostgreSQL looks through one by one.
NEAR = 900
# More endings than these, and SQLite puts them together itself, which takes as long as they have pictures.
MOST_ENDINGS = 200


def matching(pictures: PictureQuerySet, user: User, query: Query) -> PictureQuerySet:
    """Return the pictures of `user` that match all of the query; none if it has a problem."""
    if query.problems:
        return pictures.none()
    pictures = pictures.filter(user=user)
    for part in query.filters:
        pictures = pictures.filter(FILTERS[part.key](user, part.value))
    return _with_words(pictures, user, query.words) if query.words else pictures


def newest(found: PictureQuerySet, shelf: PictureQuerySet, query: Query, count: int) -> list[int]:
    """Return the ids of the newest `count` of what a search has found on a person's shelf.

    PostgreSQL's index of words knows no order: all that match are looked up to find the newest. Of a word
    that many pictures have, the last few hundred are enough, and the wall's index leads through these.
    """
    if query.words and connection.vendor == "postgresql":
        for edge in shelf.newest_first().values_list("created_at", flat=True)[NEAR : NEAR + 1]:
            ids = _ids(found.filter(created_at__gte=edge), count)
            if len(ids) == count:
                return ids
    return _ids(found, count)


def _ids(found: PictureQuerySet, count: int) -> list[int]:
    return list(found.newest_first().values_list("pk", flat=True)[:count])


def _with_words(pictures: PictureQuerySet, user: User, words: list[Part]) -> PictureQuerySet:
    if connection.vendor == "postgresql":
        # Owner and word are letters, digits and an underscore: nothing to escape.
        terms = [f"'{of_owner(user.pk, word.value)}'{':*' if word.is_prefix else ''}" for word in words]
        is_found = RawSQL("generations_picture.vector @@ %s::tsquery", [" & ".join(terms)], BooleanField())
        return pictures.filter(is_found)
    terms = [_sqlite_term(of_owner(user.pk, word.value), word) for word in words]
    joined = pictures.extra(  # noqa: S610  # constants; a join that the ORM has no words for
        tables=[WORDS],
        # The plus keeps SQLite from asking the index of words anew for each picture.
        where=[f"{WORDS} MATCH %s", f"generations_picture.generation_id = +{WORDS}.rowid"],
        params=[" AND ".join(terms)],
    )
    return cast("PictureQuerySet", joined)


def _sqlite_term(start: str, word: Part) -> str:
    endings = _endings(start) if word.is_prefix else [start]
    if len(endings) > MOST_ENDINGS:
        return f'"{start}"*'
    return f"({' OR '.join(f'{chr(34)}{ending}{chr(34)}' for ending in endings or [start])})"


def _endings(start: str) -> list[str]:
    """Return the words of the index that begin so: FTS5 walks a few of them as it goes, a prefix not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT term FROM generations_picture_vocabulary WHERE term >= %s AND term < %s LIMIT %s",
            [start, start + "\U0010ffff", MOST_ENDINGS + 1],
        )
        return [term for (term,) in cursor.fetchall()]


def _before(user: User, value: str) -> Q:
    return Q(created_at__lt=periods.start_of(period_in(value)[0]))


def _after(user: User, value: str) -> Q:
    return Q(created_at__gte=periods.start_of(period_in(value)[1]))


def _on(user: User, value: str) -> Q:
    first, end = period_in(value)
    return Q(created_at__gte=periods.start_of(first), created_at__lt=periods.start_of(end))


def _tag(user: User, value: str) -> Q:
    return Q(tag_uses__tag__user=user, tag_uses__tag__key=tag_key(value))


def _endpoint(user: User, value: str) -> Q:
    return Q(endpoint__in=_endpoints(value))


def _endpoints(value: str) -> list[str]:
    """Return the endpoint of this slug, or all that have the value in slug or name."""
    if value in ENDPOINTS:
        return [value]
    names = {slug: f"{slug} {entry.name.lower()}" for slug, entry in ENDPOINTS.items()}
    return [value, *(slug for slug, name in names.items() if value in name)]


def _size(user: User, value: str) -> Q:
    width, height = value.split("x")
    return Q(width=int(width), height=int(height))


FILTERS: dict[str, Callable[[User, str], Q]] = {
    "endpoint": _endpoint,
    "tag": _tag,
    "before": _before,
    "after": _after,
    "on": _on,
    "seed": lambda user, value: Q(seed=int(value)),
    "ratio": lambda user, value: Q(ratio=value),
    "is": lambda user, value: Q(is_favourite=True),
    "size": _size,
    "format": lambda user, value: Q(format=FORMATS[value]),
}
