"""What the studio shows of a person's generations: those in sight, and those of late.

In sight is what moves and what ended without its owner having looked at it. It leaves by what they do (open
it, clear it), never by itself: so nothing on the page jumps when a picture is finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import Count, prefetch_related_objects

from generations import periods
from generations.context_processors import Frame, word_of
from generations.models import Generation
from generations.models.generation import GenerationQuerySet
from generations.presentation import wording
from generations.studio import estimates

# Of what ended, at first and when all of it is asked for; the rest of a press comes along. All that moves is
# shown, however much.
MOST_UNSEEN = 24
MOST_ASKED_FOR = 500
MOST_RECENT = 16
# Seconds between two looks where nothing is expected soon.
SELDOM = 20


@dataclass(frozen=True, slots=True)
class Group:
    """What one press bought, or a picture that stands alone."""

    generations: list[Generation]

    @property
    def first(self) -> Generation:
        return self.generations[0]

    @property
    def day(self) -> str:
        return wording.day(periods.local_day(self.first.created_at))

    @property
    def is_alone(self) -> bool:
        return len(self.generations) == 1

    @property
    def waiting(self) -> list[Generation]:
        return [generation for generation in self.generations if generation.can_cancel]

    @property
    def settled(self) -> Decimal:
        """The credits that all have cost; 0 while that is nothing else than their prices, or nothing."""
        if not any(row.is_settled for row in self.generations):
            return Decimal()
        return sum((row.paid for row in self.generations), Decimal())

    @property
    def can_clear(self) -> bool:
        """Whether all of it has ended, and some of it was not looked at."""
        rows = self.generations
        return all(row.is_finished for row in rows) and any(row.is_unseen for row in rows)


@dataclass(frozen=True)
class Panel:
    """The generations in sight, each with its place and outlook."""

    frame: Frame
    moving: list[Generation]
    ended: list[Generation]
    """Those that were not looked at; of many the newest."""
    ended_counts: Counter[str]
    """How many there are of all of them, by status."""

    @cached_property
    def waiting(self) -> list[Generation]:
        return [generation for generation in self.moving if generation.can_cancel]

    @property
    def ended_count(self) -> int:
        return self.ended_counts.total()

    @property
    def more_count(self) -> int:
        """How many of what ended can be asked for; 0 when no more than are shown."""
        most = min(self.ended_count, MOST_ASKED_FOR)
        return most if len(self.ended) < most else 0

    @property
    def interval(self) -> int:
        """Seconds from one look to the next; 0 when nothing can come by itself."""
        if not self.moving:
            return SELDOM if self.frame.provider_state.notice or self.frame.has_late else 0
        if len(self.waiting) < len(self.moving):
            return 1
        # Half the way to the next turn: ever more often, the nearer it comes.
        soonest = min(estimates.seconds_to_turn(row) for row in self.waiting)
        return int(min(max(soonest / 2, 1), SELDOM))

    @property
    def summary(self) -> str:
        """What is told of it in a sentence, and announced when it changes."""
        working = len(self.moving) - len(self.waiting)
        finished = self.ended_counts[Generation.Status.SUCCEEDED]
        failed = self.ended_counts[Generation.Status.FAILED]
        told = [
            wording.new_pictures(finished) if finished else "",
            f"{failed} failed" if failed else "",
            f"{working} in progress" if working else "",
            f"{len(self.waiting)} waiting" if self.waiting else "",
        ]
        return f"{', '.join(filter(None, told))}." if any(told) else ""

    @cached_property
    def version(self) -> str:
        """Two words in one: of the pictures, and of what changes with every step of the line."""
        outlooks = [row.outlook for row in self.moving]
        return self._pictures + word_of((outlooks, self.frame.all_count))

    def differs_in_outlooks(self, version: str) -> bool:
        """Whether to a page of that version no more is news than outlooks and how many are in progress."""
        return version.startswith(self._pictures)

    @cached_property
    def _pictures(self) -> str:
        """A word that changes with anything else that is shown, in the header and in the notice too."""
        frame = self.frame
        moving = [(row.pk, row.stage, bool(row.outlook), row.progress_percent) for row in self.moving]
        ended = [(row.pk, row.status, row.is_looked_for) for row in self.ended]
        notice = (frame.provider_state.notice, frame.waiting_reason, frame.pause_line)
        counts = sorted(self.ended_counts.items())
        return word_of((moving, ended, counts, bool(frame.all_count), notice))


def show(user: User, frame: Frame, *, most: int = MOST_UNSEEN) -> Panel:
    """Return the panel; of what ended and was not looked at, the newest `most`."""
    mine = user.generations
    moving = list(mine.unfinished().order_by("pk"))
    unseen = mine.unseen().out_of_trash()
    ended = list(unseen.select_related("image").order_by("-pk")[:most])
    panel = Panel(frame, moving, ended, _count(unseen, ended, most))
    frame.mine_count, frame.waiting = len(moving), Counter(row.endpoint for row in panel.waiting)
    places = frame.pulse.places_of(user.pk, len(panel.waiting))
    for generation, place in zip(panel.waiting, places, strict=True):
        generation.place = place
    for generation in moving:
        generation.outlook = estimates.outlook(generation)
    return panel


def _count(unseen: GenerationQuerySet, ended: list[Generation], most: int) -> Counter[str]:
    """Return how many have ended by status; the database is asked only where more have than are at hand."""
    if len(ended) < most:
        return Counter(row.status for row in ended)
    counted = unseen.order_by().values_list("status").annotate(Count("pk"))
    return Counter(dict(counted))


def add_entries(groups: Iterable[Group]) -> None:
    """Fetch the entries of all of them at once, but for those that can have no other than their charge."""
    rows = [row for group in groups for row in group.generations if not row.is_held]
    prefetch_related_objects(rows, "entries")


def groups_of(panel: Panel, user: User) -> list[Group]:
    """Return what is in sight by press, newest first, each press whole."""
    shown = [*panel.moving, *panel.ended]
    presses = {row.press_id for row in shown if row.press_id}
    if presses:
        mine = user.generations.out_of_trash().select_related("image").filter(press__in=presses)
        shown += mine.exclude(pk__in=[row.pk for row in shown])
    return _grouped(shown)


def count_unseen(groups: Iterable[Group]) -> int:
    """Return how many of these have ended and were not looked at."""
    return sum(row.is_unseen for group in groups for row in group.generations)


def recent_groups(user: User, in_sight: Iterable[Group]) -> list[Group]:
    """Return the newest that have ended and are not in sight."""
    shown = {row.pk for group in in_sight for row in group.generations}
    newest = user.generations.out_of_trash().select_related("image").newest_first()
    return _grouped([row for row in newest[: MOST_RECENT + len(shown)] if row.pk not in shown])


def _grouped(generations: list[Generation]) -> list[Group]:
    found: dict[tuple[str, int], list[Generation]] = {}
    for generation in sorted(generations, key=lambda row: row.pk):
        key = ("press", generation.press_id) if generation.press_id else ("alone", generation.pk)
        found.setdefault(key, []).append(generation)
    newest_first = sorted(found.values(), key=lambda rows: rows[0].pk, reverse=True)
    return [Group(rows) for rows in newest_first]
