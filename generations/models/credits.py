from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone

from generations.models.generation import Generation


class CreditAccount(models.Model):
    """One for each person. Its row is the lock under which entries are written; it holds no balance."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="credit_account")

    def __str__(self) -> str:
        return str(self.user)


class GrantPlan(models.Model):
    """Credits given each month, to people by name, to whoever is in a group, or to both."""

    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="grant_plans")
    group = models.ForeignKey(
        Group, models.PROTECT, null=True, blank=True, related_name="grant_plans", help_text="All its members."
    )
    amount = models.DecimalField(max_digits=12, decimal_places=4, help_text="Credits a month for each.")
    note = models.CharField("reason", max_length=200, help_text="Shown to the people.")
    expires = models.BooleanField(default=False, help_text="What is left of it at the month's end goes.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="plan_gives_something"),
            models.CheckConstraint(condition=~Q(note=""), name="plan_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} credits a month: {self.note}"


class AppendOnly(Exception):
    """Entries are never changed. A mistake is put right by a further entry."""


def _account_of(user_id: int) -> models.QuerySet[CreditAccount, Any]:
    return CreditAccount.objects.filter(user=user_id).values("pk")[:1]


class CreditEntryQuerySet(models.QuerySet["CreditEntry"]):
    def of(self, user_id: int) -> CreditEntryQuerySet:
        """Return the entries of one person."""
        # A subquery and not a join: else the databases look through everybody's entries.
        return self.filter(account=_account_of(user_id))

    def newest_of(self, user_id: int) -> CreditEntryQuerySet:
        """Return the entries of one person, the newest first."""
        return self.newest_of_account(_account_of(user_id))

    def newest_of_account(self, account: Any) -> CreditEntryQuerySet:
        """Return the entries of one account, the newest first."""
        # A range of one, so that the order needs our index: for an account that equals something PostgreSQL
        # goes through everybody's entries backwards, all of them where somebody has none.
        return self.filter(account__gte=account, account__lte=account).order_by("account", "-pk")

    def update(self, **values: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class CreditEntry(models.Model):
    """One line of the ledger. The balance is the sum of the amounts.

    The database refuses to change or delete a line, a line whose `balance_after` is not the one before it and
    its amount, and one that leaves less than nothing; also a refund of what was not charged, and to take more
    from a grant than it gave (migrations/_ledger_guard.py). So the newest line tells the balance, and cannot
    tell another than the sum.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", "Grant"
        CHARGE = "charge", "Charge"
        REFUND = "refund", "Refund"
        ADJUSTMENT = "adjustment", "Adjustment"
        EXPIRY = "expiry", "Expired"
        UNDO = "undo", "Taken back"

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind)
    amount = models.DecimalField(max_digits=12, decimal_places=4, help_text="Credits, signed.")
    balance_after = models.DecimalField(
        max_digits=15, decimal_places=4, help_text="What the account has with this entry."
    )
    generation = models.ForeignKey(Generation, models.PROTECT, null=True, blank=True, related_name="entries")
    bought_at = models.DateTimeField(null=True, blank=True, help_text="When the generation was bought.")
    bought_on = models.DateField(
        null=True, blank=True, help_text="The site's local day of that, for which all of it counts."
    )
    endpoint = models.CharField(
        max_length=64,
        blank=True,
        help_text="The generation's, so that what was spent on it is soon added up.",
    )
    counters = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="countered_by",
        help_text="The grant that this one takes from.",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When what is left of this grant goes."
    )
    plan = models.ForeignKey(GrantPlan, models.PROTECT, null=True, blank=True, related_name="entries")
    month = models.DateField(null=True, blank=True, help_text="The first of the month the plan gave it for.")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = CreditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "credit entries"
        indexes = [
            models.Index(fields=["account", "-id"], name="entry_of_account"),
            # Limits add these up while a press waits: both indexes hold all that is asked for. Usage groups
            # in their order, so that a month need not be sorted.
            models.Index(
                fields=["account", "bought_on", "endpoint", "kind", "amount"], name="entry_by_account_and_day"
            ),
            models.Index(fields=["bought_on", "account", "endpoint", "kind", "amount"], name="entry_by_day"),
            models.Index(
                fields=["account", "expires_at"],
                condition=Q(expires_at__isnull=False),
                name="entry_that_expires_of_account",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "kind"],
                condition=Q(kind__in=["charge", "refund", "adjustment"]),
                name="entry_once_per_generation",
            ),
            models.UniqueConstraint(fields=["plan", "account", "month"], name="entry_once_per_month"),
            models.CheckConstraint(
                condition=Q(kind="charge", amount__lte=0)
                | Q(kind="refund", amount__gte=0)
                | Q(kind="grant", amount__gt=0)
                | (Q(kind="adjustment") & ~Q(amount=0))
                # Nothing left to take is said by an entry too.
                | Q(kind__in=["expiry", "undo"], amount__lte=0),
                name="entry_sign_matches_kind",
            ),
            models.CheckConstraint(condition=Q(balance_after__gte=0), name="entry_leaves_no_debt"),
            models.CheckConstraint(
                condition=~Q(kind__in=["charge", "refund"]) | Q(generation__isnull=False),
                name="entry_of_a_generation",
            ),
            models.CheckConstraint(
                condition=Q(
                    generation__isnull=True, bought_at__isnull=True, bought_on__isnull=True, endpoint=""
                )
                | (
                    Q(generation__isnull=False, bought_at__isnull=False, bought_on__isnull=False)
                    & ~Q(endpoint="")
                ),
                name="entry_bought_with_its_generation",
            ),
            models.CheckConstraint(
                condition=(Q(kind__in=["expiry", "undo"]) & Q(counters__isnull=False))
                | (~Q(kind__in=["expiry", "undo"]) & Q(counters__isnull=True)),
                name="entry_counters_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(kind="grant") | Q(expires_at__isnull=True, plan__isnull=True, month__isnull=True),
                name="entry_expires_if_granted",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["charge", "refund"]) | ~Q(note=""),
                name="entry_by_hand_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount:+}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def title(self) -> str:
        """What kind of line it is, in the words of whoever reads an account."""
        if self.kind == self.Kind.ADJUSTMENT and self.generation_id:
            return "Adjusted by BFL"
        return self.get_kind_display()
