"""The end of a picture. Its row, image and files go, and its words with them. The generation stays without
its prompt, because the ledger tells of it."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from generations.gallery.normalization import words_in
from generations.gallery.query import MOST_PARTS, Part, Query
from generations.media import renditions
from generations.models import GeneratedImage, Generation, Picture
from generations.studio import prompt_history

# What one sweep removes at most, and how long it takes at most: the next comes in seconds, and others wait
# for the worker that it runs on.
MOST = 500
SECONDS = 2

logger = logging.getLogger(__name__)


def empty(user: User, *, until: datetime) -> int:
    """Give up what the person had put in the trash by then; the sweep removes it. Return how many."""
    pictures = Picture.objects.filter(user=user, trashed_at__lte=until).in_trash()
    return pictures.update(remove_at=timezone.now())


def remove_due() -> int:
    """Remove pictures whose time in the trash is over. Return how many; the rest waits for the next sweep."""
    stop = time.monotonic() + SECONDS
    removed = 0
    for picture in _due():
        removed += _remove(picture)
        if time.monotonic() > stop:
            break
    return removed


def _due() -> list[Picture]:
    with transaction.atomic():
        # Locked for this moment only: who is restoring one has it still, and later nobody can.
        due = Picture.objects.due_for_removal().select_for_update(skip_locked=True)
        # At random, so that those whose files cannot be removed do not stand before all others for ever.
        ids = list(due.order_by("?").values_list("pk", flat=True)[:MOST])
    return list(Picture.objects.whole().select_related("generation__user").filter(pk__in=ids))


def _remove(picture: Picture) -> bool:
    """Return whether it is gone. The files first: if we are killed in between, the row is still due, and a
    file that is gone is no fault."""
    image = picture.generation.image
    try:
        for name in renditions.all_names(image):
            default_storage.delete(name)
    except OSError as error:
        logger.warning("The files of %s cannot be removed: %s", picture.generation.code, error)
        return False
    return _remove_rows(picture.generation)


def _remove_rows(generation: Generation) -> bool:
    params = {name: value for name, value in generation.params.items() if name != "prompt"}
    with transaction.atomic():
        # Two sweeps may remove the last two pictures of a prompt: the second has to see what the first did.
        prompt_history.lock(generation.user, generation.prompt)
        if not Picture.objects.due_for_removal().filter(pk=generation.pk).delete()[0]:
            return False
        GeneratedImage.objects.filter(generation=generation).delete()
        Generation.objects.filter(pk=generation.pk).update(params=params, final_prompt="")
        if not _has_another(generation.user, generation.prompt, generation):
            prompt_history.forget(generation.user, generation.prompt)
    return True


def _has_another(user: User, prompt: str, generation: Generation) -> bool:
    """Whether a picture besides this one has the prompt, or is to have it."""
    words = list(dict.fromkeys(words_in(prompt)))[:MOST_PARTS]
    # The index of words leads to the few that may have it.
    alike = Picture.objects.matching(user, Query(parts=tuple(Part("", word) for word in words)))
    coming = Generation.objects.unfinished().filter(user=user, params__prompt=prompt)
    others = alike.exclude(pk=generation.pk).filter(generation__params__prompt=prompt)
    return others.exists() or coming.exists()
