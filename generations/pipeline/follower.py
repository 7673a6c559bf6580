"""The loop that claims, submits and follows everything in flight.

HTTP happens in threads, every write to the database in the loop. One follower runs at a time, by a lease in
Redis; a second one would cost extra polls and nothing else, since claims are locked in the database.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.utils import timezone

from generations import bfl
from generations.bfl import errors
from generations.models import Generation, Provider
from generations.pipeline import lifecycle, queue, results
from generations.provider import bfl_client, circuit_breaker

logger = logging.getLogger(__name__)

T = TypeVar("T")

# All times in seconds.
LINGER = 30.0
LOOK_AROUND_EVERY = 1.0
# A follower that was killed keeps its lease for a while: another stands by for a little longer.
STAND_BY = queue.LEASE_SECONDS + 1.0
WAKE_TIMEOUT = 1
# With a webhook polling is only the safety net.
WEBHOOK_INTERVAL = 15.0
# For what we have given up, and BFL may still deliver: by a few threads, since after an outage there may be
# hundreds, and a press waits for none of them.
LATE_INTERVAL = 30.0
LATE_THREADS = 4
# What was claimed longer ago is not sent: with the time that a POST may take, its slot is given away by then,
# and soon the generation is given up.
SEND_WITHIN = timedelta(seconds=20)
# While the database is away, so long do we try to write down what a POST has brought.
WRITE_WITHIN = 30.0
WRITE_AGAIN_AFTER = 0.5
# Few pictures are there before this share of their endpoint's usual time.
FIRST_LOOK = 0.5
# BFL allows 1,200 polls a second and its guide looks every half second. We begin later, look more often while
# a picture is due, and ever more seldom when one takes far longer than usual.
SHORTEST_INTERVAL = 0.3
LONGEST_INTERVAL = 5.0
# A new task may be unknown even at its own cluster for a while (replication).
NOT_FOUND_TOLERANCE = 15.0

# What BFL surely did not take, and why nothing else should be submitted for a while.
_NOT_TAKEN: dict[type[bfl.BFLError], Provider.Pause] = {
    errors.RateLimited: Provider.Pause.BUSY,
    errors.InsufficientFunds: Provider.Pause.NO_FUNDS,
    errors.Unauthorized: Provider.Pause.REFUSED,
    errors.Unreachable: Provider.Pause.AWAY,
}


class ClaimTooOld(Exception):
    """It was not sent."""


@dataclass(slots=True)
class Watch:
    """A task in flight: where to ask for it, and when (monotonic clock)."""

    generation: Generation
    urls: list[str]
    due: float
    asked: int = 0
    is_asking: bool = False

    @property
    def url(self) -> str:
        return self.urls[self.asked % len(self.urls)]

    @property
    def age(self) -> float:
        """Seconds since BFL took the task."""
        submitted_at = self.generation.submitted_at or timezone.now()
        return (timezone.now() - submitted_at).total_seconds()


class Follower:
    def __init__(
        self,
        client: bfl.Client,
        *,
        is_stop_requested: Callable[[], bool] = lambda: False,
        linger: float = LINGER,
    ) -> None:
        """`linger` is how long to stay when nothing is left to do: the next press then finds us awake."""
        self._client = client
        self._is_stop_requested = is_stop_requested
        self._linger = linger
        self._token = uuid.uuid4().hex
        # BFL_MAX_ACTIVE calls for tasks, the one that waits for Redis and the one for credits.
        self._pool = ThreadPoolExecutor(settings.BFL_MAX_ACTIVE + 2, thread_name_prefix="follower")
        self._late_pool = ThreadPoolExecutor(LATE_THREADS, thread_name_prefix="late")
        self._calls: dict[Future[object], Callable[[], None]] = {}
        self._watches: dict[int, Watch] = {}
        self._submitting: set[int] = set()
        self._is_checking = False
        self._is_wanted = True
        self._looked_around_at = 0.0
        self._busy_at = time.monotonic()
        self._unwritten_since: float | None = None

    def run(self) -> None:
        """Follow until nothing is left to do, a stop is requested, or another follower has taken over."""
        if not self._takes_over():
            return
        try:
            self._listen()
            while self._is_wanted:
                self._turn()
        except queue.QueueAway as error:
            logger.warning("Redis is away, the next follower goes on: %s", error)
        finally:
            self._is_wanted = False
            try:
                self._finish_submissions()
            finally:
                for pool in (self._pool, self._late_pool):
                    pool.shutdown(wait=False, cancel_futures=True)
                self._hand_over()

    def _takes_over(self) -> bool:
        until = time.monotonic() + STAND_BY
        while not queue.take_lease(self._token):
            if time.monotonic() > until or self._is_stop_requested():
                return False
            time.sleep(0.2)
        return True

    def _turn(self) -> None:
        if time.monotonic() - self._looked_around_at >= LOOK_AROUND_EVERY:
            self._look_around()
        for watch in self._watches.values():
            if watch.due <= time.monotonic() and not watch.is_asking:
                self._poll(watch)
        self._wait()

    def _look_around(self) -> None:
        """Compare with the rows, claim what has room, and see whether we are still wanted."""
        self._looked_around_at = time.monotonic()
        self._is_wanted = queue.renew_lease(self._token) and not self._is_stop_requested()
        if not self._is_wanted:
            return
        self._adopt()
        self._check_provider()
        if is_waiting := Generation.objects.queued().exists():
            for generation in lifecycle.claim():
                self._submit(generation)
        if is_waiting or self._submitting or self._is_anything_in_flight():
            self._busy_at = time.monotonic()
        else:
            self._is_wanted = time.monotonic() - self._busy_at <= self._linger

    def _is_anything_in_flight(self) -> bool:
        return any(not watch.generation.is_finished for watch in self._watches.values())

    def _adopt(self) -> None:
        """Watch what BFL has, whoever submitted it; forget what a webhook or the sweep has moved on."""
        followed = [*Generation.objects.submitted(), *Generation.objects.late()]
        rows = {(row.pk, row.status): row for row in followed}
        watched = {(pk, watch.generation.status): pk for pk, watch in self._watches.items()}
        for key in watched.keys() - rows.keys():
            del self._watches[watched[key]]
        for key in rows.keys() - watched.keys():
            self._watch(rows[key], due=time.monotonic())

    def _check_provider(self) -> None:
        if not self._is_checking and circuit_breaker.needs_check():
            self._is_checking = True
            self._call(self._pool, self._client.credits, self._checked)

    def _checked(self, future: Future[Decimal]) -> None:
        self._is_checking = False
        try:
            circuit_breaker.pass_check(future.result())
        except bfl.BFLError as error:
            if error.permanent or isinstance(error, errors.RateLimited):
                circuit_breaker.pass_check(None)
            else:
                circuit_breaker.pause(_NOT_TAKEN.get(type(error), Provider.Pause.AWAY), str(error))
        self._look_around_soon()

    def _watch(self, generation: Generation, *, due: float) -> None:
        urls = self._client.addresses_of(generation.bfl_id, generation.polling_url)
        self._watches[generation.pk] = Watch(generation, urls, due)

    def _listen(self) -> None:
        self._call(self._pool, lambda: queue.wait_for_wake(WAKE_TIMEOUT), self._woken)

    def _woken(self, future: Future[set[int]]) -> None:
        named = future.result()
        # Without the lease the next wake-up is for the follower that has it.
        if self._is_wanted:
            self._listen()
        if named:
            self._look_around_soon()
        for pk in named & self._watches.keys():
            self._watches[pk].due = time.monotonic()

    def _look_around_soon(self) -> None:
        self._looked_around_at = 0.0

    def _submit(self, generation: Generation) -> None:
        # In this order: where no thread can be started, nothing is under way that an end would wait for.
        self._call(self._pool, lambda: self._send(generation), partial(self._submitted, generation))
        self._submitting.add(generation.pk)

    def _send(self, generation: Generation) -> bfl.Submission:
        """Buy the picture, in a thread, which may have been long in coming. Raises BFLError, ClaimTooOld."""
        if generation.claimed_at is None or timezone.now() - generation.claimed_at > SEND_WITHIN:
            raise ClaimTooOld
        webhook = bfl_client.get_webhook(generation)
        return self._client.submit(
            generation.endpoint,
            generation.params,
            webhook_url=webhook.url if webhook else None,
            webhook_secret=webhook.secret if webhook else None,
        )

    def _submitted(self, generation: Generation, future: Future[bfl.Submission]) -> None:
        self._submitting.discard(generation.pk)
        try:
            submission = future.result()
        except ClaimTooOld:
            self._write(lambda: lifecycle.put_back(generation, "It could not be sent in time"))
        except bfl.BFLError as error:
            self._write(partial(_not_submitted, generation, error))
        else:
            # Said before it is written: if the database stays away, the log still knows what was paid for.
            logger.info("BFL has taken %s as %s", generation.code, submission.id)
            self._write(partial(self._taken, generation, submission))
            return
        self._look_around_soon()

    def _write(self, write: Callable[[], object]) -> None:
        """Write down what a POST has brought, again and again if the database is away for a moment.

        All answers share WRITE_WITHIN; after it the error is raised.
        """
        while True:
            try:
                write()
            except (OperationalError, InterfaceError) as error:
                now = time.monotonic()
                self._unwritten_since = self._unwritten_since or now
                if now - self._unwritten_since > WRITE_WITHIN:
                    raise
                logger.warning("The database is away, once more: %s", error)
                connection.close()
                time.sleep(WRITE_AGAIN_AFTER)
            else:
                self._unwritten_since = None
                return

    def _taken(self, generation: Generation, submission: bfl.Submission) -> None:
        try:
            is_first = lifecycle.mark_submitted(generation, submission)
        except IntegrityError:
            # Another generation has this id: nobody can say which of the two pictures it is.
            error = errors.UnexpectedAnswer(f"BFL gave the id of another task: {submission.id}")
            _wait_for_webhook_or_fail(generation, error)
            return
        if not is_first:
            # The sweep was quicker and has given it up.
            lifecycle.mark_taken_late(generation, submission)
        elif not results.apply_held(generation):
            self._watch(generation, due=time.monotonic() + _first_look(generation))
        if generation.claimed_at:
            circuit_breaker.resume(generation.claimed_at)

    def _poll(self, watch: Watch) -> None:
        watch.is_asking = True
        pool = self._late_pool if watch.generation.is_finished else self._pool
        self._call(pool, lambda: self._client.get_result(watch.url), partial(self._polled, watch))

    def _polled(self, watch: Watch, future: Future[bfl.Result]) -> None:
        watch.is_asking = False
        watch.due = time.monotonic() + _interval(watch)
        try:
            result = future.result()
        except bfl.BFLError as error:
            # The deadline ends it, not this: BFL's polls once failed for hours while pictures were made.
            logger.info("Polling %s failed: %s", watch.generation.code, error)
            watch.due += getattr(error, "retry_after", None) or 1.0
            _ask_elsewhere(watch)
            return
        if result.status is bfl.Status.TASK_NOT_FOUND:
            _ask_elsewhere(watch)
            _give_up_if_lost(watch)
            return
        watch.urls = [watch.url]
        if results.apply(watch.generation, result, bfl_id=watch.generation.bfl_id):
            self._watches.pop(watch.generation.pk, None)
            self._look_around_soon()

    def _call(
        self, pool: ThreadPoolExecutor, function: Callable[[], T], done: Callable[[Future[T]], None]
    ) -> None:
        """Run `function` in a thread of the pool, and `done` with its future in the loop."""
        future = pool.submit(function)
        self._calls[future] = partial(done, future)  # type: ignore[index]  # a Future of T is read by its own `done` only

    def _wait(self) -> None:
        now = time.monotonic()
        dues = [watch.due for watch in self._watches.values() if not watch.is_asking]
        until = min([*dues, self._looked_around_at + LOOK_AROUND_EVERY])
        finished, _ = wait(self._calls, timeout=max(until - now, 0), return_when=FIRST_COMPLETED)
        for future in finished:
            self._finish(future)

    def _finish(self, future: Future[object]) -> None:
        """Do what an answer asks for. One that nobody thought of must not end the follower of all others."""
        done = self._calls.pop(future)
        try:
            done()
        except (queue.QueueAway, OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("An answer of BFL's could not be written down")

    def _finish_submissions(self) -> None:
        """Write down what the POSTs under way bring: a task whose id is lost is paid for in vain."""
        while self._submitting and self._calls:
            finished, _ = wait(self._calls, return_when=FIRST_COMPLETED)
            for future in finished:
                try:
                    self._finish(future)
                # The other answers still have to be written down.
                except queue.QueueAway as error:
                    logger.warning("Redis is away: %s", error)
                except (OperationalError, InterfaceError):
                    logger.exception("An answer of BFL's could not be written down")

    def _hand_over(self) -> None:
        try:
            queue.release_lease(self._token)
        except queue.QueueAway:
            return
        if Generation.objects.queued().exists() or Generation.objects.submitted().exists():
            queue.wake_follower()


def _first_look(generation: Generation) -> float:
    if settings.PUBLIC_URL:
        return WEBHOOK_INTERVAL
    entry = generation.catalogue_entry
    return entry.usual_seconds * FIRST_LOOK if entry else 1.0


def _interval(watch: Watch) -> float:
    if watch.generation.is_finished:
        return LATE_INTERVAL
    if settings.PUBLIC_URL:
        return WEBHOOK_INTERVAL
    return min(max(watch.age / 30, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def _ask_elsewhere(watch: Watch) -> None:
    """Go on to the next address, at once until all have been asked."""
    watch.asked += 1
    if watch.asked % len(watch.urls):
        watch.due = time.monotonic()


def _give_up_if_lost(watch: Watch) -> None:
    # Only at the address that BFL gave: elsewhere "not found" may mean "not here".
    is_told_address = watch.urls == [watch.generation.polling_url]
    if is_told_address and watch.age > NOT_FOUND_TOLERANCE:
        lifecycle.fail(watch.generation, Generation.FailureCode.TASK_LOST)


def _not_submitted(generation: Generation, error: bfl.BFLError) -> None:
    reason = next((pause for kind, pause in _NOT_TAKEN.items() if isinstance(error, kind)), None)
    if reason is not None:
        # The pause first: whatever becomes of this one, no other is sent into an outage.
        circuit_breaker.pause(reason, str(error), seconds=getattr(error, "retry_after", None))
        lifecycle.put_back(generation, reason.label)
    elif isinstance(error, errors.InvalidRequest):
        lifecycle.fail(generation, Generation.FailureCode.REJECTED, error.detail)
    elif error.permanent:
        lifecycle.fail(generation, Generation.FailureCode.PROVIDER_ERROR, str(error))
    else:
        # BFL may have taken it. It is not sent again, and nothing more is sent into what may be an outage.
        circuit_breaker.pause(Provider.Pause.AWAY, str(error))
        _wait_for_webhook_or_fail(generation, error)


def _wait_for_webhook_or_fail(generation: Generation, error: bfl.BFLError) -> None:
    if settings.PUBLIC_URL:
        # If BFL has it, its webhook brings it back; if not, the sweep ends the wait.
        lifecycle.mark_unanswered(generation, str(error))
        results.apply_held(generation)
    else:
        lifecycle.fail_unknown(generation, str(error))
