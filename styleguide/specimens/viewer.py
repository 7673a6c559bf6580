"""The viewer: whole, and its parts in each of their states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from generations.models import Generation, Tag
from styleguide.specimens.basics import TRASHED
from styleguide.specimens.gallery import TAGS
from styleguide.specimens.made_up import REWORDED, Status, generation, picture, removed
from styleguide.specimens.specimen import Specimen
from styleguide.specimens.studio import stages

DARK = ("dark",)
NEIGHBOURS = {"newer_url": "?newer", "older_url": "?older"}


def viewer() -> Iterator[Specimen]:
    yield from _wholes()
    yield from _pictures()
    yield from _panels()
    yield from _orders()


def _wholes() -> Iterator[Specimen]:
    done = {"generation": ordered(generation(Status.SUCCEEDED))}
    back = {"back_url": reverse("gallery"), "back_name": "Gallery"}
    whole, over = "components/viewer.html", "components/viewer_over_wall.html"
    coming = {"generation": stages()["BFL says how far it is"], "back_url": "/", "back_name": "Studio"}
    states = {
        "With its details": (whole, {**done, **back, **NEIGHBOURS, "panel": "open"}),
        "Without them": (whole, {**done, **back, **NEIGHBOURS, "panel": "closed"}),
        "Over the wall, something was done": (over, {**done, **back, "messages": [TRASHED]}),
        "On its way": (whole, {**coming, "panel": "closed"}),
    }
    for name, (template, context) in states.items():
        yield Specimen(name, template, context, width="whole", themes=DARK)


def _pictures() -> Iterator[Specimen]:
    made = stages()
    pictures = {
        "waiting": made["It waits for its person's turn"],
        "taking its time": made["BFL takes its time"],
        "being fetched": made["The picture is being fetched"],
        "declined": made["BFL declined the prompt"],
        "canceled": made["Canceled before its turn"],
        "removed for good": removed(),
    }
    for name, one in pictures.items():
        yield _of("picture", f"Picture: {name}", one)


def _panels() -> Iterator[Specimen]:
    made = stages()
    panels = {
        "done": ordered(made["Done"]),
        "reworded by FLUX": ordered(generation(Status.SUCCEEDED, final_prompt=REWORDED)),
        "settled with BFL": ordered(generation(Status.SUCCEEDED, settled="-0.25", cost=None)),
        "arrived late": ordered(made["Done, after we had given it up"]),
        "waiting": made["It waits for its person's turn"],
        "in FLUX’s hands": made["BFL says how far it is"],
        "declined": made["BFL declined the prompt"],
        "given up and looked for": made["We stopped waiting and still look for it"],
        "canceled": made["Canceled before its turn"],
        "removed for good": removed(),
        "a long word": made["A long word"],
    }
    for name, one in panels.items():
        yield _of("panel", f"Details: {name}", one)


def _orders() -> Iterator[Specimen]:
    done = generation(Status.SUCCEEDED)
    orders = {
        "without tags": picture(done),
        "a favourite with tags": tagged(done),
        "in the trash": picture(done, is_trashed=True),
    }
    for name, one in orders.items():
        yield Specimen(f"Order: {name}", "components/viewer_order.html", {"picture": one}, themes=DARK)


def _of(part: str, name: str, made: Generation) -> Specimen:
    return Specimen(name, f"components/viewer_{part}.html", {"generation": made}, themes=DARK)


def ordered(made: Generation) -> Generation:
    """Return it with its place in the gallery, which it would otherwise ask of the database."""
    made._state.fields_cache["picture"] = tagged(made)
    return made


def tagged(made: Generation) -> dict[str, Any]:
    return picture(made, is_favourite=True, tags=[Tag(name=name) for name in TAGS])
