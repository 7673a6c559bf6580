"""What RQ runs. A task reads the row and returns at once if the row is not in its state: any of them may run
twice, late or never."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from fluxsite.storage import prune_drafts
from generations import bfl
from generations.bfl import errors
from generations.gallery import removal
from generations.media import images
from generations.models import GeneratedImage, Generation, Provider
from generations.pipeline import lifecycle, queue, results
from generations.pipeline.follower import Follower
from generations.provider import bfl_client

logger = logging.getLogger(__name__)

# Seconds. A submission whose answer we never saw may still come back by webhook, after the longest generation
# and its delivery; without a webhook nothing more can come once the POST itself has run out of time.
GRACE_WITH_WEBHOOK = 180
GRACE_WITHOUT_WEBHOOK = 90
# A page of HTML where the picture should be may be gone minutes later. What is no picture when its link dies
# is none.
BAD_IMAGE_PATIENCE = 10 * 60
# Too many pixels, or another format: each fetch brings the same. The second job, a minute later, gives it up.
NEVER_AN_IMAGE_PATIENCE = 20
# The link is dead after ten minutes, and BFL has had the chance to give another.
STORE_DEADLINE = 15 * 60
STORE_TRIES = 3
# A host that hangs is not tried again in the same job: other pictures wait behind it, and the sweep.
STORE_SECONDS = 10
# For an address to answer a last look. They are asked together, since the next generation waits for its own.
LAST_LOOK_SECONDS = 3


def follow() -> None:
    Follower(bfl_client.get_client(), is_stop_requested=queue.is_stop_requested()).run()


def store(generation_id: int) -> None:
    """Fetch the picture of a READY generation and make it ours. What fails is tried again by the sweep."""
    generation = Generation.objects.filter(pk=generation_id, status=Generation.Status.READY).first()
    if generation is None:
        return
    try:
        image = _fetch(generation)
    except (images.BadImage, bfl.BFLError) as error:
        if isinstance(error, images.BadImage) and _has_been_ready_for(generation, _patience_with(error)):
            _give_up_storing(generation, str(error))
        else:
            lifecycle.note_news(generation, f"Saving will be tried again: {error}")
    except OSError as error:
        # A full disk, a store that is away. Its own text may name a path, which is for the log.
        reason = error.strerror or "the storage did not take it"
        lifecycle.note_news(generation, f"Saving will be tried again: {reason}")
        raise
    else:
        is_ours = lifecycle.complete(generation, image)
        _discard_unused(generation)
        if is_ours:
            make_renditions(generation_id)


def make_renditions(generation_id: int) -> None:
    """Make the renditions that a stored picture lacks. Where that fails, the original is shown."""
    image = GeneratedImage.objects.filter(generation=generation_id).select_related("generation").first()
    if image is None:
        return
    try:
        images.make_renditions(image)
    except (images.BadImage, OSError) as error:
        logger.warning("The renditions of %s cannot be made: %s", image.generation.code, error)


def _patience_with(error: images.BadImage) -> int:
    return NEVER_AN_IMAGE_PATIENCE if error.is_final else BAD_IMAGE_PATIENCE


def end_overdue(generation_id: int) -> None:
    """End a generation past its deadline, after a last look: we may have been away, and BFL not."""
    generation = _overdue().filter(pk=generation_id).first()
    if generation is None:
        return
    if generation.status == Generation.Status.SUBMITTED:
        _end_submitted(generation)
        return
    try:
        store(generation_id)
    finally:
        _give_up_storing(generation, "It could not be fetched in time.")


def _end_submitted(generation: Generation) -> None:
    try:
        found = _find_result(generation)
    except Exception:
        # Whatever the answer was, the person waits no longer.
        logger.exception("The last answer for %s could not be used", generation.code)
        found = False
    if not found:
        lifecycle.fail(generation, Generation.FailureCode.TIMED_OUT)


def sweep() -> None:
    """Put right what a crash, a lost job or a silent provider has left behind. Safe to run at any time."""
    _apply_held()
    _end_unknown()
    _end_overdue()
    _store_again()
    if _is_follower_needed():
        queue.stand_by()
    prune_drafts()
    removal.remove_due()


def _fetch(generation: Generation) -> GeneratedImage:
    """Return the image, its files written. Raises BadImage or BFLError after a few tries."""
    began_at = time.monotonic()
    for attempt in range(1, STORE_TRIES + 1):
        try:
            content = _download(generation)
            return images.store(generation, content)
        except (images.BadImage, bfl.BFLError) as error:
            is_last = attempt == STORE_TRIES or time.monotonic() - began_at > STORE_SECONDS
            if is_last or isinstance(error, errors.ForbiddenHost):
                raise
            logger.info("Fetching %s failed, once more: %s", generation.code, error)
            time.sleep(attempt / 2)
    raise AssertionError  # the last try returns or raises


def _download(generation: Generation) -> bytes:
    client = bfl_client.get_client()
    try:
        return client.download(generation.sample_url, max_bytes=settings.IMAGE_MAX_BYTES)
    except errors.LinkExpired:
        return client.download(_fresh_link(generation), max_bytes=settings.IMAGE_MAX_BYTES)


def _fresh_link(generation: Generation) -> str:
    """Ask BFL for the result again, in the hope of a new link. Raises LinkExpired if there is none."""
    for result in _ask_everywhere(generation):
        if result.sample_url:
            return result.sample_url
    raise errors.LinkExpired("BFL has no picture for this task any more")


def _ask_everywhere(generation: Generation) -> list[bfl.Result]:
    """Return what the addresses that may know the task say, all asked at once; nothing of those that fail."""
    client = bfl_client.get_client()

    def ask(url: str) -> list[bfl.Result]:
        with contextlib.suppress(bfl.BFLError):
            return [client.get_result(url, timeout=LAST_LOOK_SECONDS)]
        return []

    urls = client.addresses_of(generation.bfl_id, generation.polling_url)
    with ThreadPoolExecutor(len(urls)) as threads:
        return list(itertools.chain.from_iterable(threads.map(ask, urls)))


def _give_up_storing(generation: Generation, reason: str) -> None:
    if lifecycle.fail(generation, Generation.FailureCode.STORING_FAILED, reason):
        # A worker that was killed after it wrote the files has left them behind.
        _discard_unused(generation)


def _discard_unused(generation: Generation) -> None:
    # Two jobs may store one generation, in two formats even, and its picture may have been removed since:
    # only what the row names is needed. While it is not finished, a late picture may be on its way again.
    generation.refresh_from_db()
    if generation.is_finished:
        has_image = generation.is_succeeded and not generation.is_removed
        images.discard(generation, kept=generation.image.format if has_image else None)


def _has_been_ready_for(generation: Generation, seconds: int) -> bool:
    ready_at = generation.ready_at or timezone.now()
    return timezone.now() - ready_at > timedelta(seconds=seconds)


def _is_follower_needed() -> bool:
    """Whether there is anything to submit or follow, or a pause that has to find its end."""
    return (
        Generation.objects.unfinished().exists()
        or Generation.objects.late().exists()
        or Provider.objects.exclude(pause="").exists()
    )


def _find_result(generation: Generation) -> bool:
    """Whether BFL, asked at every address, has said something that moved the generation."""
    answers = _ask_everywhere(generation)
    return any(results.apply(generation, answer, bfl_id=generation.bfl_id) for answer in answers)


def _overdue() -> QuerySet[Generation]:
    now = timezone.now()
    too_long_ago = now - timedelta(seconds=STORE_DEADLINE)
    return Generation.objects.unfinished().filter(
        Q(status=Generation.Status.SUBMITTED, deadline_at__lt=now)
        | Q(status=Generation.Status.READY, ready_at__lt=too_long_ago)
    )


def _apply_held() -> None:
    # Also of those whose id is known: the follower may have been killed before it came to this.
    for generation in Generation.objects.unfinished().filter(deliveries__held__gt="").distinct():
        if not generation.is_being_submitted:
            results.apply_held(generation)


def _end_overdue() -> None:
    # Those that wait already are not queued again each time: a last look may take seconds.
    if queue.is_idle(queue.LAST_LOOKS):
        for generation in _overdue():
            queue.enqueue_end(generation.pk)


def _store_again() -> None:
    # The oldest job that waits came after these were due, so that their own waits no more.
    for generation in Generation.objects.ready().filter(store_again_at__lt=queue.oldest_store()):
        lifecycle.store_again(generation)


def _end_unknown() -> None:
    grace = GRACE_WITH_WEBHOOK if settings.PUBLIC_URL else GRACE_WITHOUT_WEBHOOK
    long_ago = timezone.now() - timedelta(seconds=grace)
    for generation in Generation.objects.submitting().filter(claimed_at__lt=long_ago):
        lifecycle.fail_unknown(generation)
