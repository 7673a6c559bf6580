"""What a result of BFL's means for a generation. Poll and webhook say the same thing and end here alike."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from generations import bfl
from generations.bfl.texts import read_json
from generations.bfl.webhooks import Delivery, read_delivery
from generations.models import Generation
from generations.models.generation import ACTIVE_STATUSES
from generations.pipeline import lifecycle
from generations.provider import bfl_client

logger = logging.getLogger(__name__)

_FAILURE_CODES = {
    bfl.Status.REQUEST_MODERATED: Generation.FailureCode.REQUEST_MODERATED,
    bfl.Status.CONTENT_MODERATED: Generation.FailureCode.CONTENT_MODERATED,
    bfl.Status.ERROR: Generation.FailureCode.PROVIDER_ERROR,
}


def apply(generation: Generation, result: bfl.Result, *, bfl_id: str) -> bool:
    """Move the generation if the result ends BFL's part. False: BFL is still at it, or somebody was first."""
    if result.status in _FAILURE_CODES:
        return _fail(generation, result)
    if result.status is not bfl.Status.READY or result.sample_url is None:
        if result.status is bfl.Status.UNKNOWN:
            logger.warning("BFL reports an unknown status for %s: %s", generation.code, result.word)
        lifecycle.mark_progress(generation, result)
        return False
    if not bfl_client.get_hosts().is_delivery(result.sample_url):
        _report_host(generation, result.sample_url)
        return False
    return lifecycle.mark_ready(generation, result, bfl_id=bfl_id)


def _fail(generation: Generation, result: bfl.Result) -> bool:
    # A picture that BFL has called ready stays ready: a failure told after it throws nothing away.
    if generation.status in ACTIVE_STATUSES:
        return lifecycle.fail(generation, _FAILURE_CODES[result.status], result.reason)
    return lifecycle.stop_looking(generation)


def apply_held(generation: Generation) -> bool:
    """Apply what BFL's webhook said while the task's id was unknown. What is about another task is dropped.

    Without an id even now, the submission's answer being lost, the call itself is believed.
    """
    held = generation.deliveries.exclude(held="")
    applied = False
    for body in held.values_list("held", flat=True):
        delivery = read_delivery(read_json(body))
        if delivery is not None and is_for(generation, delivery):
            applied = apply(generation, delivery.result, bfl_id=delivery.bfl_id) or applied
    held.update(held="")
    return applied


def is_for(generation: Generation, delivery: Delivery) -> bool:
    """Whether a call can be about this generation, as far as the ids that we know tell."""
    if generation.bfl_id:
        return generation.bfl_id == delivery.bfl_id
    return not Generation.objects.of_task(delivery.bfl_id).exists()


def _report_host(generation: Generation, sample_url: str) -> None:
    # Until the deadline somebody can still add the host, and the picture is not lost.
    host = urlsplit(sample_url).hostname
    detail = f"The picture lies at {host}, which is not on the list of hosts (BFL_EXTRA_HOSTS)."
    if lifecycle.note_news(generation, detail):
        logger.error("%s: %s", generation.code, detail)
