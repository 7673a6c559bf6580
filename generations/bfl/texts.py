"""Text that comes from BFL, made safe where it enters: for a database, a log line and a page."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping

LONGEST_REASON = 500
# BFL's own details have two levels, as `{"Moderation Reasons": ["…"]}`.
_DEEPEST = 4
_MOST_PARTS = 20
# Control characters end a log line or a terminal's, bidirectional ones turn a sentence round, halves of
# surrogate pairs and NUL are refused by PostgreSQL. The zero-width joiners stay: emoji and Persian need them.
_UNSAFE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str, longest: int = LONGEST_REASON) -> str:
    """Return the text in one line of at most `longest` characters."""
    # Cut first, with room for what is left out: the text may be a megabyte long.
    safe = "".join(_safe(character) for character in text[: 4 * longest])
    return " ".join(safe.split())[:longest]


def without_halves(text: str) -> str:
    """Return the text without NUL and halves of surrogate pairs, which no database takes."""
    return text.replace("\x00", "").encode(errors="ignore").decode()


def read_json(content: bytes | str) -> object:
    """Return what a body says, or None if it is no JSON: proxies in front of BFL answer in HTML."""
    try:
        return json.loads(content)
    # Deep nesting ends in RecursionError.
    except (ValueError, RecursionError):
        return None


def phrase(value: object, depth: int = 0) -> str:
    """Return a value of any shape as a phrase of at most LONGEST_REASON characters."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        parts = [phrase(item, depth + 1) for item in value[:_MOST_PARTS] if item]
        return ", ".join(part for part in parts if part)[:LONGEST_REASON]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        # Python refuses to write out a number of more than 4,300 digits.
        return "a very large number"
    return clean(str(value))


def _safe(character: str) -> str:
    if character in _BIDIRECTIONAL:
        return ""
    return " " if unicodedata.category(character) in _UNSAFE else character
