"""What the gallery knows of a picture, apart from what was asked for and what it cost.

A row here is what its owner sees. Emptying the trash removes it with its image and files; the generation
stays, because the ledger is about it.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.lookups import GreaterThan, LessThan
from django.utils import timezone

from generations.gallery import search
from generations.gallery.query import Query
from generations.models.generation import Generation

SHOWN = [
    *("created_at", "is_favourite", "remove_at"),
    *(f"generation__{name}" for name in ("code", "params", "status")),
    *(f"generation__image__{name}" for name in ("width", "height", "thumbnail_width", "thumbnail_height")),
    "generation__image__placeholder",
]


class PictureQuerySet(models.QuerySet["Picture"]):
    def of(self, user: User) -> PictureQuerySet:
        return self.filter(user=user)

    def on_wall(self) -> PictureQuerySet:
        return self.filter(trashed_at__isnull=True)

    def in_trash(self) -> PictureQuerySet:
        return self.filter(trashed_at__isnull=False, remove_at__gt=timezone.now())

    def due_for_removal(self) -> PictureQuerySet:
        return self.filter(remove_at__lte=timezone.now())

    def matching(self, user: User, query: Query) -> PictureQuerySet:
        """Those of a person's that a search asks for, in any order still; none if it has a problem."""
        return search.matching(self, user, query)

    def newest_first(self) -> PictureQuerySet:
        return self.order_by(search.PLACE.desc()) if self._is_found else self.order_by("-created_at", "-pk")

    def oldest_first(self) -> PictureQuerySet:
        return self.order_by(search.PLACE.asc()) if self._is_found else self.order_by("created_at", "pk")

    # The condition on the time alone leads the databases to their place in the index; with OR instead of
    # exclude() SQLite would read all that stands before it.
    def older_than(self, other: Picture) -> PictureQuerySet:
        """Those behind `other` in newest_first(), equal times told apart by pk."""
        if self._is_found:
            return self.filter(LessThan(search.PLACE, other.pk))
        return self.filter(created_at__lte=other.created_at).exclude(
            created_at=other.created_at, pk__gte=other.pk
        )

    def newer_than(self, other: Picture) -> PictureQuerySet:
        """Those before `other` in newest_first()."""
        if self._is_found:
            return self.filter(GreaterThan(search.PLACE, other.pk))
        return self.filter(created_at__gte=other.created_at).exclude(
            created_at=other.created_at, pk__lte=other.pk
        )

    def whole(self) -> PictureQuerySet:
        """With generation and image, in the same query."""
        return self.select_related("generation", "generation__image").defer("words")

    def to_show(self) -> PictureQuerySet:
        """With what a wall draws of each, in the same query, and nothing else: half its time went into
        reading columns."""
        return self.select_related("generation", "generation__image").only(*SHOWN)

    @property
    def _is_found(self) -> bool:
        """Whether SQLite's word index leads, which can be walked in the order of its own ids only."""
        return search.WORDS in self.query.extra_tables


