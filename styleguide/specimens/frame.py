"""What stands around a page, and what stands alone on one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.urls import reverse

from styleguide.specimens.made_up import LONGEST_WORD, MEMBER, STAFF
from styleguide.specimens.specimen import Specimen

IN_PROGRESS: dict[str, Any] = {"mine_count": 2, "all_count": "5"}
RICH: dict[str, Any] = {"balance": Decimal("84.5"), "balance_level": "good"}


class LogIn(forms.Form):
    login = forms.CharField(label="Username", widget=forms.TextInput({"autocomplete": "username"}))
    password = forms.CharField(widget=forms.PasswordInput({"autocomplete": "current-password"}))


def frame() -> Iterator[Specimen]:
    yield Specimen("The way past it", "components/skip.html", width="quarter")
    yield from _headers()
    for level, balance in (("good", "84.5"), ("low", "3"), ("empty", "0")):
        context = IN_PROGRESS | {"balance": Decimal(balance), "balance_level": level}
        yield Specimen(f"Balance: {level}", "_status.html", context, width="quarter")
    crowd = {**RICH, "mine_count": 12, "all_count": "300+"}
    yield Specimen("Balance: good, a crowd in progress", "_status.html", crowd, width="quarter")
    yield Specimen("Balance: good, nothing in progress", "_status.html", RICH, width="quarter")
    yield Specimen("Tabs, on a phone", "_tabs.html", width="quarter")
    yield Specimen("Tabs, in the gallery", "_tabs.html", {"request": _at("gallery")}, width="quarter")
    for name, user in (("The menu of a person", MEMBER), ("The menu of staff", STAFF)):
        yield Specimen(name, "components/menu.html", {"user": user}, width="quarter")
        yield Specimen(f"Sandbox. {name}", "components/sandbox.html", {"user": user}, width="quarter")
    yield Specimen("How staff add a key", "_add_key.html")
    yield Specimen("The keys", "_keys_dialog.html", {"user": STAFF})


def _headers() -> Iterator[Specimen]:
    states = {
        "Header, in the studio": {"user": MEMBER, "request": _at("studio"), **RICH, **IN_PROGRESS},
        "Header of staff, at usage": {"user": STAFF, "request": _at("usage"), **RICH, **IN_PROGRESS},
        "Header before one has logged in": {},
    }
    for name, context in states.items():
        yield Specimen(name, "_header.html", context, width="whole")


def _at(name: str) -> dict[str, str]:
    """Return what the frame reads of a request for a page."""
    return {"path": reverse(name)}


def sheets() -> Iterator[Specimen]:
    yield Specimen("Log in", "components/login.html", {"attrs": {"form": LogIn()}})
    yield Specimen("Not let in", "components/login.html", {"attrs": {"form": _refused()}})
    yield Specimen("An error", "components/error.html")


def _refused() -> LogIn:
    form = LogIn({"login": LONGEST_WORD, "password": "wrong"})
    form.add_error(None, "The username and/or password you specified are not correct.")
    return form


def blanks() -> Iterator[Specimen]:
    yield Specimen("First time", "studio/_first_time.html")
    yield Specimen("Nothing yet", "components/blank.html")
