"""What all the rest is made of: colours, type, buttons, fields, notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.contrib.staticfiles import finders
from django.utils import timezone

from generations.models import Provider
from generations.presentation import wording
from styleguide.specimens.made_up import LONGEST_WORD
from styleguide.specimens.specimen import Specimen

_SYMBOLS = re.compile(r'<symbol id="([^"]+)"')
TRASHED = Message(constants.SUCCESS, "1 picture moved to trash.", extra_tags="#main")


class Fields(forms.Form):
    """A field of each kind."""

    name = forms.CharField(help_text="One sentence that helps.")
    amount = forms.DecimalField(label="Credits", min_value=1)
    model = forms.ChoiceField(choices=[("", "Every model"), ("dev", "FLUX.1 [dev]")], required=False)
    wording = forms.CharField(label="Why", widget=forms.Textarea({"rows": 3, "placeholder": "For November"}))
    monthly = forms.BooleanField(label="Give it each month", required=False, help_text="On the first.")
    fixed = forms.CharField(disabled=True, required=False, initial="Cannot be changed here")


def foundations() -> Iterator[Specimen]:
    for name in ("Colours", "Type", "Mark"):
        yield Specimen(name, f"components/{name.lower()}.html")
    drawing = Path(str(finders.find("img/icons.svg"))).read_text()
    yield Specimen("Icons", "components/icons.html", {"icons": _SYMBOLS.findall(drawing)})


def actions() -> Iterator[Specimen]:
    yield Specimen("Buttons", "components/buttons.html")
    for name, state in (("Pointed at", "hovered"), ("With the focus", "focused"), ("Pressed", "pressed")):
        yield Specimen(name, "components/button_states.html", {"state": state})
    yield Specimen("While its form is sent", "components/busy.html", width="quarter")
    yield Specimen("Links", "components/links.html", width="quarter")


def fields() -> Iterator[Specimen]:
    refused = Fields({"name": LONGEST_WORD, "amount": "-5"})
    yield Specimen("Empty", "components/fields.html", {"form": Fields()})
    yield Specimen("Sent back", "components/fields.html", {"form": refused})
    yield Specimen("With the focus", "components/focused.html", width="quarter")
    yield Specimen("One of three", "components/segments.html", width="quarter")


def notices() -> Iterator[Specimen]:
    yield Specimen("Each kind", "components/notices.html")
    yield Specimen("What can be undone stays in sight", "_messages.html", {"messages": [TRASHED]})
    yield Specimen("The script's own", "_broken.html", {"are_shown": True})
    for pause in (Provider.Pause.AWAY, Provider.Pause.NO_FUNDS, Provider.Pause.REFUSED):
        yield Specimen(str(pause.label), "_provider.html", {"provider_state": paused(pause)})
    state = paused(Provider.Pause.AWAY)
    line = wording.pause_line("Connection refused", state.pause_count, state.paused_until)
    told = {"provider_state": state, "pause_line": line}
    yield Specimen("With what staff are told", "_provider.html", told)


def paused(pause: Provider.Pause) -> Provider:
    """Return BFL as it stands while it takes nothing."""
    until = timezone.now() + timedelta(seconds=30)
    return Provider(pk=1, pause=pause, paused_until=until, pause_count=3)
