"""Made-up objects for the page that shows every component in every state. None of them is in the database."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from generations import bfl, charts, words
from generations.bfl import Endpoint
from generations.bfl_account import View as Account
from generations.charts import Chart, Row, Step
from generations.context_processors import Frame
from generations.fitting import fit
from generations.forms import GenerationForm, initial_of
from generations.limits import Standing
from generations.models import (
    CreditEntry,
    GeneratedImage,
    Generation,
    GenerationEvent,
    Limit,
    PastPrompt,
    Provider,
    Tag,
)
from generations.offers import Listed
from generations.panel import Group, Panel
from generations.periods import local_day
from generations.room import Room
from generations.usage import Line, Sums
from generations.views.studio import EndpointChoice

PERSON = User(pk=0, username="Ω", is_staff=True)
LONGEST_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
PROMPT = "A lighthouse at the end of a long pier, heavy weather coming in, grain of old colour film"
ENDPOINT = "flux-dev"
# What stands behind a picture while it loads: four colours of the one in static/img/specimen.svg.
_PLACEHOLDER = base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path fill="#c9d3d8" d="M0 0h4v3H0z"/>'
    b'<path fill="#e8b98a" d="M0 1h4v1H0z"/><path fill="#2f4858" d="M0 2h4v1H0z"/></svg>'
).decode()

_Status = Generation.Status
_Failure = Generation.FailureCode
_numbers: Iterator[int] = count(1)


def generation(status: str, **fields: object) -> Generation:
    """Return a generation that stands in `status`; one that has failed or was canceled is refunded."""
    number = next(_numbers)
    prompt = fields.pop("prompt", PROMPT)
    made = Generation(
        pk=-number,
        code=uuid.UUID(int=number),
        user=PERSON,
        endpoint=ENDPOINT,
        params={"prompt": prompt, "width": 1024, "height": 768, "seed": 20261122},
        price=Decimal("2.5"),
        status=status,
        created_at=timezone.now() - timedelta(minutes=2),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    if status in (_Status.SUCCEEDED, _Status.FAILED, _Status.CANCELED):
        made.finished_at = timezone.now()
    _relate(made)
    return made


def _relate(made: Generation) -> None:
    """Give it its picture, entries and events, which would otherwise be asked of the database."""
    if made.is_succeeded:
        made.image = image()
    else:
        made._state.fields_cache["image"] = None
    is_free = made.status in (_Status.FAILED, _Status.CANCELED) or made.is_late
    entries = [entry("refund", "2.5", made)] if is_free else []
    kinds = ["queued", "submitting", "submitted", "ready", "succeeded"]
    events = [
        GenerationEvent(kind=kind, generation=made, created_at=made.created_at + timedelta(seconds=3 * step))
        for step, kind in enumerate(kinds)
    ]
    made._prefetched_objects_cache = {"entries": entries, "events": events}  # type: ignore[attr-defined]


def image() -> GeneratedImage:
    return GeneratedImage(
        format="PNG",
        width=1024,
        height=768,
        byte_size=1_400_000,
        sha256="2f48" * 16,
        thumbnail_width=512,
        thumbnail_height=384,
        placeholder=f"data:image/svg+xml;base64,{_PLACEHOLDER}",
    )


def wall() -> list[dict[str, Any]]:
    """Return what is drawn of pictures in the gallery: of one day, the first a favourite."""
    kept = [generation(_Status.SUCCEEDED) for _ in range(3)]
    return [
        {
            "pk": made.pk,
            "generation": made,
            "day": local_day(made.created_at),
            "is_favourite": not number,
            "days_left": 12,
            "tags": [Tag(name="logo"), Tag(name=LONGEST_WORD[:50])],
        }
        for number, made in enumerate(kept)
    ]


def batch() -> Group:
    """Return what one press bought, each picture at another point."""
    first, last = "We stopped waiting and still look for it", "Done"
    made = stages()
    return Group(
        [made[name] for name in ("BFL says how far it is", first, last, "It waits for its person's turn")]
    )


def panel() -> Panel:
    made = stages().values()
    moving = [generation for generation in made if not generation.is_finished]
    ended = [generation for generation in made if generation.is_finished]
    return Panel(Frame(PERSON), moving, ended, Counter(generation.status for generation in ended))


def stages() -> dict[str, Generation]:
    """Return a generation in each stage, by what is told of it."""
    soon = timezone.now() + timedelta(minutes=40)
    failed = _Status.FAILED
    return {
        "It waits for its person's turn": generation(_Status.QUEUED),
        "BFL was busy; it waits for a slot there": generation(_Status.QUEUED, attempts=1),
        "It is being handed over": generation(_Status.SUBMITTING),
        "It is third in line": generation(_Status.QUEUED, place=3, outlook=f"{words.place(3)} · about 20 s"),
        "BFL works on it and says no more": generation(_Status.SUBMITTED, outlook="usually 5 s"),
        "BFL takes its time": generation(_Status.SUBMITTED, progress=0.9, outlook="longer than usual"),
        "BFL says how far it is": generation(_Status.SUBMITTED, progress=0.4),
        "The picture is being fetched": generation(_Status.READY),
        "Done": generation(_Status.SUCCEEDED),
        "Done, after we had given it up": generation(_Status.SUCCEEDED, is_late=True),
        "BFL declined the prompt": generation(failed, failure_code=_Failure.REQUEST_MODERATED),
        "BFL kept the picture": generation(failed, failure_code=_Failure.CONTENT_MODERATED),
        "BFL reported an error": generation(failed, failure_code=_Failure.PROVIDER_ERROR),
        "BFL takes no such settings": generation(failed, failure_code=_Failure.REJECTED),
        "BFL lost it": generation(failed, failure_code=_Failure.TASK_LOST),
        "Nobody knows whether BFL took it": generation(failed, failure_code=_Failure.OUTCOME_UNKNOWN),
        "It could not be fetched": generation(failed, failure_code=_Failure.STORING_FAILED),
        "We stopped waiting and still look for it": generation(
            failed, failure_code=_Failure.TIMED_OUT, late_until=soon
        ),
        "Canceled before its turn": generation(_Status.CANCELED),
        "A long word": generation(_Status.QUEUED, prompt=LONGEST_WORD),
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


def entries() -> list[CreditEntry]:
    """Return an entry of each kind."""
    Kind = CreditEntry.Kind
    until = timezone.now() + timedelta(days=9)
    given = entry(Kind.GRANT, "100", note="For November", created_by=PERSON, expires_at=until)
    failed = generation(_Status.FAILED, failure_code=_Failure.PROVIDER_ERROR)
    return [
        given,
        entry(Kind.CHARGE, "-2.5", generation(_Status.SUCCEEDED)),
        entry(Kind.CHARGE, "-2.5", generation(_Status.SUBMITTED)),
        entry(Kind.REFUND, "2.5", failed),
        entry(Kind.ADJUSTMENT, "-0.25", generation(_Status.SUCCEEDED), note="BFL took 2.75"),
        entry(Kind.EXPIRY, "-40", counters=given),
        entry(Kind.UNDO, "-60", counters=given, created_by=PERSON, note="Given twice"),
    ]


def standings() -> list[Standing]:
    """Return a limit that is hardly used, one that is nearly used up, and one that is."""
    now = timezone.now()
    kinds = [("person", "day", "12"), ("person", "month", "86.5"), ("team", "month", "100")]
    return [
        Standing(
            limit=Limit(scope=scope, period=period, credits=Decimal(100)),
            spent=Decimal(spent),
            resets_at=now + timedelta(days=1),
            now=now,
        )
        for scope, period, spent in kinds
    ]


def chart(spent: tuple[int, ...], *, limit: Decimal | None = None) -> Chart:
    """Return a chart of days, the last of them today."""
    today = local_day(timezone.now())
    days = [today - timedelta(days=len(spent) - 1 - number) for number in range(len(spent))]
    steps = [
        Step(day, day, Sums(pictures=much, charged=Decimal(much)))
        for day, much in zip(days, spent, strict=True)
    ]
    return charts.of_steps("Credits spent", steps, today=today, limit=limit)


def month(spent: tuple[int, ...]) -> dict[str, Any]:
    """Return what a month of credits is drawn from."""
    today = local_day(timezone.now())
    charged = Decimal(sum(spent))
    return {
        "month": today,
        "name": f"{today:%B %Y}",
        "earlier": today,
        "chips": [("model", "FLUX.1 [dev]", "?")],
        "models": rows(),
        "total": Sums(pictures=len(spent), charged=charged, refunded=Decimal("2.5")),
        "chart": chart(spent),
    }


def rows() -> list[Row]:
    spent = {"FLUX.1 Kontext [pro]": 240, "FLUX1.1 [pro] Ultra": 96, LONGEST_WORD: 18}
    lines = [
        Line(key="", name=name, sums=Sums(pictures=much // 4, charged=Decimal(much)))
        for name, much in spent.items()
    ]
    return charts.rows_of(lines)


def account(credits: int) -> Account:
    now = timezone.now()
    return Account(credits=Decimal(credits), read_at=now, since=now, bill=Decimal(412), expected=Decimal(588))


def fitted() -> str:
    """Return what is told when a form of Dev's becomes one of Kontext's."""
    given = {"prompt": PROMPT, "width": "1440", "height": "256", "steps": "12"}
    return fit(bfl.ENDPOINTS["flux-kontext-pro"], given, drawn=bfl.ENDPOINTS["flux-dev"]).sentence


def studio_form(
    balance: int,
    data: dict[str, str] | None = None,
    slug: str = "flux-kontext-pro",
    *,
    waiting: int = 3,
    limits: Sequence[Standing] = (),
) -> dict[str, Any]:
    """Return what the studio's form is drawn from, for a person who has `balance` credits: as it stands when
    the page is opened, or as it comes back with `data`. The last of its models is switched off."""
    lines = [_listed(entry) for entry in bfl.ENDPOINTS.values()]
    chosen = _listed(bfl.ENDPOINTS[slug])
    form = GenerationForm(chosen.endpoint, data=data, initial=initial_of(chosen.endpoint, {"prompt": PROMPT}))
    here = Room(listed=chosen, balance=Decimal(balance), waiting=waiting, standings=limits or standings()[:1])
    models = [
        EndpointChoice(line, usually="5 s", is_chosen=line == chosen)
        for line in [*lines[:-1], replace(lines[-1], is_enabled=False)]
    ]
    return {"form": form, "models": models, "room": here, "quote": here.quote(form.count)}


def _listed(endpoint: Endpoint) -> Listed:
    return Listed(endpoint=endpoint, bfl_price=endpoint.price, is_enabled=True, max_waiting=50)


class Fields(forms.Form):
    """A field of each kind."""

    name = forms.CharField(help_text="One sentence that helps.")
    amount = forms.DecimalField(label="Credits", min_value=1)
    model = forms.ChoiceField(choices=[("", "Every model"), ("dev", "FLUX.1 [dev]")], required=False)
    words = forms.CharField(label="Why", widget=forms.Textarea({"rows": 3, "placeholder": "For November"}))
    monthly = forms.BooleanField(label="Give it each month", required=False, help_text="On the first.")
    fixed = forms.CharField(disabled=True, required=False, initial="Cannot be changed here")


def paused() -> Provider:
    """Return BFL as it stands while it cannot be reached."""
    until: datetime = timezone.now() + timedelta(seconds=30)
    return Provider(pause=Provider.Pause.AWAY, paused_until=until, pause_count=3)


def past_prompts() -> list[PastPrompt]:
    texts = (PROMPT, LONGEST_WORD, "ein Fuchs im Schnee")
    return [
        PastPrompt(text=text, digest=f"{number}", used_at=timezone.now()) for number, text in enumerate(texts)
    ]
