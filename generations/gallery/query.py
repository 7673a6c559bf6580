"""What a person types to find pictures: words, and filters written as `key:value`. It is also what stands in
the address; the filters on the page only write it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import quote_plus

from generations.bfl import ENDPOINTS
from generations.gallery.normalization import words_in
from generations.periods import first_of_month

LONGEST = 1000
# In bytes. The search is part of the address, and gunicorn takes a request line of 8190.
LONGEST_ENCODED = 7500
MOST_PARTS = 40
TOO_MUCH = f"That is too much to search for. Leave {MOST_PARTS} words at most."
# The usual ratios, width to height.
RATIOS = ("1:1", "5:4", "4:3", "3:2", "16:9", "21:9", "4:5", "3:4", "2:3", "9:16", "9:21")
FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_ALIASES = {"jpg": "jpeg"}
# The words on the screen, besides the keys.
KEY_ALIASES = {"model": "endpoint", "shape": "ratio", "date": "on", "tags": "tag"}
_DOUBLE = "“”„‟«»「」『』＂〝〞〟"
_SINGLE = "'‘’‚‛‹›＇"
_FAVOURITE = {"favourite", "favorite"}
_PART = re.compile(
    rf"""(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"?|[{_DOUBLE}](?P<curly>[^"{_DOUBLE}]*)["{_DOUBLE}]?"""
    rf"""|[{_SINGLE}](?P<single>[^{_SINGLE}]*)[{_SINGLE}](?=\s|$)|(?P<plain>\S+))"""
)
_VALUES = ("quoted", "curly", "single", "plain")
_SIZE = re.compile(r"([1-9][0-9]{0,4})[x×]([1-9][0-9]{0,4})")
_DATE = re.compile(r"(20[2-9][0-9])(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """One word (without a key) or one filter of a query."""

    key: str
    value: str
    is_prefix: bool = False
    """Whether words that begin so will do."""

    @property
    def text(self) -> str:
        """As it is typed, with something behind it."""
        if not self.key:
            return f"{self.value}*" if self.is_prefix else self.value
        needs_quotes = not self.value or re.search(rf'[\s"{_DOUBLE}{_SINGLE}]', self.value)
        return f'{self.key}:"{self.value}"' if needs_quotes else f"{self.key}:{self.value}"


@dataclass(frozen=True, slots=True)
class Query:
    text: str = ""
    """As it was typed."""
    parts: tuple[Part, ...] = ()
    problems: tuple[str, ...] = ()
    """A sentence for each part that says nothing. Such a query matches no picture, rather than too many."""

    @property
    def words(self) -> list[Part]:
        return [part for part in self.parts if not part.key]

    @property
    def filters(self) -> list[Part]:
        return [part for part in self.parts if part.key]

    def value_of(self, key: str) -> str:
        """Return the value of the first filter of this key, or nothing."""
        return next((part.value for part in self.parts if part.key == key), "")

    def without(self, *parts: Part) -> Query:
        return _of([part for part in self.parts if part not in parts])

    def only(self, *parts: Part) -> Query:
        return _of([part for part in self.parts if part in parts])

    def with_filter(self, key: str, value: str) -> Query:
        """Return the query with this filter in the place of all others of its key; without, for no value."""
        others = [part for part in self.parts if part.key != key]
        return _of([*others, *([Part(key, value)] if value else [])])


def parse(text: str) -> Query:
    """Return what a text asks for. It never raises: what cannot be understood becomes a problem."""
    text = " ".join(text.replace("\0", " ").split())
    found = list(_PART.finditer(text[:LONGEST]))
    if len(text) > LONGEST or len(quote_plus(text)) > LONGEST_ENCODED or len(found) > MOST_PARTS:
        return Query(text[:LONGEST], problems=(TOO_MUCH,))
    parts: list[Part] = []
    problems: list[str] = []
    for match in found:
        try:
            parts += _parts_of(match)
        except ValueError as error:
            problems.append(str(error))
    if text and not parts and not problems:
        # It asks for nothing, and nothing is not everything.
        problems.append(_without_words(text))
    return Query(text, tuple(_last_as_prefix(parts, found)), tuple(problems))


def start_of_last(text: str) -> int:
    """Return where the last part begins, or the end of the text. A space in quotes does not end a part."""
    last = next((match for match in _PART.finditer(text) if match.end() == len(text)), None)
    return last.start() if last else len(text)


def _of(parts: list[Part]) -> Query:
    texts = [part.text for part in parts]
    if parts and not parts[-1].key and not parts[-1].is_prefix:
        # At the end only a word in quotes is a whole one.
        texts[-1] = f'"{parts[-1].value}"'
    return Query(" ".join(texts), tuple(parts))


def _parts_of(match: re.Match[str]) -> list[Part]:
    key = (match["key"] or "").lower()
    key = KEY_ALIASES.get(key, key)
    value = next(match[name] for name in _VALUES if match[name] is not None)
    if read := READERS.get(key):
        return [Part(key, read(value.strip()))]
    # A key that we do not know is words like any other: prompts have colons too.
    words = words_in(match[0])
    if not words and not match[0].isascii():
        raise ValueError(_without_words(match[0]))
    starts = value.endswith("*") and match["plain"] is not None
    return [Part("", word, starts and place == len(words)) for place, word in enumerate(words, 1)]


def _without_words(signs: str) -> str:
    return f"“{signs[:40]}” has no letters or digits to search for. Leave it out."


def _last_as_prefix(parts: list[Part], found: list[re.Match[str]]) -> list[Part]:
    """The last word may not be finished yet, unless it stands in quotes."""
    if parts and not parts[-1].key and found[-1]["plain"] is not None and len(parts[-1].value) > 1:
        return [*parts[:-1], replace(parts[-1], is_prefix=True)]
    return parts


def period_in(value: str) -> tuple[date, date]:
    """Return the first day of a year, month or day written as 2026, 2026-10 or 2026-10-31, and the first day
    after it. Raises ValueError."""
    found = _DATE.fullmatch(value)
    if not found:
        raise ValueError(value)
    year, month, day = (int(number or 1) for number in found.groups())
    first = date(year, month, day)
    if found[3]:
        return first, first + timedelta(days=1)
    return first, first_of_month(first + timedelta(days=31)) if found[2] else date(year + 1, 1, 1)


def _date(value: str) -> str:
    try:
        period_in(value)
    except ValueError:
        raise ValueError(f"“{value[:40]}” is no date. Write 2026, 2026-10 or 2026-10-31.") from None
    return value


def _endpoint(value: str) -> str:
    if not value:
        raise ValueError(f"Name a model after endpoint: such as endpoint:{next(iter(ENDPOINTS))}.")
    return value.lower()


def _tag(value: str) -> str:
    if not value:
        raise ValueError("Name a tag after tag: such as tag:logo.")
    return value


def _seed(value: str) -> str:
    if not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) <= _LARGEST_SEED):
        raise ValueError(f"“{value[:40]}” is no seed. A seed is a whole number.")
    return str(int(value))


def _ratio(value: str) -> str:
    if value not in RATIOS:
        raise ValueError(f"“{value[:40]}” is none of the ratios: {', '.join(RATIOS)}.")
    return value


def _is(value: str) -> str:
    if value.lower() not in _FAVOURITE:
        raise ValueError("After is: only favourite can stand.")
    return "favourite"


def _size(value: str) -> str:
    found = _SIZE.fullmatch(value.lower())
    if not found:
        raise ValueError(f"“{value[:40]}” is no size. Write width and height in pixels as 1344x768.")
    return f"{found[1]}x{found[2]}"


def _format(value: str) -> str:
    value = _ALIASES.get(value.lower(), value.lower())
    if value not in FORMATS:
        raise ValueError(f"“{value[:40]}” is no format. Write jpeg, png or webp.")
    return value


READERS: dict[str, Callable[[str], str]] = {
    "endpoint": _endpoint,
    "tag": _tag,
    "before": _date,
    "after": _date,
    "on": _date,
    "seed": _seed,
    "ratio": _ratio,
    "is": _is,
    "size": _size,
    "format": _format,
}
"""What each key takes: the value as it is compared, or ValueError with a sentence."""
