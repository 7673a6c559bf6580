"""The verbs that move a generation. Each moves the row by compare-and-set, writes the event and settles the
credits in one transaction. Somebody who comes second gets False, and nothing has changed.

`generation` is always the caller's copy: its status is what the caller believes, and the row must agree.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from fluxsite.redaction import redact
from generations import bfl, ledger, provider, queue
from generations.bfl import ENDPOINTS, Endpoint, Result, Submission
from generations.models import GeneratedImage, Generation, GenerationEvent, Offer
from generations.models.generation import TRANSITIONS

logger = logging.getLogger(__name__)

Status = Generation.Status
FailureCode = Generation.FailureCode
Kind = GenerationEvent.Kind

KONTEXT_MAX = "flux-kontext-max"
LARGEST_COUNT = 100
# Any number will do, as long as nobody else in this database uses it.
_CLAIM_LOCK = 0x666C7578
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class EndpointUnavailable(Exception):
    """Nobody sells that endpoint here, or staff have switched it off."""


class InvalidCount(ValueError):
    pass


class NothingToRetry(Exception):
    """It has its picture, or may still get it."""


REFUSALS = (
    bfl.InvalidParameters,
    ledger.InsufficientCredits,
    EndpointUnavailable,
    InvalidCount,
    NothingToRetry,
)
"""Why a press buys nothing. The text of each is a sentence for the person who pressed."""


def create(
    user: User,
    endpoint: str,
    values: Mapping[str, object],
    *,
    count: int = 1,
    retry_of: Generation | None = None,
) -> list[Generation]:
    """Buy `count` pictures of one request: rows, charges and events, all or none.

    Raises one of REFUSALS.
    """
    entry = get_offered(endpoint)
    params = entry.clean(values)
    if not 1 <= count <= LARGEST_COUNT:
        raise InvalidCount(f"The count must be a whole number from 1 to {LARGEST_COUNT}.")
    now = timezone.now()
    rows = [
        Generation(
            user=user,
            endpoint=entry.slug,
            params=params,
            price=entry.price,
            retry_of=retry_of,
            created_at=now,
        )
        for _ in range(count)
    ]
    with transaction.atomic():
        generations = Generation.objects.bulk_create(rows)
        ledger.charge(generations)
        GenerationEvent.objects.bulk_create(
            GenerationEvent(generation=generation, kind=Kind.QUEUED, created_at=now)
            for generation in generations
        )
        queue.wake_follower()
    return generations


def get_offered(endpoint: str) -> Endpoint:
    """Return the catalogue's entry of an endpoint that people may use. Raises EndpointUnavailable."""
    entry = ENDPOINTS.get(endpoint)
    if entry is None:
        raise EndpointUnavailable(
            f"There is no model called “{endpoint[:40]}”. There are {', '.join(ENDPOINTS)}."
        )
    if Offer.objects.filter(endpoint=endpoint, is_enabled=False).exists():
        raise EndpointUnavailable(f"{entry.name} is switched off at the moment. Choose another model.")
    return entry


def retry(generation: Generation, user: User) -> Generation:
    """Buy the request of a failed or canceled generation again. Raises one of REFUSALS."""
    with transaction.atomic():
        # The row is the lock: of two presses the second must see what the first has bought.
        locked = Generation.objects.select_for_update().get(pk=generation.pk)
        if not locked.can_retry:
            raise NothingToRetry("Only what failed or was canceled can be tried again. Nothing was charged.")
        if locked.retries.unfinished().exists():
            raise NothingToRetry("It is being tried again already. Nothing more was charged.")
        return create(user, locked.endpoint, locked.params, retry_of=locked)[0]


def cancel(generation: Generation, *, canceled_by: User) -> bool:
    """Withdraw what BFL has not been asked for yet; the credits come back."""
    return _finish(generation, Status.CANCELED, Kind.CANCELED, by=canceled_by)


def claim() -> list[Generation]:
    """Move as many QUEUED rows to SUBMITTING as BFL's limits leave room for, people taking turns.

    Counting and claiming are one locked transaction, so any number of processes keep the limits.
    """
    with transaction.atomic():
        _lock_claims()
        claimed = [generation for generation in _next_in_turn() if _claim_one(generation)]
    return claimed


def _lock_claims() -> None:
    # On SQLite the transaction has begun IMMEDIATE and is alone already.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])


def _claim_one(generation: Generation) -> bool:
    return _move(
        generation,
        Status.SUBMITTING,
        Kind.SUBMITTING,
        claimed_at=timezone.now(),
        attempts=generation.attempts + 1,
    )


def _next_in_turn() -> list[Generation]:
    """Return the QUEUED rows that may go now: each time the person who has waited longest for a turn."""
    active = Generation.objects.active().order_by()
    allowance = provider.get_allowance(active.count(), active.filter(endpoint=KONTEXT_MAX).count())
    if not allowance.total:
        return []
    waiting = _waiting_by_person(allowance)
    last_turn = _last_turns(waiting)
    chosen: list[Generation] = []
    kontext_max_left = allowance.kontext_max
    while waiting and len(chosen) < allowance.total:
        person = min(waiting, key=lambda user_id: (last_turn[user_id], waiting[user_id][0].pk))
        generation = waiting[person].pop(0)
        if not waiting[person]:
            del waiting[person]
        if generation.endpoint == KONTEXT_MAX:
            if not kontext_max_left:
                continue
            kontext_max_left -= 1
        last_turn[person] = timezone.now()
        chosen.append(generation)
    return chosen