class Picture(models.Model):
    """A picture in its owner's gallery. Owner, time and the like never change: they stand here so that one
    index answers for a whole page."""

    generation = models.OneToOneField(Generation, models.CASCADE, primary_key=True, related_name="picture")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="pictures")
    created_at = models.DateTimeField(help_text="When it was asked for.")
    endpoint = models.CharField(max_length=64)
    format = models.CharField(max_length=8, help_text="As in the image.")
    ratio = models.CharField(max_length=8, help_text="The nearest of the usual ones, as 16:9.")
    width = models.PositiveIntegerField(help_text="Pixels.")
    height = models.PositiveIntegerField(help_text="Pixels.")
    seed = models.BigIntegerField(null=True, blank=True)
    is_favourite = models.BooleanField(default=False)
    trashed_at = models.DateTimeField(null=True, blank=True)
    remove_at = models.DateTimeField(
        null=True, blank=True, help_text="When the sweep may remove it from the trash for good."
    )
    words = models.TextField(
        blank=True, help_text="The prompt's words as the search compares them, each with its owner before it."
    )

    objects = PictureQuerySet.as_manager()

    day: date | None = None
    """The site's, of its time; given to those that a wall shows under their days."""

    class Meta:
        indexes = [
            # Whatever can be filtered by stands behind the order, so that no row is read in vain.
            models.Index(
                fields=[
                    "user",
                    "-created_at",
                    "-generation",
                    "endpoint",
                    "ratio",
                    "format",
                    "is_favourite",
                    "width",
                    "height",
                    "seed",
                ],
                name="picture_on_wall",
                condition=Q(trashed_at__isnull=True),
            ),
            models.Index(
                fields=["user", "-created_at", "-generation"],
                name="picture_favourite",
                condition=Q(trashed_at__isnull=True, is_favourite=True),
            ),
            models.Index(
                fields=["user", "-created_at", "-generation"],
                name="picture_in_trash",
                condition=Q(trashed_at__isnull=False),
            ),
            models.Index(
                fields=["remove_at"], name="picture_to_remove", condition=Q(remove_at__isnull=False)
            ),
            models.Index(fields=["user", "seed"], name="picture_seed"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0), name="picture_not_empty"),
            models.CheckConstraint(
                condition=Q(trashed_at__isnull=True, remove_at__isnull=True)
                | Q(trashed_at__isnull=False, remove_at__isnull=False),
                name="picture_remove_at_when_trashed",
            ),
        ]

    def __str__(self) -> str:
        return str(self.generation_id)

    @property
    def tags(self) -> list[Tag]:
        """Those on it, in the order of the alphabet. A question to the database each time."""
        return list(Tag.objects.filter(uses__picture=self))

    @property
    def is_trashed(self) -> bool:
        return self.trashed_at is not None

    @property
    def days_left(self) -> int:
        """Days until it is removed from the trash for good, a begun one counted."""
        left = self.remove_at - timezone.now() if self.remove_at else timedelta()
        return max(0, -(-left // timedelta(days=1)))


class TagQuerySet(models.QuerySet["Tag"]):
    def in_use(self) -> TagQuerySet:
        """Those on at least one picture that is not in the trash."""
        uses = PictureTag.objects.filter(tag=OuterRef("pk"), picture__trashed_at__isnull=True)
        return self.filter(Exists(uses))


class Tag(models.Model):
    """A word of its owner's own. Letters big or small are one tag, written as it was first."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=50)
    key = models.CharField(max_length=150, help_text="The name as it is compared: case folded.")

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="tag_once_per_person"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(key=""), name="tag_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class PictureTag(models.Model):
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="uses")
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="tag_uses")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tag", "picture"], name="tag_once_per_picture")]

    def __str__(self) -> str:
        return f"{self.tag} on {self.picture_id}"


class Change(models.Model):
    """What a person did to pictures in one go, kept so that it can be undone."""

    class Kind(models.TextChoices):
        FAVOURITE = "favourite", "Favourite"
        UNFAVOURITE = "unfavourite", "Not a favourite"
        TAG = "tag", "Tag"
        UNTAG = "untag", "Remove the tag"
        TRASH = "trash", "Put in the trash"
        RESTORE = "restore", "Restore"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=16, choices=Kind)
    tag = models.ForeignKey(Tag, models.CASCADE, null=True, blank=True, related_name="+")
    pictures = models.JSONField(help_text="Ids of those that it changed, and of no others.")
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], name="change_of_user")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["favourite", "unfavourite", "tag", "untag", "trash", "restore"]),
                name="change_kind_known",
            ),
            models.CheckConstraint(
                condition=(Q(kind__in=["tag", "untag"]) & Q(tag__isnull=False))
                | (~Q(kind__in=["tag", "untag"]) & Q(tag__isnull=True)),
                name="change_tag_when_about_tags",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.count}"

    @property
    def count(self) -> int:
        return len(self.pictures)
