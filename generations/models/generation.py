from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from generations.bfl import ENDPOINTS, Endpoint, hosts
from generations.models.press import Press
from generations.presentation import timeline as story
from generations.presentation import wording as words

# A POST whose process died is over by then, and its slot free again; BFL itself refuses what is too much.
SLOT_OF_A_LOST_POST = timedelta(seconds=60)
# BFL keeps a task for about an hour, and a longest deadline of five minutes has passed already.
LATE_FOR = timedelta(minutes=55)


class GenerationQuerySet(models.QuerySet["Generation"]):
    def unfinished(self) -> GenerationQuerySet:
        # By this and not by status, so that both databases find their partial index.
        return self.filter(finished_at__isnull=True)

    def unseen(self) -> GenerationQuerySet:
        """Those that have ended, and whose owner has not looked at how."""
        return self.filter(finished_at__isnull=False, seen_at__isnull=True)

    def of_press_of(self, other: Generation) -> GenerationQuerySet:
        """Those that one press bought together with `other`, and `other`."""
        return self.filter(Q(pk=other.pk) | Q(press__isnull=False, press=other.press_id))

    def queued(self) -> GenerationQuerySet:
        return self.unfinished().filter(status=Generation.Status.QUEUED)

    def submitting(self) -> GenerationQuerySet:
        return self.unfinished().filter(status=Generation.Status.SUBMITTING)

    def unanswered(self) -> GenerationQuerySet:
        """Those whose submission will not be answered any more."""
        is_long_ago = Q(claimed_at__lt=timezone.now() - SLOT_OF_A_LOST_POST)
        return self.submitting().filter(is_long_ago | Q(unanswered_at__isnull=False))

    def submitted(self) -> GenerationQuerySet:
        return self.unfinished().filter(status=Generation.Status.SUBMITTED)

    def ready(self) -> GenerationQuerySet:
        return self.unfinished().filter(status=Generation.Status.READY)

    def active(self) -> GenerationQuerySet:
        """Those that hold one of BFL's slots, or may hold one."""
        lost_before = timezone.now() - SLOT_OF_A_LOST_POST
        both = Q(finished_at__isnull=True, status__in=ACTIVE_STATUSES)
        lost = Q(status=Generation.Status.SUBMITTING, claimed_at__lt=lost_before)
        # Given up at once where no webhook can come; BFL may be at it all the same.
        unknown = Q(failure_code=Generation.FailureCode.OUTCOME_UNKNOWN, claimed_at__gte=lost_before)
        return self.filter(both & ~lost | unknown)

    def of_task(self, bfl_id: str) -> GenerationQuerySet:
        return self.filter(bfl_id=bfl_id).exclude(bfl_id="")

    def late(self) -> GenerationQuerySet:
        """Those that we gave up, and whose picture may still come."""
        return self.filter(late_until__gt=timezone.now())

    def out_of_trash(self) -> GenerationQuerySet:
        """All but those whose picture is in the trash, or was removed from it."""
        gone = Q(picture__trashed_at__isnull=False) | Q(status=Generation.Status.SUCCEEDED, picture=None)
        return self.exclude(gone)

    def newest_first(self) -> GenerationQuerySet:
        return self.order_by("-created_at", "-pk")


