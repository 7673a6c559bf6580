"""A page for staff that shows every component in every state, in both themes beside each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest
from generations import words
from generations.models import Generation
from generations.panel import Group as Press
from generations.views import specimens
from generations.views.usage import staff_only

THEMES = ("light", "dark")
# What has to be the only one of its name on a page. Radio buttons of one name would take each other's choice.
_NAMES = re.compile(r'(\s(?:id|for|name|aria-controls|aria-describedby|aria-labelledby)=")([^"]+)(")')
_LANDMARKS = re.compile(r'(<(?:form|nav|section)\b[^>]*\saria-label=")([^"]+)(")')
_SYMBOLS = re.compile(r'<symbol id="([^"]+)"')
_PICTURES = re.compile(r'((?:\ssrc|<image href)=")/g/[^"]+(")')


@dataclass(frozen=True, slots=True)
class Specimen:
    """A component in one state: the template that draws it everywhere else, and what it is given here."""

    name: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawn:
    name: str
    in_themes: dict[str, SafeString]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    sentence: str
    drawn: list[Drawn]


@require_safe
@staff_only
def page(request: PersonRequest) -> HttpResponse:
    groups = [
        Group(
            name,
            sentence,
            [_draw(specimen, f"{slugify(name)}-{number}") for number, specimen in enumerate(make())],
        )
        for name, sentence, make in GROUPS
    ]
    return render(request, "components/page.html", {"groups": groups})


def _draw(specimen: Specimen, name: str) -> Drawn:
    # Nothing here can be sent: without a token Django would warn, and this one is refused.
    html = render_to_string(specimen.template, {**specimen.context, "csrf_token": "made-up"})
    return Drawn(specimen.name, {theme: _apart(html, f"{name}-{theme}") for theme in THEMES})


def _apart(html: str, suffix: str) -> SafeString:
    """Return the markup with names of its own, a picture that exists, and nothing that asks the site."""
    html = _NAMES.sub(lambda found: found[1] + _each(found[2], suffix) + found[3], html)
    html = _LANDMARKS.sub(rf"\1\2, {suffix}\3", html)
    html = _PICTURES.sub(rf"\1{static('img/specimen.svg')}\2", html)
    # Drawn by our templates, which have escaped what they were given.
    return mark_safe(html.replace(" hx-", " data-off-").replace("<dialog ", "<dialog open "))  # noqa: S308


def _each(names: str, suffix: str) -> str:
    return " ".join(f"{name}-{suffix}" for name in names.split())


def _foundations() -> Iterator[Specimen]:
    for name in ("Colours", "Type", "Mark"):
        yield Specimen(name, f"components/{name.lower()}.html")
    drawing = Path(str(finders.find("img/icons.svg"))).read_text()
    yield Specimen("Icons", "components/icons.html", {"icons": _SYMBOLS.findall(drawing)})


def _actions() -> Iterator[Specimen]:
    yield Specimen("Buttons", "components/buttons.html")
    yield Specimen("A button while its form is sent", "components/busy.html")
    yield Specimen("Links", "components/links.html")


def _fields() -> Iterator[Specimen]:
    refused = specimens.Fields({"name": specimens.LONGEST_WORD, "amount": "-5"})
    yield Specimen("Empty", "components/fields.html", {"form": specimens.Fields()})
    yield Specimen("Sent back", "components/fields.html", {"form": refused})
    yield Specimen("One of three", "components/segments.html")


def _notices() -> Iterator[Specimen]:
    yield Specimen("Each kind", "components/notices.html")
    yield Specimen("The script's own", "_broken.html", {"are_shown": True})
    yield Specimen("BFL is away", "_provider.html", {"provider_state": specimens.paused()})


def _frame() -> Iterator[Specimen]:
    for level, balance in (("good", "84.5"), ("low", "3"), ("empty", "0")):
        context = {"balance": Decimal(balance), "balance_level": level, "mine_count": 2, "all_count": 5}
        yield Specimen(f"Balance: {level}", "_status.html", context)
    yield Specimen("The menu of a person", "components/menu.html", {"user": specimens.PERSON})
    yield Specimen("Tabs, on a phone", "_tabs.html")


def _pictures() -> Iterator[Specimen]:
    for name, generation in specimens.stages().items():
        yield Specimen(name, "components/press.html", {"group": Press([generation])})
    waiting = {"group": Press([specimens.generation(Generation.Status.QUEUED)])}
    for reason in words.WAITING.values():
        yield Specimen(reason, "components/press.html", {**waiting, "waiting_reason": reason})
    yield Specimen("Four of one press", "components/press.html", {"group": specimens.batch()})
    yield Specimen("All that is in sight", "components/in_sight.html", {"panel": specimens.panel()})
    yield Specimen("Of late", "generations/_recent.html", {"recent": [Press([specimens.stages()["Done"]])]})


def _wall() -> Iterator[Specimen]:
    context = {"page": {"pictures": specimens.wall()}, "older_url": "?older_than=1"}
    yield Specimen("Pictures", "components/wall.html", context)
    yield Specimen("In the trash", "components/wall.html", {**context, "in_trash": True})


def _studio() -> Iterator[Specimen]:
    refused = {"prompt": "", "seed_mode": "locked", "seed": "many", "safety_tolerance": "99", "count": "3"}
    states = {
        "Ready": specimens.studio_form(100),
        "After something took its place": specimens.studio_form(100)
        | {"before": {"prompt": specimens.PROMPT}},
        "Another model was chosen": specimens.studio_form(100) | {"note": specimens.fitted()},
        "Not enough credits": specimens.studio_form(1),
        "A limit is reached": specimens.studio_form(100, limits=specimens.standings()[2:]),
        "Nothing more may wait": specimens.studio_form(100, waiting=50),
        "Sent back": specimens.studio_form(100, refused),
        "Sizes in place of ratios": specimens.studio_form(100, slug="flux-dev"),
    }
    for name, context in states.items():
        yield Specimen(name, "generations/_form.html", context)


def _past() -> Iterator[Specimen]:
    found = "generations/_past_prompts.html"
    yield Specimen("Found", found, {"found": specimens.past_prompts(), "has_more": True})
    yield Specimen("Nothing found", found, {"words": "heron"})
    yield Specimen("Nothing yet", found)
    yield Specimen("In a dialog", "generations/_past_dialog.html")


def _credits() -> Iterator[Specimen]:
    yield Specimen("Entries, one of each kind", "components/entries.html", {"entries": specimens.entries()})
    yield Specimen("Limits", "components/limits.html", {"standings": specimens.standings()})
    spent = (12, 0, 4, 30, 18, 2, 7)
    yield Specimen("By day", "generations/_chart.html", {"chart": specimens.chart(spent)})
    yield Specimen("A month", "generations/_credits_month.html", specimens.month(spent))
    yield Specimen("Days of everybody", "generations/_usage_days.html", specimens.month(spent))
    limited = specimens.chart(spent, limit=Decimal(40))
    yield Specimen("By day, with a limit", "generations/_chart.html", {"chart": limited})
    yield Specimen("Nothing spent", "generations/_chart.html", {"chart": specimens.chart((0, 0, 0))})
    shares = {"rows": specimens.rows(), "title": "Credits spent by model", "heading": "Model"}
    yield Specimen("By model", "generations/_chart_rows.html", shares)
    yield Specimen("In detail", "generations/_chart_rows.html", {**shares, "detailed": True})
    for credits in (588, 412):
        context = {"account": specimens.account(credits), "deviations": []}
        yield Specimen(f"{credits} credits left at BFL", "generations/_usage_account.html", context)
    yield Specimen("BFL was never asked", "generations/_usage_account.html")


def _viewer() -> Iterator[Specimen]:
    for name, generation in specimens.stages().items():
        if name in ("Done", "BFL declined the prompt"):
            yield Specimen(f"{name}: picture", "generations/_detail_picture.html", {"generation": generation})
    for name in ("Done", "BFL says how far it is", "We stopped waiting and still look for it"):
        context = {"generation": specimens.stages()[name]}
        yield Specimen(name, "generations/_detail_panel.html", context)
    for name, picture in zip(("On the wall", "In the trash"), specimens.wall(), strict=False):
        ordered = {"picture": {**picture, "is_trashed": name == "In the trash"}}
        yield Specimen(f"Order: {name.lower()}", "generations/_order.html", ordered)


def _blanks() -> Iterator[Specimen]:
    yield Specimen("First time", "generations/_first_time.html")
    yield Specimen("Nothing yet", "components/blank.html")


GROUPS: list[tuple[str, str, Callable[[], Iterator[Specimen]]]] = [
    (
        "Foundations",
        "Ink and paper. Pictures bring the colour; accent marks where the eye must go.",
        _foundations,
    ),
    ("Buttons and links", "One primary action on a page; everything else is quiet.", _actions),
    ("Fields", "Label above, help below; what was wrong stands at its field, in words.", _fields),
    (
        "Notices",
        "What happened, what it means for credits, what to do. The icon repeats the colour.",
        _notices,
    ),
    ("Frame", "What stands on every page. A colour of the balance never comes without a word.", _frame),
    (
        "Pictures on their way",
        "The card has its picture’s shape from the start, so nothing moves.",
        _pictures,
    ),
    ("Wall", "Edge to edge, words only where one points.", _wall),
    ("Studio form", "The price is on the button; what would stop a press is said before it.", _studio),
    ("Past prompts", "One is brought back by a press, or with a key.", _past),
    (
        "Credits",
        "Figures in columns, each with what it means; a chart tells the same as its table.",
        _credits,
    ),
    ("Viewer", "All that was asked of BFL and all that came of it.", _viewer),
    ("Nothing here yet", "An empty page says what will be here, and offers the first step.", _blanks),
]
