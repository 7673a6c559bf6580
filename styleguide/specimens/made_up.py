"""Generations, pictures and entries that nobody ever bought."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from generations import bfl
from generations.bfl import Endpoint
from generations.credits.prices import Listed
from generations.models import CreditEntry, GeneratedImage, Generation, GenerationEvent
from generations.periods import local_day

STAFF = User(pk=0, username="Ω", is_staff=True)
LONGEST_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
MEMBER = User(pk=-1, username=LONGEST_WORD)
PROMPT = "A lighthouse at the end of a long pier, heavy weather coming in, grain of old colour film"
REWORDED = (
    "A weathered lighthouse stands at the far end of a long wooden pier under a slate-grey sky, waves "
    "breaking over the planks, photographed on expired colour film with visible grain"
)
ENDPOINT = "flux-dev"
PRICE = "2.5"
# What stands behind a picture while it loads: four colours of the one in static/img/specimen.svg.
_PLACEHOLDER = base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path fill="#c9d3d8" d="M0 0h4v3H0z"/>'
    b'<path fill="#e8b98a" d="M0 1h4v1H0z"/><path fill="#2f4858" d="M0 2h4v1H0z"/></svg>'
).decode()

Status = Generation.Status
Failure = Generation.FailureCode
Size = tuple[int, int]
_WAY = ["queued", "submitting", "submitted", "ready", "succeeded"]
_numbers: Iterator[int] = count(1)


def generation(
    status: str, *, prompt: str = PROMPT, size: Size = (1024, 768), settled: str = "", **fields: object
) -> Generation:
    """Return a generation that stands in `status`; one that has failed or was canceled is refunded."""
    number = next(_numbers)
    made = Generation(
        pk=-number,
        code=uuid.UUID(int=number),
        user=STAFF,
        endpoint=ENDPOINT,
        params={"prompt": prompt, "width": size[0], "height": size[1], "steps": 28},
        price=Decimal(PRICE),
        status=status,
        created_at=timezone.now() - timedelta(minutes=2),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    if made.is_finished:
        made.finished_at = timezone.now()
    if made.is_succeeded:
        made.seed = 20261122
    _relate(made, image(*size) if made.is_succeeded else None, _entries(made, settled))
    return made


def removed() -> Generation:
    """Return one whose picture was removed from the trash for good, and its prompt with it."""
    made = generation(Status.SUCCEEDED, prompt="")
    _relate(made, None, _entries(made))
    return made


def _relate(made: Generation, image: GeneratedImage | None, entries: Sequence[CreditEntry]) -> None:
    """Give it its picture, entries and events, which would otherwise be asked of the database."""
    made._state.fields_cache |= {"image": image, "picture": None}
    made._prefetched_objects_cache = {  # type: ignore[attr-defined]
        "entries": entries,
        "events": _events(made),
    }


def _entries(made: Generation, settled: str = "") -> list[CreditEntry]:
    entries = [entry("charge", f"-{PRICE}", made)]
    if made.is_failed or made.is_canceled or made.is_late:
        entries.append(entry("refund", PRICE, made))
    if settled:
        entries.append(entry("adjustment", settled, made))
    return entries


def _events(made: Generation) -> list[GenerationEvent]:
    """Return its timeline, as far as it has come."""
    ends = {Status.FAILED: [*_WAY[:3], "failed"], Status.CANCELED: [*_WAY[:1], "canceled"]}
    kinds = ends.get(Status(made.status)) or _WAY[: _WAY.index(made.status) + 1]
    return [
        GenerationEvent(kind=kind, generation=made, created_at=made.created_at + timedelta(seconds=3 * step))
        for step, kind in enumerate(kinds)
    ]


def image(width: int, height: int) -> GeneratedImage:
    return GeneratedImage(
        format="PNG",
        width=width,
        height=height,
        byte_size=1_400_000,
        sha256="2f48" * 16,
        thumbnail_width=width // 2,
        thumbnail_height=height // 2,
        placeholder=f"data:image/svg+xml;base64,{_PLACEHOLDER}",
    )


def picture(made: Generation, **fields: object) -> dict[str, Any]:
    """Return what is drawn of a picture in the gallery. A real one would ask the database for its tags."""
    return {
        "pk": made.pk,
        "generation": made,
        "day": local_day(made.created_at),
        "is_favourite": False,
        "is_trashed": False,
        "days_left": 12,
        "tags": [],
        **fields,
    }


def entry(kind: str, amount: str, about: Generation | None = None, **fields: object) -> CreditEntry:
    made = CreditEntry(
        kind=kind,
        amount=Decimal(amount),
        balance_after=Decimal("84.5"),
        generation=about,
        created_at=timezone.now(),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def listed(endpoint: Endpoint) -> Listed:
    return Listed(endpoint=endpoint, bfl_price=endpoint.price, is_enabled=True, max_waiting=50)


LISTING = {slug: listed(endpoint) for slug, endpoint in bfl.ENDPOINTS.items()}
