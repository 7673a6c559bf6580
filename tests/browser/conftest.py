from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from proof.site import Site

CHROMIUM = shutil.which("chromium")
# Chromium would look up its maker's hosts at every start.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
# With every window Chromium makes pages for its address bar ready, which cost twice what a page of ours does.
# This list replaces Playwright's, of which the last two are what matters here.
_UNSEEN = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "PaintHolding",
    "HttpsUpgrades",
)
UNSEEN = f"--disable-features={','.join(_UNSEEN)}"
# Milliseconds. How soon a page answers is for the benchmarks to say; a busy machine makes no test fail.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", "Chromium is missing (apt install chromium)"
        pytest.skip("Chromium is missing (apt install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    return {"executable_path": chromium, "args": ["--no-sandbox", "--disable-gpu", *QUIET, UNSEEN]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Nothing moves: a placeholder's light alone took a fifth of a core from each page that waits. A test of
    motion asks for it with the marker `browser_context_args`."""
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture(autouse=True)
def no_complaints(browser: Browser, site: Site) -> Iterator[None]:
    """Fail on any console message, any error of a script, and any request that leaves the site, in each
    context that a test opens."""
    complaints: list[str] = []

    def on_page(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint_of(message)))

    def on_request(request: Request) -> None:
        if not request.url.startswith((site.url, "data:")):
            complaints.append(f"a request to {request.url}")

    def on_context(context: BrowserContext) -> None:
        context.on("page", on_page)
        context.on("request", on_request)

    browser.on("context", on_context)
    yield
    browser.remove_listener("context", on_context)
    assert complaints == []


def _complaint_of(message: ConsoleMessage) -> list[str]:
    # Chromium itself reports every answer of 400 and above; a refused form is one on purpose.
    is_refusal = "status of 422" in message.text or "status of 404" in message.text
    return [] if is_refusal else [f"{message.type}: {message.text}"]


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    session_key: str


# Of every member: to hash one for each would take longer than all the rest.
PASSWORD = "paints-for-the-first-time"
# So many at once: to start `manage.py` for each would take longest.
MAKE_MEMBERS = f"""if True:
    import uuid
    from decimal import Decimal
    from django.conf import settings
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.test import Client
    from generations.credits import ledger
    password = make_password({PASSWORD!r})
    for _ in range(60):
        member = User.objects.create(username=f"new-{{uuid.uuid4().hex[:8]}}", password=password)
        ledger.grant(member, Decimal(1000), note="To begin with", created_by=None)
        client = Client()
        client.force_login(member)
        print(member.username, client.cookies[settings.SESSION_COOKIE_NAME].value)"""


@pytest.fixture(scope="session")
def members(site: Site) -> Iterator[Member]:
    """People who have made nothing yet. The site is shared, and nobody meets what another test has left."""
    return _members(site)


def _members(site: Site) -> Iterator[Member]:
    while True:
        done = site.manage("shell", "--no-imports", "--command", MAKE_MEMBERS)
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            yield Member(*line.split())


@pytest.fixture
def member(members: Iterator[Member]) -> Member:
    return next(members)


@pytest.fixture
def log_in(site: Site, member: Member) -> Callable[[Page], None]:
    """Opens the studio in a page as the test's member."""
    return lambda page: _open_studio(page, site, [_session_cookie(site, member)])


def _session_cookie(site: Site, member: Member) -> Any:
    return {
        "name": f"sessionid-{urlsplit(site.url).port}",
        "value": member.session_key,
        "url": site.url,
        "httpOnly": True,
    }


# A form that nobody has touched, whatever the draft says.
PLAIN = "endpoint=flux-kontext-pro&aspect_ratio=1:1&seed_mode=random&prompt_upsampling=false&prompt="


def _open_studio(page: Page, site: Site, cookies: list[Any]) -> None:
    page.context.add_cookies(cookies)
    page.goto(f"{site.url}/?{PLAIN}")


@pytest.fixture(scope="session")
def staff_cookies() -> list[Any]:
    """The cookies of the administrator, once there are any."""
    return []


@pytest.fixture
def log_in_as_staff(site: Site, staff_cookies: list[Any]) -> Callable[[Page], None]:
    """Opens the studio in a page as the administrator, whom all tests share."""
    return lambda page: _log_in_as_staff(page, site, staff_cookies)


def _log_in_as_staff(page: Page, site: Site, cookies: list[Any]) -> None:
    """By the login form the first time, or when a test has ended the session."""
    _open_studio(page, site, cookies)
    if "/accounts/login/" not in page.url:
        return
    log_in_by_form(page, "admin", site.password_of("admin"))
    page.wait_for_url(f"{site.url}/")
    cookies[:] = page.context.cookies()


def log_in_by_form(page: Page, name: str, password: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, which judges a page's accessibility."""
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# All that a theme can break.
RULES_OF_COLOUR = ["color-contrast", "link-in-text-block"]
THEMES: list[tuple[Literal["light", "dark"], list[str]]] = [("light", RULES), ("dark", RULES_OF_COLOUR)]
WIDTHS = (360, 1280)


@pytest.fixture(scope="session")
def faults_of(axe: str) -> Callable[[Page], list[str]]:
    """Tells what is wrong with a page as it stands, on a phone and wide, in light and in dark."""

    def faults_of_page(page: Page) -> list[str]:
        page.evaluate(DRAW_ALL)
        page.evaluate(axe)
        return [fault for width in WIDTHS for fault in _faults_at(width, page)]

    return faults_of_page


def _faults_at(width: int, page: Page) -> list[str]:
    page.set_viewport_size({"width": width, "height": 800})
    found = ["it is wider than the window"] if is_sideways(page) else []
    for scheme, rules in THEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        answer = page.evaluate("runOnly => axe.run({runOnly, resultTypes: ['violations']})", rules)
        found += [
            f"{width} {scheme} {item['id']}: {node['html'][:100]}"
            for item in answer["violations"]
            for node in item["nodes"]
        ]
    return found


# The browser leaves out what is far below the window and keeps a guessed height free for it. axe makes it lay
# the pictures out all the same, and then finds them over the link that stands below that height.
DRAW_ALL = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { content-visibility: visible !important }");
    document.adoptedStyleSheets = [sheet];
}"""


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe finds wrong with the page as it stands, drawn to its end."""
    page.evaluate(DRAW_ALL)
    page.evaluate(axe)
    answer = page.evaluate("runOnly => axe.run({runOnly, resultTypes: ['violations']})", RULES)
    return [f"{item['id']}: {node['html'][:100]}" for item in answer["violations"] for node in item["nodes"]]


def is_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
