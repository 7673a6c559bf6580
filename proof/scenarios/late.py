"""Everything stands still for fifteen minutes, so that BFL's links run out."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F, Q
from django.utils import timezone

from generations.models import Generation, GenerationEvent, Provider
from proof import kill
from proof.stage import SKIP, Stage

Status = Generation.Status
_READY, _IN_WORK = "<ready>", "<in work>"
_TIMES = ("created_at", "claimed_at", "submitted_at", "deadline_at", "ready_at", "store_again_at")


def play(stage: Stage) -> None:
    """BFL signs a link again when it is asked late."""
    stage.sandbox.settings.renews_links = True
    _leave_pictures_at_bfl(stage, (_READY, _IN_WORK) * 3)
    stage.wait_until_finished(120)


def play_with_dead_links(stage: Stage) -> None:
    """BFL does not, so these pictures are gone for good: nobody may pay for them, or wait for ever."""
    stage.sandbox.settings.renews_links = False
    stage.part.links_die = True
    if not stage.lane.is_long:
        _leave_pictures_at_bfl(stage, (_READY,) * 3)
    else:
        _leave_pictures_at_bfl(stage, (_READY, _IN_WORK) * 3)
        stage.wait_for("BFL has no task any more", lambda: not _count(stage, Status.SUBMITTED), 60)
        # What was found Ready only now has its own fifteen minutes.
        stand_still(stage)
    stage.wait_until_finished(120)


def _leave_pictures_at_bfl(stage: Stage, marks: Sequence[str]) -> None:
    """Stop the site with some pictures ready, some still being made."""
    prompts = [stage.prompt(mark) for mark in marks]
    stage.sandbox.faults.script("submit", "latency", seconds=5, prompt=_READY, times=None)
    stage.sandbox.faults.script("submit", "latency", seconds=60, prompt=_IN_WORK, times=None)
    stage.press_together(stage.people(2), prompts, "flux-dev")
    stage.wait_for("BFL has all", lambda: all(map(stage.task_of, prompts)), 40)
    with kill.frozen(stage.site, "store"):
        ready = marks.count(_READY)
        stage.wait_for(f"{ready} are READY", lambda: _count(stage, Status.READY) == ready, 40)
        stand_still(stage)


def stand_still(stage: Stage) -> None:
    """Stop everything, and start it again as if fifteen minutes had passed."""
    kill.kill_all(stage.site)
    stage.sandbox.advance(SKIP.total_seconds())
    _shift_rows()
    stage.skips.append(timezone.now())
    stage.say("fifteen minutes without the site have passed")
    stage.site.start()


def _shift_rows() -> None:
    """Put the rows' times back as far as BFL's clock went forward: so time looks to a site that was off.

    The one place where the proof writes to rows by itself. Nothing of the site runs meanwhile.
    """
    unfinished = Generation.objects.unfinished()
    GenerationEvent.objects.filter(generation__in=unfinished).update(created_at=F("created_at") - SKIP)
    unfinished.update(**{name: F(name) - SKIP for name in _TIMES})
    # Those that were given up are followed for a while yet.
    given_up = Generation.objects.filter(~Q(failure_code=""), submitted_at__isnull=False)
    given_up.update(submitted_at=F("submitted_at") - SKIP)
    Provider.objects.filter(paused_until__isnull=False).update(paused_until=F("paused_until") - SKIP)


def _count(stage: Stage, status: Generation.Status) -> int:
    return stage.rows().filter(status=status).count()
