"""People at the studio's form, as a browser with scripts sends it."""

from __future__ import annotations

import html
import re
import time
from decimal import Decimal
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from generations.credits import ledger
from proof.site import Site

_TOKEN = re.compile(r'name="(csrfmiddlewaretoken|press)" value="([^"]+)"')
# While the web process is dead a person presses again, for so many seconds: it may be killed again and again
# for two minutes, and starts later each time.
PATIENCE = 240.0


class Stalled(Exception):
    """The scenario cannot go on: the text says what never came."""


class Person:
    """One tab of one person, logged in."""

    def __init__(self, site: Site, user: User, session_key: str) -> None:
        self.user = user
        self._site = site
        self._session_key = session_key
        self._session = requests.Session()
        self._session.cookies.set(f"sessionid-{urlsplit(site.url).port}", session_key)
        self._session.headers["HX-Request"] = "true"
        self._tokens: dict[str, str] = {}

    def open_tab(self) -> Person:
        return Person(self._site, self.user, self._session_key)

    def open_copy(self) -> Person:
        """Return a tab with the very same form, as a second click sends it."""
        tab = self.open_tab()
        tab._session.cookies.update(self._session.cookies)
        tab._tokens = dict(self._tokens)
        return tab

    def open_form(self) -> None:
        """Draw the form: the next press is sent with its tokens."""
        self._tokens = dict(_TOKEN.findall(self.read("/")))

    def read(self, path: str) -> str:
        """Return a page as people see it."""
        answer = self._until_answered("GET", path, headers={"HX-Request": None})
        return html.unescape(answer.text)

    def press(self, prompt: str, endpoint: str = "flux-dev", **values: object) -> bool:
        """Press Generate; whether it was accepted. The answer brings the form for the next press."""
        if not self._tokens:
            self.open_form()
        form = {"endpoint": endpoint, "form_for": endpoint, "prompt": prompt, **values, **self._tokens}
        answer = self._until_answered("POST", "/", data=form)
        self._tokens = dict(_TOKEN.findall(answer.text))
        return answer.status_code == 200

    def post(self, path: str) -> int:
        """Press one of the small buttons, such as Cancel; return the status code."""
        if not self._tokens:
            self.open_form()
        return self._until_answered("POST", path, data=self._tokens).status_code

    def _until_answered(self, method: str, path: str, **options: object) -> requests.Response:
        """Send it, and the same again while nobody answers or only an error does."""
        deadline = time.monotonic() + PATIENCE
        while True:
            said = "nothing"
            try:
                answer = self._session.request(method, self._site.url + path, timeout=15, **options)  # type: ignore[arg-type]
                if answer.status_code < 500:
                    return answer
                said = str(answer.status_code)
            except requests.RequestException:
                pass
            if time.monotonic() > deadline:
                raise Stalled(f"{method} {path} was answered by {said} for {PATIENCE:.0f} s")
            time.sleep(0.3)


def make_person(site: Site, name: str, credits: Decimal) -> Person:
    """Make a member with credits. The session is made as the login view makes it, without a password."""
    user = User.objects.create_user(name)
    ledger.grant(user, credits, note="For the proof", created_by=None)
    client = Client()
    client.force_login(user)
    return Person(site, user, client.cookies[settings.SESSION_COOKIE_NAME].value)
