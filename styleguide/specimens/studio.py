"""The studio: pictures on their way, the form, and past prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from generations import bfl
from generations.context_processors import Frame
from generations.credits.limits import Standing
from generations.models import Generation, PastPrompt, Provider
from generations.presentation import wording
from generations.studio.endpoint_switch import fit
from generations.studio.form import GenerationForm, initial_of
from generations.studio.progress_panel import Group as Press
from generations.studio.progress_panel import Panel
from generations.studio.quote import Room
from generations.studio.site_snapshot import Pulse
from generations.views.studio import EndpointChoice
from styleguide.specimens.credits import standings
from styleguide.specimens.made_up import LISTING, LONGEST_WORD, PROMPT, STAFF, Failure, Status, generation
from styleguide.specimens.specimen import Specimen

PRESS = "components/press.html"


def pictures() -> Iterator[Specimen]:
    for name, made in stages().items():
        yield Specimen(name, PRESS, {"group": Press([made])}, width="quarter")
    waiting = {"group": Press([generation(Status.QUEUED)])}
    for reason in wording.WAITING.values():
        yield Specimen(reason, PRESS, {**waiting, "waiting_reason": reason}, width="quarter")
    settled = Press([generation(Status.SUCCEEDED, settled="-0.25")])
    yield Specimen("BFL took another price than its own", PRESS, {"group": settled}, width="quarter")
    for name, group in _several().items():
        yield Specimen(name, PRESS, {"group": group}, width="whole")
    yield Specimen("All that is in sight", "components/in_sight.html", in_sight(), width="whole")
    recent = [Press([stages()["Done"]]), Press([generation(Status.SUCCEEDED, size=(768, 1344))])]
    yield Specimen("Of late", "studio/_recent.html", {"recent": recent})


def stages() -> dict[str, Generation]:
    """Return a generation in each stage, by what is told of it."""
    return _on_their_way() | _ended()


def _on_their_way() -> dict[str, Generation]:
    return {
        "It waits for its person's turn": generation(Status.QUEUED),
        "BFL was busy; it waits for a slot there": generation(Status.QUEUED, attempts=1),
        "It is being handed over": generation(Status.SUBMITTING),
        "It is third in line": generation(Status.QUEUED, place=3, outlook=f"{wording.place(3)} · about 20 s"),
        "BFL works on it and says no more": generation(Status.SUBMITTED, outlook="usually 5 s"),
        "BFL takes its time": generation(Status.SUBMITTED, progress=0.9, outlook="longer than usual"),
        "BFL says how far it is": generation(Status.SUBMITTED, progress=0.4),
        "The picture is being fetched": generation(Status.READY),
        "A long word": generation(Status.QUEUED, prompt=LONGEST_WORD),
    }


def _ended() -> dict[str, Generation]:
    soon = timezone.now() + timedelta(minutes=40)
    failed = {
        "BFL declined the prompt": Failure.REQUEST_MODERATED,
        "BFL kept the picture": Failure.CONTENT_MODERATED,
        "BFL reported an error": Failure.PROVIDER_ERROR,
        "BFL takes no such settings": Failure.REJECTED,
        "BFL lost it": Failure.TASK_LOST,
        "Nobody knows whether BFL took it": Failure.OUTCOME_UNKNOWN,
        "It could not be fetched": Failure.STORING_FAILED,
    }
    looked_for = generation(Status.FAILED, failure_code=Failure.TIMED_OUT, late_until=soon)
    return {
        "Done": generation(Status.SUCCEEDED),
        "Done, after we had given it up": generation(Status.SUCCEEDED, is_late=True),
        **{name: generation(Status.FAILED, failure_code=code) for name, code in failed.items()},
        "We stopped waiting and still look for it": looked_for,
        "Canceled before its turn": generation(Status.CANCELED),
    }


def _several() -> dict[str, Press]:
    """Return what presses for several bought: each picture at another point, of each kind of shape."""
    made = stages()
    names = ("BFL says how far it is", "We stopped waiting and still look for it", "Done")
    tall = (768, 1344)
    return {
        "Four of one press": Press([*(made[name] for name in names), made["It waits for its person's turn"]]),
        "Three, tall": Press([generation(Status.SUCCEEDED, size=tall) for _ in range(3)]),
        "Two, that wait": Press([generation(Status.QUEUED, size=(1024, 1024)) for _ in range(2)]),
    }


def in_sight() -> dict[str, Any]:
    """Return what the studio's panel is drawn from."""
    made = stages()
    frame = Frame(STAFF)
    moving = [row for row in made.values() if not row.is_finished]
    frame.balance, frame.waiting, frame.mine_count = Decimal("84.5"), Counter(), len(moving)
    frame.pulse = Pulse(in_progress=len(moving), waiting={}, provider=Provider())
    ended = [row for row in made.values() if row.is_finished]
    counts = Counter(row.status for row in ended) + Counter(succeeded=12)
    panel = Panel(frame, moving, ended, counts)
    shown = ("It is third in line", "BFL says how far it is", "Done")
    return {"panel": panel, "groups": [Press([made[name]]) for name in shown], "unseen_count": 3}


