"""Names of downloaded files, from the site's template, fit for every file system."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from generations.invisible import with_few_marks
from generations.models import Generation

FIELDS = frozenset({"date", "time", "prompt", "seed", "model", "code"})
PROMPT_LENGTH = 60
# Linux allows 255 bytes, and a number and an extension are still to come.
_LONGEST_BYTES = 200
# What Windows forbids in a name, and every control character.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
# What turns the order of letters or is not seen; joiners stay, emoji and Persian need them.
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff]"
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def name_of(generation: Generation, extension: str) -> str:
    """Return the name of one picture's file, with the extension given without its dot."""
    at = timezone.localtime(generation.created_at)
    values = {
        "date": f"{at:%Y-%m-%d}",
        "time": f"{at:%H-%M-%S}",
        "prompt": _shortened(generation.prompt),
        "seed": "" if generation.seed is None else str(generation.seed),
        "model": generation.endpoint,
        "code": str(generation.code),
    }
    name = clean(settings.DOWNLOAD_NAMES.format_map(values))
    return f"{name or generation.code}.{extension}"


def clean(name: str) -> str:
    """Return the name without what some file system would stumble over; it may be empty then."""
    name = unicodedata.normalize("NFC", with_few_marks(name.encode(errors="ignore").decode()))
    name = _INVISIBLE.sub("", name)
    name = " ".join(_FORBIDDEN.sub(" ", name).split()).strip(". ")
    name = name.encode()[:_LONGEST_BYTES].decode(errors="ignore").strip(". ")
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _shortened(prompt: str) -> str:
    """Return the first words of a prompt."""
    words = " ".join(prompt.split())
    if len(words) <= PROMPT_LENGTH:
        return words
    return words[: PROMPT_LENGTH + 1].rpartition(" ")[0] or words[:PROMPT_LENGTH]


def unknown_fields(template: str) -> Iterator[str]:
    """Give what a template has in braces and is none of FIELDS. Raises ValueError for half a pair."""
    for _, field, spec, conversion in string.Formatter().parse(template):
        if field is not None and (field not in FIELDS or spec or conversion):
            yield field
