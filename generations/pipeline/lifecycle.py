"""The verbs that move a generation. Each moves the row by compare-and-set, writes the event and settles the
credits in one transaction. Somebody who comes second gets False, and nothing has changed. The two for many
rows, claim and cancel_waiting, lock them first and then write them together.

`generation` is always the caller's copy: its status is what the caller believes, and the row must agree.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from fluxsite.redaction import redact
from generations import bfl
from generations.bfl import Result, Submission
from generations.credits import ledger, limits, prices
from generations.credits.prices import EndpointUnavailable as EndpointUnavailable
from generations.gallery.changes import picture_of
from generations.models import GeneratedImage, Generation, GenerationEvent, Press
from generations.models.generation import LATE_FOR, LATE_LOOKS, TRANSITIONS, GenerationQuerySet
from generations.pipeline import fair_order, queue
from generations.provider import circuit_breaker

logger = logging.getLogger(__name__)

Status = Generation.Status
FailureCode = Generation.FailureCode
Kind = GenerationEvent.Kind

KONTEXT_MAX = "flux-kontext-max"
LARGEST_COUNT = 100
# A READY row older than this has no job any more, or one that failed. Not sooner: behind a backlog every row
# would get a second job.
STORE_AGAIN_AFTER = timedelta(seconds=60)
# Any number will do, as long as nobody else in this database uses it.
_CLAIM_LOCK = 0x666C7578


class InvalidCount(ValueError):
    pass


class NothingToRetry(Exception):
    """It has its picture, or may still get it."""


REFUSALS = (
    bfl.InvalidParameters,
    ledger.InsufficientCredits,
    limits.LimitReached,
    EndpointUnavailable,
    prices.PriceChanged,
    prices.TooManyWaiting,
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
    token: uuid.UUID | None = None,
) -> list[Generation]:
    """Buy `count` pictures of one and the same request. As create_each."""
    _check_count(count)
    return create_each(user, endpoint, [values] * count, token=token)


def create_each(
    user: User,
    endpoint: str,
    requests: Sequence[Mapping[str, object]],
    *,
    token: uuid.UUID | None = None,
    price: Decimal | None = None,
) -> list[Generation]:
    """Buy one picture of each request: rows, charges and events, all or none.

    The same requests with the same `token` are one press: the second time it buys nothing and returns what
    the first has bought, whatever the price list says by then. `price` is what the person was shown for one
    picture, where they were shown one. Raises one of REFUSALS.
    """
    _check_count(len(requests))
    params = [prices.get_entry(endpoint).clean(values) for values in requests]
    if token is None:
        with ledger.keeping_ends(user.pk):
            return _buy(_priced(user, endpoint, params, price))
    with ledger.keeping_ends(user.pk), transaction.atomic():
        # Of two presses at once the second waits here for the first, and then finds it.
        press, is_new = Press.objects.get_or_create(
            user=user,
            token=token,
            digest=_digest(endpoint, params),
            defaults={"created_at": timezone.now()},
        )
        if not is_new:
            return list(press.generations.order_by("pk"))
        rows = _priced(user, endpoint, params, price)
        for row in rows:
            row.press = press
        return _buy(rows)


def _check_count(count: int) -> None:
    if not 1 <= count <= LARGEST_COUNT:
        raise InvalidCount(f"The count must be a whole number from 1 to {LARGEST_COUNT}.")


def _priced(
    user: User, endpoint: str, params: Sequence[Mapping[str, object]], price: Decimal | None
) -> list[Generation]:
    """Return a row for each picture, not saved yet. Raises EndpointUnavailable or PriceChanged."""
    listed = prices.get_offered(endpoint)
    prices.check_price(listed, price)
    return [
        Generation(user=user, endpoint=endpoint, params=each, price=listed.price, bfl_price=listed.bfl_price)
        for each in params
    ]


def _digest(endpoint: str, params: Sequence[Mapping[str, object]]) -> str:
    request = json.dumps([endpoint, params], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()


def _buy(rows: Sequence[Generation]) -> list[Generation]:
    """Save rows of one person and one endpoint, with their charges."""
    user_id, endpoint = rows[0].user_id, rows[0].endpoint
    with transaction.atomic():
        # The account's row is the lock: two presses at once must not both find the last place to wait in.
        ledger.lock_account(user_id)
        # Under it, so that a person's ids and times rise together: see generations.gallery.search.
        now = timezone.now()
        for row in rows:
            row.created_at = now
        prices.check_waiting(user_id, prices.get_offered(endpoint), len(rows))
        generations = Generation.objects.bulk_create(rows)
        ledger.charge(generations)
        GenerationEvent.objects.bulk_create(
            GenerationEvent(generation=generation, kind=Kind.QUEUED, created_at=now)
            for generation in generations
        )
        queue.wake_follower()
    return generations


def retry(generation: Generation, user: User, *, price: Decimal | None = None) -> Generation:
    """Buy the request of a failed or canceled generation again, at the `price` that was shown.

    Return what has tried it again already, unless that failed or was canceled too. Raises one of REFUSALS.
    """
    with ledger.keeping_ends(user.pk), transaction.atomic():
        # The row is the lock: of two presses the second must see what the first has bought.
        locked = Generation.objects.select_for_update().get(pk=generation.pk)
        if not locked.can_retry:
            raise NothingToRetry("Only what failed or was canceled can be tried again. Nothing was charged.")
        if tried := locked.retries.exclude(status__in=[Status.FAILED, Status.CANCELED]).first():
            return tried
        params = [prices.get_entry(locked.endpoint).clean(locked.params)]
        rows = _priced(user, locked.endpoint, params, price)
        rows[0].retry_of = locked
        if user.pk == locked.user_id:
            mark_seen(Generation.objects.filter(pk=locked.pk))
        return _buy(rows)[0]


def cancel(generation: Generation, *, canceled_by: User) -> bool:
    """Withdraw what BFL has not been asked for yet; the credits come back."""
    # Its owner need not be shown what they did themselves.
    seen_at = timezone.now() if canceled_by.pk == generation.user_id else None
    return _finish(generation, Status.CANCELED, Kind.CANCELED, by=canceled_by, seen_at=seen_at)


def cancel_waiting(user: User, generations: GenerationQuerySet) -> list[Generation]:
    """Withdraw those of `generations` that are `user`'s and still wait, in one go; return them, refunded."""
    now = timezone.now()
    with transaction.atomic():
        # What somebody else has locked is being claimed or canceled at this moment, and waits no more.
        locked = generations.queued().filter(user=user).select_for_update(skip_locked=True)
        waiting = list(locked.order_by("pk"))
        if not waiting:
            return []
        rows = Generation.objects.queued().filter(pk__in=[generation.pk for generation in waiting])
        rows.update(status=Status.CANCELED, finished_at=now, seen_at=now)
        GenerationEvent.objects.bulk_create(
            GenerationEvent(generation=generation, kind=Kind.CANCELED, created_at=now, created_by=user)
            for generation in waiting
        )
        ledger.refund_all(waiting)
        queue.wake_follower()
    logger.info("%s were canceled", len(waiting))
    return waiting