class Generation(models.Model):
    """One request for an image, and its life.

        QUEUED ──► SUBMITTING ──► SUBMITTED ──► READY ──► SUCCEEDED
          │ ▲          │ │ │          │           │
          │ └──────────┘ │ └──────────┼──► READY  │
          ▼              ▼            ▼           ▼
        CANCELED       FAILED       FAILED      FAILED ──► READY

    A picture that comes after we had given it up (the way back from FAILED) is kept, and stays refunded.
    generations.pipeline.lifecycle is the only place that moves a row.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        SUBMITTING = "submitting", "Submitting"
        SUBMITTED = "submitted", "Submitted"
        READY = "ready", "Ready"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"

    class FailureCode(models.TextChoices):
        REQUEST_MODERATED = "request_moderated", "Request moderated"
        CONTENT_MODERATED = "content_moderated", "Content moderated"
        REJECTED = "rejected", "Rejected by BFL"
        PROVIDER_ERROR = "provider_error", "BFL reported an error"
        TASK_LOST = "task_lost", "BFL does not know the task"
        TIMED_OUT = "timed_out", "Timed out"
        OUTCOME_UNKNOWN = "outcome_unknown", "Outcome unknown"
        STORING_FAILED = "storing_failed", "Storing failed"

    code = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="generations")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="retries")
    press = models.ForeignKey(Press, models.PROTECT, null=True, blank=True, related_name="generations")

    endpoint = models.CharField(max_length=64)
    params = models.JSONField(help_text="Exactly what BFL is sent, prompt included.")
    price = models.DecimalField(max_digits=12, decimal_places=4, help_text="Credits, as sold.")
    bfl_price = models.DecimalField(
        max_digits=12, decimal_places=4, help_text="Credits, BFL's price in the list when it was sold."
    )

    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    failure_code = models.CharField(max_length=32, choices=FailureCode, blank=True)
    failure_detail = models.TextField(blank=True, help_text="BFL's words, secrets taken out.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was claimed.")
    is_late = models.BooleanField(
        default=False, help_text="Its picture came after it had been given up and refunded."
    )

    bfl_id = models.CharField(max_length=64, blank=True)
    polling_url = models.TextField(blank=True)
    sample_url = models.TextField(blank=True)
    bfl_status = models.CharField(max_length=64, blank=True)
    progress = models.FloatField(null=True, blank=True, help_text="From 0 to 1, where BFL says.")
    cost = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text="Credits, as BFL says."
    )
    seed = models.BigIntegerField(null=True, blank=True, help_text="The seed that BFL used.")
    final_prompt = models.TextField(blank=True, help_text="The prompt that BFL used.")

    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    unanswered_at = models.DateTimeField(
        null=True, blank=True, help_text="When its submission ended without an answer that tells anything."
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    store_again_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the sweep sees to its storing again, if it is not stored by then.",
    )
    late_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when BFL is asked for a picture that we had given up."
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When its owner looked at how it ended; until then it stays in sight.",
    )

    place: int | None = None
    """In line, 1 being next; where somebody has asked for it."""
    outlook = ""
    """What is to be expected, as people read it; where somebody has asked for it."""

    objects = GenerationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="generation_of_user"),
            models.Index(fields=["user", "-claimed_at"], name="generation_last_claim"),
            models.Index(
                fields=["status", "id"],
                name="generation_unfinished",
                condition=Q(finished_at__isnull=True),
            ),
            models.Index(fields=["endpoint", "-id"], name="generation_cost", condition=Q(cost__isnull=False)),
            # `finished_at` for SQLite, which else takes all that a person ever made for the nearer way.
            models.Index(
                fields=["user", "finished_at"],
                name="generation_unfinished_of_user",
                condition=Q(finished_at__isnull=True),
            ),
            # What has ended and was not looked at yet; `seen_at` for SQLite as above.
            models.Index(
                fields=["user", "seen_at", "-id"],
                name="generation_unseen_of_user",
                condition=Q(seen_at__isnull=True),
            ),
            # How long an endpoint took of late.
            models.Index(
                fields=["endpoint", "-id"], name="generation_of_endpoint", condition=Q(status="succeeded")
            ),
            # What BFL should have taken since a moment.
            models.Index(fields=["submitted_at"], name="generation_submitted"),
            models.Index(
                fields=["late_until"], name="generation_late", condition=Q(late_until__isnull=False)
            ),
            # What may hold a slot at BFL though it was given up.
            models.Index(
                fields=["claimed_at"], name="generation_unknown", condition=Q(failure_code="outcome_unknown")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "queued",
                        "submitting",
                        "submitted",
                        "ready",
                        "succeeded",
                        "failed",
                        "canceled",
                    ]
                ),
                name="generation_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["succeeded", "failed", "canceled"], finished_at__isnull=False)
                | (~Q(status__in=["succeeded", "failed", "canceled"]) & Q(finished_at__isnull=True)),
                name="generation_finished_at_when_terminal",
            ),
            models.CheckConstraint(
                condition=(Q(status="failed") & ~Q(failure_code=""))
                | (~Q(status="failed") & Q(failure_code="")),
                name="generation_failure_code_when_failed",
            ),
            models.CheckConstraint(
                condition=(Q(status="ready") & ~Q(sample_url="")) | (~Q(status="ready") & Q(sample_url="")),
                name="generation_sample_url_when_ready",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["submitted", "ready", "succeeded"]) | ~Q(bfl_id=""),
                name="generation_bfl_id_once_submitted",
            ),
            models.CheckConstraint(
                condition=~Q(status="submitted") | Q(deadline_at__isnull=False),
                name="generation_deadline_when_submitted",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(store_again_at__isnull=False),
                name="generation_store_again_at_when_ready",
            ),
            models.CheckConstraint(
                condition=Q(late_until__isnull=True) | Q(status="failed"),
                name="generation_late_until_when_failed",
            ),
            models.CheckConstraint(
                condition=Q(is_late=False) | Q(status__in=["ready", "succeeded", "failed"]),
                name="generation_late_only_after_failing",
            ),
            models.CheckConstraint(
                condition=Q(seen_at__isnull=True) | Q(finished_at__isnull=False),
                name="generation_seen_when_finished",
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="generation_price_not_negative"),
            models.CheckConstraint(condition=Q(bfl_price__gte=0), name="generation_bfl_price_not_negative"),
            models.CheckConstraint(
                condition=Q(progress__isnull=True) | Q(progress__gte=0, progress__lte=1),
                name="generation_progress_from_0_to_1",
            ),
            models.CheckConstraint(condition=~Q(retry_of=F("id")), name="generation_no_retry_of_itself"),
            models.UniqueConstraint(
                fields=["bfl_id"], condition=~Q(bfl_id=""), name="generation_bfl_id_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.code}"

    def get_absolute_url(self) -> str:
        """Where it is looked at. What is served of it, or done to it, has its address below this one."""
        return reverse("generation-detail", args=[self.code])

    @property
    def prompt(self) -> str:
        return str(self.params.get("prompt", ""))

    @property
    def wording(self) -> str:
        """The prompt as FLUX has rewritten it; "" if it was used as it stood."""
        return "" if self.final_prompt == self.prompt else self.final_prompt

    @property
    def alt(self) -> str:
        """What stands for the picture where it is not seen: of the prompt what is quickly heard."""
        return words.shortened(self.prompt, 140)

    @property
    def name(self) -> str:
        """The beginning of the prompt, by which it is told from others in a list."""
        return words.shortened(self.prompt, 80)

    @property
    def catalogue_entry(self) -> Endpoint | None:
        """The endpoint in today's catalogue; None for one that BFL has taken back since."""
        return ENDPOINTS.get(self.endpoint)

    @property
    def is_finished(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def is_unseen(self) -> bool:
        """Whether it has ended, and its owner has not looked at how."""
        return self.is_finished and self.seen_at is None

    @property
    def is_succeeded(self) -> bool:
        return self.status == self.Status.SUCCEEDED

    @property
    def is_removed(self) -> bool:
        """Whether its picture was removed from the trash for good."""
        return self.is_succeeded and not hasattr(self, "image")

    @property
    def is_failed(self) -> bool:
        return self.status == self.Status.FAILED

    @property
    def is_being_submitted(self) -> bool:
        """Whether the answer to the submission may still come, and with it the task's id."""
        if self.status != self.Status.SUBMITTING or self.unanswered_at or self.claimed_at is None:
            return False
        return self.claimed_at > timezone.now() - SLOT_OF_A_LOST_POST

    @property
    def is_given_up(self) -> bool:
        """Whether it failed because we stopped waiting, and not because BFL said so."""
        return self.is_failed and self.failure_code in GIVEN_UP

    @property
    def is_canceled(self) -> bool:
        return self.status == self.Status.CANCELED

    @property
    def endpoint_name(self) -> str:
        entry = self.catalogue_entry
        return entry.name if entry else self.endpoint

    @property
    def stage(self) -> str:
        if self.status == self.Status.QUEUED and (self.attempts or self.place == 1):
            return words.WAITING_FOR_SLOT
        return words.STAGES[self.status]

    @property
    def failure_sentence(self) -> str:
        return words.FAILURES.get(self.failure_code, "")

    @property
    def progress_percent(self) -> int | None:
        return None if self.progress is None else round(self.progress * 100)

    @property
    def expected_size(self) -> tuple[int, int]:
        """Width and height in pixels, known before the picture is."""
        entry = self.catalogue_entry
        return entry.size_of(self.params) if entry else (1024, 1024)

    @property
    def expected_width(self) -> int:
        return self.expected_size[0]

    @property
    def expected_height(self) -> int:
        return self.expected_size[1]

    @property
    def is_wide(self) -> bool:
        return self.expected_width >= 1.3 * self.expected_height

    @property
    def ratio_class(self) -> str:
        """A class of the stylesheet: ten times width to height. Styles written inline are not allowed."""
        has_image = self.is_succeeded and not self.is_removed
        width, height = (self.image.width, self.image.height) if has_image else self.expected_size
        return f"r-{min(max(round(10 * width / height), 4), 24)}"

    @property
    def shown_parameters(self) -> list[tuple[str, object]]:
        """Label and value of each parameter but the prompt, in the catalogue's order."""
        entry = self.catalogue_entry
        labels = {parameter.name: parameter.label for parameter in entry.parameters} if entry else {}
        names = [*(name for name in labels if name in self.params), *(self.params.keys() - labels.keys())]
        # The seed that was used is shown by itself.
        hidden = {"prompt", "seed"} if self.seed is not None else {"prompt"}
        return [
            (labels.get(name, name), words.value(self.params[name])) for name in names if name not in hidden
        ]

    @property
    def is_refunded(self) -> bool:
        return not self.is_held and any(entry.kind == "refund" for entry in self.entries.all())

    @property
    def paid(self) -> Decimal:
        """The credits that it has cost, with what came back and what was settled with BFL."""
        return -sum((entry.amount for entry in self.entries.all()), Decimal())

    @property
    def is_settled(self) -> bool:
        """Whether it has ended, and has cost another sum than its price, and more than nothing."""
        return not self.is_held and bool(self.paid) and self.paid != self.price

    @property
    def free_sentence(self) -> str:
        """Why it cost nothing, if it did."""
        if not self.is_refunded:
            return ""
        return words.LATE if self.is_late and not self.is_failed else words.NOT_CHARGED

    @property
    def is_held(self) -> bool:
        """Whether its price may still come back. A late picture's has come back already."""
        return not self.is_finished and not self.is_late

    @property
    def refund_sentence(self) -> str:
        """Why its price came back."""
        if not self.is_late:
            return self.failure_sentence or words.CANCELED
        return words.KEPT if self.is_succeeded else words.CAME_LATE

    @property
    def is_from_sandbox(self) -> bool:
        """Whether a sandbox draws it. BFL's own address stays in the row, even behind a proxy."""
        return hosts.is_on_this_machine(self.polling_url)

    @property
    def is_looked_for(self) -> bool:
        """Whether we have given it up and BFL is still asked for it."""
        return self.late_until is not None and self.late_until > timezone.now()

    @property
    def timeline(self) -> list[GenerationEvent]:
        """The events, each with `elapsed` since the one before."""
        events = list(self.events.all())
        for before, event in zip(events[:1] + events, events, strict=False):
            event.elapsed = event.created_at - before.created_at
        return events

    @property
    def story(self) -> list[story.Line]:
        """The timeline as its owner reads it."""
        return story.tell(self.timeline)

    @property
    def in_short(self) -> str:
        return story.sum_up(self.timeline)

    @property
    def can_cancel(self) -> bool:
        return self.status == self.Status.QUEUED

    @property
    def can_retry(self) -> bool:
        return self.status in (self.Status.FAILED, self.Status.CANCELED)


TERMINAL_STATUSES = frozenset(
    {Generation.Status.SUCCEEDED, Generation.Status.FAILED, Generation.Status.CANCELED}
)
# SUBMITTING counts: a POST that may have been taken holds a slot at BFL until we know better.
ACTIVE_STATUSES = frozenset({Generation.Status.SUBMITTING, Generation.Status.SUBMITTED})
# We stopped waiting: BFL may deliver all the same, and has been paid for it.
GIVEN_UP = frozenset(
    {
        Generation.FailureCode.TASK_LOST,
        Generation.FailureCode.TIMED_OUT,
        Generation.FailureCode.OUTCOME_UNKNOWN,
        Generation.FailureCode.STORING_FAILED,
    }
)
# What could not be stored in its time was Ready long ago: looking once more brings nothing new.
LATE_LOOKS = GIVEN_UP - {Generation.FailureCode.STORING_FAILED}
TRANSITIONS: dict[str, frozenset[str]] = {
    Generation.Status.QUEUED: frozenset(
        {Generation.Status.SUBMITTING, Generation.Status.CANCELED, Generation.Status.FAILED}
    ),
    Generation.Status.SUBMITTING: frozenset(
        {
            Generation.Status.SUBMITTED,
            Generation.Status.QUEUED,
            Generation.Status.READY,
            Generation.Status.FAILED,
        }
    ),
    Generation.Status.SUBMITTED: frozenset({Generation.Status.READY, Generation.Status.FAILED}),
    Generation.Status.READY: frozenset({Generation.Status.SUCCEEDED, Generation.Status.FAILED}),
    Generation.Status.SUCCEEDED: frozenset(),
    Generation.Status.FAILED: frozenset({Generation.Status.READY}),
    Generation.Status.CANCELED: frozenset(),
}


class GenerationEvent(models.Model):
    """One line of a generation's timeline, written in the transaction of what it tells."""

    class Kind(models.TextChoices):
        QUEUED = "queued", "Queued"
        SUBMITTING = "submitting", "Turn has come"
        PUT_BACK = "put_back", "Put back in the queue"
        SUBMITTED = "submitted", "Taken by BFL"
        BFL_STATUS = "bfl_status", "BFL reports"
        WEBHOOK = "webhook", "BFL called"
        READY = "ready", "Picture ready at BFL"
        SUCCEEDED = "succeeded", "Saved"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"
        NOTE = "note", "Note"

    generation = models.ForeignKey(Generation, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    elapsed = timedelta()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.title} {self.detail}".strip()

    @property
    def title(self) -> str:
        return self.get_kind_display()
