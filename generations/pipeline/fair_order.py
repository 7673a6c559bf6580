"""Whose turn comes when: the person who has waited longest for one is next."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery

from generations.models import Generation

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def last_turns(people: Collection[int]) -> dict[int, datetime]:
    """Return when each person's turn was last; long ago for those who have had none."""
    claimed = Generation.objects.filter(user=OuterRef("pk"), claimed_at__isnull=False)
    last = Subquery(claimed.order_by("-claimed_at").values("claimed_at")[:1])
    found = User.objects.filter(pk__in=people).annotate(last_turn=last)
    return {pk: turn or _LONG_AGO for pk, turn in found.values_list("pk", "last_turn")}


def places(waiting: Mapping[int, int]) -> dict[int, list[int]]:
    """Return the places in line of each person's generations, the first of all being 1.

    `waiting` says how many each person has, in the order in which their next turns come.
    """
    found: dict[int, list[int]] = {person: [] for person in waiting}
    people, place = list(waiting), itertools.count(1)
    while people:
        for person in people:
            found[person].append(next(place))
        people = [person for person in people if len(found[person]) < waiting[person]]
    return found