def mark_seen(generations: GenerationQuerySet) -> int:
    """Their owner has looked at how they ended. What is unfinished stays in sight. Return how many."""
    return generations.unseen().update(seen_at=timezone.now())


def claim() -> list[Generation]:
    """Move as many QUEUED rows to SUBMITTING as BFL's limits leave room for, people taking turns.

    Counting and claiming are one locked transaction, so any number of processes keep the limits.
    """
    with transaction.atomic():
        _lock_claims()
        claimed = _claim_each(_next_in_turn())
    for generation in claimed:
        logger.info("%s is %s", generation.code, generation.status)
    return claimed


def _lock_claims() -> None:
    # On SQLite the transaction has begun IMMEDIATE and is alone already.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])


def _claim_each(chosen: Sequence[Generation]) -> list[Generation]:
    """Move those that are still QUEUED, in as few statements as for one: all other claims wait.

    Each is claimed a moment after the one before it, since that tells whose turn was last.
    """
    if not chosen:
        return []
    # Under their locks, and in the order of all who lock several: whoever cancels has been, or comes later.
    queued = Generation.objects.queued().order_by("pk").select_for_update()
    rows = queued.in_bulk([generation.pk for generation in chosen])
    claimed = [rows[generation.pk] for generation in chosen if generation.pk in rows]
    now = timezone.now()
    for number, row in enumerate(claimed):
        row.status, row.unanswered_at = Status.SUBMITTING, None
        row.claimed_at = now + timedelta(microseconds=number)
        row.attempts += 1
    Generation.objects.bulk_update(claimed, ["status", "unanswered_at", "claimed_at", "attempts"])
    GenerationEvent.objects.bulk_create(
        GenerationEvent(generation=row, kind=Kind.SUBMITTING, created_at=now) for row in claimed
    )
    return claimed


