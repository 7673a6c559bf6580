from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from generations import periods


class LimitQuerySet(models.QuerySet["Limit"]):
    def in_force(self, day: date) -> LimitQuerySet:
        return self.filter(Q(until__isnull=True) | Q(until__gte=day))


class Limit(models.Model):
    """How many credits may be spent in a day or a month. Which one counts for whom: `credits.limits`."""

    class Scope(models.TextChoices):
        TEAM = "team", "The whole team together"
        EVERYONE = "everyone", "Each person"
        GROUP = "group", "Each member of a group"
        PERSON = "person", "One person"

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    scope = models.CharField("for", max_length=16, choices=Scope)
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="limits")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="limits"
    )
    period = models.CharField("in each", max_length=8, choices=Period)
    credits = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        validators=[MinValueValidator(Decimal(), "A limit cannot be less than nothing.")],
    )
    until = models.DateField(
        null=True, blank=True, help_text="The last day on which it holds. Empty: for good."
    )

    objects = LimitQuerySet.as_manager()

    class Meta:
        ordering = ["scope", "group", "person", "period"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="group", group__isnull=False) | (~Q(scope="group") & Q(group__isnull=True)),
                name="limit_names_its_group",
                violation_error_message="Name a group for a group's limit, and for no other.",
            ),
            models.CheckConstraint(
                condition=Q(scope="person", person__isnull=False)
                | (~Q(scope="person") & Q(person__isnull=True)),
                name="limit_names_its_person",
                violation_error_message="Name a person for one person's limit, and for no other.",
            ),
            models.CheckConstraint(condition=Q(credits__gte=0), name="limit_not_negative"),
            models.UniqueConstraint(
                fields=["scope", "period"],
                condition=Q(scope__in=["team", "everyone"]),
                name="limit_once",
                violation_error_message="There is such a limit already. Change that one.",
            ),
            models.UniqueConstraint(
                fields=["group", "period"],
                condition=Q(scope="group"),
                name="limit_once_for_a_group",
                violation_error_message="That group has such a limit already. Change that one.",
            ),
            models.UniqueConstraint(
                fields=["person", "period"],
                condition=Q(scope="person"),
                name="limit_once_for_a_person",
                violation_error_message="That person has such a limit already. Change that one.",
            ),
        ]

    def __str__(self) -> str:
        whom = self.group or self.person or self.get_scope_display()
        return f"{whom}: {self.credits.normalize():f} credits a {self.period}"

    def clean(self) -> None:
        if self.until and self.until < periods.local_day(timezone.now()):
            raise ValidationError({"until": "That day is over, so the limit would never hold."})
