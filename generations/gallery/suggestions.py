"""What could stand where a person is typing in the search."""

from __future__ import annotations

from collections import Counter

from django.contrib.auth.models import User

from generations.bfl import ENDPOINTS
from generations.gallery.normalization import of_owner, tag_key, words_in
from generations.gallery.query import FORMATS, KEY_ALIASES, RATIOS, READERS, Part, start_of_last
from generations.models import Picture, Tag

MOST = 8
_QUOTES = "\"'“”„‟«»「」『』＂〝〞〟‘’‚‛‹›"
MOST_TAGS = 100
# Pictures, newest first, whose words are looked at.
RECENT = 300


def of(user: User, text: str) -> list[str]:
    """Return whole queries that go on from what was typed, a few at most."""
    if len(text) > 200:
        return []
    place = start_of_last(text)
    before, last = text[:place], text[place:]
    key, colon, start = last.partition(":")
    endings = (
        _values(user, key.lower(), start) if colon else _keys(last) + _tags(user, last) + _words(user, last)
    )
    return [f"{before}{ending}" for ending in endings[:MOST]]


def _keys(start: str) -> list[str]:
    return [f"{key}:" for key in READERS if key.startswith(start.lower())]


def _values(user: User, key: str, start: str) -> list[str]:
    if KEY_ALIASES.get(key, key) == "tag":
        return _tags(user, start)
    offered = {
        "endpoint": tuple(ENDPOINTS),
        "ratio": RATIOS,
        "is": ("favourite",),
        "format": tuple(FORMATS),
    }
    return [
        f"{key}:{value}"
        for value in offered.get(KEY_ALIASES.get(key, key), ())
        if value.startswith(start.lower())
    ]


def _tags(user: User, start: str) -> list[str]:
    tags = Tag.objects.filter(user=user, key__startswith=tag_key(start.strip(_QUOTES))).in_use()
    return [Part("tag", tag.name).text for tag in tags[:MOST]]


def _words(user: User, start: str) -> list[str]:
    """Return words of this person's newest pictures, the most used first."""
    typed = words_in(start)
    if len(typed) != 1:
        return []
    begin = of_owner(user.pk, typed[0])
    newest = Picture.objects.of(user).on_wall().newest_first().values_list("words", flat=True)[:RECENT]
    used = Counter(
        word for words in newest for word in words.split() if word.startswith(begin) and word != begin
    )
    return [word.removeprefix(of_owner(user.pk, "")) for word, _ in used.most_common(MOST)]
