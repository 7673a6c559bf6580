"""BFL's calls. Whoever calls must know the code in the address and that generation's secret; after that the
call is worth as much as a poll's answer, and no more."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from generations.bfl.texts import read_json
from generations.bfl.webhooks import SECRET_HEADER, Delivery, read_delivery
from generations.models import Delivery as StoredDelivery
from generations.models import Generation, GenerationEvent
from generations.pipeline import lifecycle, queue, results
from generations.provider import bfl_client

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, code: uuid.UUID) -> HttpResponse:
    """Answer 2xx to what is genuine, even if it changes nothing: BFL repeats what gets anything else."""
    generation = Generation.objects.filter(code=code).first()
    secret = request.headers.get(SECRET_HEADER, "")
    if generation is None or not bfl_client.is_webhook_secret(secret, generation):
        return HttpResponse("unauthorized", status=401, content_type="text/plain")
    body = _read(request)
    if body is None:
        return HttpResponse("too large", status=413, content_type="text/plain")
    delivery = read_delivery(read_json(body))
    if delivery is None or not _accept(generation, delivery, body):
        return HttpResponse("not a delivery for this address", status=400, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")


def _read(request: HttpRequest) -> bytes | None:
    """Return the body, or None if it is too large.

    Django takes a chunked body for an empty one, so it is read from the WSGI server, which knows its end.
    """
    stream = request if request.META.get("CONTENT_LENGTH") else request.META["wsgi.input"]
    body: bytes = stream.read(MAX_BYTES + 1)
    return body if len(body) <= MAX_BYTES else None


def _in_ascii(body: bytes) -> str:
    """Return the body with escapes for what a database may refuse, or "" if it cannot be read again."""
    try:
        return json.dumps(read_json(body))
    except (ValueError, RecursionError):
        return ""


def _accept(generation: Generation, delivery: Delivery, body: bytes) -> bool:
    """Do what the call says, if anything. False: it is about a task that is not this generation's."""
    with transaction.atomic():
        # Looked at again under the lock: the follower may be writing down the answer to the submission.
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        if not results.is_for(generation, delivery):
            return False
        # Only the answer to the submission says for sure which task is ours.
        is_early = generation.is_being_submitted
        _, is_new = StoredDelivery.objects.get_or_create(
            generation=generation,
            digest=hashlib.sha256(body).hexdigest(),
            defaults={
                "bfl_status": delivery.result.word,
                "received_at": timezone.now(),
                # In ASCII, whatever encoding and halves of characters came.
                "held": _in_ascii(body) if is_early else "",
            },
        )
        if not is_new or (generation.is_finished and not generation.is_given_up):
            return True
        lifecycle.note(generation, GenerationEvent.Kind.WEBHOOK, delivery.result.word)
        if not is_early and not results.apply(generation, delivery.result, bfl_id=delivery.bfl_id):
            queue.wake_follower(generation.pk)
    return True
