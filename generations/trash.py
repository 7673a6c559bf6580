"""The end of a picture. Its row, image and files go, and its words with them. The generation stays without
its prompt, because the ledger tells of it."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from generations.models import GeneratedImage, Generation, Picture

BATCH = 50
# What one sweep removes at most: the next comes in seconds.
BATCHES_OF_A_SWEEP = 10


def empty(user: User, *, until: datetime) -> int:
    """Give up what the person had put in the trash by then; the sweep removes it. Return how many."""
    pictures = Picture.objects.filter(user=user, trashed_at__lte=until).in_trash()
    return pictures.update(remove_at=timezone.now())


def remove_due() -> int:
    """Remove pictures whose time in the trash is over. Return how many; the rest waits for the next sweep."""
    removed = 0
    for _ in range(BATCHES_OF_A_SWEEP):
        count = _remove_batch()
        removed += count
        if count < BATCH:
            break
    return removed


def _remove_batch() -> int:
    with transaction.atomic():
        # Locked, so that nobody restores what is going.
        due = Picture.objects.due_for_removal().select_for_update(of=["self"], skip_locked=True)
        pictures = list(due.order_by("remove_at").select_related("generation__image")[:BATCH])
        for picture in pictures:
            _remove(picture.generation)
        return len(pictures)


def _remove(generation: Generation) -> None:
    # The files first: if we are killed in between, the row is still due, and a file that is gone is no fault.
    image = generation.image
    for name in (image.file.name, image.thumbnail.name):
        default_storage.delete(str(name))
    GeneratedImage.objects.filter(pk=image.pk).delete()
    Picture.objects.filter(pk=generation.pk).delete()
    params = {name: value for name, value in generation.params.items() if name != "prompt"}
    Generation.objects.filter(pk=generation.pk).update(params=params, final_prompt="")