def _next_in_turn() -> list[Generation]:
    """Return the QUEUED rows that may go now: each time the person who has waited longest for a turn."""
    active = Generation.objects.active().aggregate(
        total=Count("pk"), kontext_max=Count("pk", filter=Q(endpoint=KONTEXT_MAX))
    )
    allowance = circuit_breaker.get_allowance(active["total"], active["kontext_max"])
    if not allowance.total:
        return []
    waiting = _waiting_by_person(allowance)
    last_turn = fair_order.last_turns(waiting)
    if allowance.is_trial:
        return _least_tried(waiting, last_turn)
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


def _least_tried(
    waiting: Mapping[int, Sequence[Generation]], last_turn: Mapping[int, datetime]
) -> list[Generation]:
    """Return the one that goes ahead after a pause: of the endpoint that was tried least so far.

    BFL may refuse one endpoint for ever. Were that always the one to go ahead, nothing else ever went.
    """
    rows = [generation for generations in waiting.values() for generation in generations]
    tried: Counter[str] = Counter()
    for row in rows:
        tried[row.endpoint] += row.attempts
    rows.sort(key=lambda row: (tried[row.endpoint], row.attempts, last_turn[row.user_id], row.pk))
    return rows[:1]


def _waiting_by_person(allowance: circuit_breaker.Allowance) -> dict[int, list[Generation]]:
    """Return each person's first QUEUED rows, oldest first: no more than could all be claimed now."""
    queued = Generation.objects.queued().only("user_id", "endpoint", "attempts")
    if not allowance.kontext_max:
        queued = queued.exclude(endpoint=KONTEXT_MAX)
    ranked = queued.annotate(
        rank=Window(RowNumber(), partition_by=[F("user_id"), F("endpoint")], order_by="pk")
    ).filter(rank__lte=allowance.total)
    waiting: dict[int, list[Generation]] = {}
    for generation in ranked.order_by("pk"):
        waiting.setdefault(generation.user_id, []).append(generation)
    return waiting


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


def mark_unanswered(generation: Generation, reason: str) -> bool:
    """Its submission has ended, and nobody knows what BFL did: only a call of BFL's can tell."""
    with _all_or_nothing(generation):
        row = _row_as_believed(generation).filter(status=Status.SUBMITTING, unanswered_at=None)
        if not row.update(unanswered_at=timezone.now()):
            return False
        note(generation, Kind.NOTE, f"No clear answer from BFL: {reason}")
    return True


def mark_taken_late(generation: Generation, submission: Submission) -> bool:
    """BFL has taken a task that we had given up: its picture is looked for all the same."""
    with transaction.atomic():
        row = Generation.objects.filter(pk=generation.pk, failure_code__in=LATE_LOOKS, bfl_id="")
        now = timezone.now()
        polling_url = submission.polling_url or ""
        if not row.update(
            bfl_id=submission.id, polling_url=polling_url, submitted_at=now, late_until=now + LATE_FOR
        ):
            return False
        note(generation, Kind.NOTE, f"BFL took it after all, as {submission.id}")
    return True


def mark_progress(generation: Generation, result: Result) -> bool:
    """Keep what BFL says of a task in progress. False also when it says nothing new."""
    if (result.word, result.progress) == (generation.bfl_status, generation.progress):
        return False
    with transaction.atomic():
        row = Generation.objects.filter(pk=generation.pk, status=Status.SUBMITTED)
        # Poll and webhook may bring the same word, each with a copy that has not heard it yet.
        is_new = row.exclude(bfl_status=result.word).update(bfl_status=result.word)
        if is_new:
            note(generation, Kind.BFL_STATUS, result.word)
        has_moved = row.exclude(progress=result.progress).update(progress=result.progress)
    generation.bfl_status, generation.progress = result.word, result.progress
    return bool(is_new or has_moved)


