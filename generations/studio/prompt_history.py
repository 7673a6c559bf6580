"""The prompts that a person has pressed Generate with, newest first. Nobody else ever sees them."""

from __future__ import annotations

import hashlib
import unicodedata

from django.contrib.auth.models import User
from django.utils import timezone

from generations.invisible import with_few_marks
from generations.models import PastPrompt

SHOWN = 50
# So many of the newest are searched, to take the same time however long somebody has been here.
SEARCHED = 2000


def remember(user: User, text: str) -> None:
    """Put a prompt first in the history; one that is there already moves up."""
    PastPrompt.objects.bulk_create(
        [PastPrompt(user=user, digest=_digest(text), text=text, used_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["user", "digest"],
        update_fields=["used_at"],
    )


def forget(user: User, text: str) -> None:
    """Take a prompt out of the history, if it is in there."""
    PastPrompt.objects.filter(user=user, digest=_digest(text)).delete()


def lock(user: User, text: str) -> None:
    """Let nobody else decide about this prompt before the transaction around the call has ended."""
    list(PastPrompt.objects.select_for_update().filter(user=user, digest=_digest(text)).values_list("pk"))


def find(user: User, words: str = "") -> list[PastPrompt]:
    """Return the newest SHOWN prompts that have all the words, whatever their case and accents."""
    past = PastPrompt.objects.filter(user=user).order_by("-used_at", "-pk")
    wanted = _fold(words).split()
    if not wanted:
        return list(past[:SHOWN])
    found = [one for one in past[:SEARCHED] if all(word in _fold(one.text) for word in wanted)]
    return found[:SHOWN]


def is_searched_in_part(user: User) -> bool:
    """Return whether a person has prompts too old to be searched."""
    return PastPrompt.objects.filter(user=user).order_by("-used_at", "-pk")[SEARCHED:].exists()


def get_text(user: User, digest: str) -> str:
    """Return the prompt of a digest; empty where the person has none such."""
    return PastPrompt.objects.filter(user=user, digest=digest).values_list("text", flat=True).first() or ""


def has(user: User, text: str) -> bool:
    return PastPrompt.objects.filter(user=user, digest=_digest(text)).exists()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fold(text: str) -> str:
    # Databases fold case and accents each in their own way; here both find the same.
    letters = unicodedata.normalize("NFKD", with_few_marks(text.casefold()))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