def _waiting_by_person(allowance: provider.Allowance) -> dict[int, list[Generation]]:
    """Return each person's first QUEUED rows, oldest first: no more than could all be claimed now."""
    queued = Generation.objects.filter(status=Status.QUEUED)
    if not allowance.kontext_max:
        queued = queued.exclude(endpoint=KONTEXT_MAX)
    ranked = queued.annotate(
        rank=Window(RowNumber(), partition_by=[F("user_id"), F("endpoint")], order_by="pk")
    ).filter(rank__lte=allowance.total)
    waiting: dict[int, list[Generation]] = {}
    for generation in ranked.order_by("pk"):
        waiting.setdefault(generation.user_id, []).append(generation)
    return waiting


def _last_turns(waiting: Mapping[int, object]) -> dict[int, datetime]:
    """Return when each person's turn was last; long ago for those who have had none."""
    claimed = Generation.objects.filter(user=OuterRef("pk"), claimed_at__isnull=False)
    last = Subquery(claimed.order_by("-claimed_at").values("claimed_at")[:1])
    people = User.objects.filter(pk__in=waiting).annotate(last_turn=last)
    return {pk: turn or _LONG_AGO for pk, turn in people.values_list("pk", "last_turn")}


def put_back(generation: Generation, reason: str) -> bool:
    """BFL surely did not take the task: it waits again, and the person's turn was none."""
    return _move(generation, Status.QUEUED, Kind.PUT_BACK, detail=reason, claimed_at=None)


def mark_submitted(generation: Generation, submission: Submission) -> bool:
    """BFL has taken the task; from here its deadline counts."""
    now = timezone.now()
    entry = generation.catalogue_entry
    return _move(
        generation,
        Status.SUBMITTED,
        Kind.SUBMITTED,
        detail=submission.id,
        bfl_id=submission.id,
        polling_url=submission.polling_url or "",
        cost=submission.cost,
        submitted_at=now,
        deadline_at=now + timedelta(seconds=entry.deadline_seconds if entry else 300),
    )


def mark_progress(generation: Generation, result: Result) -> bool:
    """Keep what BFL says of a task in progress. False also when it says nothing new."""
    if (result.word, result.progress) == (generation.bfl_status, generation.progress):
        return False
    with transaction.atomic():
        row = Generation.objects.filter(pk=generation.pk, status=Status.SUBMITTED)
        if not row.update(bfl_status=result.word, progress=result.progress):
            return False
        if result.word != generation.bfl_status:
            note(generation, Kind.BFL_STATUS, result.word)
    generation.bfl_status, generation.progress = result.word, result.progress
    return True


def mark_ready(generation: Generation, result: Result, *, bfl_id: str) -> bool:
    """The picture can be fetched: its storing is queued at once, for the link dies in ten minutes."""
    with transaction.atomic():
        moved = _move(
            generation,
            Status.READY,
            Kind.READY,
            ready_at=timezone.now(),
            bfl_id=bfl_id,
            sample_url=result.sample_url,
            bfl_status=result.word,
            progress=None,
            seed=result.seed,
            final_prompt=result.prompt or "",
            cost=result.cost if result.cost is not None else generation.cost,
        )
        if moved:
            # The free slot first: handing it on takes longer than storing can wait.
            queue.wake_follower()
            queue.enqueue_store(generation.pk)
    return moved


def complete(generation: Generation, image: GeneratedImage) -> bool:
    """The picture is ours. `image` is saved with it."""
    now = timezone.now()
    with transaction.atomic():
        moved = _move(generation, Status.SUCCEEDED, Kind.SUCCEEDED, finished_at=now, sample_url="")
        if moved:
            image.generation = generation
            image.save(force_insert=True)
    return moved


def fail(generation: Generation, failure_code: FailureCode, detail: str = "") -> bool:
    """End it without a picture; the credits come back in the same transaction."""
    return _finish(
        generation,
        Status.FAILED,
        Kind.FAILED,
        detail=f"{failure_code.label}. {redact(detail)}".strip(),
        failure_code=failure_code,
        failure_detail=redact(detail),
    )


def _finish(
    generation: Generation,
    status: Status,
    kind: Kind,
    *,
    by: User | None = None,
    detail: str = "",
    **changes: object,
) -> bool:
    now = timezone.now()
    with transaction.atomic():
        moved = _move(
            generation, status, kind, detail=detail, by=by, finished_at=now, sample_url="", **changes
        )
        if moved:
            ledger.refund(generation)
            queue.wake_follower()
    return moved


def _move(
    generation: Generation,
    status: Status,
    kind: Kind,
    *,
    detail: str = "",
    by: User | None = None,
    **changes: object,
) -> bool:
    if status not in TRANSITIONS[generation.status]:
        return False
    with transaction.atomic():
        row = Generation.objects.filter(pk=generation.pk, status=generation.status)
        if not row.update(status=status, **changes):
            return False
        note(generation, kind, detail, by)
    for name, value in {"status": status, **changes}.items():
        setattr(generation, name, value)
    logger.info("%s is %s %s", generation.code, status, redact(detail))
    return True


def note(generation: Generation, kind: Kind, detail: str = "", by: User | None = None) -> None:
    """Add a line to the timeline; it moves nothing."""
    generation.events.create(kind=kind, detail=redact(detail), created_by=by, created_at=timezone.now())
