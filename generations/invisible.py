"""Characters that nobody sees: which there are, and where they belong to what is seen."""

from __future__ import annotations

import re

# Unicode's Default_Ignorable_Code_Point, as ranges of a regular expression.
IGNORABLE = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164"
    "\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
# Joiners between letters of scripts that need them or between emoji, and the tags of flags.
_NEEDED = (
    "(?<=[\\u0590-\\U0001ffff])[\\u200c\\u200d](?=[\\u0590-\\U0001ffff])"
    "|(?<=\\U0001f3f4)[\\U000e0020-\\U000e007e]+\\U000e007f"
)
_NEEDLESS = re.compile(f"({_NEEDED})|[{IGNORABLE}]")
_ALL = re.compile(f"[{IGNORABLE}]")
# The Braille blank is a sign to Unicode, and a blank to people.
_BLANK = re.compile(f"[\\s\\u2800{IGNORABLE}]*")


# Unicode's normalization takes time by the square of a run of marks; its limit for streams is 30 (UAX #15).
_MARK = "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u065f\u1ab0-\u1aff\u1dc0-\u1dff]"
_MANY_MARKS = re.compile(f"({_MARK}{{30}}){_MARK}+")


def with_few_marks(text: str) -> str:
    """Return the text with at most 30 combining marks in a row."""
    return _MANY_MARKS.sub(r"\1", text)


def is_blank(text: str) -> bool:
    """Return whether there is nothing to see in a text."""
    return _BLANK.fullmatch(text) is not None


def without_any(text: str) -> str:
    """Return the text without invisible characters, as the search compares it."""
    return _ALL.sub("", text)


def without_needless(text: str) -> str:
    """Return the text without invisible characters, but with the joiners of emoji and Persian."""
    return _NEEDLESS.sub(r"\1", text)
