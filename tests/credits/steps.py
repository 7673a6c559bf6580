"""The way of a generation, one verb after another."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.contrib.auth.models import User

from generations import bfl
from generations.models import GeneratedImage, Generation
from generations.pipeline import lifecycle

PROMPT = {"prompt": "a lighthouse at dusk"}


def create(user: User, endpoint: str = "flux-dev") -> Generation:
    return lifecycle.create(user, endpoint, PROMPT)[0]


def submit(generation: Generation, cost: Decimal | None = None) -> Generation:
    """Have BFL take it, when its turn is next."""
    (claimed,) = lifecycle.claim()
    assert claimed == generation
    submission = bfl.Submission(id=uuid.uuid4().hex, polling_url=None, cost=cost)
    assert lifecycle.mark_submitted(claimed, submission)
    return claimed


def ready(generation: Generation, cost: Decimal | None = None) -> Generation:
    result = bfl.Result(
        status=bfl.Status.READY, word="Ready", sample_url="http://127.0.0.1:9/s.jpeg", cost=cost
    )
    assert lifecycle.mark_ready(generation, result, bfl_id=generation.bfl_id)
    return generation


def complete(generation: Generation) -> Generation:
    assert lifecycle.complete(generation, an_image())
    return generation


def succeed(user: User, *, cost: Decimal | None = None, endpoint: str = "flux-dev") -> Generation:
    return complete(ready(submit(create(user, endpoint)), cost))


def an_image() -> GeneratedImage:
    return GeneratedImage(
        file="images/x.jpg",
        format="JPEG",
        width=8,
        height=8,
        byte_size=100,
        sha256="0" * 64,
        thumbnail="thumbnails/x.webp",
        thumbnail_width=8,
        thumbnail_height=8,
        placeholder="data:",
    )
