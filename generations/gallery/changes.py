"""What people do with their pictures: favourites, tags, the trash. Each change of many is one that can be
undone, and is kept for a day as the list of those that it changed."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from generations.gallery.normalization import indexed, tag_key
from generations.gallery.query import RATIOS
from generations.invisible import is_blank, without_needless
from generations.models import Change, GeneratedImage, Generation, Picture, PictureTag, Tag
from generations.models.gallery import PictureQuerySet

Kind = Change.Kind

UNDO_FOR = timedelta(days=1)
LONGEST_TAG = 50
# As the database has it: one sign may stand for eighteen letters.
LONGEST_KEY = 150
# Ids in one statement: SQLite takes 32,766 values.
BATCH = 10_000
_OPPOSITES = {
    Kind.FAVOURITE: Kind.UNFAVOURITE,
    Kind.UNFAVOURITE: Kind.FAVOURITE,
    Kind.TAG: Kind.UNTAG,
    Kind.UNTAG: Kind.TAG,
    Kind.TRASH: Kind.RESTORE,
    Kind.RESTORE: Kind.TRASH,
}


class InvalidTag(ValueError):
    pass


def picture_of(generation: Generation, image: GeneratedImage) -> Picture:
    """Return what the gallery is to know of an image, not saved yet."""
    return Picture(
        generation=generation,
        user_id=generation.user_id,
        created_at=generation.created_at,
        endpoint=generation.endpoint,
        format=image.format,
        ratio=ratio_of(image.width, image.height),
        width=image.width,
        height=image.height,
        seed=generation.seed,
        words=indexed(generation.user_id, generation.prompt),
    )


def ratio_of(width: int, height: int) -> str:
    """Return the usual ratio that comes nearest."""

    def distance(ratio: str) -> float:
        left, right = ratio.split(":")
        return abs(math.log(width / height * int(right) / int(left)))

    return min(RATIOS, key=distance)


def change(user: User, kind: Kind, pictures: PictureQuerySet, *, tag: Tag | None = None) -> Change | None:
    """Change those of the pictures that are not so yet; return what can be undone, or None if all were."""
    with transaction.atomic():
        ids = _unlike(pictures.filter(user=user), kind, tag)
        if not ids:
            return None
        _apply(kind, ids, tag)
        user.changes.filter(created_at__lt=timezone.now() - UNDO_FOR).delete()
        return user.changes.create(kind=kind, tag=tag, pictures=ids, created_at=timezone.now())


def undo(change: Change) -> int | None:
    """Turn back exactly those pictures that it changed. Return how many: some may be removed for good by now,
    or turned back already. None if it was undone before."""
    kind = _OPPOSITES[Kind(change.kind)]
    with transaction.atomic():
        row = Change.objects.filter(pk=change.pk, undone_at=None)
        if not row.update(undone_at=timezone.now()):
            return None
        changed = [Picture.objects.filter(pk__in=some) for some in _batches(change.pictures)]
        ids = [pk for pictures in changed for pk in _unlike(pictures, kind, change.tag)]
        _apply(kind, ids, change.tag)
    return len(ids)


def get_tag(user: User, name: str) -> Tag:
    """Return the person's tag of this name, new if need be. Raises InvalidTag with a sentence."""
    plain, key = _tag_of(name)
    return Tag.objects.get_or_create(user=user, key=key, defaults={"name": plain})[0]


def find_tag(user: User, name: str) -> Tag:
    """Return the person's tag of this name. Raises InvalidTag with a sentence."""
    plain, key = _tag_of(name)
    tag = Tag.objects.filter(user=user, key=key).first()
    if tag is None:
        raise InvalidTag(f"You have no tag “{plain}”. Nothing changed.")
    return tag


def _tag_of(name: str) -> tuple[str, str]:
    """Return the name as it is kept and as it is compared. Raises InvalidTag with a sentence."""
    # Quotation marks set a tag with spaces apart in a search.
    plain = "".join(
        " " if unicodedata.category(letter) == "Cc" else letter for letter in without_needless(name)
    )
    plain = " ".join(plain.replace('"', " ").split())
    if is_blank(plain):
        raise InvalidTag("Write a word for the tag.")
    if len(plain) > LONGEST_TAG:
        raise InvalidTag(f"A tag has {LONGEST_TAG} characters at most.")
    key = tag_key(plain)
    if len(key) > LONGEST_KEY:
        raise InvalidTag("Some signs of that tag stand for whole words. Write it shorter.")
    return plain, key


def _unlike(pictures: PictureQuerySet, kind: Kind, tag: Tag | None) -> list[int]:
    """Return the ids of those that the change would change, locked."""
    return list(
        _would_change(pictures, kind, tag).select_for_update(of=["self"]).values_list("pk", flat=True)
    )


def _would_change(pictures: PictureQuerySet, kind: Kind, tag: Tag | None) -> PictureQuerySet:
    match kind:
        case Kind.FAVOURITE | Kind.UNFAVOURITE:
            return pictures.filter(is_favourite=kind == Kind.UNFAVOURITE)
        case Kind.TRASH:
            return pictures.on_wall()
        case Kind.RESTORE:
            return pictures.in_trash()
    tagged = PictureTag.objects.filter(tag=tag).values("picture")
    return pictures.filter(pk__in=tagged) if kind == Kind.UNTAG else pictures.exclude(pk__in=tagged)


def _apply(kind: Kind, ids: list[int], tag: Tag | None) -> None:
    now = timezone.now()
    values: dict[str, dict[str, object]] = {
        Kind.FAVOURITE: {"is_favourite": True},
        Kind.UNFAVOURITE: {"is_favourite": False},
        Kind.TRASH: {"trashed_at": now, "remove_at": now + timedelta(days=settings.TRASH_DAYS)},
        Kind.RESTORE: {"trashed_at": None, "remove_at": None},
    }
    for some in _batches(ids):
        pictures = Picture.objects.filter(pk__in=some)
        if kind in values:
            pictures.update(**values[kind])
        elif kind == Kind.UNTAG:
            PictureTag.objects.filter(tag=tag, picture__in=some).delete()
        else:
            uses = [PictureTag(tag=tag, picture_id=pk) for pk in some]
            PictureTag.objects.bulk_create(uses, ignore_conflicts=True)


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
