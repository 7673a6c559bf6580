"""How long a picture takes: measured by what came last, and told no more exactly than is known."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from generations.bfl import ENDPOINTS
from generations.models import Generation
from generations.presentation import wording

# So many of the newest pictures of an endpoint are looked at, and fewer than so many say nothing.
NEWEST = 20
FEWEST = 3
HOLDS_FOR = 60.0
_UNKNOWN = 10.0
_KONTEXT_MAX = "flux-kontext-max"


def typical_seconds() -> Mapping[str, float]:
    """Return by endpoint the median seconds from a picture's turn until it is ours, at most a minute old.

    An endpoint that has made next to nothing here has the catalogue's.
    """
    return _measure(int(time.monotonic() / HOLDS_FOR))


@functools.lru_cache(maxsize=1)
def _measure(moment: int) -> Mapping[str, float]:
    return {slug: _median(slug) or float(entry.usual_seconds) for slug, entry in ENDPOINTS.items()}


def _median(slug: str) -> float | None:
    # A late one says how long it was given up, and not how long it took.
    made = Generation.objects.filter(endpoint=slug, status=Generation.Status.SUCCEEDED, is_late=False)
    newest = made.order_by("-pk").values_list("claimed_at", "finished_at")[:NEWEST]
    took = [(end - begin).total_seconds() for begin, end in newest if begin and end]
    return statistics.median(took) if len(took) >= FEWEST else None


def outlook(generation: Generation) -> str:
    """Return what is to be expected of an unfinished generation, as people read it; "" if nothing."""
    typical = typical_seconds().get(generation.endpoint, _UNKNOWN)
    if generation.status == Generation.Status.QUEUED:
        return _in_line(generation, typical)
    if generation.status == Generation.Status.READY or generation.claimed_at is None:
        return ""
    elapsed = (timezone.now() - generation.claimed_at).total_seconds()
    # The rest that is left would change with every look; this changes once.
    return "longer than usual" if elapsed > 2 * typical + 5 else f"usually {wording.about(typical)}"


def seconds_to_turn(generation: Generation) -> float:
    """Return in how many seconds a waiting generation may have its turn; 0 where its place is not known."""
    slots = settings.BFL_MAX_ACTIVE
    if generation.endpoint == _KONTEXT_MAX:
        slots = min(slots, settings.BFL_MAX_ACTIVE_KONTEXT_MAX)
    # Of so many slots one becomes free every so often.
    return typical_seconds().get(generation.endpoint, _UNKNOWN) * (generation.place or 0) / slots


def _in_line(generation: Generation, typical: float) -> str:
    if generation.place is None:
        return ""
    seconds = seconds_to_turn(generation) + typical
    return f"{wording.place(generation.place)} · about {wording.about(seconds)}"