def form() -> Iterator[Specimen]:
    refused = {"prompt": "", "seed_mode": "locked", "seed": "many", "safety_tolerance": "99", "count": "3"}
    same = {"prompt": PROMPT, "seed_mode": "locked", "seed": "20261122"}
    states = {
        "Ready": drawn(100),
        "After something took its place": drawn(100) | {"lost_words": PROMPT},
        "Another model was chosen": drawn(100) | {"note": fitted()},
        "Four that would be one picture": drawn(100, count=4, values=same),
        "Not enough credits": drawn(1),
        "A limit is reached": drawn(100, limits=standings()[2:]),
        "Nothing more may wait": drawn(100, waiting=50),
        "The model was switched off": drawn(100, is_offered=False),
        "Sent back": drawn(100, data=refused),
        "Sizes in place of ratios": drawn(100, slug="flux-dev"),
    }
    for name, context in states.items():
        yield Specimen(name, "studio/_form.html", context)


def drawn(
    balance: int,
    *,
    data: dict[str, str] | None = None,
    values: dict[str, str] | None = None,
    slug: str = "flux-kontext-pro",
    count: int = 1,
    waiting: int = 3,
    limits: Sequence[Standing] = (),
    is_offered: bool = True,
) -> dict[str, Any]:
    """Return what the studio's form is drawn from, for a person who has `balance` credits: as it stands when
    the page is opened, or as it comes back with `data`. The last of its models is switched off."""
    chosen = replace(LISTING[slug], is_enabled=is_offered)
    initial = initial_of(chosen.endpoint, {"count": count, **(values or {"prompt": PROMPT})})
    made = GenerationForm(chosen.endpoint, data=data, initial=initial)
    room = Room(listed=chosen, balance=Decimal(balance), waiting=waiting, standings=limits or standings()[:1])
    *lines, last = (chosen if line.endpoint.slug == slug else line for line in LISTING.values())
    models = [
        EndpointChoice(line, usually="5 s", is_chosen=line == chosen)
        for line in [*lines, replace(last, is_enabled=False)]
    ]
    return {"form": made, "models": models, "room": room, "quote": room.quote(made.count)}


def fitted() -> str:
    """Return what is told when a form of Dev's becomes one of Kontext's."""
    given = {"prompt": PROMPT, "width": "1440", "height": "256", "steps": "12"}
    return fit(bfl.ENDPOINTS["flux-kontext-pro"], given, drawn=bfl.ENDPOINTS["flux-dev"]).sentence


def past() -> Iterator[Specimen]:
    found = "studio/_past_prompts.html"
    yield Specimen("Found", found, {"found": past_prompts(), "has_more": True})
    yield Specimen("Found by a word", found, {"found": past_prompts()[:1], "has_more": True, "words": "pier"})
    yield Specimen("Nothing found", found, {"words": "heron"})
    in_part = {"words": "heron", "is_searched_in_part": True, "searched": "2,000"}
    yield Specimen("Nothing found among so many", found, in_part)
    yield Specimen("Nothing yet", found)
    yield Specimen("In a dialog", "studio/_past_dialog.html")


def past_prompts() -> list[PastPrompt]:
    texts = (PROMPT, LONGEST_WORD, "ein Fuchs im Schnee")
    return [
        PastPrompt(text=text, digest=f"{number}", used_at=timezone.now()) for number, text in enumerate(texts)
    ]