def mark_ready(generation: Generation, result: Result, *, bfl_id: str) -> bool:
    """The picture can be fetched: its storing is queued at once, for the link dies in ten minutes.

    It may come after we had given it up. BFL was paid for it, so it is kept; the refund stays.
    """
    if generation.is_failed and not generation.is_given_up:
        return False
    now, is_late = timezone.now(), generation.is_failed
    with _all_or_nothing(generation):
        moved = _move(
            generation,
            Status.READY,
            Kind.READY,
            detail="Late, and therefore free" if is_late else "",
            is_late=is_late,
            failure_code="",
            failure_detail="",
            finished_at=None,
            seen_at=None,
            late_until=None,
            ready_at=now,
            store_again_at=now + STORE_AGAIN_AFTER,
            bfl_id=bfl_id,
            # Where the answer to the submission was lost: BFL took it then, and its bill has it.
            submitted_at=generation.submitted_at or generation.claimed_at,
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


def store_again(generation: Generation) -> bool:
    """Queue the storing of a READY generation once more."""
    with transaction.atomic():
        row = Generation.objects.filter(
            pk=generation.pk, status=Status.READY, store_again_at=generation.store_again_at
        )
        if not row.update(store_again_at=timezone.now() + STORE_AGAIN_AFTER):
            return False
        queue.enqueue_store(generation.pk)
    return True


def complete(generation: Generation, image: GeneratedImage) -> bool:
    """The picture is ours. `image` is saved with it; what BFL took beside its price is settled."""
    now = timezone.now()
    with _all_or_nothing(generation):
        moved = _move(generation, Status.SUCCEEDED, Kind.SUCCEEDED, finished_at=now, sample_url="")
        if moved:
            image.generation = generation
            image.save(force_insert=True)
            picture_of(generation, image).save(force_insert=True)
            _settle(generation)
    return moved


def _settle(generation: Generation) -> None:
    # A late picture is free, whatever BFL took for it.
    if not generation.is_late and (told := ledger.settle(generation)):
        note(generation, Kind.NOTE, told)


def fail(generation: Generation, failure_code: FailureCode, detail: str = "") -> bool:
    """End it without a picture; the credits come back in the same transaction.

    What we gave up ourselves is looked for a while longer.
    """
    is_looked_for = failure_code in LATE_LOOKS and generation.bfl_id
    return _finish(
        generation,
        Status.FAILED,
        Kind.FAILED,
        detail=f"{failure_code.label}. {redact(detail)}".strip(),
        failure_code=failure_code,
        failure_detail=redact(detail),
        late_until=timezone.now() + LATE_FOR if is_looked_for else None,
    )


def fail_unknown(generation: Generation, detail: str = "") -> bool:
    """End one whose submission was never answered: BFL may have been paid for it, so it is not sent again."""
    logger.error("The outcome of %s is unknown: BFL may have made a picture", generation.code)
    return fail(generation, FailureCode.OUTCOME_UNKNOWN, detail)


def stop_looking(generation: Generation) -> bool:
    """BFL itself says that no picture comes of what we had given up."""
    late = Generation.objects.late().filter(pk=generation.pk)
    return bool(late.update(late_until=None))


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
    with _all_or_nothing(generation):
        moved = _move(
            generation, status, kind, detail=detail, by=by, finished_at=now, sample_url="", **changes
        )
        if moved:
            if not generation.is_late:
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
    with _all_or_nothing(generation):
        if not _row_as_believed(generation).update(status=status, **changes):
            return False
        note(generation, kind, detail, by)
        for name, value in {"status": status, **changes}.items():
            setattr(generation, name, value)
    logger.info("%s is %s %s", generation.code, status, redact(detail))
    return True


@contextlib.contextmanager
def _all_or_nothing(generation: Generation) -> Iterator[None]:
    """One transaction. If it fails, the caller's copy is as before, so that the verb can be tried again."""
    before = dict(generation.__dict__)
    try:
        with transaction.atomic():
            yield
    except BaseException:
        generation.__dict__.clear()
        generation.__dict__.update(before)
        raise


def _row_as_believed(generation: Generation) -> GenerationQuerySet:
    # A row may come to the same status twice: given up and then ready late, or put back and claimed anew.
    rows = Generation.objects.filter(pk=generation.pk, status=generation.status, is_late=generation.is_late)
    is_claimed = generation.status == Status.SUBMITTING
    return rows.filter(claimed_at=generation.claimed_at) if is_claimed else rows


def note(generation: Generation, kind: Kind, detail: str = "", by: User | None = None) -> None:
    """Add a line to the timeline; it moves nothing."""
    generation.events.create(kind=kind, detail=redact(detail), created_by=by, created_at=timezone.now())


def note_news(generation: Generation, detail: str) -> bool:
    """Add a note unless the timeline has it already: what is tried every minute fails in the same words."""
    if generation.events.filter(kind=Kind.NOTE, detail=redact(detail)).exists():
        return False
    note(generation, Kind.NOTE, detail)
    return True
